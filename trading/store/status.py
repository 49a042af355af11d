"""How the bot stands: everything of one moment that a page or a command shows at once, and what follows from it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa

from trading.domain.orders import Order
from trading.domain.positions import Account, Position
from trading.engine.state import SafetyState, SymbolState
from trading.safety.breaker import BreakerState
from trading.store.batch import EquityPoint
from trading.store.facts import BotFacts, facts_of
from trading.store.latch import KillState, kill_of
from trading.store.lock import Holder
from trading.store.process import ProcessState, process_of
from trading.store.rows import to_breaker, to_order, to_record
from trading.store.schema import account, breaker, equity, meta, orders, positions, safety, symbols

BEAT_AGE_MAX_MS = 15_000
"""A bot whose last sign of life is older does not react (design: heartbeat)."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the bot stands, all of one moment. process: None before its first start; equity: the last point."""

    bot_id: str | None
    created_ms: int
    account: Account | None
    safety: SafetyState
    breaker: BreakerState
    kill: KillState
    process: ProcessState | None
    facts: BotFacts | None
    symbols: list[SymbolState]
    positions: list[Position]
    live_orders: list[Order]
    equity: EquityPoint | None


_to_position = to_record(Position)
_to_equity = to_record(EquityPoint)
_to_account = to_record(Account)
_to_safety = to_record(SafetyState)
_to_symbol = to_record(SymbolState)


def status_of(connection: sa.Connection) -> Status:
    """How the bot stands, within a transaction."""

    def all_of(query: sa.Select[Any], convert: Any) -> list[Any]:
        return [convert(row) for row in connection.execute(query).mappings()]

    about = connection.execute(sa.select(meta)).mappings().one()
    return Status(
        bot_id=about["bot_id"],
        created_ms=about["created_ms"],
        account=next(iter(all_of(sa.select(account), _to_account)), None),
        safety=next(iter(all_of(sa.select(safety), _to_safety)), SafetyState()),
        breaker=next(iter(all_of(sa.select(breaker), to_breaker)), BreakerState()),
        kill=kill_of(connection),
        process=process_of(connection),
        facts=facts_of(connection),
        symbols=all_of(_symbol_states(), _to_symbol),
        positions=all_of(open_positions(), _to_position),
        live_orders=all_of(sa.select(orders).where(~orders.c.settled), to_order),
        equity=next(iter(all_of(sa.select(equity).order_by(equity.c.time_ms.desc()).limit(1), _to_equity)), None),
    )


def open_positions() -> sa.Select[Any]:
    """Open positions, in order of opening."""
    return sa.select(positions).where(positions.c.closed_ms.is_(None)).order_by(positions.c.place)


def liveness(status: Status, holder: Holder | None, now_ms: int) -> str:
    """'running', 'not responding' (alive, but its loop gave no sign for `BEAT_AGE_MAX_MS`), or 'stopped'."""
    if holder is None:
        return "stopped"
    is_fresh = status.process is not None and now_ms - status.process.beat_ms <= BEAT_AGE_MAX_MS
    return "running" if is_fresh else "not responding"


def equity_of(status: Status) -> Decimal | None:
    """What the bot is worth at the last prices, in quote; None before its first look at the account.

    The last point of the equity series is as old as the last candle; what was sold since then is not in it.
    """
    account = status.account
    prices = {known.symbol: known.price for known in status.symbols}
    held = [position for position in status.positions if position.quantity]
    if account is None or any(position.symbol not in prices for position in held):
        return status.equity.equity if status.equity else None
    values = (position.quantity * prices[position.symbol] for position in held)
    return account.cash + sum(values, Decimal(0)) - account.outside_fees


def _symbol_states() -> sa.Select[Any]:
    state = sa.select(symbols.c.name.label("symbol"), symbols.c.last_close_ms, symbols.c.price)
    return state.where(symbols.c.last_close_ms.is_not(None)).order_by(symbols.c.name)
