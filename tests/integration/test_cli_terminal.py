"""Every command in a pseudo-terminal: with the bot alive and dead, bad arguments, and databases of every condition."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.terminal import Shown, Terminal, in_order, one_line
from tests.unit.cli.cli_helpers import (
    account,
    candle_file,
    closed_position,
    environment,
    fill_database,
    open_position,
    stop_order,
    symbol_state,
)
from trading.cli import COMMANDS

SECONDS_MAX = 60.0
WAIT = ("--wait", "20")

LOOKING: list[tuple[str, ...]] = [
    ("status",),
    ("positions",),
    ("history",),
    ("decisions",),
    ("insights",),
    ("safety",),
    ("token", "list"),
    ("alerts", "list"),
    ("alerts", "channels"),
    ("db", "info"),
    ("db", "holdings"),
]
"""Commands that only look; each has `--json`."""

NEEDS_BOT: list[tuple[str, ...]] = [("cancel", "--all"), ("close", "--all"), ("resolve", "24001fab", "ignore")]
ON_DATABASE: list[tuple[str, ...]] = [
    *LOOKING,
    *NEEDS_BOT,
    ("history", "--csv"),
    ("token", "create", "phone", "--scope", "read"),
    ("token", "revoke", "phone"),
    ("stop",),
    ("resume", "--reason", "fine"),
    ("resume", "--kill", "--reason", "fine"),
]
"""Commands that can do nothing without a usable database. (`kill` can: it writes a file.)"""

BAD: list[tuple[str, ...]] = [
    *((name, "--nosuch") for name in COMMANDS),
    (),
    ("nosuch",),
    ("status", "extra"),
    ("history", "--limit", "0"),
    ("history", "--since", "yesterday"),
    ("history", "--outcome", "good"),
    ("history", "--year", "1"),
    ("history", "--csv", "--json"),
    ("history", "--symbol", "BTC"),
    ("decisions", "--verdict", "sell"),
    ("decisions", "--until", "2025-13-01"),
    ("insights", "--year", "2025", "--since", "2025-01-01"),
    ("cancel",),
    ("close",),
    ("resume",),
    ("resolve", "24001fab"),
    ("resolve", "24001fab", "sell"),
    ("stop", "--policy", "sell"),
    ("kill", "--wait", "-1"),
    ("positions", "extra"),
    ("safety", "--limit", "3"),
    ("insights", "--symbol", "BTC"),
    ("completion", "csh"),
    ("token", "create", "phone"),
    ("token", "revoke"),
    ("alerts", "list", "--level", "loud"),
    ("alerts", "list", "--since", "yesterday"),
    ("db", "copy", "sqlite:///here.db"),
    ("db", "copy", "mysql://here", "sqlite:///there.db"),
    ("db", "backup", "backups", "--every", "soon"),
    ("db", "restore", "nowhere"),
    ("db", "holdings", "--compare", "nowhere.json"),
    ("backtest",),
    ("backtest", "nowhere.csv", "--fee", "0.1"),
    ("run", "--seed", "x"),
    ("run", "--market-data", "nowhere"),
    ("check-config", "--data-dir", "a-file"),
]


@contextmanager
def running_bot(folder: Path, terminal: Terminal) -> Iterator[subprocess.Popen[bytes]]:
    """A bot on the demo market, trading, in a process of its own."""
    folder.mkdir(exist_ok=True)
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "trading.cli", "run", "--data-dir", ".", "--speed", "40"]
        process = subprocess.Popen(command, cwd=folder, env=environment(), stderr=log)
    try:
        wait_until(lambda: status_of(folder, terminal).get("positions", 0) > 0 or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield process
    finally:
        process.terminate()
        process.wait(SECONDS_MAX)


@pytest.fixture(scope="module")
def alive(tmp_path_factory: pytest.TempPathFactory, terminal: Terminal) -> Iterator[Path]:
    """The folder of a bot that runs."""
    folder = tmp_path_factory.mktemp("alive")
    with running_bot(folder, terminal):
        yield folder


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bot that has gone. Only to be copied."""
    folder = tmp_path_factory.mktemp("left")
    position = open_position()
    records = (closed_position(1, profit="30"), closed_position(2, "ETH/USDT", profit="-15"))
    fill_database(folder, account(), position, stop_order(position), symbol_state(), *records)
    return folder


