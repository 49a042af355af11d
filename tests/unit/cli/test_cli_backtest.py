"""`backtest`: its arguments, its report for people and scripts, and the time that is asked for."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import trading.cli
from tests.unit.cli.cli_helpers import START_MS, candle_file, environment, tradebot
from trading.backtest.assembly import run_backtest
from trading.exchange.costs import BINANCE_SPOT, NO_COSTS
from trading.market.candle_files import load_candle_file, load_candles

MINUTES_5 = 300_000


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(trading.cli.tradebot, ["backtest", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def parsed(*arguments: str) -> Any:
    return json.loads(printed(*arguments, "--json"))


def trade_lines(text: str) -> int:
    return sum(1 for line in text.splitlines() if line.strip().startswith("2025-01-"))


@pytest.fixture
def file(folder: Path) -> Path:
    return candle_file(folder, rows=2000)


def test_the_report_for_scripts_adds_up(file: Path) -> None:
    report = parsed(str(file), "--fee", "0.1")
    summary, trades = report["summary"], report["trades"]
    assert summary["trades"] == len(trades) > 0
    assert summary["symbols"] == ["BTC/USDT"]
    assert (summary["start_ms"], summary["end_ms"]) == (START_MS, START_MS + 2000 * MINUTES_5)
    assert summary["open_positions"] == 0
    profits = sum(Decimal(trade["net_profit"]) for trade in trades)
    assert Decimal(summary["final_equity"]) == Decimal(summary["start_capital"]) + profits
    assert Decimal(summary["fees"]) == sum(Decimal(trade["fees"]) for trade in trades)
    assert report["costs"]["taker fee"] == "0.1 %"
    assert report["costs"]["maker fee"] == "0.1 %"


def test_the_report_for_people_shows_trades_costs_and_buy_and_hold(file: Path) -> None:
    text = printed(str(file), "--fee", "0.1", "--maker-fee", "0.02")
    summary = parsed(str(file), "--fee", "0.1", "--maker-fee", "0.02")["summary"]
    assert trade_lines(text) == summary["trades"]
    assert "maker fee 0.02 %, taker fee 0.1 %, half spread 0.5 bps" in text
    assert "Buy and hold" in text
    assert f"Trades         {summary['trades']}: {summary['wins']} won, {summary['losses']} lost" in text


def test_only_the_last_trades_are_shown_when_asked(file: Path) -> None:
    total = parsed(str(file), "--fee", "0.1")["summary"]["trades"]
    assert f"The last 1 of {total} trades; --trades shows more." in printed(str(file), "--fee", "0.1", "--trades", "1")
    assert trade_lines(printed(str(file), "--fee", "0.1", "--trades", "1")) == 1
    assert trade_lines(printed(str(file), "--fee", "0.1", "--trades", "0")) == 0


def test_dearer_trading_ends_with_less(file: Path) -> None:
    cheap, dear = (parsed(str(file), "--fee", fee)["summary"]["final_equity"] for fee in ("0.05", "0.3"))
    assert Decimal(dear) < Decimal(cheap)


def test_the_time_asked_for_is_traded_with_signals_warmed_up_before(file: Path) -> None:
    whole = parsed(str(file), "--fee", "0.1")
    since = START_MS + 1200 * MINUTES_5
    part = parsed(str(file), "--fee", "0.1", "--since", "2025-01-05T04:00", "--until", "2025-01-07")
    assert part["summary"]["start_ms"] == since
    assert part["summary"]["end_ms"] == START_MS + 6 * 86_400_000
    assert part["summary"]["candles"] == 528
    first = min(trade["opened_ms"] for trade in whole["trades"] if trade["opened_ms"] > since + MINUTES_5)
    assert first in {trade["opened_ms"] for trade in part["trades"]}


def test_several_files_and_folders_make_one_run(folder: Path) -> None:
    one, two = candle_file(folder), candle_file(folder, "ETHUSDT-5m.csv", base=50.0)
    candle_file(folder, "SOLUSDT-1h.csv", rows=1).write_text((folder / "BTCUSDT-5m.csv").read_text()[:200])
    both = parsed(str(one), str(two), "--fee", "0.1")
    assert both["summary"]["symbols"] == ["BTC/USDT", "ETH/USDT"]
    assert parsed(str(folder), "--timeframe", "5m", "--fee", "0.1") == both
    only = parsed(str(one), str(two), "--fee", "0.1", "--symbols", "ethusdt")
    assert only == parsed(str(two), "--fee", "0.1")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "Missing option '--fee'"),
        (["--fee", "x"], "--fee: 'x' is not usable; allowed: a number, 0 or more"),
        (["--fee", "nan"], "--fee: 'nan' is not usable"),
        (["--fee", "-0.1"], "--fee: '-0.1' is not usable"),
        (["--fee", "11"], "a percentage from 0 to 10"),
        (["--fee", "0.00001"], "at most 4 decimals"),
        (["--fee", "0.1", "--maker-fee", "1e9"], "--maker-fee: '1e9' is not usable"),
        (["--fee", "0.1", "--half-spread-bps", "5000"], "half_spread_bps: Decimal('5000') is not usable"),
        (["--fee", "0.1", "--balance", "0"], "--balance: '0' is not usable; allowed: an amount above 0"),
        (["--fee", "0.1", "--timeframe", "7m"], "--timeframe: '7m' is not usable; allowed: one of 1m"),
        (["--fee", "0.1", "--timeframe", "1h"], "which BTCUSDT-5m.csv holds"),
        (["--fee", "0.1", "--symbols", "ETH/USDT"], "all that BTCUSDT-5m.csv holds"),
        (["--fee", "0.1", "--since", "soon"], "--since: 'soon' is not usable"),
        (["--fee", "0.1", "--since", "2030-01-01"], "a time in which there are candles"),
        (["--fee", "0.1", "--max-positions", "0"], "0 is not in the range"),
    ],
)
def test_unusable_arguments_are_named(
    arguments: list[str], text: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trading.cli.main(["backtest", str(file), *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert text in shown.err


def test_several_files_that_do_not_fit_together_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = candle_file(folder)
    (folder / "other").mkdir()
    again = candle_file(folder / "other")
    assert trading.cli.main(["backtest", str(one), str(again), "--fee", "0.1"]) == 2
    assert "BTC/USDT more than once" in capsys.readouterr().err
    two = candle_file(folder, "ETHUSDT-5m.csv")
    assert trading.cli.main(["backtest", str(one), str(two), "--fee", "0.1", "--symbols", "ADA/USDT"]) == 2
    assert "what the files hold: BTC/USDT, ETH/USDT" in capsys.readouterr().err


def test_a_broken_candle_file_is_named_with_its_line(folder: Path) -> None:
    file = candle_file(folder)
    lines = file.read_text().splitlines()
    lines[5] = lines[5].replace(",5000.0", ",nan")
    file.write_text("\n".join(lines))
    done = tradebot("backtest", str(file), "--fee", "0.1", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: BTCUSDT-5m.csv line 6 column volume: nan is not usable; allowed: a finite volume, 0 or more\n"
    )


def test_on_a_terminal_there_is_a_progress_bar_and_colour(file: Path, folder: Path) -> None:
    reader, writer = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "trading.cli", "backtest", str(file), "--fee", "0.1"],
        stdin=writer,
        stdout=writer,
        stderr=writer,
        cwd=folder,
        env=environment(TERM="xterm-256color", COLUMNS="160"),
    )
    os.close(writer)
    chunks: list[bytes] = []
    while True:
        try:
            chunk = os.read(reader, 65_536)
        except OSError:  # how a pseudo-terminal says that the other side has gone
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(reader)
    assert process.wait(timeout=100) == 0
    text = b"".join(chunks).decode()
    assert "candles" in text
    assert "100%" in text
    assert "\x1b[3" in text
    assert "Buy and hold" in text


def test_the_order_of_the_tables_changes_nothing(file: Path) -> None:
    table = load_candle_file(file)
    other = load_candle_file(candle_file(file.parent, "ETHUSDT-5m.csv", rows=1500, base=40.0))
    there, back = (run_backtest(tables, BINANCE_SPOT, Decimal(10_000)) for tables in ([table, other], [other, table]))
    assert there == back
    assert there.summary.trades > 0


def test_progress_is_told_to_the_end(file: Path) -> None:
    seen: list[tuple[int, int]] = []
    run_backtest([load_candle_file(file)], NO_COSTS, Decimal(10_000), progress=lambda *step: seen.append(step))
    assert seen[-1] == (2000, 2000)


@pytest.mark.recorded
@pytest.mark.parametrize("timeframe_ms", [60_000, 300_000, 3_600_000])
def test_every_recorded_file_can_be_backtested(recorded_candles: Path, timeframe_ms: int) -> None:
    tables = load_candles(recorded_candles, interval_ms=timeframe_ms)
    report = run_backtest(tables, BINANCE_SPOT, Decimal(10_000))
    assert report.summary.candles == sum(map(len, tables))
    assert report.summary.trades == len(report.trades) > 0
    profits = sum(trade.net_profit for trade in report.trades)
    assert report.summary.final_equity == report.summary.start_capital + profits
