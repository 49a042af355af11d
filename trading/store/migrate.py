"""Brings a database to this program's schema: one process does it, the others wait. Refuses what is not ours."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from trading.store.errors import DatabaseUnusable, ForeignDatabase, NewerSchema, NoDatabaseYet, OlderSchema, explain
from trading.store.lock import MigrationLock
from trading.store.schema import APP, HEAD_REVISION, meta

WAIT_S = 60.0
MIGRATION_SECONDS = 600


def migrate(engine: sa.Engine, *, wait_s: float = WAIT_S) -> bool:
    """Make the tables, or bring them up to date; whether there was anything to do.

    All of it is one transaction: after a crash in the midst of it the database is as it was before. Alembic is only
    loaded where there is something to do.

    Args:
        engine: of the database, for writing.
        wait_s: how long to wait for another process that is at it.

    Raises:
        NewerSchema, ForeignDatabase: the database is not for this program; nothing was touched.
        DatabaseBusy: another process did not finish in time.
    """
    if _revision(engine) == HEAD_REVISION and _is_wal(engine):
        return False
    with _lock(engine, wait_s):
        before = _revision(engine)
        if not _is_wal(engine):
            _set_wal(engine)
        if before == HEAD_REVISION:
            return False
        _upgrade(engine)
    return True


def location(engine: sa.Engine) -> str:
    """Where the database is, for messages: the file, or its name and its server."""
    url = engine.url
    return f"{url.database} on {url.host}:{url.port}" if url.host else str(url.database)


def _lock(engine: sa.Engine, wait_s: float) -> AbstractContextManager[None]:
    if engine.dialect.name == "postgresql":
        from trading.store.server_lock import server_migration_lock

        return server_migration_lock(engine, wait_s)
    return MigrationLock(Path(location(engine)), wait_s)


def let_idle(connection: sa.Connection, most_ms: int = 0) -> None:
    """Let this transaction stand idle for longer between two statements. It must block no trading.

    most_ms: how long; 0 for as long as its program needs.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = {most_ms}")


def check_readable(engine: sa.Engine) -> None:
    """Raise the `StoreError` that says why a reader cannot use this database, if it cannot."""
    revision = _revision(engine)
    if revision is None:
        raise NoDatabaseYet(f"no database yet at {location(engine)}: it is empty (start a bot with `tradebot run`)")
    if revision < HEAD_REVISION:
        raise OlderSchema(
            f"database {location(engine)} has schema {revision}, this program reads {HEAD_REVISION}; "
            "start the bot of this version once, which brings it up to date"
        )


def _revision(engine: sa.Engine) -> str | None:
    """The schema's number, None where there are no tables at all. Only reads."""
    where = location(engine)
    with engine.connect().execution_options(read_only=True) as connection, connection.begin():
        let_idle(connection)
        inspector = sa.inspect(connection)
        tables = inspector.get_table_names()
        if not tables:
            return None
        ours = meta.name in tables and "app" in {column["name"] for column in inspector.get_columns(meta.name)}
        app = connection.execute(sa.select(meta.c.app)).scalar() if ours else None
        if app != APP or "alembic_version" not in tables:
            raise ForeignDatabase(
                f"{where} is the database of another program (tables: {', '.join(sorted(tables)[:5])}); "
                "nothing was changed. Give another place (DATA_DIR or DATABASE_URL)"
            )
        revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if revision is None or not str(revision).isdigit():
        raise DatabaseUnusable(f"database {where} names no usable schema version ({revision!r}); restore a backup")
    if str(revision) > HEAD_REVISION:
        raise NewerSchema(
            f"database {where} was written by a newer version of this program (schema {revision}, this one knows "
            f"{HEAD_REVISION}); nothing was changed. Run the newer version, or restore a backup made before it"
        )
    return str(revision)


def _is_wal(engine: sa.Engine) -> bool:
    if engine.dialect.name != "sqlite":
        return True
    with engine.connect() as connection:
        return _pragma(connection, "PRAGMA journal_mode") == "wal"


def _set_wal(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        mode = _pragma(connection, "PRAGMA journal_mode=WAL")
    if mode != "wal":
        raise DatabaseUnusable(
            f"database {engine.url.database} cannot use write-ahead logging here (mode {mode}); "
            "put DATA_DIR on a local disk or a Docker volume"
        )


def _pragma(connection: sa.Connection, text: str) -> str:
    # On the driver's own connection, since the mode cannot be changed inside a transaction.
    cursor = connection.connection.cursor()
    try:
        cursor.execute(text)
        row = cursor.fetchone()
    except sqlite3.Error as error:
        raise DatabaseUnusable(explain(error, location(connection.engine))) from error
    return str(row[0]) if row else ""


def _take_time(connection: sa.Connection) -> None:
    """Let the statements of a migration take longer than those of trading."""
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {MIGRATION_SECONDS * 1000}")
    driver: Any = connection.connection.driver_connection
    driver.answer_within_s = MIGRATION_SECONDS


def _upgrade(engine: sa.Engine) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "trading.store:migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        let_idle(connection)
        if engine.dialect.name == "postgresql":
            _take_time(connection)
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise DatabaseUnusable(
                f"database {location(engine)} cannot be brought up to date: {error}; restore a backup"
            ) from error
