"""Alerts, as they are listed and as they come over the WebSocket."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from trading.monitoring.alerts.texts import wording_of
from trading.monitoring.alerts.trial import Trial
from trading.store.alerts import Alert, Delivery
from trading.store.deliveries import ChannelState
from trading.web.models.base import Model, Time, maybe_moment, moment


class AlertView(Model):
    """One thing that the owner is told."""

    seq: int = Field(description="only grows", examples=[17])
    time: Time = Field(description="of what is told, in the market's time")
    created_at: Time = Field(description="by the wall clock")
    level: str = Field(description="info, warning or critical", examples=["warning"])
    code: str = Field(description="a stable word for programs", examples=["STOP_HIT"])
    symbol: str = Field(description="empty where it concerns no single one", examples=["BTC/USDT"])
    headline: str = Field(description="what the code is called", examples=["Stop hit"])
    text: str = Field(examples=["BTC/USDT: stop, net profit -12.5 USDT"])
    advice: str = Field(description="what to do; empty where nothing has to be done", examples=[""])
    acknowledged_at: Time | None = Field(description="when a person said to have seen it; null until then")
    acknowledged_by: str = Field(examples=[""])

    @classmethod
    def of(cls, alert: Alert) -> AlertView:
        """The alert."""
        wording = wording_of(alert.code)
        return cls(
            seq=alert.seq,
            time=moment(alert.time_ms),
            created_at=moment(alert.created_ms),
            level=alert.level,
            code=alert.code,
            symbol=alert.symbol,
            headline=wording.headline,
            text=alert.text,
            advice=wording.advice,
            acknowledged_at=maybe_moment(alert.acknowledged_ms),
            acknowledged_by=alert.acknowledged_by,
        )


class DeliveryView(Model):
    """An alert on its way to one channel."""

    channel: str = Field(examples=["slack"])
    due_at: Time = Field(description="from when on it may be sent: later than now in quiet hours, or for a repeat")
    sent_at: Time | None = Field(description="null until it was sent")

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryView:
        """The delivery."""
        return cls(channel=delivery.channel, due_at=moment(delivery.due_ms), sent_at=maybe_moment(delivery.sent_ms))


class ListedAlert(Model):
    """An alert and where it went."""

    alert: AlertView
    deliveries: list[DeliveryView] = Field(description="empty where no channel gets it, or none has been looked at yet")


class ChannelView(Model):
    """How a channel stands."""

    name: str = Field(examples=["slack"])
    waiting: int = Field(description="alerts that were not sent yet", examples=[0])
    failures: int = Field(description="in a row", examples=[0])
    failing_since: Time | None
    next_try_at: Time | None
    last_sent_at: Time | None
    error: str = Field(description="of the last failure", examples=[""])

    @classmethod
    def of(cls, state: ChannelState) -> ChannelView:
        """The channel."""
        return cls(
            name=state.name,
            waiting=state.waiting,
            failures=state.failures,
            failing_since=maybe_moment(state.failing_since_ms),
            next_try_at=maybe_moment(state.retry_ms),
            last_sent_at=maybe_moment(state.sent_ms),
            error=state.error,
        )


class TrialView(Model):
    """What a channel made of a test alert."""

    channel: str = Field(examples=["slack"])
    arrived: bool = Field(examples=[True])
    error: str = Field(description="empty if it arrived", examples=[""])
    took_s: float = Field(examples=[0.214])

    @classmethod
    def of(cls, trial: Trial) -> TrialView:
        """The trial."""
        return cls(channel=trial.channel, arrived=trial.arrived, error=trial.error, took_s=trial.took_s)


class Acknowledgement(BaseModel):
    """Which alerts a person has seen."""

    model_config = ConfigDict(extra="forbid")

    up_to_seq: int = Field(ge=1, le=2**63 - 1, description="all up to this one", examples=[17])


class Acknowledged(Model):
    """How many alerts were newly acknowledged."""

    count: int = Field(examples=[3])
