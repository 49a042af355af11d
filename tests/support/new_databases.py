"""New database files as copies of one that the migrations made: they take a twentieth of a second, and tests make many.

Real processes under test run the migrations, and so do the tests of the migrations themselves.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from unittest import mock

import sqlalchemy as sa

from trading.store import migrate
from trading.store.database import open_database

_upgrade = migrate._upgrade


@contextmanager
def copies_of_one() -> Iterator[None]:
    """As long as the block lasts, a file that has nothing in it becomes a database by a copy."""
    with mock.patch.object(migrate, "_upgrade", _copy):
        yield


def _copy(engine: sa.Engine) -> None:
    if engine.dialect.name == "sqlite":
        connection = engine.raw_connection()
        try:
            file = connection.driver_connection
            assert isinstance(file, sqlite3.Connection)
            if not file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                _made().backup(file)
                return
        finally:
            connection.close()
    _upgrade(engine)


@cache
def _made() -> sqlite3.Connection:
    kept = sqlite3.connect(":memory:", check_same_thread=False)
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(migrate, "_upgrade", _upgrade):
        path = Path(folder) / "tradebot.db"
        open_database(f"sqlite:///{path}").dispose()
        made = sqlite3.connect(path)
        made.backup(kept)
        made.close()
    return kept
