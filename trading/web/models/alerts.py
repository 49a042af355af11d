"""Alerts, as they are listed and as they come over the WebSocket."""

from __future__ import annotations

from pydantic import Field

from trading.store.alerts import Alert
from trading.web.models.base import Model, Time, maybe_moment, moment


class AlertView(Model):
    """One thing that the owner is told."""

    seq: int = Field(description="only grows", examples=[17])
    time: Time = Field(description="of what is told, in the market's time")
    created_at: Time = Field(description="by the wall clock")
    level: str = Field(description="info, warning or critical", examples=["warning"])
    code: str = Field(description="a stable word for programs", examples=["STOP_HIT"])
    symbol: str = Field(description="empty where it concerns no single one", examples=["BTC/USDT"])
    text: str = Field(examples=["BTC/USDT: the stop was hit at 64,100.00"])
    acknowledged_at: Time | None = Field(description="when a person said to have seen it; null until then")
    acknowledged_by: str = Field(examples=[""])

    @classmethod
    def of(cls, alert: Alert) -> AlertView:
        """The alert."""
        return cls(
            seq=alert.seq,
            time=moment(alert.time_ms),
            created_at=moment(alert.created_ms),
            level=alert.level,
            code=alert.code,
            symbol=alert.symbol,
            text=alert.text,
            acknowledged_at=maybe_moment(alert.acknowledged_ms),
            acknowledged_by=alert.acknowledged_by,
        )
