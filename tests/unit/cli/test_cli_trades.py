"""`history`'s outcomes, years and CSV, `decisions`, `insights` and `completion`."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import trading.cli
from tests.unit.cli.cli_helpers import HOUR_MS, START_MS, closed_position, environment, fill_database
from trading.commands.insights import insights_of
from trading.commands.trade_csv import COLUMNS, as_cell, fee_in_quote
from trading.domain.decisions import Decision, Verdict, Vote
from trading.domain.instruments import ZERO
from trading.domain.orders import Fill, Order, OrderIntent, OrderState, OrderType, Purpose, Side

YEAR_MS = 365 * 24 * HOUR_MS


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(trading.cli.tradebot, [*arguments, "--data-dir", "."])
    assert result.exit_code == 0, result.output
    return result.output


def parsed(*arguments: str) -> Any:
    return json.loads(printed(*arguments, "--json"))


def numbers(*arguments: str) -> list[int]:
    return [int(trade["id"], 16) for trade in parsed("history", *arguments)]


def fill(number: int, side: Side, fee: str, coin: str, worth: str | None = None) -> Fill:
    return Fill(
        trade_id=str(number),
        client_order_id=f"{number:032x}",
        symbol="BTC/USDT",
        side=side,
        price=Decimal(100),
        quantity=Decimal(10),
        fee=Decimal(fee),
        fee_coin=coin,
        time_ms=START_MS + number,
        fee_value=None if worth is None else Decimal(worth),
    )


def order_of(one: Fill, position_id: str) -> Order:
    intent = OrderIntent(
        client_order_id=one.client_order_id,
        position_id=position_id,
        symbol=one.symbol,
        side=one.side,
        type=OrderType.MARKET,
        quantity=one.quantity,
        purpose=Purpose.ENTRY if one.side is Side.BUY else Purpose.EXIT,
        created_ms=START_MS,
        reduces=one.side is Side.SELL,
    )
    return Order(intent=intent, state=OrderState.FILLED, updated_ms=START_MS, filled_quantity=one.quantity)


def decision(number: int, verdict: Verdict = Verdict.ENTER_LONG, **changes: Any) -> Decision:
    fields: dict[str, Any] = {
        "id": f"{number:032x}",
        "symbol": "BTC/USDT",
        "time_ms": START_MS + number * HOUR_MS,
        "price": Decimal(100),
        "verdict": verdict,
        "score": 0.5,
        "confidence": 0.75,
        "regime": "trend_up",
        "votes": (
            Vote(analyst="trend", score=0.6, confidence=1.0, weight=1.0, reason="up \x1b[31m and up"),
            Vote(analyst="volume", score=0.4, confidence=0.5, weight=1.0, reason="much of it"),
            Vote(analyst="bear", score=-0.5, confidence=1.0, weight=1.0, reason="too high"),
        ),
    }
    return Decision(**{**fields, **changes})


class TestHistory:
    @pytest.fixture(autouse=True)
    def _filled(self, folder: Path) -> None:
        fill_database(
            folder,
            closed_position(1, profit="30"),
            closed_position(2, profit="-15"),
            closed_position(3, profit="2"),
            closed_position(9000, profit="5"),
        )

    @pytest.mark.parametrize(
        ("arguments", "found"),
        [
            (["--outcome", "won"], [9000, 1]),
            (["--outcome", "lost"], [2]),
            (["--outcome", "even"], [3]),
            (["--outcome", "won", "--limit", "1"], [9000]),
            (["--year", "2025"], [3, 2, 1]),
            (["--year", "2026"], [9000]),
            (["--year", "2024"], []),
        ],
    )
    def test_filters(self, arguments: list[str], found: list[int]) -> None:
        assert numbers(*arguments) == found

    def test_the_first_and_the_last_millisecond_of_a_year(self, folder: Path) -> None:
        for number, closed_ms in ((11, START_MS), (12, START_MS + YEAR_MS - 1), (13, START_MS + YEAR_MS)):
            from msgspec.structs import replace

            fill_database(folder, replace(closed_position(number), closed_ms=closed_ms))
        assert numbers("--year", "2025", "--symbol", "BTC/USDT") == [12, 3, 2, 1, 11]

    def test_more_than_a_page(self, folder: Path) -> None:
        fill_database(folder, *(closed_position(number, "ETH/USDT") for number in range(100, 701)))
        assert numbers("--symbol", "ETH/USDT", "--outcome", "won", "--limit", "600") == list(range(700, 100, -1))
        assert len(printed("history", "--symbol", "ETH/USDT", "--csv").splitlines()) == 602

    @pytest.mark.parametrize("other", [["--since", "2025-01-01"], ["--until", "2025-01-01"]])
    def test_a_year_stands_alone(self, other: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert trading.cli.main(["history", "--year", "2025", *other]) == 2
        assert "--year: 2025 is not usable; allowed: alone" in capsys.readouterr().err.replace("'", "")

    def test_csv_and_json_exclude_each_other(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert trading.cli.main(["history", "--csv", "--json", "--data-dir", "."]) == 2
        assert "give one of them" in capsys.readouterr().err


def test_the_trade_export(folder: Path) -> None:
    """Fees in quote and base coin come to the 2 that the books have: 1 in, 0.01 base at 100 out."""
    first, second = closed_position(1, profit="30"), closed_position(2)
    bought, sold = fill(1, Side.BUY, "1", "USDT"), fill(2, Side.SELL, "0.01", "BTC")
    odd = fill(3, Side.BUY, "0.5", "BNB")
    fill_database(
        folder,
        *(first, second, bought, sold, odd),
        *(order_of(bought, first.id), order_of(sold, first.id), order_of(odd, second.id)),
    )
    text = printed("history", "--year", "2025", "--csv")
    assert text.splitlines()[0] == ",".join(COLUMNS)
    one, two = csv.DictReader(io.StringIO(text))
    assert one == {
        "trade_id": first.id,
        "symbol": "BTC/USDT",
        "base": "BTC",
        "quote": "USDT",
        "opened_utc": "2025-01-01T00:00:00.000Z",
        "closed_utc": "2025-01-01T01:00:00.000Z",
        "bought": "10",
        "average_entry": "100",
        "cost": "1000",
        "sold": "10",
        "average_exit": "103",
        "proceeds": "1030",
        "fees": "2",
        "entry_fees": "1",
        "exit_fees": "1",
        "fees_of_unknown_worth": "",
        "funding": "0",
        "profit": "28",
        "exit_reason": "target",
    }
    assert (two["fees"], two["entry_fees"], two["exit_fees"]) == ("2", "", "")
    assert two["fees_of_unknown_worth"] == "0.5 BNB"


def test_an_export_of_nothing_has_its_header(folder: Path) -> None:
    fill_database(folder)
    assert printed("history", "--csv") == ",".join(COLUMNS) + "\n"


def test_what_a_fee_is_worth() -> None:
    worth = [fee_in_quote(fill(1, Side.BUY, fee, coin, value), "BTC", "USDT") for fee, coin, value in FEES]
    assert worth == [Decimal(1), Decimal(50), Decimal("2.5"), None, ZERO]


FEES = [("1", "USDT", None), ("0.5", "BTC", None), ("0.01", "BNB", "2.5"), ("0.01", "BNB", None), ("0", "BNB", None)]


def test_no_cell_is_a_formula() -> None:
    assert [as_cell(text) for text in ("=1+1", "@x", "+1", "-1", "stop", "a\nb")] == [
        *("'=1+1", "'@x", "'+1", "'-1", "stop", "a b"),
    ]


class TestDecisions:
    @pytest.fixture(autouse=True)
    def _filled(self, folder: Path) -> None:
        fill_database(
            folder,
            decision(1, quantity=Decimal(10)),
            *(decision(number, Verdict.HOLD, score=0.1) for number in (2, 3, 4)),
            decision(5, veto="LIMIT_CASH", veto_detail="notional 5 is above cash 1"),
            decision(6, Verdict.EXIT, symbol="ETH/USDT"),
        )

    def ids(self, *arguments: str) -> list[int]:
        return [int(found["id"], 16) for found in parsed("decisions", *arguments)]

    @pytest.mark.parametrize(
        ("arguments", "found"),
        [
            ([], [6, 5, 2, 1]),
            (["--symbol", "ethusdt"], [6]),
            (["--verdict", "hold"], [2]),
            (["--verdict", "enter_long"], [5, 1]),
            (["--vetoed"], [5]),
            (["--id", f"{1:032x}"], [1]),
            (["--since", "2025-01-01T05:00"], [6, 5]),
            (["--until", "2025-01-01T02:00"], [1]),
            (["--limit", "2"], [6, 5]),
        ],
    )
    def test_filters(self, arguments: list[str], found: list[int]) -> None:
        assert self.ids(*arguments) == found

    def test_for_scripts(self) -> None:
        (found,) = parsed("decisions", "--verdict", "hold")
        assert (found["count"], found["first_ms"]) == (3, START_MS + 2 * HOUR_MS)
        assert found["votes"][1] == {
            "analyst": "volume",
            "score": 0.4,
            "confidence": 0.5,
            "weight": 1.0,
            "reason": "much of it",
        }

    def test_for_people_a_run_of_holds_is_one_line_and_others_have_their_votes(self) -> None:
        text = printed("decisions")
        assert "hold x 3 since 2025-01-01 02:00  at 100  score +0.10, confidence 0.75, trend_up  -\n" in text
        assert "vetoed: not enough cash (notional 5 is above cash 1)\n" in text
        assert "ordered 10\n" in text
        assert "exit of what is held\n" in text
        assert text.count("too high") == 3
        assert "\x1b" not in text
        assert printed("decisions", "--verdict", "hold").count("too high") == 1

    def test_what_there_was_nothing_to_do_for_is_no_veto(self, folder: Path) -> None:
        (folder / "idle").mkdir()
        idle = (decision(1, veto="POSITION_OPEN"), decision(2, Verdict.EXIT, veto="EXIT_UNDER_WAY"))
        fill_database(folder / "idle", *idle)
        result = CliRunner().invoke(trading.cli.tradebot, ["decisions", "--short", "--data-dir", "idle"])
        assert "  already holds it" in result.output
        assert "  already on its way out" in result.output
        assert "vetoed" not in result.output

    def test_short(self) -> None:
        text = printed("decisions", "--short", "--limit", "3")
        assert "too high" not in text
        assert "Only the newest 3 are shown" in text

    def test_none_that_fit(self, folder: Path) -> None:
        assert printed("decisions", "--id", "0" * 32) == "no decisions that fit\n"
        assert parsed("decisions", "--vetoed", "--symbol", "ETH/USDT") == []

    def test_none_at_all(self, folder: Path) -> None:
        (folder / "new").mkdir()
        fill_database(folder / "new")
        result = CliRunner().invoke(trading.cli.tradebot, ["decisions", "--data-dir", "new"])
        assert result.output == "no decisions\n"


class TestInsights:
    """Two trades with a decision (one up, one down) and one whose decision is gone; profits are less 2 of fees."""

    @pytest.fixture(autouse=True)
    def _filled(self, folder: Path) -> None:
        fill_database(
            folder,
            decision(1),
            decision(2, regime="volatile"),
            closed_position(1, profit="32"),
            closed_position(2, "ETH/USDT", profit="-8"),
            closed_position(3, profit="2"),
        )

    def test_for_scripts(self) -> None:
        found = parsed("insights")
        assert (found["trades"], found["won"], found["lost"]) == (3, 1, 1)
        assert (found["profit"], found["fees"]) == ("20", "6")
        assert [(one["name"], one["trades"], one["profit"], one["average"]) for one in found["by_symbol"]] == [
            ("BTC/USDT", 2, "30", "15"),
            ("ETH/USDT", 1, "-10", "-10"),
        ]
        assert [(one["name"], one["profit"]) for one in found["by_regime"]] == [
            ("trend_up", "30"),
            ("unknown", "0"),
            ("volatile", "-10"),
        ]
        assert [(one["name"], one["trades"]) for one in found["by_hour"]] == [("00", 3)]
        assert [(one["name"], one["trades"]) for one in found["by_exit"]] == [("target", 3)]

    def test_a_profit_is_divided_among_those_who_were_for_the_trade(self) -> None:
        """trend 0.6 and volume 0.2 were for it, so 3/4 and 1/4 of 30 and of -10; bear was against."""
        found = {one["name"]: one for one in parsed("insights")["by_analyst"]}
        assert {name: one["part_of_profit"] for name, one in found.items()} == {
            "trend": "15",
            "volume": "5",
            "bear": "0",
        }
        assert (found["trend"]["supported"], found["trend"]["supported_won"], found["trend"]["opposed"]) == (2, 1, 0)
        assert (found["bear"]["opposed"], found["bear"]["opposed_profit"]) == (2, "20")

    def test_all_groups_have_the_same_sum(self) -> None:
        found = parsed("insights")
        for group in ("by_symbol", "by_regime", "by_hour", "by_exit"):
            assert sum(Decimal(one["profit"]) for one in found[group]) == 20
        known = parsed("insights", "--until", "2025-01-01T03:00")
        assert sum(Decimal(one["part_of_profit"]) for one in known["by_analyst"]) == Decimal(known["profit"]) == 20

    def test_for_people(self) -> None:
        text = printed("insights")
        for title in ("Symbol", "Regime at entry", "Hour of entry (UTC)", "Reason of exit", "Analyst"):
            assert f" {title} " in text
        assert text.endswith("3 trades, 1 won, 1 lost, fees 6.00; together  +20.00\n")

    def test_filters(self) -> None:
        assert parsed("insights", "--symbol", "ETH/USDT")["trades"] == 1
        assert parsed("insights", "--year", "2024")["by_symbol"] == []
        assert printed("insights", "--year", "2024") == "no finished trades that fit\n"

    def test_votes_without_weight_divide_nothing(self) -> None:
        votes = (Vote(analyst="trend", score=1.0, confidence=0.0, weight=1.0, reason=""),)
        found = insights_of([(closed_position(1), decision(1, votes=votes))])
        assert (found.analysts["trend"].supported, found.analysts["trend"].part) == (0, ZERO)


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_the_script_is_that_of_the_shell_and_is_valid(self, shell: str) -> None:
        result = CliRunner().invoke(trading.cli.tradebot, ["completion", shell])
        assert result.exit_code == 0
        assert f"{shell}_complete" in result.output
        assert "tradebot" in result.output
        if shutil.which(shell):
            subprocess.run([shell, "-n"], input=result.output, text=True, check=True, timeout=60)

    def test_an_unknown_shell(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert trading.cli.main(["completion", "csh"]) == 2
        assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("words", "expected"),
        [("tradebot in", "insights"), ("tradebot history --out", "--outcome"), ("tradebot completion f", "fish")],
    )
    def test_what_the_script_asks_for_is_answered(self, words: str, expected: str) -> None:
        asked = {"_TRADEBOT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        code = "import sys, trading.cli; sys.exit(trading.cli.main([]))"
        shown = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env=environment(**asked),
            timeout=60,
        )
        assert shown.stdout == f"plain,{expected}\n"
