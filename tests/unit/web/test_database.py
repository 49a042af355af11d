"""The database as the dashboard opens it: again after a failure, and without taking it from those who use it."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.unit.cli.cli_helpers import fill_database, url_of
from trading.store.errors import JournalError, NoDatabaseYet, StoreError
from trading.store.queries import Queries
from trading.web.database import RETRY_SECONDS, Database


def fail(_: Queries) -> None:
    raise JournalError("locked")


def test_a_failure_takes_nothing_from_those_who_read_and_leaves_nothing_open(tmp_path: Path) -> None:
    fill_database(tmp_path)
    database = Database(url_of(tmp_path))
    with database.reading() as first:
        with pytest.raises(JournalError):
            database.read(fail)
        with first.engine.connect() as connection:
            assert connection.execute(sa.text("SELECT 1")).scalar() == 1
        with database.reading() as second:
            assert second.engine is not first.engine
        assert isinstance(first.engine.pool, sa.QueuePool)
        assert first.engine.pool.checkedin() == 1
    assert first.engine.pool.checkedin() == 0, "the last one closes the connections"
    database.close()


def test_what_failed_is_tried_again_only_after_a_moment(tmp_path: Path) -> None:
    """Many requests a second must not open a database that is not there as many times."""
    now = 100.0
    database = Database(url_of(tmp_path), monotonic=lambda: now)
    with pytest.raises(NoDatabaseYet) as first:
        database.read(Queries.status)
    with pytest.raises(NoDatabaseYet) as second:
        database.read(Queries.status)
    assert first.value is second.value
    now += RETRY_SECONDS
    with pytest.raises(NoDatabaseYet) as third:
        database.read(Queries.status)
    assert third.value is not first.value


def test_a_database_that_comes_is_not_kept_waiting(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path), monotonic=lambda: 100.0)
    with pytest.raises(StoreError):
        database.read(Queries.status)
    fill_database(tmp_path)
    assert database.read(Queries.status).bot_id == "tradebot"
    database.close()