@pytest.fixture
def dead(left: Path, tmp_path: Path) -> Path:
    """The folder of a bot that has gone."""
    return shutil.copytree(left, tmp_path / "dead")


@pytest.fixture
def old(dead: Path) -> Path:
    connection = sqlite3.connect(dead / "tradebot.db")
    connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.commit()
    connection.close()
    return dead


@pytest.fixture
def unfilled(tmp_path: Path) -> Path:
    """The folder of a bot that has made its database and has done nothing yet."""
    (tmp_path / "unfilled").mkdir()
    fill_database(tmp_path / "unfilled")
    return tmp_path / "unfilled"


@pytest.fixture
def damaged(dead: Path) -> Path:
    damage(dead / "tradebot.db")
    return dead


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 : 4096 * 6] = b"\xa5" * 4096 * 5
    path.write_bytes(content)


def status_of(folder: Path, terminal: Terminal) -> dict[str, Any]:
    shown = terminal.type("status", "--json", "--data-dir", ".", cwd=folder)
    found: dict[str, Any] = json.loads(shown.text) if shown.code == 0 else {}
    return found


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS_MAX
    while not holds():
        assert time.monotonic() < until, "it did not come to hold in time"


def test_every_command_is_driven_here() -> None:
    apart = {"run", "backtest", "check-config", "completion", "kill"}
    assert {command[0] for command in ON_DATABASE} | apart == set(COMMANDS)


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_looking_at_a_bot_that_runs(command: tuple[str, ...], alive: Path, terminal: Terminal) -> None:
    assert in_order(terminal.type(*command, "--data-dir", ".", cwd=alive))
    text = in_order(terminal.type(*command, "--json", "--data-dir", ".", cwd=alive))
    assert "\x1b" not in text
    json.loads(text)


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_looking_at_a_bot_that_has_gone(command: tuple[str, ...], dead: Path, terminal: Terminal) -> None:
    assert in_order(terminal.type(*command, "--data-dir", ".", cwd=dead))
    json.loads(in_order(terminal.type(*command, "--json", "--data-dir", ".", cwd=dead)))


def test_profit_is_coloured_and_tables_are_as_wide_as_the_terminal(dead: Path, terminal: Terminal) -> None:
    text = in_order(terminal.type("history", "--data-dir", ".", cwd=dead))
    assert "\x1b[32m" in text
    assert "\x1b[31m" in text
    plain = re.sub(r"\x1b\[[0-9;]*m", "", in_order(terminal.type("history", "--data-dir", ".", cwd=dead, COLUMNS="90")))
    assert max(map(len, plain.splitlines())) <= 90


def test_killing_resuming_closing_and_cancelling_while_the_bot_runs(alive: Path, terminal: Terminal) -> None:
    def typed(*arguments: str) -> str:
        return in_order(terminal.type(*arguments, *WAIT, "--data-dir", ".", cwd=alive))

    def entries_allowed() -> bool:
        shown = terminal.type("safety", "--json", "--data-dir", ".", cwd=alive)
        return bool(json.loads(shown.text)["entries_allowed"])

    assert "effective" in typed("kill", "--reason", "odd prices")
    assert not entries_allowed()
    assert "Kill switch" in in_order(terminal.type("status", "--data-dir", ".", cwd=alive))
    typed("close", "--all")
    wait_until(lambda: status_of(alive, terminal)["positions"] == 0)
    typed("cancel", "--all")
    assert "is reset" in typed("resume", "--kill", "--reason", "prices are right")
    wait_until(entries_allowed)
    one_line(terminal.type("cancel", "ffffffff", *WAIT, "--data-dir", ".", cwd=alive), 2, "error: ")
    one_line(terminal.type("resolve", "ffffffff", "ignore", *WAIT, "--data-dir", ".", cwd=alive), 2, "error: ")
    one_line(terminal.type("run", "--data-dir", ".", cwd=alive), 1, "error: a bot already runs")
    assert "Settings" in in_order(terminal.type("check-config", "--data-dir", ".", cwd=alive))


