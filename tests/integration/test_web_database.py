"""The dashboard with a database that is not there, not whole, not ours, or not to be had; and when it comes back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.processes import until
from tests.support.web import Served, serving, web_app
from tests.unit.cli.cli_helpers import account, fill_database, open_position, symbol_state
from trading.store.database import open_database
from trading.store.latch import KILL_FILE, read_kill

STATUS = "/api/v1/status"
TRIGGER = "/api/v1/safety/kill-switch/trigger"
RESET = "/api/v1/safety/kill-switch/reset"
KILL_STATUS = "/api/v1/safety/kill-switch/status"


@contextmanager
def watched(folder: Path) -> Iterator[tuple[Served, httpx.Client]]:
    with serving(web_app(folder)) as served, served.owner() as owner:
        yield served, owner


def problem(client: httpx.Client, path: str = STATUS) -> tuple[int, str]:
    answer = client.get(path)
    return answer.status_code, answer.json().get("code", "")


def database(folder: Path) -> Path:
    return folder / "tradebot.db"


def damage(file: Path) -> None:
    """Overwrite the middle of the file, as a failing disk does."""
    content = bytearray(file.read_bytes())
    content[4_096:-4_096] = b"\xa5" * (len(content) - 8_192)
    file.write_bytes(bytes(content))


def make_foreign(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE notes (text TEXT)")
    connection.close()


def make_older(file: Path) -> None:
    fill_database(file.parent)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()


def make_newer(file: Path) -> None:
    fill_database(file.parent)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def make_damaged(file: Path) -> None:
    fill_database(file.parent)
    damage(file)


STATES = {
    "empty": (lambda file: file.touch(), "NO_DATABASE_YET", "no database yet"),
    "text": (lambda file: file.write_text("not a database at all"), "DATABASE_UNAVAILABLE", "not an SQLite database"),
    "foreign": (make_foreign, "DATABASE_UNAVAILABLE", "of another program"),
    "older": (make_older, "DATABASE_UNAVAILABLE", "start the bot of this version once"),
    "newer": (make_newer, "DATABASE_UNAVAILABLE", "newer version"),
    "damaged": (make_damaged, "DATABASE_UNAVAILABLE", ""),
    "folder": (lambda file: file.mkdir(), "DATABASE_UNAVAILABLE", ""),
}


@pytest.mark.parametrize("state", STATES)
def test_it_says_what_is_wrong_changes_nothing_and_recovers(tmp_path: Path, state: str) -> None:
    make, code, text = STATES[state]
    make(database(tmp_path))
    before = database(tmp_path).read_bytes() if database(tmp_path).is_file() else b""
    with watched(tmp_path) as (_, owner):
        assert problem(owner) == (503, code)
        assert text in owner.get(STATUS).json()["detail"]
        assert owner.get("/api/v1/session").status_code == 200
        if database(tmp_path).is_dir():
            database(tmp_path).rmdir()
        else:
            assert database(tmp_path).read_bytes() == before
            for file in tmp_path.glob("tradebot.db*"):
                file.unlink()
        fill_database(tmp_path, account(), open_position(), symbol_state())
        until(lambda: owner.get(STATUS).status_code == 200, "it has found the new database")
        assert owner.get(STATUS).json()["positions"] == 1


def test_no_database_then_one_then_another(tmp_path: Path) -> None:
    with watched(tmp_path) as (_, owner):
        assert problem(owner) == (503, "NO_DATABASE_YET")
        fill_database(tmp_path, account(), symbol_state())
        until(lambda: owner.get(STATUS).status_code == 200, "it has found the database")
        assert owner.get(STATUS).json()["positions"] == 0
        for file in tmp_path.glob("tradebot.db*"):
            file.unlink()
        fill_database(tmp_path, account(), open_position(), symbol_state())
        until(lambda: owner.get(STATUS).json().get("positions") == 1, "a file that was replaced is not read on")


def test_a_bot_that_never_started_and_one_that_died(tmp_path: Path) -> None:
    fill_database(tmp_path)
    with watched(tmp_path) as (_, owner):
        status = owner.get(STATUS).json()
    assert status["bot"]["state"] == "never_started"
    assert "the first start of a bot" in status["waiting_for"]
    assert (status["money"], status["market_time"]) == (None, None)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another program keeps the right to write to itself."""
    other = sqlite3.connect(database(folder), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


def test_reading_goes_on_while_another_process_writes(tmp_path: Path) -> None:
    fill_database(tmp_path, account(), open_position(), symbol_state())
    with watched(tmp_path) as (_, owner), locked(tmp_path):
        assert owner.get(STATUS).status_code == 200
        assert owner.get("/api/v1/positions").status_code == 200


def test_what_cannot_be_written_is_told_and_a_kill_is_set_by_a_file(tmp_path: Path) -> None:
    fill_database(tmp_path, account(), open_position(), symbol_state())
    with watched(tmp_path) as (_, owner):
        assert owner.get(STATUS).status_code == 200
        with locked(tmp_path):
            paused = owner.post("/api/v1/bot/pause", json={"reason": "look"})
            assert (paused.status_code, paused.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
            killed = owner.post(TRIGGER, json={"reason": "now"})
            assert killed.status_code == 200
            assert (killed.json()["latched"], killed.json()["effective"]) == (True, False)
            assert killed.json()["by_file"]
            assert (tmp_path / KILL_FILE).exists()
        until(lambda: owner.get(KILL_STATUS).status_code == 200, "the database is to be had again")
        assert owner.get(KILL_STATUS).json()["active"]
        assert "file" in owner.get(STATUS).json()["entries_stopped_by"][0]
        assert owner.post(RESET, json={"reason": "looked"}).json()["active"] is False
        assert not (tmp_path / KILL_FILE).exists(), "it was the dashboard's own"


def test_a_kill_works_with_a_damaged_database(tmp_path: Path) -> None:
    make_damaged(database(tmp_path))
    with watched(tmp_path) as (_, owner):
        assert owner.post(TRIGGER, json={"reason": "what is this"}).json()["by_file"]
        assert owner.get(KILL_STATUS).json()["active"]
        assert "what is this" in (tmp_path / KILL_FILE).read_text()
        assert owner.post(RESET, json={"reason": "x"}).status_code == 503


def test_a_kill_that_can_be_set_nowhere_says_so(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    database(tmp_path / "data").write_text("no database")
    with watched(tmp_path / "data") as (_, owner):
        for file in (tmp_path / "data").iterdir():
            file.unlink()
        (tmp_path / "data").rmdir()
        (tmp_path / "data").write_text("a file in the way")
        refused = owner.post(TRIGGER, json={"reason": "now"})
    assert (refused.status_code, refused.json()["code"]) == (503, "NOT_KILLED")
    assert "could NOT be set" in refused.json()["detail"]


def test_a_file_that_a_person_made_is_left_to_the_person(tmp_path: Path) -> None:
    fill_database(tmp_path)
    (tmp_path / KILL_FILE).touch()
    with watched(tmp_path) as (_, owner):
        assert owner.get(KILL_STATUS).json()["triggered_by"] == "file"
        refused = owner.post(RESET, json={"reason": "mine"})
        assert (refused.status_code, refused.json()["code"]) == (409, "KILL_FILE_THERE")
        assert (tmp_path / KILL_FILE).exists()
        (tmp_path / KILL_FILE).unlink()
        refused = owner.post(RESET, json={"reason": "mine"})
        assert (refused.status_code, refused.json()["code"]) == (409, "NOT_SET")


def test_it_writes_nothing_but_what_is_its_own(tmp_path: Path) -> None:
    """Looking at everything leaves every table as it was, but for its own logins."""
    fill_database(tmp_path, account(), open_position(), symbol_state())

    def content() -> dict[str, list[tuple[object, ...]]]:
        with sqlite3.connect(f"file:{database(tmp_path)}?mode=ro", uri=True) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            own = {"sessions", "tokens", "password", "nonces"}
            found = {
                name: connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608
                for name in set(names) - own
            }
        connection.close()
        return found

    before = content()
    with watched(tmp_path) as (served, owner):
        paths = [path for path, parts in served.app.openapi()["paths"].items() if "get" in parts and "{" not in path]
        for path in paths:
            owner.get(path, params={"symbol": "BTC/USDT", "timeframe": "5m"} if path.endswith("candles") else {})
    assert content() == before


def test_a_killed_database_is_seen_by_the_next_reader(tmp_path: Path) -> None:
    fill_database(tmp_path)
    with watched(tmp_path) as (_, owner):
        killed = owner.post(TRIGGER, json={"reason": "durable"}).json()
    assert killed["effective"], "no bot runs, so nothing is on its way"
    engine = open_database(f"sqlite:///{database(tmp_path)}")
    assert read_kill(engine).reason == "durable"
    engine.dispose()
