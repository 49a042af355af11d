"""A bot and its owner, two processes on one database: whatever they do in whatever order, a kill is a kill."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.audit import audit, audited_on_server, check_audit, install_audit
from tests.support.bots import resting, url_of
from tests.support.builders import BTC, ETH
from tests.support.examples import share
from tests.support.postgres import PostgresServer
from tests.support.stepped_bot import SteppedBot
from trading.domain.events import CommandKind
from trading.domain.orders import Purpose
from trading.store.commands import queue_command
from trading.store.database import open_beside_bot, open_database
from trading.store.latch import latch_kill, mark_effective_without_bot, read_kill, reset_kill

CANDLES = 8
KILL_9 = "kill -9"
COMMANDS = [CommandKind.PAUSE, CommandKind.RESUME, CommandKind.CLOSE_ALL, CommandKind.CANCEL_ENTRIES]
ACTS = ["latch", "latch", "reset", "effective without bot", "file", "no file", KILL_9, *COMMANDS]
MOMENTS_MAX = 5_000

# How many moments pass before the act; the act; whether the bot goes on while it is done.
steps = st.lists(st.tuples(st.integers(0, 25), st.sampled_from(ACTS), st.booleans()), max_size=12)


class Owner:
    """The other process: this one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = open_beside_bot(url_of(folder))
        self._time_ms = 0

    def do(self, act: str) -> None:
        self._time_ms += 1
        match act:
            case "latch":
                latch_kill(self.engine, "owner", "test", self._time_ms)
            case "reset":
                reset_kill(self.engine, "owner", "test", self._time_ms)
            case "effective without bot":
                mark_effective_without_bot(self.engine, self._time_ms)
            case "file":
                (self.folder / "KILL").touch()
            case "no file":
                (self.folder / "KILL").unlink(missing_ok=True)
            case _:
                queue_command(self.engine, CommandKind(act), by="owner", now_ms=self._time_ms)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    open_database(url_of(folder)).dispose()
    install_audit(url_of(folder))
    return folder


def play(folder: Path, schedule: list[tuple[int, str, bool]], seed: int) -> Owner:
    """Run the bot by this schedule, and to its end."""
    owner = Owner(folder)
    waiting = list(schedule)
    bot = SteppedBot(folder, [BTC.symbol, ETH.symbol], CANDLES, seed)
    gap = waiting[0][0] if waiting else MOMENTS_MAX
    for _ in range(MOMENTS_MAX):
        if bot.next_moment() is None:
            assert bot.exit_code == 0
            return owner
        if gap or not waiting:
            gap -= 1
            bot.go()
            continue
        _, act, is_race = waiting.pop(0)
        gap = waiting[0][0] if waiting else MOMENTS_MAX
        if is_race:
            bot.go()
        if act == KILL_9:
            bot.kill()
            bot = SteppedBot(folder, [BTC.symbol, ETH.symbol], CANDLES, seed)
            continue
        owner.do(act)
        if not is_race:
            bot.go()
    raise AssertionError(f"more than {MOMENTS_MAX} moments")


@pytest.mark.timeout(600)
@given(schedule=steps, seed=st.integers(0, 1_000))
@settings(parent=share(0.2), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_order_opens_anything_after_a_kill(
    empty: Path, quick_folder: Path, schedule: list[tuple[int, str, bool]], seed: int
) -> None:
    folder = quick_folder / "run"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(empty, folder)
    check(folder, schedule, seed)


@pytest.mark.timeout(600)
@given(schedule=steps, seed=st.integers(0, 1_000))
@settings(parent=share(0.05), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_order_opens_anything_after_a_kill_on_postgresql(
    postgres: PostgresServer, quick_folder: Path, schedule: list[tuple[int, str, bool]], seed: int
) -> None:
    folder = quick_folder / "run"
    shutil.rmtree(folder, ignore_errors=True)
    with audited_on_server(postgres, folder):
        check(folder, schedule, seed)


def check(folder: Path, schedule: list[tuple[int, str, bool]], seed: int) -> None:
    """Play the schedule; the audit must be in order, and a kill that is set must become effective."""
    owner = play(folder, schedule, seed)
    check_audit(audit(url_of(folder)))
    state = read_kill(owner.engine)
    if state.active:
        assert Purpose.ENTRY not in resting(folder)
        mark_effective_without_bot(owner.engine, 1_000)
        assert read_kill(owner.engine).effective_ms is not None
    owner.engine.dispose()


def test_the_audit_sees_what_it_is_there_to_see(empty: Path, quick_folder: Path) -> None:
    folder = quick_folder / "run"
    shutil.copytree(empty, folder)
    check_sight(folder)


def test_the_audit_sees_it_on_postgresql_too(postgres: PostgresServer, quick_folder: Path) -> None:
    folder = quick_folder / "run"
    shutil.rmtree(folder, ignore_errors=True)
    with audited_on_server(postgres, folder):
        check_sight(folder)


def check_sight(folder: Path) -> None:
    owner = play(folder, [(0, "reset", False)], seed=1)
    what = [w for w, _ in audit(url_of(folder))]
    assert what.count("intent") == what.count("send") >= 3
    owner.do("latch")
    owner.do("effective without bot")
    owner.do("reset")
    owner.engine.dispose()
    assert [w for w, _ in audit(url_of(folder))][-3:] == ["latched", "effective", "reset"]


def test_the_audit_is_refused_where_something_slipped_through() -> None:
    with pytest.raises(AssertionError, match="was recorded after the switch was set"):
        check_audit([("latched", ""), ("intent", "x")])
    with pytest.raises(AssertionError, match="was sent after it was effective"):
        check_audit([("intent", "x"), ("look", ""), ("latched", ""), ("effective", ""), ("send", "x")])
    with pytest.raises(AssertionError, match="was sent without a last look"):
        check_audit([("intent", "x"), ("latched", ""), ("look", ""), ("send", "x")])
