"""Random schedules of faults: whatever goes wrong, the invariants hold, and when it stops the bot is reconciled.

`make soak` plays `TRADEBOT_SCHEDULES` of them (10,000) from seed `TRADEBOT_FIRST_SEED` (1,000,000) on. A seed that
fails is printed with the faults that it takes.
"""

from __future__ import annotations

import os

import pytest

from tests.simulation.chaos.faults import Schedule
from tests.simulation.chaos.generate import generate
from tests.simulation.chaos.run import run

FIXED = 96
CHUNK = 8
SOAK_CHUNKS = 100


def failures(first: int, count: int) -> list[str]:
    """The seeds of these that break an invariant, with what was broken."""
    found = []
    for seed in range(first, first + count):
        schedule = generate(seed)
        outcome = run(schedule)
        if outcome.violation:
            found.append(f"{shortest(schedule)}: {outcome.violation}")
    return found


def shortest(schedule: Schedule) -> Schedule:
    """The schedule without the faults that it fails without, one after the other."""
    for fault in schedule.faults:
        fewer = schedule.without(fault)
        if run(fewer).violation:
            schedule = fewer
    return schedule


@pytest.mark.parametrize("first", range(0, FIXED, CHUNK))
def test_no_fault_breaks_an_invariant(first: int) -> None:
    assert failures(first, CHUNK) == []


@pytest.mark.soak
@pytest.mark.parametrize("part", range(SOAK_CHUNKS))
def test_no_fault_breaks_an_invariant_in_many_runs(part: int) -> None:
    count = int(os.environ.get("TRADEBOT_SCHEDULES", "10000")) // SOAK_CHUNKS
    first = int(os.environ.get("TRADEBOT_FIRST_SEED", "1000000"))
    assert failures(first + part * count, count) == []
