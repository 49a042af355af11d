"""Random schedules of faults, judged by the invariants I1 to I9 (docs/TESTING.md says how to repeat and shrink one)."""

from __future__ import annotations

import os

import pytest

from tests.simulation.chaos.generate import generate
from tests.simulation.chaos.run import run
from tests.simulation.chaos.shrink import failure

SLICE = "TRADEBOT_CHAOS_SLICE"
SCHEDULES = "TRADEBOT_CHAOS_SCHEDULES"
FIXED = 60
ROTATING = 30
PART = 10
PARTS_OF_SOAK = 40
SLICES_BEGIN = 1_000_000


def play(seeds: range) -> None:
    """Fails with the first schedule that breaks something, made as short as it can be."""
    for seed in seeds:
        outcome = run(generate(seed))
        if outcome.violation:
            pytest.fail(failure(outcome), pytrace=False)


@pytest.mark.parametrize("part", range(FIXED // PART))
def test_nothing_is_broken_by_the_same_schedules_in_every_run(part: int) -> None:
    play(range(part * PART, (part + 1) * PART))


@pytest.mark.parametrize("part", range(ROTATING // PART))
def test_nothing_is_broken_by_the_schedules_of_this_slice(part: int) -> None:
    """CI names another slice each time; without one it is always the first."""
    begin = SLICES_BEGIN + int(os.environ.get(SLICE, "0")) * ROTATING
    play(range(begin + part * PART, begin + (part + 1) * PART))


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS_OF_SOAK))
def test_nothing_is_broken_by_thousands_of_new_schedules(part: int, request: pytest.FixtureRequest) -> None:
    """As many as `TRADEBOT_CHAOS_SCHEDULES` says (10,000), from the seed of the soak run on."""
    begin = int(request.config.getoption("--hypothesis-seed") or 0)
    count = int(os.environ.get(SCHEDULES, "10000"))
    play(range(begin + count * part // PARTS_OF_SOAK, begin + count * (part + 1) // PARTS_OF_SOAK))
