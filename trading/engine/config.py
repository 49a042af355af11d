"""The engine's settings: bounds in event time, and what sizes and protects a position."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from trading.decision.params import StrategyParams
from trading.domain.errors import InvalidInput
from trading.domain.instruments import Instrument
from trading.safety.breaker import BreakerLimits
from trading.safety.checks import Limits


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long the engine waits for what, in milliseconds of event time.

    answer_ms: a submitted or cancelled order without an answer is in doubt after it. query_ms: between two questions
    about the same order. protect_ms: a position may be without an acknowledged stop for this long. stop_fill_ms: a
    triggered stop may work this long before the market exit. exit_retry_ms: after a refused exit (doubled each time, at
    most 64-fold). missing_ms: how long the account must lack coins of a position before that is booked. account_ms: a
    snapshot without an answer is asked for again. reconcile_ms: between two periodic reconciliations (0: none).
    entry_fresh_ms: an entry that certainly never arrived is placed anew while its decision is not older. Where the
    clock is the market's, a candle that closed longer ago opens no position.
    """

    answer_ms: int = 5_000
    query_ms: int = 2_000
    protect_ms: int = 10_000
    stop_fill_ms: int = 5_000
    exit_retry_ms: int = 2_000
    missing_ms: int = 30_000
    account_ms: int = 5_000
    reconcile_ms: int = 300_000
    entry_fresh_ms: int = 5_000


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine needs to know besides its state.

    instruments: by symbol, all with the same quote coin. capital: the most of the account, in quote, that the bot
    trades with; None for all that it has when the bot first looks. taker_fee: fraction of the notional that sizing
    reserves. fixed_quantity: trade this many base units instead of sizing by risk; such a position has no stop price,
    so that it needs `protect` off. protect: keep a stop at the exchange for every position (only a benchmark turns it
    off). record_holds: make a `Decision` of every HOLD too. stale_after_interval_ms: how long a candle lasts, where the
    clock is the market's and candles can come late or stop coming; 0 where time is the candles' own (paper, replay).
    """

    bot_id: str
    instruments: Mapping[str, Instrument]
    capital: Decimal | None = None
    params: StrategyParams = StrategyParams()
    limits: Limits = Limits()
    timing: Timing = Timing()
    taker_fee: Decimal = Decimal("0.001")
    fixed_quantity: Decimal | None = None
    protect: bool = True
    breaker: BreakerLimits = BreakerLimits()
    stale_after_interval_ms: int = 0
    record_holds: bool = True

    def __post_init__(self) -> None:
        quotes = {instrument.quote for instrument in self.instruments.values()}
        if len(quotes) != 1:
            raise InvalidInput("symbols", ", ".join(sorted(self.instruments)), "one or more symbols of one quote coin")
        if self.capital is not None and not (self.capital.is_finite() and self.capital > 0):
            raise InvalidInput("capital", self.capital, "a finite amount above 0")

    @property
    def quote(self) -> str:
        """The coin that the bot counts in."""
        return next(iter(self.instruments.values())).quote
