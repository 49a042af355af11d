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
_ADDED: dict[str, sa.Column[Any]] = {"trips": schema.trips.c.id, "corrections": schema.corrections.c.id}


class Undo(msgspec.Struct, frozen=True, kw_only=True):
    """How to take one commit back.

    before: by table, the rows that were there of those that it wrote. keys: by table, of all rows that it wrote.
    symbols: ids of those that it named first, with all their candles. events: how many it added after `event_before`.
    """

    before: dict[str, list[Row]]
    keys: dict[str, list[Any]]
    fills: list[tuple[str, str]]
    symbols: list[int]
    event_before: int
    events: int
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
            before[table] = _rows(connection, key, [k for k in written if _may_be_there(table, k, known)])
    new_symbols = [number for name, number in plan.memory.symbols.items() if name not in known.symbols]
    events = len(plan.rows.get("events", ()))
    last_event = connection.execute(sa.select(sa.func.max(schema.events.c.seq))).scalar() if events else None
    return Undo(
        before=before,
        keys=keys,
        fills=[(row["symbol"], row["trade_id"]) for row in plan.rows.get("fills", ())],
        symbols=new_symbols,
        event_before=last_event or 0,
        events=events,
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
    if undo.events:
        # All who add events hold the journal's lock, so that a commit's events follow each other.
        seq = schema.events.c.seq
        theirs = sa.select(seq).where(seq > undo.event_before).order_by(seq).limit(undo.events)
        connection.execute(sa.delete(schema.events).where(seq.in_(theirs)))
    commands = schema.commands
    for some in _chunks(undo.commands):
        taken = commands.c.id.in_(some) & commands.c.done_ms.is_(None)
        connection.execute(sa.update(commands).where(taken).values(taken_ms=None))


def _may_be_there(table: str, key: Any, known: Memory) -> bool:
    return table != "decisions" or key < known.seq


def _rows(connection: sa.Connection, key: sa.Column[Any], keys: Sequence[Any]) -> list[Row]:
    found: list[Row] = []
    for some in _chunks(keys):
        rows = connection.execute(sa.select(key.table).where(key.in_(some))).mappings()
        found.extend(dict(row) for row in rows)
    return found


def _chunks(keys: Sequence[Any]) -> list[Sequence[Any]]:
    """A statement takes so many values at most."""
    return [keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE)]