def test_what_is_done_to_a_bot_that_runs_is_told_to_scripts_too(alive: Path, terminal: Terminal) -> None:
    def typed(*arguments: str, code: int = 0) -> Any:
        return json.loads(in_order(terminal.type(*arguments, "--json", "--data-dir", ".", cwd=alive), code))

    assert typed("kill", "--reason", "odd prices", *WAIT)["effective"]
    assert typed("cancel", "--all", *WAIT)["done"]
    assert typed("close", "--all", *WAIT)["done"]
    assert typed("resume", "--kill", "--reason", "prices are right", *WAIT)["done"]
    assert typed("check-config")["usable"]
    assert Path(alive, typed("db", "backup", "backups")["backup"]).is_dir()


def test_stopping_a_bot_that_runs(tmp_path: Path, terminal: Terminal) -> None:
    with running_bot(tmp_path / "bot", terminal) as bot:
        in_order(terminal.type("stop", "--policy", "keep", "--data-dir", ".", cwd=tmp_path / "bot"))
        assert bot.wait(SECONDS_MAX) == 0
    assert status_of(tmp_path / "bot", terminal)["state"] == "stopped"


@pytest.mark.parametrize("command", NEEDS_BOT, ids=" ".join)
def test_what_needs_a_bot_says_that_none_runs(command: tuple[str, ...], dead: Path, terminal: Terminal) -> None:
    assert "no bot runs" in one_line(terminal.type(*command, *WAIT, "--data-dir", ".", cwd=dead), 1, "error: ")


def test_the_latches_can_be_set_and_reset_while_no_bot_runs(dead: Path, terminal: Terminal) -> None:
    def typed(*arguments: str) -> Shown:
        return terminal.type(*arguments, "--data-dir", ".", cwd=dead)

    one_line(typed("stop"), 0, "no bot runs")
    one_line(typed("kill", "--reason", "asleep"), 0, "kill switch set")
    assert json.loads(typed("safety", "--json").text)["kill_switch"]["reason"] == "asleep"
    one_line(typed("resume", "--kill", "--reason", "awake"), 0, "the kill switch is reset")


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_bad_arguments_end_with_2_and_say_what_is_wrong(
    arguments: tuple[str, ...], tmp_path: Path, terminal: Terminal
) -> None:
    (tmp_path / "a-file").write_text("")
    text = in_order(terminal.type(*arguments, cwd=tmp_path), 2)
    assert re.search(r"(?i)^(usage: tradebot|error: )|to mend", text, re.MULTILINE), text
    assert [path.name for path in tmp_path.iterdir()] == ["a-file"]


@pytest.mark.parametrize("command", [*ON_DATABASE, ("db", "backup", "backups"), ("kill",)], ids=" ".join)
def test_without_a_database_or_with_an_empty_file(command: tuple[str, ...], tmp_path: Path, terminal: Terminal) -> None:
    one_line(terminal.type(*command, cwd=tmp_path), 1, "error: no database yet at ")
    (tmp_path / "tradebot.db").touch()
    one_line(terminal.type(*command, "--data-dir", ".", cwd=tmp_path), 1, "error: no database yet at ")
    assert (tmp_path / "tradebot.db").stat().st_size == 0


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_looking_at_a_database_in_which_nothing_is_yet(
    command: tuple[str, ...], unfilled: Path, terminal: Terminal
) -> None:
    assert in_order(terminal.type(*command, "--data-dir", ".", cwd=unfilled))
    json.loads(in_order(terminal.type(*command, "--json", "--data-dir", ".", cwd=unfilled)))


def test_acting_on_a_database_in_which_nothing_is_yet(unfilled: Path, terminal: Terminal) -> None:
    def typed(*arguments: str) -> Shown:
        return terminal.type(*arguments, "--data-dir", ".", cwd=unfilled)

    for command in NEEDS_BOT:
        assert "no bot runs" in one_line(typed(*command), 1, "error: ")
    one_line(typed("stop"), 0, "no bot runs")
    one_line(typed("resume", "--reason", "fine"), 0, "neither paused nor halted")
    one_line(typed("kill", "--reason", "asleep"), 0, "kill switch set")
    one_line(typed("resume", "--kill", "--reason", "awake"), 0, "the kill switch is reset")


@pytest.mark.parametrize("command", ON_DATABASE, ids=" ".join)
def test_on_an_old_database(command: tuple[str, ...], old: Path, terminal: Terminal) -> None:
    text = one_line(terminal.type(*command, "--data-dir", ".", cwd=old), 1, "error: database ")
    assert "start the bot of this version once" in text


