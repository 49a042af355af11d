"""`status`, `positions` and `history` on databases that a bot has left or is writing."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import trading.cli
from tests.unit.cli.cli_helpers import (
    HOUR_MS,
    START_MS,
    account,
    closed_position,
    fill_database,
    open_position,
    stop_order,
    symbol_state,
    url_of,
)
from trading.commands import output
from trading.domain.errors import TradingError
from trading.engine.state import SafetyState
from trading.market.demo_facts import DEMO_LABEL
from trading.store.database import open_database
from trading.store.errors import DatabaseUnusable, NoDatabaseYet
from trading.store.latch import latch_kill
from trading.store.lock import BotLock
from trading.store.process import ProcessState, write_process


def call(*arguments: str) -> Result:
    return CliRunner().invoke(trading.cli.tradebot, [*arguments, "--data-dir", "."])


def printed(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def parsed(*arguments: str) -> Any:
    return json.loads(printed(*arguments, "--json"))


@pytest.fixture
def filled(folder: Path) -> Path:
    """An account with one position, its stop, and three trades behind it."""
    position = open_position()
    fill_database(
        folder,
        account(closed_profit=Decimal(5), closed_positions=3),
        closed_position(1, profit="30"),
        closed_position(2, "ETH/USDT", profit="-15"),
        closed_position(3, profit="2"),
        position,
        stop_order(position),
        symbol_state(),
    )
    return folder


def write_process_row(folder: Path, beat_age_ms: int) -> None:
    now_ms = time.time_ns() // 1_000_000
    engine = open_database(url_of(folder))
    write_process(
        engine,
        ProcessState(
            pid=os.getpid(),
            host=socket.gethostname(),
            version="0.1.0",
            started_ms=now_ms - 7_380_000,
            beat_ms=now_ms - beat_age_ms,
            state="trading",
        ),
    )
    engine.dispose()


@pytest.mark.usefixtures("filled")
class TestStatus:
    def test_for_people(self) -> None:
        text = printed("status")
        assert "Bot          stopped\n" in text
        assert "Waits for    the first start of a bot: `tradebot run`\n" in text
        assert f"Market       {DEMO_LABEL} (by the settings here)\n" in text
        assert "Equity       10,096.50 USDT (+0.96 % since the start)\n" in text
        assert "Cash         8,996.50 USDT\n" in text
        assert "Positions    1 (BTC/USDT)\n" in text
        assert "Open orders  1\n" in text
        assert "Safety       no latch is set\n" in text
        assert "Last candle  2025-01-01 01:00 UTC, 1 symbols\n" in text

    def test_for_scripts(self) -> None:
        status = parsed("status")
        assert (status["state"], status["pid"], status["heartbeat_age_s"]) == ("stopped", None, None)
        assert (status["equity"], status["positions"], status["live_orders"]) == ("10096.50", 1, 1)
        assert status["account"]["cash"] == "8996.5"
        assert status["kill_switch"]["active"] is False
        assert status["market"] == DEMO_LABEL
        assert status["symbols"] == [{"symbol": "BTC/USDT", "last_close_ms": START_MS + HOUR_MS, "price": "110.00"}]

    def test_equity_is_that_of_now_not_of_the_last_candle(self, folder: Path) -> None:
        sold = open_position(closed_ms=START_MS, sold=Decimal(10), proceeds=Decimal(1090))
        fill_database(folder, sold, account(cash=Decimal("10085.25"), outside_fees=Decimal("0.25")))
        assert parsed("status")["equity"] == "10085.00"
        fill_database(folder, open_position("ETH/USDT"))
        assert parsed("status")["equity"] == "10096.5"  # its price is not known: the last point stands

    def test_a_living_bot(self, folder: Path) -> None:
        write_process_row(folder, beat_age_ms=1_000)
        with BotLock(folder / "tradebot.db"):
            status = parsed("status")
            text = printed("status")
        assert (status["state"], status["phase"], status["pid"]) == ("running", "trading", os.getpid())
        assert 1.0 <= status["heartbeat_age_s"] < 15
        assert f"running: trading, process {os.getpid()} on {socket.gethostname()}, up 2 h 3 min" in text

    def test_a_bot_that_gives_no_sign_of_life(self, folder: Path) -> None:
        write_process_row(folder, beat_age_ms=60_000)
        with BotLock(folder / "tradebot.db"):
            assert parsed("status")["state"] == "not responding"

    def test_a_bot_that_died_without_a_word(self, folder: Path) -> None:
        write_process_row(folder, beat_age_ms=1_000)
        assert parsed("status")["state"] == "stopped"
        assert re.search(r"Bot +stopped, last seen \d+ s ago\n", printed("status"))

    def test_latches_are_shown_with_their_reasons(self, folder: Path) -> None:
        fill_database(folder, SafetyState(halted="drawdown 5.2 %", paused="stale data"))
        engine = open_database(url_of(folder))
        latch_kill(engine, "alice", "odd \x1b[31m fills", START_MS)
        engine.dispose()
        text = printed("status")
        assert "Kill switch  set by alice: odd  [31m fills (latched, not yet confirmed by the bot)" in text
        assert "Halted       drawdown 5.2 %" in text
        assert "Paused       stale data" in text
        assert "\x1b" not in text
        status = parsed("status")
        assert (status["kill_switch"]["active"], status["halted"], status["paused"]) == (
            True,
            "drawdown 5.2 %",
            "stale data",
        )

    def test_real_candles_have_no_demo_label(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TRADING_MARKET_DATA", ".")
        assert DEMO_LABEL not in printed("status")
        assert parsed("status")["market"] is None

    def test_mistakes_in_settings_that_it_does_not_need_are_no_obstacle(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TRADING_TESTNET", "ture")
        monkeypatch.setenv("TRADING_NO_SUCH", "1")
        assert "Equity" in printed("status")


@pytest.mark.usefixtures("filled")
class TestPositions:
    def test_for_people(self) -> None:
        header, _, row = [line for line in printed("positions").splitlines() if line.strip()]
        assert header.split()[:2] == ["Symbol", "State"]
        assert row.split() == [
            *("BTC/USDT", "open", "2025-01-01", "00:00", "10", "100", "110", "1,100.00", "+99.00", "95.5", "120"),
        ]

    def test_for_scripts(self) -> None:
        (position,) = parsed("positions")
        assert position == {
            "id": f"{'BTC/USDT':0<32}",
            "symbol": "BTC/USDT",
            "side": "long",
            "state": "open",
            "opened_ms": START_MS,
            "quantity": "10",
            "average_entry": "100",
            "price": "110.00",
            "value": "1100.00",
            "profit": "99.00",
            "fees": "1",
            "stop_price": "95.50",
            "target_price": "120",
            "exit_reason": "",
        }

    def test_what_is_entering_closing_and_without_a_price(self, folder: Path) -> None:
        fill_database(
            folder,
            open_position("ETH/USDT", exit_reason="stop"),
            open_position("SOL/USDT", bought=Decimal(0), cost=Decimal(0), fees=Decimal(0), stop_price=None),
        )
        found = {p["symbol"]: (p["state"], p["price"], p["value"], p["profit"]) for p in parsed("positions")}
        assert found["ETH/USDT"] == ("closing", None, None, None)
        assert found["SOL/USDT"] == ("entering", None, "0", "0")
        assert "entering" in printed("positions")

    def test_none(self, folder: Path) -> None:
        fill_database(folder, open_position(closed_ms=START_MS, sold=Decimal(10)))
        assert printed("positions") == "no open positions\n"
        assert parsed("positions") == []


@pytest.mark.usefixtures("filled")
class TestHistory:
    def test_for_people_newest_first_with_a_sum(self) -> None:
        lines = [line for line in printed("history").splitlines() if line.strip()]
        assert [line.split()[2] for line in lines[2:5]] == ["BTC/USDT", "ETH/USDT", "BTC/USDT"]
        assert (
            lines[2].split()
            == (
                "2025-01-01 03:00 BTC/USDT 3 h 0 min 10 100 100.2 2.00 0.00 +0.00 % target".replace(
                    " 0.00 ", " +0.00 ", 1
                )
            ).split()
        )
        assert lines[5] == "3 trades, 1 with a profit; together +11.00 USDT after 6.00 of fees"

    def test_for_scripts(self) -> None:
        newest = parsed("history")[0]
        assert newest["id"] == f"{3:032x}"
        assert (newest["average_entry"], newest["average_exit"]) == ("100", "100.2")
        assert (newest["cost"], newest["fees"], newest["profit"]) == ("1000", "2", "0")
        assert (newest["opened_ms"], newest["closed_ms"]) == (START_MS, START_MS + 3 * HOUR_MS)

    @pytest.mark.parametrize(
        ("arguments", "numbers"),
        [
            ([], [3, 2, 1]),
            (["--symbol", "BTC/USDT"], [3, 1]),
            (["--symbol", "ethusdt"], [2]),
            (["--symbol", "ADA/USDT"], []),
            (["--since", "2025-01-01T02:00"], [3, 2]),
            (["--since", "2025-01-01 03:00:00+01:00"], [3, 2]),
            (["--until", "2025-01-01T02:00Z"], [1]),
            (["--since", "2025-01-01T02:00", "--until", "2025-01-01T03:00"], [2]),
            (["--since", "2025-01-02"], []),
            (["--limit", "2"], [3, 2]),
        ],
    )
    def test_filters(self, arguments: list[str], numbers: list[int]) -> None:
        assert [int(trade["id"], 16) for trade in parsed("history", *arguments)] == numbers

    def test_what_is_left_out_is_said(self) -> None:
        assert "Only the newest 2 are shown" in printed("history", "--limit", "2")
        assert "Only" not in printed("history", "--limit", "3")
        assert printed("history", "--since", "2026-01-01") == "no finished trades that fit\n"

    @pytest.mark.parametrize("arguments", [["--symbol", "BTC"], ["--since", "yesterday"], ["--until", "2025-13-01"]])
    def test_unusable_filters(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert trading.cli.main(["history", *arguments, "--data-dir", "."]) == 2
        assert f"error: {arguments[0]}: {arguments[1]!r} is not usable" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "positions", "history"])
class TestUnusableDatabases:
    def failure(self, command: str) -> TradingError:
        error = call(command).exception
        assert isinstance(error, TradingError)
        return error

    def test_none(self, command: str, folder: Path) -> None:
        assert isinstance(self.failure(command), NoDatabaseYet)
        assert list(folder.iterdir()) == []

    def test_not_a_database(self, command: str, folder: Path) -> None:
        (folder / "tradebot.db").write_text("hello, this is no database at all" * 10)
        assert isinstance(self.failure(command), DatabaseUnusable)

    def test_cut_off(self, command: str, folder: Path) -> None:
        fill_database(folder, account())
        path = folder / "tradebot.db"
        path.write_bytes(path.read_bytes()[:5000])
        assert isinstance(self.failure(command), TradingError)

    def test_empty(self, command: str, folder: Path) -> None:
        fill_database(folder)
        assert "Traceback" not in printed(command)
        json.loads(printed(command, "--json"))


class TestNumbers:
    def test_money(self) -> None:
        assert output.money(Decimal("1234567.895")) == "1,234,567.90"
        assert output.money(Decimal("-0.001")) == "-0.00"

    def test_numbers_without_exponents(self) -> None:
        assert output.number(Decimal("1E-8")) == "0.00000001"
        assert output.number(Decimal("1E+3")) == "1000"
        assert output.number(Decimal("100.50")) == "100.5"
        assert output.number(None) == "-"
        assert output.price(Decimal(1) / 3) == "0.33333333"

    def test_json_keeps_exact_digits(self) -> None:
        assert output.plain({"a": Decimal("1E-8"), "b": (Decimal("1.50"), None, True), 3: "x"}) == {
            "a": "0.00000001",
            "b": ["1.50", None, True],
            "3": "x",
        }

    @pytest.mark.parametrize(
        ("ms", "text"),
        [(-5, "0 s"), (59_999, "59 s"), (60_000, "1 min 0 s"), (3_660_000, "1 h 1 min"), (90_000_000, "1 d 1 h")],
    )
    def test_durations(self, ms: int, text: str) -> None:
        assert output.duration(ms) == text

    def test_moments_are_utc(self) -> None:
        assert output.moment(START_MS + 90_000) == "2025-01-01 00:01"
        assert output.moment(None) == "-"
