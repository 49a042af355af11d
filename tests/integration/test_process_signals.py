"""Signals to a real bot, at any time of its life: exit codes, what is left, and no traceback."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.bots import ON_SERVER, both_databases_in_soak
from tests.support.processes import BotProcess, books, lively_candles, on_server, rows, stored, until
from tests.unit.store.store_workers import WriteLockHeld
from trading.exit_codes import INTERRUPTED, ExitCode
from trading.state import TradingState
from trading.store.lock import FileLock

DEMO = ("--data-dir", "data", "--seed", "3")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Candles at whose end positions are held."""
    return lively_candles(tmp_path_factory.mktemp("candles"), 840, seed=7)


def replayed(folder: Path, recording: Path, *more: str, **changes: str) -> BotProcess:
    """A bot that has replayed the recording and stays up, idle."""
    settings = {**on_server(folder), **changes}
    bot = BotProcess(folder, "--market-data", str(recording), "--data-dir", "data", *more, **settings)
    bot.wait_for("feed.ended")
    return bot


@both_databases_in_soak
@pytest.mark.parametrize(
    ("number", "policy", "stops_left"),
    [(signal.SIGTERM, "flatten", False), (signal.SIGINT, "keep", True)],
)
def test_one_signal_ends_it_in_order(
    tmp_path: Path, recording: Path, number: signal.Signals, policy: str, stops_left: bool
) -> None:
    with replayed(tmp_path, recording, "--policy", policy) as bot:
        held = stored(tmp_path, "SELECT symbol FROM positions WHERE closed_ms IS NULL")
        assert held
        bot.signal(number)
        assert bot.end() == ExitCode.OK, bot.tail()
    assert "shutdown.done" in bot.events()
    assert bot.texts() == []
    state = TradingState.load(tmp_path / "data" / "state.json")
    assert bool(state.positions) is bool(state.orders) is stops_left
    left = stored(tmp_path, "SELECT purpose FROM orders WHERE NOT settled")
    assert left == ([("stop",)] * len(held) if stops_left else [])
    assert stored(tmp_path, "SELECT state FROM processes") == [("stopped",)]


def test_row_36_a_second_signal_ends_it_at_once_and_the_next_start_finds_everything(
    tmp_path: Path, recording: Path
) -> None:
    """The database is locked, so that the first signal's stop cannot come to its end soon."""
    with replayed(tmp_path, recording) as bot:
        held = rows(tmp_path / "data" / "tradebot.db", "SELECT symbol FROM positions WHERE closed_ms IS NULL")
        with WriteLockHeld(tmp_path / "data" / "tradebot.db"):
            bot.signal(signal.SIGTERM)
            bot.wait_for("shutdown.begin")
            bot.signal(signal.SIGTERM)
            assert bot.end() == ExitCode.FORCED, bot.tail()
    # By its end, or by the watchdog, should that take it longer than a second.
    told = [line for line in bot.lines if line["event"] in ("shutdown.incomplete", "watchdog.end")]
    assert told[0]["code"] == ExitCode.FORCED and told[0]["left"]
    with replayed(tmp_path, recording) as again:
        again.signal(signal.SIGTERM)
        assert again.end() == ExitCode.OK, again.tail()
    found = books(tmp_path / "data")
    assert found["open"] == []
    assert {symbol for (symbol,) in held} <= {position[0] for position in found["positions"]}


def test_ctrl_c_while_another_process_migrates_is_an_interruption(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    lock = FileLock(tmp_path / "data" / "tradebot.db.migrate.lock")
    assert lock.acquire(0)
    with BotProcess(tmp_path, *DEMO) as bot:
        until((tmp_path / "data" / "tradebot.db.lock").exists, "the bot has come to the migration")
        until((tmp_path / "data" / "tradebot.db").exists, "the bot has come to the migration")
        bot.signal(signal.SIGINT)
        assert bot.end() == INTERRUPTED, bot.tail()
    assert bot.texts() == ["interrupted"]
    lock.release()
    with BotProcess(tmp_path, *DEMO) as again:
        again.wait_for("bot.reconciled")
        again.signal(signal.SIGINT)
        assert again.end() == ExitCode.OK, again.tail()


@both_databases_in_soak
# That both signals are the same is shown above; the other one is tried here in the soak.
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak)])
def test_a_signal_during_recovery_ends_it_without_trading(tmp_path: Path, number: signal.Signals) -> None:
    """The database is locked while the bot recovers: it can neither say that it lives, nor commit anything."""
    settings = on_server(tmp_path)
    with BotProcess(tmp_path, *DEMO, **settings) as first:
        first.wait_for("bot.reconciled")
        first.signal(signal.SIGTERM)
        assert first.end() == ExitCode.OK, first.tail()
    place = ON_SERVER.get(tmp_path) or tmp_path / "data" / "tradebot.db"
    with WriteLockHeld(place), BotProcess(tmp_path, *DEMO, **settings) as bot:
        bot.wait_for("market.label")
        bot.signal(number)
        code = bot.end()
    # Nothing was open, and nothing has changed that the journal would have had to take.
    assert code == ExitCode.OK, bot.tail()
    assert "journal.failed" in bot.events()
    assert not {"order.send", "feed.ended"} & set(bot.events())
    assert bot.texts() == []


def test_a_bot_that_was_killed_in_its_stop_goes_on_stopping_next_time(tmp_path: Path, recording: Path) -> None:
    with replayed(tmp_path, recording) as bot:
        bot.signal(signal.SIGTERM)
        bot.wait_for("shutdown.begin")
        bot.signal(signal.SIGKILL)
        assert bot.end() == -signal.SIGKILL
    with replayed(tmp_path, recording) as again:
        again.signal(signal.SIGTERM)
        assert again.end() == ExitCode.OK, again.tail()
    assert books(tmp_path / "data")["open"] == []
    assert rows(tmp_path / "data" / "tradebot.db", "PRAGMA integrity_check") == [("ok",)]
