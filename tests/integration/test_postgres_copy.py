"""`tradebot db`: what a database holds, and its whole way from a file to a server and back."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

import trading.cli
from tests.support.postgres import PASSWORD, PostgresServer
from tests.unit.store.store_helpers import open_journal, rows, run_sql, tables, url_of
from tests.unit.store.test_lost_commits import before_all, the_lost_one
from trading.domain.errors import InvalidInput
from trading.domain.events import CommandKind
from trading.store.commands import queue_command
from trading.store.errors import BotAlreadyRunning, DatabaseUnusable, NoDatabaseYet
from trading.store.lock import BotLock
from trading.store.transfer import copy_database


def call(*arguments: str) -> Result:
    return CliRunner().invoke(trading.cli.tradebot, ["db", *arguments])


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A database with a row in almost every table, whose newest events are gone."""
    path = tmp_path / "tradebot.db"
    journal = open_journal(path)
    journal.commit(before_all())
    journal.commit(replace(the_lost_one(), time_ms=7))
    queue_command(journal.engine, CommandKind.PAUSE, by="owner", now_ms=1, reason="zero\0character", command_id="a")
    journal.close()
    run_sql(path, "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)")
    return path


@pytest.fixture
def server(postgres: PostgresServer) -> str:
    return postgres.create_database()


def test_there_and_back(filled: Path, server: str, tmp_path: Path) -> None:
    back = tmp_path / "back.db"
    there = call("copy", url_of(filled), server, "--json")
    assert there.exit_code == 0, there.output
    copied = {table["table"]: table["rows"] for table in json.loads(there.output)}
    assert copied == {name: len(found) for name, found in tables(filled).items() if name in copied}
    assert copied["orders"] == copied["decisions"] == 2
    assert "both sides are the same" in call("copy", server, url_of(back)).output
    expected = tables(filled)
    (command,) = expected["commands"]
    expected["commands"] = [tuple("zero\ufffdcharacter" if v == "zero\0character" else v for v in command)]
    found = tables(back)
    assert {name: sorted(map(repr, table)) for name, table in found.items()} == {
        name: sorted(map(repr, table)) for name, table in expected.items()
    }
    for place in (server, back):
        (highest,) = rows(filled, "SELECT seq FROM sqlite_sequence WHERE name = 'events'")[0]
        journal = open_journal(place)
        journal.commit(replace(before_all(), changes=(), candles=(), notifications=()))
        journal.close()
        assert rows(place, "SELECT max(seq) FROM events") == [(int(str(highest)) + 1,)]


def test_what_is_refused_changes_nothing(filled: Path, server: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="the same database"):
        copy_database(server, server)
    with pytest.raises(NoDatabaseYet):
        copy_database(url_of(tmp_path / "none.db"), server)
    with BotLock(filled), pytest.raises(BotAlreadyRunning):
        copy_database(url_of(filled), server)
    copy_database(url_of(filled), server)
    before = tables(server)
    with pytest.raises(InvalidInput, match=r"TO_URL.*empty") as caught:
        copy_database(url_of(filled), server)
    assert PASSWORD not in str(caught.value)
    assert tables(server) == before


def test_what_does_not_arrive_as_it_was_does_not_stand(
    filled: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = itertools.count()
    monkeypatch.setattr("trading.store.transfer._digest", lambda _row: next(count))
    with pytest.raises(DatabaseUnusable, match="arrived as they were; nothing was kept"):
        copy_database(url_of(filled), server)
    assert rows(server, "SELECT count(*) FROM orders") == [(0,)]
    monkeypatch.undo()
    copy_database(url_of(filled), server)


def test_info(filled: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_database(url_of(filled), server)
    found = {}
    for name, url in (("SQLite", url_of(filled)), ("PostgreSQL", server)):
        monkeypatch.setenv("DATABASE_URL", url)
        shown = call("info", "--json")
        assert shown.exit_code == 0, shown.output
        found[name] = json.loads(shown.output)
        assert (found[name]["kind"], found[name]["bot_id"], found[name]["bot_pid"]) == (name, "bot-1", None)
        assert found[name]["bytes"] > 10_000
        assert PASSWORD not in call("info").output
    assert found["SQLite"]["rows"] == found["PostgreSQL"]["rows"]
