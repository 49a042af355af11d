"""How long a position is without what it needs, a stop or its sale: kept in its record, and told when it lasts."""

from __future__ import annotations

from msgspec.structs import replace

from trading.domain.actions import Level
from trading.domain.instruments import ZERO
from trading.domain.orders import ACKNOWLEDGED, Order, Purpose
from trading.domain.positions import Position
from trading.engine.desk import Desk

STUCK_MS = 60_000
STUCK_AGAIN_MS = 600_000


def watch_protection(desk: Desk, symbol: str) -> None:
    """Keep the time since when the position is bare."""
    position = desk.state.positions.get(symbol)
    if position is None:
        return
    since = bare_since(desk, position)
    if since != position.unprotected_since_ms:
        desk.state.put(replace(position, unprotected_since_ms=since))
    _tell_if_stuck(desk, position, since)


def bare_since(desk: Desk, position: Position) -> int | None:
    """Since when more than dust is held without an acknowledged stop, or an exit on its way; None where it is not now.

    A stop may be heard of long after it was placed, as by the first look after a death: from then on it counts.
    """
    if not desk.config.protect:
        return None
    bare = desk.held(position)
    for order in desk.state.live_orders(position.symbol):
        if order.intent.purpose is not Purpose.ENTRY and order.state in ACKNOWLEDGED and not _is_idle(desk, order):
            bare -= order.remaining
    price = position.stop_price or desk.price(position.symbol) or position.average_entry
    if bare <= ZERO or desk.instrument(position.symbol).is_dust(bare, price):
        return None
    since = position.unprotected_since_ms
    return desk.state.now_ms if since is None else since


def _is_idle(desk: Desk, order: Order) -> bool:
    """Whether it should fill at once, and has not for a while: it protects nothing."""
    is_exit = order.intent.purpose is Purpose.EXIT
    return is_exit and desk.state.now_ms - order.updated_ms > desk.config.timing.stop_fill_ms


def _tell_if_stuck(desk: Desk, position: Position, bare_since_ms: int | None) -> None:
    """Tell a person, again and again, of a position that is not sold though that is decided, or whose stop may be gone.

    One that is only bare is closed, and that is told.
    """
    symbol, now = position.symbol, desk.state.now_ms
    unsold_since_ms, doubt_since_ms = _unsold_since(desk, position), _doubt_since(desk, symbol)
    if unsold_since_ms is None and doubt_since_ms is None:
        desk.stuck_told.pop(symbol, None)
        return
    times = [ms for ms in (unsold_since_ms, doubt_since_ms) if ms is not None]
    if position.exit_reason and bare_since_ms is not None:
        times.append(bare_since_ms)
    told = desk.stuck_told.get(symbol)
    if now - (min(times) if told is None else told) < (STUCK_MS if told is None else STUCK_AGAIN_MS):
        return
    desk.stuck_told[symbol] = now
    if position.exit_reason and bare_since_ms is not None:
        code, what = "UNPROTECTED", f"has had no stop for {_seconds(now - bare_since_ms)}"
    elif doubt_since_ms is not None:
        code, what = "STOP_IN_DOUBT", f"has a stop that may be cancelled: in doubt for {_seconds(now - doubt_since_ms)}"
    else:
        code, what = "NOT_SOLD", "is still held"
    if position.exit_reason:
        what += f" and could not be sold ({position.exit_reason})"
    desk.notify(Level.CRITICAL, code, f"{symbol} {what}: look at its orders and balance at the exchange", symbol)


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.0f} s"


def _unsold_since(desk: Desk, position: Position) -> int | None:
    """Since when nothing of it has been sold though its exit is decided; None where none is, or all is sold."""
    if not position.exit_reason or not desk.held(position):
        desk.unsold_since.pop(position.symbol, None)
        return None
    known = desk.unsold_since.get(position.symbol)
    if known is None or known[1:] != (position.id, position.sold):
        known = (desk.state.now_ms, position.id, position.sold)
        desk.unsold_since[position.symbol] = known
    return known[0]


def _doubt_since(desk: Desk, symbol: str) -> int | None:
    """Since when a stop was to be cancelled of which nothing new has been heard; None where there is none."""
    since: int | None = None
    for order in desk.state.live_orders(symbol):
        if order.cancel_requested_ms is not None and order.intent.purpose is Purpose.STOP:
            since = order.updated_ms if since is None else min(since, order.updated_ms)
    return since
