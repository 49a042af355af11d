"""What a bot tells of itself at its start, so that a dashboard with other settings, or none, can tell the truth."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import sqlalchemy as sa

from trading.safety.breaker import BreakerLimits
from trading.safety.checks import Limits
from trading.store.database import writing
from trading.store.schema import ONLY_ROW, facts
from trading.store.statements import insert_or_update


class SettingFact(msgspec.Struct, frozen=True, kw_only=True):
    """One setting in force, as it may be shown: a secret is masked. source: where it came from; group: its topic."""

    name: str
    value: str
    source: str
    meaning: str
    allowed: str
    group: str = ""


class BotFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The bot that runs, or ran last. Defaults are for facts that a bot of an older version did not know.

    provider: where orders go. real_money: whether they cost any. market: what the prices are, as the page's banner
    says it; is_demo: whether they are made up. interval_ms: length of a candle. capital: the most of the account
    that it trades with, in quote; None for all of it. notes: what was set and has no effect.
    """

    recorded_ms: int
    version: str = ""
    provider: str = ""
    testnet: bool = True
    real_money: bool = False
    market: str = ""
    is_demo: bool = False
    symbols: tuple[str, ...] = ()
    interval_ms: int = 0
    max_open_positions: int = 0
    capital: Decimal | None = None
    limits: Limits | None = None
    breaker_limits: BreakerLimits | None = None
    required_models: tuple[str, ...] = ()
    settings: tuple[SettingFact, ...] = ()
    notes: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(BotFacts).decode


def write_facts(engine: sa.Engine, told: BotFacts) -> None:
    """Put down the facts of the bot that starts."""
    row = {"id": ONLY_ROW, "recorded_ms": told.recorded_ms, "data": msgspec.json.encode(told).decode()}
    with writing(engine) as connection:
        connection.execute(insert_or_update(engine.dialect.name, facts, ["id"]), [row])


def facts_of(connection: sa.Connection) -> BotFacts | None:
    """The facts, within a transaction; None before the first start."""
    data = connection.execute(sa.select(facts.c.data).where(facts.c.id == ONLY_ROW)).scalar()
    return None if data is None else _decode(data)
