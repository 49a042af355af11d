"""Dead before and after every commit and every request, restarted from the file: nothing lost, nothing done twice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.simulation.chaos.faults import MOMENT, RECOVERY, Fault, Kind, Schedule
from tests.simulation.chaos.run import run

LIVELY = (3, 7, 8)
"""Seeds whose runs have entries, stops, trailing, partial fills, cancels and exits: sixteen orders and more each."""
MOMENTS_MAX = 2_000
STRIDE = 12


def crash(at: int, on: str = MOMENT, down_s: int = 0) -> Fault:
    return Fault(kind=Kind.CRASH, on=on, at=at, seconds=down_s)


def answers(kind: Kind, late_s: int = 0) -> tuple[Fault, ...]:
    """Every answer about an order is lost, or late."""
    requests = ("submit entry", "submit stop", "submit exit", "cancel stop", "cancel entry")
    return tuple(Fault(kind=kind, on=on, at=2, times=2, seconds=late_s) for on in requests)


ALONGSIDE: dict[str, tuple[Fault, ...]] = {
    "alone": (),
    "replies lost": answers(Kind.REPLY_LOST),
    "replies late": answers(Kind.REPLY_LATE, 3),
    "again in recovery": (crash(6, RECOVERY),),
    "later again": (crash(9, RECOVERY, 2), crash(15, RECOVERY)),
}


def die_everywhere(seed: int, alongside: Sequence[Fault], first: int, stride: int) -> int:
    """Die at every `stride`-th moment from `first` on, each in a run of its own; how many moments there were."""
    for count, at in enumerate(range(first, MOMENTS_MAX, stride)):
        fault = crash(at)
        outcome = run(Schedule(seed=seed, faults=(fault, *alongside)))
        assert not outcome.violation, f"{outcome.schedule}: {outcome.violation}"
        if fault not in outcome.struck:
            return count
    raise AssertionError(f"a run of more than {MOMENTS_MAX} moments")


@pytest.mark.parametrize("alongside", ALONGSIDE)
def test_dead_at_some_moments(alongside: str) -> None:
    assert die_everywhere(LIVELY[0], ALONGSIDE[alongside], first=4, stride=STRIDE) > 10


@pytest.mark.soak
@pytest.mark.parametrize("alongside", ALONGSIDE)
@pytest.mark.parametrize("seed", LIVELY)
def test_dead_at_every_moment(seed: int, alongside: str) -> None:
    assert die_everywhere(seed, ALONGSIDE[alongside], first=1, stride=1) > 100
