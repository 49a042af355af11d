"""What the bot decided, and why."""

from __future__ import annotations

from pydantic import Field

from trading.monitoring.codes import veto_words
from trading.store.queries import DecisionRun
from trading.web.models.base import Exact, Model, Time, moment
from trading.web.models.trading import ID_EXAMPLE


class VoteView(Model):
    """One analyst's opinion."""

    analyst: str = Field(examples=["trend"])
    score: float = Field(description="-1 to 1", examples=[0.6])
    confidence: float = Field(description="0 to 1", examples=[0.8])
    weight: float = Field(examples=[0.25])
    reason: str = Field(examples=["EMA 12 above EMA 26"])


class DecisionView(Model):
    """A decision; of a run of idle ones (HOLD, nothing to enter or exit) the last, their count and the first time."""

    id: str = Field(examples=[ID_EXAMPLE])
    symbol: str = Field(examples=["BTC/USDT"])
    time: Time
    time_ms: int = Field(examples=[1748781000000])
    first_at: Time
    count: int = Field(examples=[1])
    price: Exact
    verdict: str = Field(description="enter_long, exit or hold", examples=["enter_long"])
    score: float = Field(examples=[0.42])
    confidence: float = Field(examples=[0.7])
    regime: str = Field(examples=["trend_up"])
    votes: list[VoteView]
    veto: str = Field(description="the code of what stood against it, or empty", examples=["LIMIT_OPEN_POSITIONS"])
    veto_text: str = Field(description="the same in words", examples=["limit: open positions"])
    veto_detail: str = Field(examples=["3 positions are open, 3 allowed"])
    is_idle: bool = Field(
        description="nothing could come of it: hold, entering what is held, leaving what is not", examples=[False]
    )
    quantity: Exact | None = Field(description="what was ordered, in base")

    @classmethod
    def of(cls, run: DecisionRun) -> DecisionView:
        """The decision, or the run of them."""
        decision = run.decision
        return cls(
            id=decision.id,
            symbol=decision.symbol,
            time=moment(decision.time_ms),
            time_ms=decision.time_ms,
            first_at=moment(run.first_ms),
            count=run.count,
            price=decision.price,
            verdict=decision.verdict,
            score=decision.score,
            confidence=decision.confidence,
            regime=decision.regime,
            votes=[
                VoteView(
                    analyst=vote.analyst,
                    score=vote.score,
                    confidence=vote.confidence,
                    weight=vote.weight,
                    reason=vote.reason,
                )
                for vote in decision.votes
            ],
            veto=decision.veto,
            veto_text=veto_words(decision.veto),
            veto_detail=decision.veto_detail,
            is_idle=decision.is_idle,
            quantity=decision.quantity,
        )
