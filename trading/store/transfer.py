"""A whole database from one place to another, verified; and what a database holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from trading.domain.errors import InvalidInput
from trading.store import schema
from trading.store.bot_lock import bot_lock
from trading.store.database import location, open_database, open_reader, reading, writing
from trading.store.errors import DatabaseUnusable
from trading.store.files import size_of
from trading.store.migrate import let_idle
from trading.store.rows import Row, without_nul
from trading.store.schema import KILL, ONLY_ROW
from trading.store.schema_alerts import alerts

CHUNK = 1_000
COPY_TIMEOUT_MS = 60_000
_HASH_BITS = 128
_NUMBERED = (schema.events, schema.commands, alerts)


class Copied(msgspec.Struct, frozen=True):
    """One table that was copied: its rows, and a checksum of them in hexadecimal digits, the same on both sides."""

    table: str
    rows: int
    checksum: str


class DatabaseInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a database is and holds. location: without a password. bytes: on the disk. rows: by table."""

    kind: str
    location: str
    revision: str
    bot_id: str | None
    created_ms: int
    bytes: int
    rows: dict[str, int]


def copy_database(from_url: str, to_url: str, on_rows: Callable[[str, int], None] | None = None) -> list[Copied]:
    """Copy all tables into an empty database, in one transaction that stands only if both sides agree.

    Args:
        from_url: a database on which no bot runs.
        to_url: a place without a database, or one that no bot has used yet.
        on_rows: told of each table's rows so far.

    Raises:
        InvalidInput: both are the same, or the second is not empty.
        BotAlreadyRunning: a bot runs on one of them.
        StoreError: one cannot be used, or what arrived is not what was sent. The target is as it was.
    """
    if from_url == to_url:
        raise InvalidInput("TO_URL", "the same database", "another one, which is empty")
    source = open_reader(from_url, busy_timeout_ms=COPY_TIMEOUT_MS)
    locks = [bot_lock(from_url)]
    try:
        locks[0].acquire()
        target = open_database(to_url, busy_timeout_ms=COPY_TIMEOUT_MS)
        try:
            locks.append(bot_lock(to_url).acquire())
            with reading(source) as old:
                return copy_into(old, target, on_rows)
        finally:
            target.dispose()
    finally:
        source.dispose()
        for lock in locks:
            lock.release()


def copy_into(
    source: sa.Connection, target: sa.Engine, on_rows: Callable[[str, int], None] | None = None
) -> list[Copied]:
    """As `copy_database`, from a read transaction into an open database; sees to no bot.

    Raises:
        InvalidInput: the target is not empty.
        StoreError: what arrived is not what was sent. The target is as it was.
    """
    # One side waits while the other is at work.
    let_idle(source)
    with writing(target) as new:
        let_idle(new)
        _must_be_empty(new, location(target))
        return [_copy(source, new, table, on_rows) for table in schema.meta.metadata.sorted_tables]


def copy_into_server(source: sa.Engine, to_url: str, *, aside: str | None) -> list[str]:
    """Copy a database into one on a server; what was done, a sentence each. Sees to no bot.

    Args:
        aside: the schema that takes what is there, all of it; None where there must be nothing.

    Raises:
        InvalidInput: the target is not empty, and `aside` is None.
        StoreError: as `copy_database`. What was there is back in its place.
    """
    done: list[str] = []
    if aside is not None and _swap_schema(to_url, "public", aside, make="public"):
        done.append(f"what was there is in the schema {aside}")
    try:
        target = open_database(to_url, busy_timeout_ms=COPY_TIMEOUT_MS)
        try:
            with reading(source) as old:
                rows = sum(table.rows for table in copy_into(old, target))
            return [*done, f"{location(target)}: {rows} rows, as of the backup"]
        finally:
            target.dispose()
    except BaseException:
        if done:
            _swap_schema(to_url, aside or "", "public", drop="public")
        raise


def _swap_schema(url: str, name: str, new_name: str, *, make: str = "", drop: str = "") -> bool:
    """In one transaction `drop` goes, a schema gets a new name, and `make` comes; False where it has no tables."""
    from trading.store.address import server_address
    from trading.store.server import server_engine

    engine = server_engine(server_address(url), busy_timeout_ms=COPY_TIMEOUT_MS, read_only=False)
    try:
        with writing(engine) as connection:
            has_tables = bool(sa.inspect(connection).get_table_names(schema=name))
            if has_tables:
                quoted = engine.dialect.identifier_preparer.quote
                if drop:
                    connection.execute(sa.text(f"DROP SCHEMA {quoted(drop)} CASCADE"))
                connection.execute(sa.text(f"ALTER SCHEMA {quoted(name)} RENAME TO {quoted(new_name)}"))
                if make:
                    connection.execute(sa.text(f"CREATE SCHEMA {quoted(make)}"))
            return has_tables
    finally:
        engine.dispose()


