"""Votes of analysts and the decision they add up to."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What the vote says to do."""

    ENTER_LONG = "enter_long"
    EXIT = "exit"
    HOLD = "hold"


class IdleVeto(StrEnum):
    """What stood against a decision that asked for nothing: things are so already. Others are the codes of refusals."""

    POSITION_OPEN = "POSITION_OPEN"
    NOTHING_TO_EXIT = "NOTHING_TO_EXIT"
    EXIT_UNDER_WAY = "EXIT_UNDER_WAY"


_IDLE = frozenset(IdleVeto)


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """One analyst's opinion: score in [-1, 1], confidence in [0, 1], the weight it was given, and why."""

    analyst: str
    score: float
    confidence: float
    weight: float
    reason: str


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision path says about one candle, before sizing and risk check.

    score in [-1, 1] and confidence in [0, 1] are the weighted vote; atr (quote per base) sizes stop and position.
    """

    verdict: Verdict
    score: float
    confidence: float
    regime: str
    atr: float
    votes: tuple[Vote, ...] = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided on one candle, and what came of it. `id` is 32 hex digits; a position takes its decision's id.

    veto: empty, or the code of what stood against it (`LIMIT_…`, `POSITION_OPEN`, …), with `veto_detail`.
    """

    id: str
    symbol: str
    time_ms: int
    price: Decimal
    verdict: Verdict
    score: float
    confidence: float
    regime: str
    votes: tuple[Vote, ...] = ()
    veto: str = ""
    veto_detail: str = ""
    quantity: Decimal | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing could come of it: HOLD, entering what is held, leaving what is not."""
        return self.verdict is Verdict.HOLD or self.veto in _IDLE
