"""What a restart reads from the journal's tables."""

from __future__ import annotations

import sqlalchemy as sa

from trading.domain.orders import Fill
from trading.domain.positions import Account, Position
from trading.engine.state import FINISHED_ORDERS_KEPT, Record, SafetyState, SymbolState
from trading.store.plan import Memory
from trading.store.rows import to_breaker, to_decision, to_order, to_record
from trading.store.schema import account, breaker, decisions, fills, orders, positions, safety, symbols

_to_account = to_record(Account)
_to_safety = to_record(SafetyState)
_to_symbol = to_record(SymbolState)
_to_position = to_record(Position)
_to_fill = to_record(Fill)


def load_records(connection: sa.Connection) -> list[Record]:
    """The engine's records, in the order in which `EngineState.restore` takes them."""
    found: list[Record] = []
    found.extend(_to_account(row) for row in connection.execute(sa.select(account)).mappings())
    found.extend(_to_safety(row) for row in connection.execute(sa.select(safety)).mappings())
    found.extend(to_breaker(row) for row in connection.execute(sa.select(breaker)).mappings())
    handled = sa.select(symbols.c.name.label("symbol"), symbols.c.last_close_ms, symbols.c.price)
    handled = handled.where(symbols.c.last_close_ms.is_not(None)).order_by(symbols.c.id)
    found.extend(_to_symbol(row) for row in connection.execute(handled).mappings())
    is_open = sa.select(positions).where(positions.c.closed_ms.is_(None)).order_by(positions.c.place)
    found.extend(_to_position(row) for row in connection.execute(is_open).mappings())

    first = first_kept_place(connection)
    kept = orders.c.settled & (orders.c.place >= first)
    finished = sa.select(orders).where(kept).order_by(orders.c.place)
    live = sa.select(orders).where(~orders.c.settled).order_by(orders.c.place)
    found.extend(to_order(row) for row in connection.execute(finished).mappings())
    found.extend(to_order(row) for row in connection.execute(live).mappings())
    for which in (kept, ~orders.c.settled):
        of_these = sa.select(fills).where(fills.c.client_order_id.in_(sa.select(orders.c.client_order_id).where(which)))
        found.extend(_to_fill(row) for row in connection.execute(of_these).mappings())
    return found


def first_kept_place(connection: sa.Connection) -> int:
    """The place of the oldest finished order that the engine still remembers (0: it remembers all)."""
    places = sa.select(orders.c.place).where(orders.c.settled).order_by(orders.c.place.desc())
    return connection.execute(places.limit(1).offset(FINISHED_ORDERS_KEPT - 1)).scalar() or 0


def load_memory(connection: sa.Connection) -> Memory:
    """What the journal itself keeps in mind of its tables."""
    memory = Memory()
    named = connection.execute(sa.select(symbols.c.name, symbols.c.id).order_by(symbols.c.id))
    memory.symbols = dict(named.all())
    last_places = [connection.execute(sa.select(sa.func.max(table.c.place))).scalar() for table in (orders, positions)]
    memory.place = max(place or 0 for place in last_places) + 1
    memory.seq = (connection.execute(sa.select(sa.func.max(decisions.c.seq))).scalar() or 0) + 1
    last = sa.select(sa.func.max(decisions.c.seq)).group_by(decisions.c.symbol)
    for row in connection.execute(sa.select(decisions).where(decisions.c.seq.in_(last))).mappings():
        decision = to_decision(row)
        if decision.is_idle:
            memory.runs[decision.symbol] = (row["seq"], decision.verdict, decision.veto)
    return memory
