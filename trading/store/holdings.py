"""What a bot holds, has ordered and is kept from, in a form to compare before and after something was done to it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from trading.domain.errors import InvalidInput
from trading.domain.positions import Position
from trading.store.queries import Queries

SHUTDOWN = "shutdown"
"""The reason of the exit that a stop with the policy `flatten` gives a position."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An open position: quantity in base, stop in quote."""

    id: str
    symbol: str
    quantity: Decimal
    stop_price: Decimal | None


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """An order that is not settled."""

    id: str
    symbol: str
    purpose: str
    quantity: Decimal


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """Positions, live orders and latches of one moment. The latches' texts are empty where nothing is latched."""

    positions: list[Held]
    orders: list[Ordered]
    killed: str
    halted: str
    paused: str


def holdings_of(queries: Queries) -> Holdings:
    """As the database says now."""
    status = queries.status()
    return Holdings(
        positions=[
            Held(id=p.id, symbol=p.symbol, quantity=p.quantity, stop_price=p.stop_price) for p in status.positions
        ],
        orders=[
            Ordered(id=o.id, symbol=o.intent.symbol, purpose=str(o.intent.purpose), quantity=o.intent.quantity)
            for o in status.live_orders
        ],
        killed=status.kill.reason or "set" if status.kill.active else "",
        halted=status.safety.halted,
        paused=status.safety.paused,
    )


def read_holdings(file: Path) -> Holdings:
    """What `holdings_of` once said, as JSON.

    Raises:
        InvalidInput: the file is none.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=Holdings)
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidInput("FILE", str(file), f"what `tradebot db holdings --json` printed ({error})") from error


def compare(before: Holdings, queries: Queries) -> tuple[list[str], list[str]]:
    """What trading has changed since, and what trading cannot explain; a sentence each.

    A position may have been closed by its stop, its target or the strategy meanwhile, an order filled or replaced, a
    breaker tripped. It may not be gone without a record, or have been sold because the bot was stopped; an order may
    not be gone without a record; a latch may not have opened.
    """
    now = holdings_of(queries)
    changed: list[str] = []
    wrong: list[str] = []
    for held in before.positions:
        _judge(held, queries.position(held.id), changed, wrong)
    live = {order.id for order in now.orders}
    for ordered in (order for order in before.orders if order.id not in live):
        found = queries.order(ordered.id)
        what = f"{ordered.purpose} order {ordered.id} {ordered.symbol}"
        if found is None:
            wrong.append(f"{what} is gone without a record")
        else:
            changed.append(f"{what} is now {found.state}")
    opened = {position.id for position in now.positions} - {position.id for position in before.positions}
    changed.extend(f"position {p.symbol} {p.quantity} was opened" for p in now.positions if p.id in opened)
    for name, old, new in (("kill switch", before.killed, now.killed), ("halt", before.halted, now.halted)):
        if old and not new:
            wrong.append(f"the {name} ({old}) is gone")
        elif new and not old:
            changed.append(f"{name}: {new}")
    return changed, wrong


def _judge(held: Held, found: Position | None, changed: list[str], wrong: list[str]) -> None:
    what = f"position {held.symbol} {held.quantity} ({held.id})"
    if found is None:
        wrong.append(f"{what} is gone without a record")
    elif found.exit_reason == SHUTDOWN:
        wrong.append(f"{what} was sold because the bot was stopped")
    elif found.is_closed or found.exit_reason:
        changed.append(f"{what}: {found.exit_reason or 'closed'}")
    elif found.quantity != held.quantity:
        changed.append(f"{what} is now {found.quantity}")
