"""'The bot is gone' and 'is back': each once, not after an orderly stop, not after a machine has slept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.alerts import Clock, alert_database
from trading.monitoring.alerts.presence import GONE_MS, Presence
from trading.store.alerts import list_alerts
from trading.store.process import STOPPED, ProcessState, beat, write_process


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path, clock: Clock) -> Iterator[sa.Engine]:
    engine = alert_database(tmp_path)
    process = ProcessState(pid=7, host="h", version="1", started_ms=clock.ms, beat_ms=clock.ms, state="trading")
    write_process(engine, process)
    yield engine
    engine.dispose()


def presence(engine: sa.Engine, clock: Clock) -> Presence:
    return Presence(lambda: engine, lambda: None, clock.now_ms)


def codes(engine: sa.Engine) -> list[str]:
    return [alert.code for alert in reversed(list_alerts(engine))]


def test_gone_and_back_are_told_once_each_whoever_looks(engine: sa.Engine, clock: Clock) -> None:
    one, other = presence(engine, clock), presence(engine, clock)
    one.look()
    clock.pass_s(GONE_MS / 1000 + 1)
    for _ in range(3):
        one.look()
        other.look()
    presence(engine, clock).look()
    assert codes(engine) == ["BOT_GONE"]
    (alert,) = list_alerts(engine)
    assert "no sign of life since 2025-06-15 15:06:40 UTC, when it was trading" in alert.text
    assert "no process holds its database" in alert.text
    beat(engine, clock.ms, "trading")
    one.look()
    other.look()
    assert codes(engine) == ["BOT_GONE", "BOT_BACK"]
    clock.pass_s(GONE_MS / 1000 + 1)
    one.look()
    one.look()
    assert codes(engine) == ["BOT_GONE", "BOT_BACK", "BOT_GONE"]


def test_a_bot_that_was_stopped_is_not_gone(engine: sa.Engine, clock: Clock) -> None:
    beat(engine, clock.ms, STOPPED)
    clock.pass_s(10_000)
    looking = presence(engine, clock)
    looking.look()
    looking.look()
    assert codes(engine) == []


def test_after_a_sleep_of_the_machine_the_bot_has_a_moment(engine: sa.Engine, clock: Clock) -> None:
    looking = presence(engine, clock)
    looking.look()
    clock.pass_s(10_000)
    looking.look()
    beat(engine, clock.ms, "trading")
    clock.pass_s(5)
    looking.look()
    assert codes(engine) == []


def test_without_a_bot_there_is_nothing_to_miss(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "new").mkdir()
    engine = alert_database(tmp_path / "new")
    looking = presence(engine, clock)
    looking.look()
    looking.look()
    assert codes(engine) == []
    engine.dispose()
