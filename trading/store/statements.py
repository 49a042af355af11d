"""The write statements, for the dialect at hand, compiled once: a commit is on the path of every order."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from trading.domain.errors import InvalidInput
from trading.store import schema
from trading.store.rows import Row, without_nul
from trading.store.schema_alerts import alerts

_DIALECTS = ("sqlite", "postgresql")


def insert_or_update(
    dialect: str, table: sa.Table, keys: Sequence[str], *, kept: Sequence[str] = (), **special: Any
) -> sa.Executable:
    """An insert that replaces the row of the same key.

    Args:
        dialect: name of the database's dialect.
        table: what to write to; every column is given.
        keys: the columns of a unique key.
        kept: columns that keep what they have.
        special: for a column, a function of (the row that is there, the new row) giving its value.
    """
    insert = _insert(dialect, table)
    new = insert.excluded
    changes = {
        column.name: special[column.name](table.c, new) if column.name in special else new[column.name]
        for column in table.c
        if column.name not in keys and column.name not in kept
    }
    statement: sa.Executable = insert.on_conflict_do_update(index_elements=list(keys), set_=changes)
    return statement


def insert_if_absent(dialect: str, table: sa.Table) -> sa.Executable:
    """An insert that leaves a row of the same key as it is."""
    statement: sa.Executable = _insert(dialect, table).on_conflict_do_nothing()
    return statement


def _insert(dialect: str, table: sa.Table) -> Any:
    if dialect not in _DIALECTS:
        raise InvalidInput("DATABASE_URL", dialect, " or ".join(_DIALECTS))
    # Imported where it is used: a short command on a file shall not wait for what a server needs.
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


class Prepared:
    """A compiled statement. It takes rows of values as drivers do, not as SQLAlchemy's types do (`rows.plain`)."""

    def __init__(self, statement: Any, dialect: sa.Dialect, columns: Sequence[str]) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(columns))
        self.text = str(compiled)
        # Drivers take a row by position or by name; a getter of one name would give the bare value.
        names: Sequence[str] | None = compiled.positiontup
        self._pick = itemgetter(*names) if names and len(names) > 1 else None
        self._takes_nul = dialect.name != "postgresql"

    def run(self, connection: sa.Connection, rows: list[Row]) -> None:
        """Execute it for every row; none may be missing a column."""
        if not self._takes_nul:
            rows = [without_nul(row) for row in rows]
        pick = self._pick
        values: list[Any] = rows if pick is None else [pick(row) for row in rows]
        connection.exec_driver_sql(self.text, values)


class Statements:
    """One statement a kind of row, by the table's name, in the order in which a commit writes them.

    Args:
        dialect: of the database; see `statements_for`.
    """

    def __init__(self, dialect: sa.Dialect) -> None:
        name = dialect.name

        def place_if_changed(old: Any, new: Any) -> Any:
            # An order keeps its place among the live or the finished ones, and gets a new one when it changes over.
            return sa.case((old.settled == new.settled, old.place), else_=new.place)

        def place_if_closed(old: Any, new: Any) -> Any:
            return sa.case((old.closed_ms.is_not(None), new.place), else_=old.place)

        def longer(old: Any, new: Any) -> Any:
            return old["count"] + new["count"]

        statements: dict[sa.Table, sa.Executable] = {
            schema.symbols: insert_or_update(name, schema.symbols, ["id"], kept=["name"]),
            schema.account: insert_or_update(name, schema.account, ["id"]),
            schema.safety: insert_or_update(name, schema.safety, ["id"]),
            schema.breaker: insert_or_update(name, schema.breaker, ["id"]),
            schema.trips: sa.insert(schema.trips),
            schema.positions: insert_or_update(name, schema.positions, ["id"], place=place_if_closed),
            schema.orders: insert_or_update(name, schema.orders, ["client_order_id"], place=place_if_changed),
            schema.fills: sa.insert(schema.fills),
            schema.corrections: sa.insert(schema.corrections),
            schema.decisions: insert_or_update(name, schema.decisions, ["seq"], kept=["id", "first_ms"], count=longer),
            schema.candles: insert_if_absent(name, schema.candles),
            schema.equity: insert_or_update(name, schema.equity, ["time_ms"]),
            schema.events: sa.insert(schema.events).inline(),
            alerts: sa.insert(alerts).inline(),
        }
        numbered = (schema.events, alerts)
        self.by_table = {
            table.name: Prepared(
                statement, dialect, [c.name for c in table.c if table not in numbered or c.name != "seq"]
            )
            for table, statement in statements.items()
        }
        commands = schema.commands
        self.take_commands = (
            sa.update(commands)
            .where(commands.c.id == sa.bindparam("command"), commands.c.taken_ms.is_(None))
            .values(taken_ms=sa.bindparam("now"))
        )


_MADE: dict[str, Statements] = {}


def statements_for(dialect: sa.Dialect) -> Statements:
    """The statements for this kind of database, compiled once in a process."""
    if dialect.name not in _MADE:
        _MADE[dialect.name] = Statements(dialect)
    return _MADE[dialect.name]
