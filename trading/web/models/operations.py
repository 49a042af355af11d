"""Commands for the bot, its events, settings, models and log."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from trading.config import SettingLine
from trading.store.commands import QueuedCommand
from trading.store.facts import SettingFact
from trading.store.queries import StoredEvent
from trading.web.models.base import Model, Time, maybe_moment, moment
from trading.web.models.trading import ID_EXAMPLE

TAKEN = "taken"
"""The bot's answer to a command that it carries out."""


class CommandView(Model):
    """A command for the bot and what became of it."""

    id: str = Field(examples=[ID_EXAMPLE])
    kind: str = Field(examples=["close_position"])
    target: str = Field(examples=["BTC/USDT"])
    reason: str = Field(examples=["by hand"])
    by: str = Field(examples=["owner (dashboard)"])
    state: str = Field(description="waiting for the bot, taken, done or refused", examples=["waiting"])
    result: str = Field(description="the bot's answer", examples=[""])
    created_at: Time
    taken_at: Time | None
    done_at: Time | None

    @classmethod
    def of(cls, command: QueuedCommand) -> CommandView:
        """The command."""
        if command.done_ms is None:
            state = "waiting" if command.taken_ms is None else "taken"
        else:
            is_obeyed = command.result == TAKEN or command.result.startswith("ended with exit code 0")
            state = "done" if is_obeyed else "refused"
        return cls(
            id=command.id,
            kind=command.kind,
            target=command.target,
            reason=command.reason,
            by=command.by,
            state=state,
            result=command.result,
            created_at=moment(command.created_ms),
            taken_at=maybe_moment(command.taken_ms),
            done_at=maybe_moment(command.done_ms),
        )


class Resolution(BaseModel):
    """What becomes of an order in doubt."""

    model_config = ConfigDict(extra="forbid")

    choice: Literal["adopt", "close", "ignore"] = Field(
        description="adopt: book and protect it; close: book and sell it; ignore: there is none, or it is not ours",
        examples=["adopt"],
    )


class Stop(BaseModel):
    """How the bot is to end."""

    model_config = ConfigDict(extra="forbid")

    policy: Literal["flatten", "cancel", "keep"] | None = Field(
        None, description="what becomes of positions; default: what the bot was started with", examples=["keep"]
    )


class EventView(Model):
    """One event of the bot's journal."""

    seq: int = Field(description="only grows", examples=[812])
    time: Time
    type: str = Field(examples=["OrderFilled"])
    symbol: str = Field(examples=["BTC/USDT"])
    data: dict[str, Any]

    @classmethod
    def of(cls, event: StoredEvent) -> EventView:
        """The event."""
        return cls(
            seq=event.seq,
            time=moment(event.time_ms),
            type=event.type,
            symbol=event.symbol,
            data=msgspec.json.decode(event.data),
        )


class EventPage(Model):
    """Events in order. `next_after` is what to ask for next; older than `first_seq` have been removed."""

    items: list[EventView]
    next_after: int = Field(examples=[812])
    first_seq: int = Field(examples=[1])
    last_seq: int = Field(examples=[812])


class SettingView(Model):
    """One setting in force."""

    group: str = Field(description="what it is about; empty where an older bot told it", examples=["Alerts"])
    name: str = Field(examples=["TRADING_TIMEFRAME"])
    value: str = Field(description="secrets are masked", examples=["5m"])
    source: str = Field(examples=["environment"])
    meaning: str = Field(examples=["length of a candle"])
    allowed: str = Field(examples=["one of 1m, 5m, 1h"])

    @classmethod
    def of(cls, line: SettingLine | SettingFact) -> SettingView:
        """The setting."""
        return cls(
            group=line.group,
            name=line.name,
            value=line.value,
            source=line.source,
            meaning=line.meaning,
            allowed=line.allowed,
        )


class SettingsView(Model):
    """The bot's settings as it put them down at its last start, and this server's own."""

    recorded_at: Time | None = Field(description="when the bot started; null if none has run here yet")
    bot: list[SettingView]
    dashboard: list[SettingView] = Field(description="of this server, as far as they concern it")
    notes: list[str] = Field(description="settings of the bot that have no effect", examples=[[]])


class ModelView(Model):
    """A trained model that the bot may use."""

    name: str = Field(examples=["direction"])
    path: str = Field(examples=["registry/direction"])
    required: bool
    present: bool


class ModelsView(Model):
    """Trained models: those in the registry, and those that the bot needs."""

    registry: str = Field(examples=["models/registry"])
    required: list[str] = Field(examples=[[]])
    items: list[ModelView] = Field(examples=[[]])


class LogLine(Model):
    """One line of the bot's log."""

    time: str = Field(examples=["2025-06-01T12:30:00.000Z"])
    level: str = Field(examples=["info"])
    event: str = Field(examples=["order.filled"])
    component: str = Field(examples=["trading.manager"])
    fields: dict[str, Any] = Field(examples=[{"symbol": "BTC/USDT"}])


class LogPage(Model):
    """The newest lines that fit, oldest first."""

    items: list[LogLine]
    file: str = Field(description="where they are on the bot's machine", examples=["data/logs/bot.jsonl"])
