"""Health as a function of what was seen: which fault fails which check, and what everybody may be told of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.builders import BTC
from tests.support.seen import NOW, healthy_report, healthy_seen, healthy_status
from trading.engine.state import SafetyState
from trading.monitoring.health import (
    ACTIONS,
    HEARTBEAT_MAX_MS,
    Check,
    Health,
    HealthLimits,
    Level,
    Seen,
    Since,
    alive_answer,
    health_answer,
    health_of,
    iso,
    ready_answer,
)
from trading.monitoring.report import (
    ApiReport,
    ApiStatus,
    Bare,
    BotReport,
    Fault,
    FeedReport,
    FeedState,
    from_text,
    to_text,
)
from trading.store.latch import KillState


def with_report(**changes: Any) -> Seen:
    return healthy_seen(report=replace(healthy_report(), **changes))


def with_status(**changes: Any) -> Seen:
    return healthy_seen(status=replace(healthy_status(), **changes))


def with_process(**changes: Any) -> Seen:
    process = healthy_status().process
    assert process is not None
    return with_status(process=replace(process, **changes))


FAULT = Fault("x", "it broke", NOW - 5_000, 3)

FAULTS = {
    "database": healthy_seen(status=None, report=None, database_error="it is locked"),
    "heartbeat": with_process(beat_ms=NOW - HEARTBEAT_MAX_MS - 1),
    "phase": with_report(phase="recovering"),
    "report": healthy_seen(report=None),
    "kill_switch": with_status(kill=KillState(active=True, by="anna", reason="test", set_ms=NOW - 60_000)),
    "circuit_breaker": with_status(safety=SafetyState(halted="drawdown")),
    "journal": with_report(journal=FAULT),
    "market_data": with_report(feed=FeedReport(state=FeedState.STALE, age_s=90, stale_after_s=15)),
    "exchange_api": with_report(api=ApiReport(status=ApiStatus.DISCONNECTED, last_check_ms=NOW, lost_last_minute=4)),
    "models": with_report(models_required=("trend", "depth"), models_loaded=("trend",)),
    "disk": healthy_seen(disk_free=1_000_000),
    "positions_protected": with_report(unprotected=(Bare(BTC.symbol, 10_001, 10_000),)),
    "orders_in_doubt": with_report(in_doubt=("abc",)),
    "background_jobs": with_report(jobs=(FAULT,)),
    "health_port": with_report(health_port=FAULT),
}


def test_where_all_is_well_nothing_fails() -> None:
    found = health_of(healthy_seen())
    assert [check.name for check in found.checks] == list(ACTIONS)
    assert {check.level for check in found.checks} == {Level.HEALTHY}
    assert found.level is Level.HEALTHY
    assert health_answer(found) == (200, {"status": "healthy", "timestamp": iso(NOW)})
    assert ready_answer(found)[0] == 200


@pytest.mark.parametrize("name", ACTIONS)
def test_each_check_fails_on_its_fault_and_on_no_other(name: str) -> None:
    found = Since().stamp(health_of(FAULTS[name]))
    assert [check.name for check in found.failing] == [name]
    (failing,) = found.failing
    assert failing.detail
    assert failing.action == ACTIONS[name]
    assert failing.since_ms is not None
    assert failing.since_ms <= NOW
    status, body = health_answer(found)
    assert status == 503
    assert body["status"] == found.level != Level.HEALTHY
    assert body["checks"] == [
        {"name": name, "state": failing.level, "since": iso(failing.since_ms), "action": failing.action}
    ]


@pytest.mark.parametrize("name", ACTIONS)
def test_readiness_is_about_start_database_and_heartbeat_alone(name: str) -> None:
    status, body = ready_answer(health_of(FAULTS[name]))
    assert status == (503 if name in ("database", "heartbeat", "phase") else 200)
    assert body["status"] == ("ready" if status == 200 else "not ready")


def test_a_paused_bot_heals_by_itself_and_a_halted_one_does_not() -> None:
    paused = health_of(with_status(safety=SafetyState(paused="answers lost", pause_code="API_ERRORS")))
    assert paused.check("circuit_breaker").level is Level.DEGRADED
    halted = health_of(with_status(safety=SafetyState(halted="drawdown", paused="old data")))
    assert halted.check("circuit_breaker").level is Level.CRITICAL


def test_a_kill_switch_that_is_reset_but_not_yet_known_to_the_bot_still_counts() -> None:
    found = health_of(with_status(safety=SafetyState(killed="anna: test")))
    assert found.check("kill_switch").level is Level.CRITICAL


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (with_status(process=None), "no bot has run here yet"),
        (with_process(state="stopped"), "was stopped"),
        (healthy_seen(is_running=False), "gone without being stopped"),
        (with_process(beat_ms=NOW - 3_600_000), "3600 s ago"),
        (with_process(beat_ms=NOW + 3_600_000), "clocks disagree"),
    ],
)
def test_a_bot_that_gives_no_sign_of_life(seen: Seen, words: str) -> None:
    found = health_of(seen)
    assert words in found.check("heartbeat").detail
    assert found.check("heartbeat").level is Level.CRITICAL
    assert found.check("market_data").level is Level.UNKNOWN
    assert found.level is Level.CRITICAL
    # What is in the database stays true without the bot.
    assert found.check("kill_switch").level is Level.HEALTHY


def test_a_beat_is_in_time_up_to_its_bound() -> None:
    assert health_of(with_process(beat_ms=NOW - HEARTBEAT_MAX_MS)).level is Level.HEALTHY
    assert health_of(healthy_seen(is_running=None)).level is Level.HEALTHY


def test_without_the_database_only_the_disk_is_known() -> None:
    found = health_of(FAULTS["database"])
    known = {check.name for check in found.checks if check.level is not Level.UNKNOWN}
    assert known == {"database", "disk"}


def test_a_bot_that_reports_nothing_hides_what_only_it_knows() -> None:
    found = health_of(FAULTS["report"])
    assert found.level is Level.DEGRADED
    assert found.check("journal").level is Level.UNKNOWN
    assert ready_answer(found)[0] == 200


def test_an_old_report_beside_a_fresh_beat_is_told() -> None:
    found = health_of(with_report(made_ms=NOW - HEARTBEAT_MAX_MS - 1))
    assert [check.name for check in found.failing] == ["report"]


def test_the_smaller_of_two_free_spaces_counts() -> None:
    limits = HealthLimits(disk_free_min=1_000)
    assert health_of(healthy_seen(disk_free=1_000), limits).level is Level.HEALTHY
    assert health_of(healthy_seen(disk_free=999), limits).check("disk").level is Level.CRITICAL
    told_by_bot = healthy_seen(disk_free=5_000, report=replace(healthy_report(), disk_free=999))
    assert health_of(told_by_bot, limits).check("disk").level is Level.CRITICAL
    nobody_knows = healthy_seen(disk_free=None, report=replace(healthy_report(), disk_free=None))
    assert health_of(nobody_knows).check("disk").level is Level.DEGRADED


@pytest.mark.parametrize("state", [FeedState.LIVE, FeedState.WAITING, FeedState.ENDED, FeedState.HELD])
def test_a_feed_that_is_not_overdue_is_well(state: FeedState) -> None:
    feed = FeedReport(state=state, age_s=1e6, stale_after_s=15)
    assert health_of(with_report(feed=feed)).level is Level.HEALTHY


def test_an_exchange_that_was_never_asked_is_not_yet_connected() -> None:
    found = health_of(with_report(api=ApiReport())).check("exchange_api")
    assert (found.level, found.detail) == (Level.DEGRADED, "the exchange has not been asked yet")


def test_a_position_may_be_bare_for_a_while() -> None:
    assert health_of(with_report(unprotected=(Bare(BTC.symbol, 10_000, 10_000),))).level is Level.HEALTHY


def test_what_everybody_is_told_names_no_position_and_nothing_people_wrote() -> None:
    texts = [str(health_answer(health_of(seen))[1]) + str(ready_answer(health_of(seen))[1]) for seen in FAULTS.values()]
    for text in texts:
        assert BTC.symbol not in text
        assert "anna" not in text
        assert "it broke" not in text


def test_since_is_the_first_time_a_check_was_seen_to_fail() -> None:
    since = Since()
    halted, well = with_status(safety=SafetyState(halted="drawdown")), healthy_seen()

    def since_of(seen: Seen, later_ms: int) -> int | None:
        return since.stamp(health_of(replace(seen, now_ms=NOW + later_ms))).check("circuit_breaker").since_ms

    assert since_of(halted, 0) == NOW
    assert since_of(halted, 2_000) == NOW
    assert since_of(well, 3_000) is None
    assert since_of(halted, 4_000) == NOW + 4_000


def test_a_loop_that_stands_still_is_not_alive() -> None:
    assert alive_answer(14.9, NOW) == (200, {"status": "alive", "timestamp": iso(NOW)})
    status, body = alive_answer(15.1, NOW)
    assert (status, body["status"], body["loop_beat_age_s"]) == (503, "stalled", 15.1)


def test_a_report_is_read_as_it_was_written() -> None:
    for seen in FAULTS.values():
        if seen.report is not None:
            assert from_text(to_text(seen.report)) == seen.report


@pytest.mark.parametrize("text", [None, "", "no json", "[]", '{"phase": "trading"}', '{"made_ms": "x"}'])
def test_a_report_that_cannot_be_read_is_none(text: str | None) -> None:
    assert from_text(text) is None


def test_a_report_of_a_newer_version_is_read_as_far_as_it_is_known() -> None:
    assert from_text('{"made_ms": 5, "phase": "trading", "mood": "fine"}') == BotReport(made_ms=5, phase="trading")


@given(st.lists(st.sampled_from(sorted(FAULTS)), unique=True))
def test_the_level_is_that_of_the_worst_check(names: list[str]) -> None:
    checks: tuple[Check, ...] = tuple(health_of(FAULTS[name]).check(name) for name in names)
    found = Health(now_ms=NOW, checks=checks)
    levels = {check.level for check in checks}
    worst = next((level for level in (Level.CRITICAL, Level.DEGRADED) if level in levels), Level.HEALTHY)
    assert found.level is worst
    assert health_answer(found)[0] == (503 if names else 200)


def test_times_are_told_in_utc() -> None:
    assert iso(1_750_000_000_123) == "2025-06-15T15:06:40.123Z"
    assert iso(None) is None