@pytest.mark.parametrize("command", ON_DATABASE, ids=" ".join)
def test_on_a_damaged_database(command: tuple[str, ...], damaged: Path, terminal: Terminal) -> None:
    text = one_line(terminal.type(*command, "--data-dir", ".", cwd=damaged), 1, "error: database ")
    assert "restore a backup" in text


@pytest.mark.parametrize("condition", ["old", "damaged"])
def test_the_kill_switch_works_by_file_where_the_database_does_not(
    condition: str, request: pytest.FixtureRequest, terminal: Terminal
) -> None:
    folder: Path = request.getfixturevalue(condition)
    one_line(terminal.type("kill", "--data-dir", ".", cwd=folder), 3, "kill switch set by the file KILL")
    assert (folder / "KILL").exists()


def test_a_configuration_is_checked_with_any_database(
    old: Path, tmp_path: Path, terminal: Terminal, left: Path
) -> None:
    def checked(folder: Path, code: int) -> str:
        return in_order(terminal.type("check-config", "--data-dir", ".", cwd=folder), code)

    assert "of an older version" in checked(old, 0)
    (tmp_path / "none").mkdir()
    assert "none yet" in checked(tmp_path / "none", 0)
    assert "opens" in checked(left, 0)
    (old / "tradebot.db").write_text("hello, this is no database at all" * 10)
    assert "is not an SQLite database" in checked(old, 2)


def test_run_refuses_a_damaged_and_a_foreign_database(damaged: Path, tmp_path: Path, terminal: Terminal) -> None:
    assert "it is damaged" in in_order(terminal.type("run", "--data-dir", ".", cwd=damaged), 1)
    (tmp_path / "tradebot.db").write_text("hello, this is no database at all" * 10)
    assert "is not an SQLite database" in in_order(terminal.type("run", "--data-dir", ".", cwd=tmp_path), 1)


def test_a_database_is_copied_backed_up_and_restored(dead: Path, terminal: Terminal) -> None:
    def typed(*arguments: str) -> Any:
        return json.loads(in_order(terminal.type(*arguments, "--json", cwd=dead, DATA_DIR=".")))

    before = typed("db", "holdings")
    assert before["positions"]
    backup = typed("db", "backup", "backups")["backup"]
    assert {table["table"] for table in typed("db", "copy", "sqlite:///tradebot.db", "sqlite:///there.db")} >= {
        "orders"
    }
    refused = terminal.type("db", "restore", backup, cwd=dead, DATA_DIR=".")
    assert "--replace moves that aside first" in one_line(refused, 2, "error: ")
    assert typed("db", "restore", backup, "--replace")["done"]
    assert typed("db", "holdings") == before


def test_an_old_database_can_be_backed_up_before_the_upgrade_and_a_damaged_one_not_at_all(
    old: Path, terminal: Terminal
) -> None:
    in_order(terminal.type("db", "backup", "backups", "--data-dir", ".", cwd=old))
    damage(old / "tradebot.db")
    text = one_line(terminal.type("db", "backup", "others", "--data-dir", ".", cwd=old), 1, "error: the database is ")
    assert "damaged" in text
    assert not list((old / "others").iterdir())


def test_alerts_without_a_channel(tmp_path: Path, terminal: Terminal) -> None:
    one_line(terminal.type("alerts", "test", cwd=tmp_path), 1, "no channel is set up")


def test_a_replay_in_a_terminal_logs_for_people(tmp_path: Path, terminal: Terminal) -> None:
    candle_file(tmp_path, rows=300)
    text = in_order(terminal.type("run", "--market-data", "BTCUSDT-5m.csv", "--stop-at-end", cwd=tmp_path))
    assert "bot.settings" in text
    assert not text.startswith("{")


def test_a_backtest_shows_how_far_it_is(tmp_path: Path, terminal: Terminal) -> None:
    candle_file(tmp_path, rows=600)
    text = in_order(terminal.type("backtest", "BTCUSDT-5m.csv", "--fee", "0.1", cwd=tmp_path))
    assert "candles" in text
    assert "100%" in text
    assert "Buy and hold" in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str, tmp_path: Path, terminal: Terminal) -> None:
    assert f"{shell}_complete" in in_order(terminal.type("completion", shell, cwd=tmp_path))


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, tmp_path: Path, terminal: Terminal) -> None:
    assert f"tradebot {name}" in in_order(terminal.type(name, "--help", cwd=tmp_path))
