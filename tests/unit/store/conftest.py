"""A database in a file of its own, or emptied on a PostgreSQL server, and an open journal on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer
from tests.unit.store.store_helpers import Place, empty_server_database, open_journal
from trading.store.journal import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database file that is not there yet."""
    return tmp_path / "tradebot.db"


@pytest.fixture(scope="session")
def server_database(postgres: PostgresServer) -> str:
    """The URL of one database of this worker, up to date."""
    url = postgres.create_database()
    open_journal(url).close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> Place:
    """Where a new database is: a file that is not there yet, or the URL of an empty one on a server."""
    if request.param == "sqlite":
        file: Path = request.getfixturevalue("path")
        return file
    url: str = request.getfixturevalue("server_database")
    empty_server_database(url)
    return url


@pytest.fixture
def journal(place: Place) -> Iterator[Journal]:
    journal = open_journal(place)
    yield journal
    journal.close()
