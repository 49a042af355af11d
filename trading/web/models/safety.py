"""The kill switch, the circuit breaker's trips, and how near each limit is."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from trading.safety.breaker import Trip
from trading.store.latch import KillState
from trading.web.models.base import Exact, Model, Time, maybe_moment, moment
from trading.web.models.trading import ID_EXAMPLE

REASON_MAX = 500


def _one_line(text: str) -> str:
    """As it is kept: printable, on one line."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if not line:
        raise ValueError("a reason that can be read")
    return line


class Reason(BaseModel):
    """Why a person does something; it is kept and shown."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    reason: Annotated[str, AfterValidator(_one_line)] = Field(
        min_length=1, max_length=REASON_MAX, examples=["prices look wrong"]
    )


class Kill(Reason):
    """What is asked of the kill switch."""

    flatten: bool = Field(False, description="also sell everything that is held")


class KillSwitchView(Model):
    """The kill switch. `latched`: no opening order is recorded any more. `effective`: none is on its way either."""

    active: bool = Field(examples=[True])
    latched: bool = Field(examples=[True])
    effective: bool = Field(examples=[False])
    by_file: bool = Field(description="a file KILL in the data folder is there", examples=[False])
    triggered_at: Time | None
    triggered_by: str | None = Field(examples=["owner (dashboard)"])
    reason: str | None = Field(examples=["prices look wrong"])
    effective_at: Time | None
    waits_for: list[str] = Field(description="opening orders that may still be on their way", examples=[[ID_EXAMPLE]])
    reset_at: Time | None = Field(description="of the last reset")
    reset_by: str | None = Field(examples=[None])
    reset_reason: str | None = Field(examples=[None])

    @classmethod
    def of(cls, state: KillState | None, *, by_file: bool, waits_for: list[str]) -> KillSwitchView:
        """How the switch stands. state: None where the database cannot tell."""
        latch = state if state is not None and state.active else None
        effective = latch is not None and latch.effective_ms is not None
        return cls(
            active=latch is not None or by_file,
            latched=latch is not None or by_file,
            effective=effective,
            by_file=by_file,
            triggered_at=maybe_moment(latch.set_ms if latch else None),
            triggered_by=latch.by if latch else "file" if by_file else None,
            reason=latch.reason if latch else None,
            effective_at=maybe_moment(latch.effective_ms if latch else None),
            waits_for=[] if effective else waits_for,
            reset_at=maybe_moment(state.reset_ms if state else None),
            reset_by=(state.reset_by if state else "") or None,
            reset_reason=(state.reset_reason if state else "") or None,
        )


class TripView(Model):
    """One trip of the circuit breaker."""

    id: str
    time: Time
    level: str = Field(description="warn, pause or halt", examples=["halt"])
    code: str = Field(examples=["DRAWDOWN_DAILY"])
    value: str = Field(examples=["5.20"])
    limit: str = Field(examples=["5"])
    text: str = Field(examples=["equity 9480.00 is 5.20 % under its peak of 10000.00; the limit is 5 %"])

    @classmethod
    def of(cls, trip: Trip) -> TripView:
        """The trip."""
        return cls(
            id=trip.id,
            time=moment(trip.time_ms),
            level=trip.level,
            code=trip.code,
            value=trip.value,
            limit=trip.limit,
            text=trip.text,
        )


class GaugeView(Model):
    """How near a limit is: at 100 % it stops entries, or trips the breaker."""

    code: str = Field(examples=["LIMIT_OPEN_POSITIONS"])
    name: str = Field(examples=["open positions"])
    value: Exact
    limit: Exact
    unit: str = Field(description="a quote coin, % or empty", examples=[""])
    used_pct: Exact
