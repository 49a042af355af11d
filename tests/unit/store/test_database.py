"""Connections to the database: none is left open by an engine that has ended."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from trading.store.database import open_database

pytestmark = pytest.mark.migrated


def test_a_connection_that_comes_back_after_the_end_is_closed(tmp_path: Path) -> None:
    """One that was in use then, and one for something that a thread begins a moment later."""
    engine = open_database(f"sqlite:///{tmp_path / 'tradebot.db'}")
    given_back = []
    with engine.connect() as connection:
        given_back.append(connection.connection.dbapi_connection)
        engine.dispose()
    with engine.connect() as connection:
        given_back.append(connection.connection.dbapi_connection)
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    for raw in given_back:
        assert raw is not None
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            raw.execute("SELECT 1")
