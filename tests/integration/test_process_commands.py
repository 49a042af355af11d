"""The operator's commands beside a real bot, and where none runs: what they do, what they print, how they end."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import trading.cli
from tests.support.bots import ON_SERVER, both_databases, both_databases_in_soak
from tests.support.processes import BotProcess, lively_candles, on_server, rows, stored, until
from tests.unit.store.store_workers import WriteLockHeld
from trading.domain.events import CommandKind
from trading.exit_codes import ExitCode
from trading.store.commands import queue_command
from trading.store.database import open_beside_bot
from trading.store.journal import Journal

SYMBOLS = ["BTC/USDT", "ETH/USDT", "SOL/USDT"]


@pytest.fixture(autouse=True)
def _only_our_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_kind: str) -> None:
    for name in list(os.environ):
        if name.startswith(("TRADING_", "DATA_DIR", "DATABASE_URL", "LOG_", "KILL_SWITCH")):
            monkeypatch.delenv(name)
    for name, value in on_server(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Candles at whose end all three symbols are held."""
    return lively_candles(tmp_path_factory.mktemp("candles"), 840, seed=7)


@pytest.fixture
def bot(tmp_path: Path, recording: Path) -> Iterator[BotProcess]:
    """A bot that holds three positions and is idle."""
    with BotProcess(tmp_path, "--market-data", str(recording), **on_server(tmp_path)) as bot:
        bot.wait_for("feed.ended")
        yield bot


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """The folder of a bot that has run, and does so no longer."""
    (tmp_path / "data").mkdir()
    Journal.open(ON_SERVER.get(tmp_path) or f"sqlite:///{tmp_path}/data/tradebot.db", "tradebot").close()
    return tmp_path / "data"


