"""What a commit changes, kept until its outcome is known, so that one that was written unnoticed can be taken back.

A connection may break after COMMIT was sent: then nobody can say whether it took place. The driver takes its engine
back and commits another batch with the same events, in which an entry may be missing and a count may be larger. So the
commit that finds the earlier one written takes it back first, in its own transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from trading.store import schema
from trading.store.plan import Memory, Plan
from trading.store.rows import Row
from trading.store.schema_alerts import alert_deliveries, alerts

AT_ONCE = 1_000
_KEYS: dict[str, sa.Column[Any]] = {
    table.name: next(iter(table.primary_key.columns))
    for table in (
        schema.account,
        schema.safety,
        schema.breaker,
        schema.symbols,
        schema.positions,
        schema.orders,
        schema.decisions,
        schema.equity,
    )
}
_NUMBERED: dict[str, sa.Column[Any]] = {"events": schema.events.c.seq, "alerts": alerts.c.seq}
_ADDED: dict[str, sa.Column[Any]] = {"trips": schema.trips.c.id, "corrections": schema.corrections.c.id}
# Made once: every commit asks them.
_ROWS_OF = {
    name: sa.select(key.table).where(key.in_(sa.bindparam("keys", expanding=True))) for name, key in _KEYS.items()
}
_LAST_OF = {name: sa.select(sa.func.max(seq)) for name, seq in _NUMBERED.items()}


class Undo(msgspec.Struct, frozen=True, kw_only=True):
    """How to take one commit back.

    before: by table, the rows that were there of those that it wrote. keys: by table, of all rows that it wrote.
    symbols: ids of those that it named first, with all their candles. numbered: by table whose rows the database
    numbers, the last number before it and how many it added.
    """

    before: dict[str, list[Row]]
    keys: dict[str, list[Any]]
    fills: list[tuple[str, str]]
    symbols: list[int]
    numbered: dict[str, tuple[int, int]]
    commands: list[str]


def undo_of(connection: sa.Connection, plan: Plan, known: Memory) -> Undo:
    """How to take back what `plan` is about to write; `known` is the journal's memory before it."""
    keys: dict[str, list[Any]] = {}
    before: dict[str, list[Row]] = {}
    for table, key in (_KEYS | _ADDED).items():
        written = [row[key.name] for row in plan.rows.get(table, ())]
        if not written:
            continue
        keys[table] = written
        if table in _KEYS:
            before[table] = _rows(connection, table, [k for k in written if _may_be_there(table, k, known)])
    new_symbols = [number for name, number in plan.memory.symbols.items() if name not in known.symbols]
    numbered: dict[str, tuple[int, int]] = {}
    for table, last in _LAST_OF.items():
        if added := len(plan.rows.get(table, ())):
            numbered[table] = (connection.execute(last).scalar() or 0, added)
    return Undo(
        before=before,
        keys=keys,
        fills=[(row["symbol"], row["trade_id"]) for row in plan.rows.get("fills", ())],
        symbols=new_symbols,
        numbered=numbered,
        commands=list(plan.commands),
    )


def take_back(connection: sa.Connection, undo: Undo) -> None:
    """Make the tables what they were before the commit. Candles of symbols known before stay: they are facts."""
    for table, key in (_KEYS | _ADDED).items():
        for some in _chunks(undo.keys.get(table, [])):
            connection.execute(sa.delete(key.table).where(key.in_(some)))
        rows = undo.before.get(table)
        if rows:
            connection.execute(sa.insert(key.table), rows)
    fills = schema.fills
    for symbol, trade_id in undo.fills:
        connection.execute(sa.delete(fills).where(fills.c.symbol == symbol, fills.c.trade_id == trade_id))
    if undo.symbols:
        connection.execute(sa.delete(schema.candles).where(schema.candles.c.symbol_id.in_(undo.symbols)))
    for table, (before, added) in undo.numbered.items():
        # All who add events or alerts hold the journal's lock, so that a commit's rows follow each other.
        seq = _NUMBERED[table]
        theirs = connection.execute(sa.select(seq).where(seq > before).order_by(seq).limit(added)).scalars().all()
        for some in _chunks(theirs):
            if seq is alerts.c.seq:
                connection.execute(sa.delete(alert_deliveries).where(alert_deliveries.c.alert_seq.in_(some)))
            connection.execute(sa.delete(seq.table).where(seq.in_(some)))
    commands = schema.commands
    for some in _chunks(undo.commands):
        taken = commands.c.id.in_(some) & commands.c.done_ms.is_(None)
        connection.execute(sa.update(commands).where(taken).values(taken_ms=None))


def _may_be_there(table: str, key: Any, known: Memory) -> bool:
    return table != "decisions" or key < known.seq


def _rows(connection: sa.Connection, table: str, keys: Sequence[Any]) -> list[Row]:
    found: list[Row] = []
    for some in _chunks(keys):
        rows = connection.execute(_ROWS_OF[table], {"keys": some}).mappings()
        found.extend(dict(row) for row in rows)
    return found


def _chunks(keys: Sequence[Any]) -> list[Sequence[Any]]:
    """A statement takes so many values at most."""
    return [keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE)]
