"""What the bot waits for, what stops it and what it is worth, in the words that commands, page and chat share."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from trading.domain.positions import Account
from trading.engine.state import SafetyState
from trading.monitoring.overview import entries_stopped_by, money_of, waiting_for, with_kill_file
from trading.monitoring.report import BotReport, FeedReport, FeedState, to_text
from trading.safety.breaker import BreakerState
from trading.store.latch import KILL_FILE, KillState
from trading.store.process import ProcessState
from trading.store.status import BEAT_AGE_MAX_MS, Status

NOW = 1_750_000_000_000
SYMBOLS = ("A/USDT", "B/USDT", "C/USDT", "D/USDT", "E/USDT", "F/USDT", "G/USDT")


def process(state: str = "trading", report: BotReport | None = None) -> ProcessState:
    text = None if report is None else to_text(report)
    return ProcessState(pid=1, host="h", version="1", started_ms=NOW, beat_ms=NOW, state=state, report=text)


def status(of: ProcessState | None, safety: SafetyState | None = None, account: Account | None = None) -> Status:
    return Status(
        bot_id="b",
        created_ms=0,
        account=account,
        safety=safety or SafetyState(),
        breaker=BreakerState(),
        kill=KillState(active=False),
        process=of,
        facts=None,
        symbols=[],
        positions=[],
        live_orders=[],
        equity=None,
    )


def report(state: FeedState = FeedState.LIVE, **more: object) -> BotReport:
    feed = FeedReport(label="feed", symbols=SYMBOLS, state=state, interval_ms=300_000)
    return BotReport(made_ms=NOW, feed=feed, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("of", "is_running", "words"),
    [
        (None, False, "the first start of a bot"),
        (None, True, "a sign of life"),
        (process(), False, "somebody to start the bot"),
        (replace(process(), beat_ms=NOW - BEAT_AGE_MAX_MS - 1), True, "a sign of life"),
        (process("starting"), True, "its database"),
        (process("recovering", report()), True, "the exchange's word"),
        (process("stopping", report()), True, "the end of the bot"),
        (process("trading"), True, "the bot's first word"),
        (process("idle"), True, "nothing: the recording has ended"),
        (process("trading", report(FeedState.ENDED)), True, "nothing: the feed has ended"),
        (process("trading", report()), True, "the next 5m candle of A/USDT, B/USDT, C/USDT, D/USDT, E/USDT and 2 more"),
        (process("trading", report(in_doubt=("o1",))), True, "a person to say what became of the order o1"),
    ],
)
def test_what_is_awaited(of: ProcessState | None, is_running: bool, words: str) -> None:
    assert waiting_for(status(of), is_running=is_running, now_ms=NOW).startswith(words)


def test_what_a_person_must_do_comes_before_the_next_candle() -> None:
    halted = status(process("trading", report()), SafetyState(halted="drawdown"))
    assert waiting_for(halted, is_running=True, now_ms=NOW) == (
        "a person to end the halt, before anything is opened (drawdown)"
    )


def test_a_kill_file_sets_the_switch_for_all_who_ask(tmp_path: Path) -> None:
    calm = status(process("trading", report()))
    assert entries_stopped_by(with_kill_file(calm, tmp_path)) == []
    (tmp_path / KILL_FILE).touch()
    killed = with_kill_file(calm, tmp_path)
    assert entries_stopped_by(killed) == ["kill switch, by file: KILL exists"]
    assert "kill switch" in waiting_for(killed, is_running=True, now_ms=NOW)


def test_the_money_of_an_account() -> None:
    assert money_of(status(None)) is None
    account = Account(quote="USDT", start_capital=Decimal(100), deposits=Decimal(20), cash=Decimal(126))
    money = money_of(status(None, account=account))
    assert money is not None
    assert (money.equity, money.exposure, money.profit, money.profit_pct) == (126, 0, 6, 5)
