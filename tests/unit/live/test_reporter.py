"""What a bot tells of itself: made from its own state, stored with its beat, and told while its loop stands still."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.bots import Bot, ListFeed, Signals, calm_batches, make_bot, url_of
from tests.support.builders import BTC, MINUTE, T0, D, config
from trading.clock import wall_ms
from trading.domain.actions import Level
from trading.domain.positions import Position, PositionSide
from trading.live.request_record import DISCONNECTED_LOST, LOST_WINDOW_MS
from trading.monitoring.health import HealthLimits, health_of
from trading.monitoring.overview import waiting_for
from trading.monitoring.report import BotReport, Fault, FeedState, from_text, to_text
from trading.store.queries import Queries


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    """A bot that has not run: its loop is the test."""
    made = make_bot(tmp_path, ListFeed(calm_batches(3, [BTC.symbol]), stays=True), Signals({}))
    made.manager.phase = "trading"
    return made


def looked(bot: Bot) -> BotReport:
    report = bot.manager.reporter.look()
    assert report is not None
    return report


def awaited(bot: Bot) -> str:
    """What it waits for, as one who reads its row in the database tells."""
    report = looked(bot)
    seen = bot.manager.reporter.seen()
    assert seen is not None
    assert seen.status is not None
    assert seen.status.process is not None
    process = replace(seen.status.process, report=to_text(report))
    return waiting_for(replace(seen.status, process=process), is_running=True, now_ms=seen.now_ms)


def told(bot: Bot) -> list[tuple[Level, str]]:
    return [(note.level, note.code) for note in bot.told]


def test_the_report_is_stored_with_the_sign_of_life(tmp_path: Path) -> None:
    feed = ListFeed(calm_batches(3, [BTC.symbol]))
    assert make_bot(tmp_path, feed, Signals({}), stop_at_end=True).run() == 0
    queries = Queries.open(url_of(tmp_path))
    process = queries.status().process
    queries.close()
    assert process is not None
    report = from_text(process.report)
    assert report is not None
    assert report.made_ms <= process.beat_ms <= wall_ms()
    assert report.api.latency_ms is not None
    assert report.disk_free is not None
    assert report.phase in ("recovering", "trading", "idle", "stopping")


def test_a_healthy_bot_waits_for_the_next_candle(bot: Bot) -> None:
    bot.manager.requests.record.note("account", 0.01, answered=True)
    assert awaited(bot) == f"the next 1m candle of {BTC.symbol}"
    seen = bot.manager.reporter.seen()
    assert seen is not None
    failing = health_of(seen).failing
    assert failing == ()


@pytest.mark.parametrize(
    ("phase", "state", "words"),
    [
        ("starting", FeedState.WAITING, "its database"),
        ("recovering", FeedState.WAITING, "the exchange's word"),
        ("trading", FeedState.LIVE, "the next 1m candle"),
        ("idle", FeedState.ENDED, "nothing: the test has ended"),
        ("stopping", FeedState.WAITING, "the end of the bot"),
    ],
)
def test_every_phase_says_what_it_waits_for(bot: Bot, phase: str, state: FeedState, words: str) -> None:
    bot.manager.phase = phase
    report = looked(bot)
    assert report.feed.state is state
    assert words in awaited(bot)


@pytest.mark.parametrize(
    ("latch", "words"),
    [
        ({"killed": "anna: test"}, "a person to reset the kill switch"),
        ({"halted": "drawdown"}, "a person to end the halt"),
        ({"paused": "anna: lunch"}, "a person to end the pause"),
        ({"paused": "answers lost", "pause_code": "API_ERRORS"}, "the pause to end by itself"),
    ],
)
def test_a_latch_is_what_it_waits_for(bot: Bot, latch: dict[str, str], words: str) -> None:
    bot.manager.engine.state.put(replace(bot.manager.engine.state.safety, **latch))
    assert words in awaited(bot)


def test_a_journal_that_is_down_is_what_it_waits_for(bot: Bot) -> None:
    bot.manager.line.fault = Fault("journal", "disk full", wall_ms())
    report = looked(bot)
    assert report.journal is not None
    assert "the journal to be writable again" in awaited(bot)


def age_feed(bot: Bot, seconds: float) -> None:
    """As if the last candle had been handled so long ago."""
    bot.manager.reporter._candle_at -= seconds


def test_a_feed_whose_candle_is_overdue_is_stale_and_alerted_once(bot: Bot) -> None:
    bot.manager.requests.record.note("account", 0.01, answered=True)
    reporter = bot.manager.reporter
    age_feed(bot, 20)
    report = looked(bot)
    assert (report.feed.state, report.feed.stale_after_s) == (FeedState.STALE, 15.0)
    assert "overdue" in awaited(bot)
    reporter._next_alerts = 0
    looked(bot)
    reporter.candle_handled()
    reporter._next_alerts = 0
    assert looked(bot).feed.state is FeedState.LIVE
    assert told(bot) == [(Level.WARNING, "DATA_STALE"), (Level.INFO, "DATA_STALE_ENDED")]


def test_a_slow_feed_has_the_time_of_several_candles(bot: Bot) -> None:
    bot.manager.feed.batch_seconds = 60.0
    age_feed(bot, 170)
    assert looked(bot).feed.state is FeedState.LIVE
    age_feed(bot, 20)
    assert looked(bot).feed.state is FeedState.STALE


def test_candles_of_a_real_market_are_judged_by_their_own_time(tmp_path: Path) -> None:
    """Candles that come in time but are days old (fault 28) are stale."""
    settings = replace(config(bot_id="bot"), stale_after_interval_ms=MINUTE)
    bot = make_bot(tmp_path, ListFeed(calm_batches(1, [BTC.symbol])), Signals({}), settings=settings, stop_at_end=True)
    bot.run()
    bot.manager.phase = "trading"
    bot.manager.reporter.candle_handled()
    report = looked(bot)
    assert report.feed.state is FeedState.STALE
    assert report.feed.age_s > 1e6
    assert report.feed.stale_after_s == 180


def test_a_position_without_a_stop_and_jobs_that_fail_are_told(bot: Bot) -> None:
    manager = bot.manager
    bare = Position(
        id="p",
        symbol=BTC.symbol,
        side=PositionSide.LONG,
        opened_ms=T0,
        decision_price=D(100),
        unprotected_since_ms=T0,
    )
    manager.engine.state.put(bare)
    manager.engine.state.now_ms = T0 + 12_000
    manager.reporter.jobs.failed("training", "no data")
    report = looked(bot)
    assert [(found.symbol, found.for_ms) for found in report.unprotected] == [(BTC.symbol, 12_000)]
    assert [job.name for job in report.jobs] == ["training"]
    assert (Level.WARNING, "JOB_FAILED") in told(bot)


def test_a_fault_in_the_report_is_told_and_does_not_end_the_bot(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    looked(bot)
    monkeypatch.setattr(bot.manager.requests, "record", None)
    assert bot.manager.reporter.look() is None
    assert [job.name for job in bot.manager.reporter.jobs.failing()] == ["report"]
    monkeypatch.undo()
    looked(bot)
    assert bot.manager.reporter.jobs.failing() == ()


def test_a_loop_that_stands_still_is_seen_from_another_thread(bot: Bot) -> None:
    looked(bot)
    bot.manager.beat_at -= 16
    seen = asyncio.run(asyncio.to_thread(bot.manager.reporter.seen))
    assert seen is not None
    assert "heartbeat" in {check.name for check in health_of(seen).failing}


def test_before_its_first_look_there_is_nothing_to_see(bot: Bot) -> None:
    assert bot.manager.reporter.seen() is None


def test_an_exchange_that_does_not_answer_is_alerted_and_so_is_its_return(bot: Bot) -> None:
    record = bot.manager.requests.record
    for _ in range(DISCONNECTED_LOST):
        record.note("query", 10.0, answered=False)
    looked(bot)
    record.note("query", 0.02, answered=True)
    record._now_ms = lambda: wall_ms() + LOST_WINDOW_MS
    bot.manager.reporter._next_alerts = 0
    looked(bot)
    assert told(bot) == [(Level.CRITICAL, "EXCHANGE_DISCONNECTED"), (Level.INFO, "EXCHANGE_DISCONNECTED_ENDED")]


def test_little_free_space_is_alerted(bot: Bot) -> None:
    bot.manager.database.disk_free = HealthLimits().disk_free_min - 1
    looked(bot)
    assert (Level.CRITICAL, "DISK_LOW") in told(bot)