def database_info(engine: sa.Engine) -> DatabaseInfo:
    """What an open database holds."""
    is_file = engine.dialect.name == "sqlite"
    with reading(engine) as connection:
        about = connection.execute(sa.select(schema.meta)).mappings().one()
        rows = {table.name: _count(connection, table) for table in schema.meta.metadata.sorted_tables}
        size = 0 if is_file else connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one()
        revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one()
    return DatabaseInfo(
        kind="SQLite" if is_file else "PostgreSQL",
        location=location(engine),
        revision=str(revision),
        bot_id=about["bot_id"],
        created_ms=about["created_ms"],
        bytes=_file_bytes(Path(location(engine))) if is_file else size,
        rows=rows,
    )


def _must_be_empty(connection: sa.Connection, where: str) -> None:
    """Raise unless there is nothing but what a new database has."""
    seeds = {schema.meta.name, schema.commits.name, schema.latches.name}
    used = [t.name for t in schema.meta.metadata.sorted_tables if t.name not in seeds and _count(connection, t)]
    bot_id = connection.execute(sa.select(schema.meta.c.bot_id).where(schema.meta.c.id == ONLY_ROW)).scalar()
    is_set = connection.execute(sa.select(schema.latches.c.set_ms).where(schema.latches.c.name == KILL)).scalar()
    if used or bot_id is not None or is_set is not None:
        raise InvalidInput("TO_URL", where, "a database that is empty; nothing was changed")


def _copy(
    old: sa.Connection, new: sa.Connection, table: sa.Table, on_rows: Callable[[str, int], None] | None
) -> Copied:
    new.execute(sa.delete(table))
    rows, sent = 0, 0
    for chunk in _chunks(old, table):
        new.execute(sa.insert(table), chunk)
        rows += len(chunk)
        sent += sum(map(_digest, chunk))
        if on_rows is not None:
            on_rows(table.name, rows)
    if table in _NUMBERED:
        _continue_numbers(new, table, _last_number(old, table))
    arrived = [len(chunk) for chunk in _chunks(new, table)]
    found = sum(sum(map(_digest, chunk)) for chunk in _chunks(new, table))
    if sum(arrived) != rows or found != sent:
        raise DatabaseUnusable(
            f"table {table.name}: {sum(arrived)} of {rows} rows arrived as they were; nothing was kept"
        )
    return Copied(table.name, rows, f"{sent % (1 << _HASH_BITS):032x}")


def _chunks(connection: sa.Connection, table: sa.Table) -> Iterator[list[Row]]:
    result = connection.execute(sa.select(table), execution_options={"stream_results": True})
    for chunk in result.mappings().partitions(CHUNK):
        yield [without_nul(dict(row)) for row in chunk]


def _digest(row: Row) -> int:
    """A number that the row's content gives, whatever database it comes from. Their sum needs no order of rows."""
    text = repr([(name, _canonical(value)) for name, value in sorted(row.items())])
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_HASH_BITS // 8).digest())


def _canonical(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value else "0"
    return value


def _last_number(connection: sa.Connection, table: sa.Table) -> int:
    """The highest number that was ever given: clients that follow a table keep the last one they saw."""
    if connection.dialect.name == "sqlite":
        ask = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        return connection.execute(ask, {"name": table.name}).scalar() or 0
    ask = sa.text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {table.name}_seq_seq")  # noqa: S608
    return connection.execute(ask).scalar() or 0


def _continue_numbers(connection: sa.Connection, table: sa.Table, last: int) -> None:
    values = {"name": table.name, "last": last}
    if connection.dialect.name == "sqlite":
        connection.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
        connection.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), values)
    elif last:
        connection.execute(sa.text("SELECT setval(pg_get_serial_sequence(:name, 'seq'), :last)"), values)


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _file_bytes(path: Path) -> int:
    """The file with its write-ahead log."""
    return size_of(path) + size_of(path.with_name(path.name + "-wal"))


__all__ = ["Copied", "DatabaseInfo", "copy_database", "copy_into", "copy_into_server", "database_info"]
