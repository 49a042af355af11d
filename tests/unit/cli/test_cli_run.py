"""`run`: which settings its options stand for, and a whole bot in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import trading.cli
from tests.unit.cli.cli_helpers import candle_file, environment, tradebot
from trading.commands.run import settings_of
from trading.config import ConfigError
from trading.market.demo_facts import DEMO_LABEL


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_each_option_sets_its_setting(folder: Path) -> None:
    options = {
        "market_data": str(folder),
        "symbols": "BTC/USDT",
        "timeframe": "1h",
        "seed": "9",
        "balance": "500",
        "policy": "keep",
        "data_dir": "elsewhere",
        "log_level": "DEBUG",
        "log_format": "json",
    }
    settings = settings_of(dict(options), None)
    changed = {line.name: line.value for line in settings.describe() if line.source == "command line"}
    assert changed == {
        "TRADING_MARKET_DATA": str(folder),
        "TRADING_SYMBOLS": "BTC/USDT",
        "TRADING_TIMEFRAME": "1h",
        "TRADING_SEED": "9",
        "TRADING_PAPER_BALANCE": "500",
        "TRADING_SHUTDOWN_POLICY": "keep",
        "DATA_DIR": "elsewhere",
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "json",
    }


def test_speed_is_that_of_what_runs(folder: Path) -> None:
    demo, replay = settings_of({}, "20"), settings_of({"market_data": str(folder)}, "60")
    assert (demo.demo_speed, demo.replay_speed) == (Decimal(20), Decimal(0))
    assert (replay.demo_speed, replay.replay_speed) == (Decimal(4), Decimal(60))
    with pytest.raises(ConfigError, match="TRADING_DEMO_SPEED = 'fast'"):
        settings_of({}, "fast")


def test_unusable_settings_start_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trading.cli.main(["run", "--seed", "x", "--timeframe", "7m"]) == 2
    shown = capsys.readouterr()
    assert "TRADING_SEED = 'x' (command line)" in shown.err
    assert "TRADING_TIMEFRAME = '7m' (command line)" in shown.err
    assert list(folder.iterdir()) == []


def test_a_replay_runs_to_its_end_and_can_be_looked_at(folder: Path) -> None:
    candle_file(folder, rows=1200)
    done = tradebot(
        *("run", "--market-data", "BTCUSDT-5m.csv", "--stop-at-end"),
        cwd=folder,
        KILL_SWITCH_SECRET="correct-horse",
        MODEL_DIR="trained",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "correct-horse" not in done.stderr
    log = json_lines(done.stderr)
    assert log[0]["event"] == "bot.settings"
    assert log[0]["TRADING_MARKET_DATA"] == "BTCUSDT-5m.csv"
    assert log[0]["KILL_SWITCH_SECRET"] == "********"
    assert "DATABASE_URL" not in log[0]
    assert (log[1]["event"], log[1]["level"]) == ("bot.setting_without_effect", "warning")
    assert log[1]["note"].startswith("MODEL_DIR (environment) has no effect")
    assert log[2]["label"] == "replay of recorded candles"
    status = json.loads(tradebot("status", "--json", cwd=folder, TRADING_MARKET_DATA=".").stdout)
    assert (status["state"], status["positions"], status["live_orders"]) == ("stopped", 0, 0)
    trades = json.loads(tradebot("history", "--json", "--limit", "1000", cwd=folder).stdout)
    assert len(trades) > 0
    assert Decimal(status["equity"]) == 10_000 + sum(Decimal(trade["profit"]) for trade in trades)
    assert tradebot("positions", cwd=folder).stdout == "no open positions\n"


def test_ctrl_c_ends_the_demo_in_order_with_0(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "trading.cli", "run", "--speed", "20"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        lines: list[dict[str, Any]] = []
        while not lines or lines[-1]["event"] != "order.send":
            lines.append(json.loads(process.stderr.readline()))
        status = json.loads(tradebot("status", "--json", cwd=folder).stdout)
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=100)
    assert process.returncode == 0, rest
    assert (status["state"], status["pid"], status["market"]) == ("running", process.pid, DEMO_LABEL)
    labels = [line for line in lines if line["event"] == "market.label"]
    assert [(line["level"], line["label"]) for line in labels] == [("warning", DEMO_LABEL)]
    assert json.loads(tradebot("status", "--json", cwd=folder).stdout)["positions"] == 0


def test_a_second_bot_on_the_same_database_is_refused(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "trading.cli", "run"],
        cwd=folder,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        while json.loads(process.stderr.readline())["event"] != "bot.reconciled":
            pass
        second = tradebot("run", cwd=folder)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=100)
    assert second.returncode == 1
    assert (
        f"error: a bot already runs on the database {folder / 'data' / 'tradebot.db'}: process {process.pid}"
        in second.stderr
    )
    assert "Traceback" not in second.stderr
    assert process.returncode == 0


def test_a_file_in_place_of_the_data_folder_is_named_with_what_to_do(folder: Path) -> None:
    (folder / "data").write_text("in the way")
    done = tradebot("run", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "DATA_DIR = 'data' (default) is not usable; allowed: a folder, and ./data is none: move it" in done.stderr
    assert "Traceback" not in done.stderr