class Shell:
    """Runs commands in this process; keeps what the last one printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = ""
        self.err = ""

    def __call__(self, *arguments: str) -> int:
        self._capsys.readouterr()
        code = trading.cli.main(arguments)
        self.out, self.err = self._capsys.readouterr()
        assert "Traceback" not in self.err
        return code

    def json(self, *arguments: str) -> tuple[int, Any]:
        code = self(*arguments, "--json")
        return code, json.loads(self.out)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


def held(shell: Shell) -> list[str]:
    return sorted(position["symbol"] for position in shell.json("positions")[1])


# -- beside a running bot


@both_databases
def test_a_day_in_the_life_of_an_operator(bot: BotProcess, shell: Shell) -> None:
    assert held(shell) == SYMBOLS
    assert shell("close", "btcusdt") == ExitCode.OK
    assert shell.out == "BTC/USDT is closed\n"
    assert shell("close", "BTC/USDT") == ExitCode.USAGE
    assert "a symbol that is held: " in shell.err

    code, safety = shell.json("safety")
    assert (code, safety["entries_allowed"], safety["bot_running"]) == (0, True, True)
    code, killed = shell.json("kill", "--reason", "prices look\nwrong")
    assert (code, killed["latched"], killed["effective"], killed["waits_for"]) == (0, True, True, [])
    assert killed["kill_switch"]["reason"] == "prices look wrong"
    switch = shell.json("safety")[1]["kill_switch"]
    assert (switch["active"], switch["effective"], switch["known_to_bot"]) == (True, True, True)
    assert held(shell) == ["ETH/USDT", "SOL/USDT"]

    assert shell("resume", "--reason", "fine") == ExitCode.OK
    assert "neither paused nor halted" in shell.out
    assert "still stopped: kill switch" in shell.out
    code, resumed = shell.json("resume", "--kill", "--reason", "all is well")
    assert (code, resumed["done"], resumed["entries_stopped_by"]) == (0, True, [])
    assert shell.json("safety")[1]["kill_switch"]["known_to_bot"] is False

    assert shell("kill", "--flatten") == ExitCode.OK
    assert "everything that is held is to be sold" in shell.out
    bot.wait_for("notify", code="POSITION_CLOSED")
    bot.wait_for("notify", code="POSITION_CLOSED")
    assert held(shell) == []

    assert shell("stop", "--policy", "keep") == ExitCode.OK
    assert shell.out == "the bot has ended with exit code 0\n"
    assert bot.end() == ExitCode.OK


@both_databases_in_soak
def test_a_stop_and_its_policy(bot: BotProcess, shell: Shell, tmp_path: Path) -> None:
    ((stop,),) = stored(tmp_path, "SELECT client_order_id FROM orders WHERE NOT settled AND symbol = 'BTC/USDT'")
    assert shell("cancel", stop[:12]) == ExitCode.OK
    assert shell.out == f"{stop} is open no longer\n"
    orders = stored(tmp_path, "SELECT symbol FROM orders WHERE NOT settled ORDER BY symbol")
    assert [symbol for (symbol,) in orders] == SYMBOLS, "a position is left without a stop"
    assert shell("cancel", "--all") == ExitCode.OK
    assert shell.out == "no entry order was open\n"
    assert shell("cancel", "nothing like it") == ExitCode.USAGE
    assert shell("resolve", stop, "ignore") == ExitCode.USAGE
    code, ended = shell.json("stop", "--policy", "keep")
    assert (code, ended) == (
        0,
        {"was_running": True, "ended": True, "exit_code": 0, "text": "the bot has ended with exit code 0"},
    )
    assert bot.end() == ExitCode.OK
    assert held(shell) == SYMBOLS


@both_databases_in_soak
def test_a_pause_is_cleared_by_a_person(bot: BotProcess, shell: Shell, tmp_path: Path) -> None:
    engine = open_beside_bot(ON_SERVER.get(tmp_path) or f"sqlite:///{tmp_path}/data/tradebot.db")
    queue_command(engine, CommandKind.PAUSE, by="owner", now_ms=1, reason="looking into it")
    engine.dispose()
    until(lambda: stored(tmp_path, "SELECT count(*) FROM safety WHERE paused != ''") == [(1,)], "the bot is paused")
    code, resumed = shell.json("resume", "--reason", "looked into it")
    assert (code, resumed["text"], resumed["entries_stopped_by"]) == (0, "pause and halt are cleared", [])


# -- where none runs


@both_databases
def test_without_a_bot_nothing_is_sent_and_a_kill_is_effective_at_once(stopped: Path, shell: Shell) -> None:
    for arguments in (["close", "--all"], ["cancel", "--all"], ["resolve", "abc", "adopt"]):
        assert shell(*arguments) == ExitCode.FAILED
        assert shell.err.startswith("error: no bot runs on ")
    assert shell("stop") == ExitCode.OK
    assert shell.out == "no bot runs\n"
    code, killed = shell.json("kill", "--flatten")
    assert (code, killed["effective"]) == (0, True)
    assert stored(stopped.parent, "SELECT kind, done_ms FROM commands") == [("close_all", None)]
    assert shell("safety") == 0
    assert "(effective)" in shell.out
    assert shell("resume", "--kill", "--reason", "x") == ExitCode.OK
    assert shell("resume", "--kill", "--reason", "x") == ExitCode.OK
    assert shell.out == "the kill switch is not set\n"


@both_databases_in_soak
def test_a_bot_that_starts_after_a_kill_opens_nothing_and_closes_what_was_asked(
    tmp_path: Path, recording: Path, shell: Shell
) -> None:
    settings = on_server(tmp_path)
    with BotProcess(
        tmp_path, "--market-data", str(recording), "--stop-at-end", "--policy", "keep", **settings
    ) as first:
        assert first.end() == ExitCode.OK, first.tail()
    assert held(shell) == SYMBOLS
    assert shell("kill", "--flatten") == ExitCode.OK
    longer = lively_candles(tmp_path / "longer", 1_000, seed=7)
    with BotProcess(tmp_path, "--market-data", str(longer), "--stop-at-end", "--policy", "keep", **settings) as second:
        assert second.end() == ExitCode.OK, second.tail()
    assert held(shell) == []
    sent = [line for line in second.lines if line["event"] == "order.send" and line["purpose"] == "entry"]
    assert sent == []
    assert stored(tmp_path, "SELECT count(*) FROM decisions WHERE veto = 'KILL_SWITCH'") != [(0,)]


def test_a_reset_is_refused_while_the_kill_file_is_there(stopped: Path, shell: Shell) -> None:
    (stopped / "KILL").touch()
    assert shell("resume", "--kill", "--reason", "x") == ExitCode.FAILED
    assert "KILL keeps the kill switch set; remove it first" in shell.err
    switch = shell.json("safety")[1]["kill_switch"]
    assert (switch["active"], switch["by_file"], switch["effective"]) == (True, True, False)


def test_a_kill_without_a_usable_database_is_a_file(
    stopped: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trading.store.database.BUSY_TIMEOUT_MS", 50)
    connection = sqlite3.connect(stopped / "tradebot.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    code, killed = shell.json("kill", "--flatten")
    assert (code, killed["latched"], killed["by_file"], killed["flatten"]) == (ExitCode.LEFT_OPEN, True, True, False)
    assert "newer version" in killed["error"]
    assert "what is held is not sold" in shell.err
    assert (stopped / "KILL").exists()


def test_a_kill_while_the_database_is_locked_is_a_file(stopped: Path, shell: Shell) -> None:
    with WriteLockHeld(stopped / "tradebot.db"):
        assert shell("kill") == ExitCode.LEFT_OPEN
    assert "kill switch set by the file " in shell.out
    assert (stopped / "KILL").exists()


def test_where_no_bot_ever_ran_nothing_is_made(tmp_path: Path, shell: Shell) -> None:
    for arguments in (["kill"], ["safety"], ["stop"], ["close", "--all"], ["resume", "--reason", "x"]):
        assert shell(*arguments) == ExitCode.FAILED
        assert shell.err.startswith("error: no database yet at ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["kill", "--reason", " "],
        ["kill", "--reason", "x" * 501],
        ["kill", "--wait", "-1"],
        ["resume"],
        ["resume", "--reason", ""],
        ["stop", "--policy", "run"],
        ["cancel"],
        ["cancel", "abc", "--all"],
        ["close"],
        ["close", "BTC/USDT", "--all"],
        ["resolve", "abc"],
        ["resolve", "abc", "delete"],
    ],
)
def test_unusable_arguments_change_nothing(stopped: Path, shell: Shell, arguments: list[str]) -> None:
    before = (stopped / "tradebot.db").read_bytes()
    assert shell(*arguments) == ExitCode.USAGE
    assert shell.out == ""
    assert shell.err
    assert (stopped / "tradebot.db").read_bytes() == before


def test_orders_of_a_lost_database_wait_for_a_person(tmp_path: Path, recording: Path, shell: Shell) -> None:
    """Positions are kept with their stops, and the database is lost: the exchange shows stops that nobody remembers."""
    with BotProcess(tmp_path, "--market-data", str(recording), "--stop-at-end", "--policy", "keep") as first:
        assert first.end() == ExitCode.OK, first.tail()
    for file in (tmp_path / "data").glob("tradebot.db*"):
        file.unlink()
    with BotProcess(tmp_path, "--market-data", str(recording)) as second:
        second.wait_for("feed.ended")
        database = tmp_path / "data" / "tradebot.db"
        doubtful = rows(database, "SELECT client_order_id FROM orders WHERE state = 'unknown' ORDER BY symbol")
        ids = [order_id for (order_id,) in doubtful]
        assert len(ids) == len(SYMBOLS)
        assert "order.send" not in second.events()
        assert shell("resolve", ids[0], "ignore") == ExitCode.OK
        code, closed = shell.json("resolve", ids[1][:14], "close")
        assert (code, closed["order"], closed["resolved"]) == (ExitCode.OK, ids[1], True)
        second.signal(signal.SIGTERM)
        # The third is still open at the exchange, and only a person may say whose it is.
        assert second.end() == ExitCode.LEFT_OPEN, second.tail()
    assert f"order {ids[2]} SOL/USDT unknown" in second.tail()
    states = dict(rows(tmp_path / "data" / "paper-exchange.db", "SELECT client_order_id, state FROM orders"))
    assert [states[order_id] for order_id in ids] == ["open", "canceled", "open"]
