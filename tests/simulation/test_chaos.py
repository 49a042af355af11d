"""Random schedules of faults, judged by the invariants I1 to I9 (docs/TESTING.md says how to repeat and shrink one)."""

from __future__ import annotations

import os

import pytest

from tests.simulation.chaos.bot import Disk
from tests.simulation.chaos.faults import Fault, Kind, Schedule
from tests.simulation.chaos.generate import generate
from tests.simulation.chaos.run import run
from tests.simulation.chaos.server_disk import ServerDisk
from tests.simulation.chaos.shrink import failure

SLICE = "TRADEBOT_CHAOS_SLICE"
SCHEDULES = "TRADEBOT_CHAOS_SCHEDULES"
FIXED = 60
ROTATING = 30
PART = 10
PARTS_OF_SOAK = 40
SLICES_BEGIN = 1_000_000
ON_SERVER = 3
ON_SERVER_SHARE = 20


def play(seeds: range, disk: Disk | None = None) -> None:
    """Fails with the first schedule that breaks something, made as short as it can be."""
    for seed in seeds:
        outcome = run(generate(seed), disk=disk)
        if outcome.violation:
            pytest.fail(failure(outcome, disk), pytrace=False)


@pytest.mark.parametrize("part", range(FIXED // PART))
def test_nothing_is_broken_by_the_same_schedules_in_every_run(part: int) -> None:
    play(range(part * PART, (part + 1) * PART))


@pytest.mark.parametrize("part", range(ROTATING // PART))
def test_nothing_is_broken_by_the_schedules_of_this_slice(part: int) -> None:
    """CI names another slice each time; without one it is always the first."""
    begin = SLICES_BEGIN + int(os.environ.get(SLICE, "0")) * ROTATING
    play(range(begin + part * PART, begin + (part + 1) * PART))


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_sale_that_is_refused_six_times_beyond_its_stop_is_soon_tried_again_over_a_death(deaths: int) -> None:
    """Seed 886838, shortened: refused more often, a sale waited for up to half a minute with no stop resting.

    The second death is one during the start, which moves what follows by some seconds.
    """
    refused = Fault(kind=Kind.REFUSED, on="submit exit", at=1, times=6)
    thin = Fault(kind=Kind.THIN, on="minute", at=8, times=3)
    crashes = (Fault(kind=Kind.CRASH, on="moment", at=133, seconds=1), Fault(kind=Kind.CRASH, on="moment", at=4))
    schedule = Schedule(seed=886838, faults=(refused, *crashes[:deaths], thin))
    outcome = run(schedule)
    assert outcome.violation == ""
    assert set(outcome.struck) == set(schedule.faults)


def test_nothing_is_broken_on_postgresql(server_disk: ServerDisk) -> None:
    play(range(ON_SERVER), server_disk)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS_OF_SOAK))
def test_nothing_is_broken_by_hundreds_of_new_schedules_on_postgresql(
    part: int, request: pytest.FixtureRequest, server_disk: ServerDisk
) -> None:
    """A twentieth of as many as on SQLite, and others."""
    begin, count = soaked(request)
    on_server = count // ON_SERVER_SHARE
    begin += count
    play(range(begin + on_server * part // PARTS_OF_SOAK, begin + on_server * (part + 1) // PARTS_OF_SOAK), server_disk)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS_OF_SOAK))
def test_nothing_is_broken_by_thousands_of_new_schedules(part: int, request: pytest.FixtureRequest) -> None:
    """As many as `TRADEBOT_CHAOS_SCHEDULES` says (10,000), from the seed of the soak run on."""
    begin, count = soaked(request)
    play(range(begin + count * part // PARTS_OF_SOAK, begin + count * (part + 1) // PARTS_OF_SOAK))


def soaked(request: pytest.FixtureRequest) -> tuple[int, int]:
    """The first seed of a soak run, and how many schedules it plays."""
    return int(request.config.getoption("--hypothesis-seed") or 0), int(os.environ.get(SCHEDULES, "10000"))
