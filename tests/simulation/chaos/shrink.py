"""Makes a failing schedule as short as it can be and still fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from tests.simulation.chaos.bot import Disk
from tests.simulation.chaos.faults import Fault, Schedule
from tests.simulation.chaos.run import Outcome, run

ROUNDS_MAX = 20


def shrink(schedule: Schedule, fails: Callable[[Schedule], bool]) -> Schedule:
    """The shortest schedule found that `fails` as this one does: first fewer faults, then lesser ones.

    `fails` is asked some dozens of times. A schedule that does not fail comes back as it is.
    """
    for _ in range(ROUNDS_MAX):
        smaller = next((candidate for candidate in _smaller(schedule) if fails(candidate)), None)
        if smaller is None:
            return schedule
        schedule = smaller
    return schedule


def failure(outcome: Outcome, disk: Disk | None = None) -> str:
    """What was broken, and the shortest schedule that breaks the same on this disk."""
    code = outcome.violation.split(":")[1] if ":" in outcome.violation else outcome.violation
    shortest = shrink(outcome.schedule, lambda schedule: code in run(schedule, disk=disk).violation)
    return f"{outcome.violation}\n  by {outcome.schedule}\n  shortest: {shortest!r}"


def _smaller(schedule: Schedule) -> Iterator[Schedule]:
    """Halves first, so that a long list of faults that matter little goes quickly."""
    faults = schedule.faults
    half = len(faults) // 2
    if half > 1:
        yield Schedule(seed=schedule.seed, faults=faults[:half])
        yield Schedule(seed=schedule.seed, faults=faults[half:])
    for fault in faults:
        yield schedule.without(fault)
    for fault in faults:
        for other in _lesser(fault):
            yield schedule.instead(fault, other)


def _lesser(fault: Fault) -> Iterator[Fault]:
    if fault.times > 1:
        yield replace(fault, times=1)
        yield replace(fault, times=fault.times // 2)
    if fault.seconds > 1:
        yield replace(fault, seconds=1)
        yield replace(fault, seconds=fault.seconds // 2)
