"""What the bot has to tell is stored, or sent while it cannot be stored and stored later; it never waits for it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.alerts import Clock, FakeChannel, make_sender, note
from tests.support.processes import rows, until
from trading.domain.actions import Level
from trading.monitoring.alerts import outbox as outboxes
from trading.monitoring.alerts.outbox import WAITING_MAX, Outbox
from trading.monitoring.jobs import Jobs
from trading.store.database import open_database


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    monkeypatch.setattr(outboxes, "RETRY_SECONDS", 0.05)
    others = set(threading.enumerate())  # bots of earlier tests that died, as was meant, may have left theirs
    engine = open_database(f"sqlite:///{tmp_path / 'tradebot.db'}", busy_timeout_ms=20)
    yield engine
    # Its thread may still be at the database; a connection that comes back after this would be closed by nobody.
    ours = [thread for thread in threading.enumerate() if thread.name == "alerts-outbox" and thread not in others]
    until(lambda: not any(thread.is_alive() for thread in ours), "the outbox's thread ends")
    engine.dispose()


@pytest.fixture
def locked(tmp_path: Path, engine: sa.Engine) -> Iterator[sqlite3.Connection]:
    """Another process's transaction, which keeps the database from being written."""
    connection = sqlite3.connect(tmp_path / "tradebot.db", isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    yield connection
    connection.close()


def codes(tmp_path: Path) -> list[str]:
    return [code for (code,) in rows(tmp_path / "tradebot.db", "SELECT code FROM alerts ORDER BY seq")]


def test_what_is_told_is_stored_in_order_with_its_event(tmp_path: Path, engine: sa.Engine) -> None:
    outbox = Outbox(engine)
    for number in range(250):
        outbox.tell(note(f"CODE_{number}"))
    assert outbox.close(30)
    assert codes(tmp_path) == [f"CODE_{number}" for number in range(250)]
    assert rows(tmp_path / "tradebot.db", "SELECT count(*) FROM events WHERE type = 'Notify'") == [(250,)]


def test_what_a_commit_has_stored_is_not_stored_again(tmp_path: Path, engine: sa.Engine) -> None:
    outbox = Outbox(engine)
    outbox.committed([note("COMMITTED")])
    assert outbox.close(30)
    assert codes(tmp_path) == []


def test_while_it_cannot_be_stored_it_is_sent_and_stored_once_it_can_be(
    tmp_path: Path, engine: sa.Engine, locked: sqlite3.Connection
) -> None:
    slack = FakeChannel()
    sender = make_sender(engine, [slack], Clock())
    outbox = Outbox(engine, sender)
    outbox.start(Jobs())
    outbox.tell(note("JOURNAL_DOWN", level=Level.CRITICAL))
    until(lambda: slack.got, "it is sent though it is not stored")
    assert codes(tmp_path) == []
    locked.execute("ROLLBACK")
    until(lambda: codes(tmp_path) == ["JOURNAL_DOWN"], "it is stored")
    assert outbox.close(30)
    assert len(slack.got) == 1


def test_what_waits_for_a_commit_is_sent_meanwhile(engine: sa.Engine, locked: sqlite3.Connection) -> None:
    slack = FakeChannel()
    outbox = Outbox(engine, make_sender(engine, [slack], Clock()))
    outbox.start(Jobs())
    outbox.uncommitted([note("UNPROTECTED", level=Level.CRITICAL)])
    until(lambda: slack.got, "it is sent")
    outbox.close(1)


def test_the_end_does_not_wait_for_a_database_that_is_locked(
    tmp_path: Path, engine: sa.Engine, locked: sqlite3.Connection
) -> None:
    outbox = Outbox(engine)
    outbox.tell(note("STOPPED"))
    began = time.monotonic()
    assert not outbox.close(0.3)
    assert time.monotonic() - began < 5


def test_what_waits_is_bounded(tmp_path: Path, engine: sa.Engine, locked: sqlite3.Connection) -> None:
    outbox = Outbox(engine)
    for number in range(WAITING_MAX + 5):
        outbox.tell(note(f"CODE_{number}"))
    locked.execute("ROLLBACK")
    assert outbox.close(60)
    assert len(codes(tmp_path)) <= WAITING_MAX + 5
    assert codes(tmp_path)[:WAITING_MAX] == [f"CODE_{number}" for number in range(WAITING_MAX)]
