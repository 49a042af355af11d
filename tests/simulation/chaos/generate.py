"""Draws a schedule from a seed."""

from __future__ import annotations

from random import Random

from tests.simulation.chaos.faults import COMMIT, MINUTE, MOMENT, RECOVERY, SECOND, Fault, Kind, Schedule
from tests.simulation.chaos.scenario import NOISE_MINUTES

FAULTS_MAX = 9
REQUESTS = (
    "submit entry",
    "submit stop",
    "submit exit",
    "cancel stop",
    "cancel entry",
    "query entry",
    "query stop",
    "query exit",
    "query unarrived",
    "account",
)
_WEIGHTS = (6, 8, 6, 6, 2, 3, 3, 3, 2, 4)
_LAST_SECOND = (1 + NOISE_MINUTES) * 60


def generate(seed: int) -> Schedule:
    """The schedule of this seed: one to nine faults."""
    rng = Random(f"faults|{seed}")
    count = rng.randint(1, FAULTS_MAX)
    faults: list[Fault] = []
    for _ in range(count):
        fault = _fault(rng)
        if fault not in faults:
            faults.append(fault)
    return Schedule(seed=seed, faults=tuple(faults))


def _fault(rng: Random) -> Fault:
    draw = rng.choices((_of_request, _of_span, _of_market, _of_owner, _of_process), weights=(10, 4, 2, 2, 5))[0]
    return draw(rng)


def _of_request(rng: Random) -> Fault:
    on = rng.choices(REQUESTS, weights=_WEIGHTS)[0]
    kinds = [Kind.REPLY_LOST, Kind.REPLY_LATE, Kind.REPLY_TWICE, Kind.REFUSED, Kind.REQUEST_LOST]
    if on.startswith(("submit", "cancel")):
        kinds += [Kind.REQUEST_LATE, Kind.REPLY_LOST]
    if on.startswith(("query", "account")):
        kinds += [Kind.STALE, Kind.STALE]
    if not on.startswith("submit"):
        kinds += [Kind.NOT_YET_KNOWN]
    kind = rng.choice(kinds)
    late = rng.choice((1, 2, 3, 5, 9))
    if kind is Kind.REQUEST_LATE and rng.random() < 0.1:
        late = rng.choice((15, 40))
    if kind is Kind.REFUSED and on == "submit stop" and rng.random() < 0.5:
        kind = Kind.REPLY_LOST
    needs_time = kind in (Kind.REQUEST_LATE, Kind.REPLY_LATE, Kind.REPLY_TWICE, Kind.STALE)
    return Fault(
        kind=kind,
        on=on,
        at=rng.choice((1, 1, 1, 2, 2, 3, 4, 5, 7)),
        times=rng.choice((1, 1, 1, 1, 2, 3, 6)),
        seconds=late if needs_time else 0,
    )


def _of_span(rng: Random) -> Fault:
    kind = rng.choice(
        (
            Kind.OUTAGE,
            Kind.SILENCE,
            Kind.BAN,
            Kind.NEWS_LOST,
            Kind.NEWS_LATE,
            Kind.NEWS_TWICE,
            Kind.NEWS_MIXED,
            Kind.DISK_FULL,
            Kind.DISK_FULL,
            Kind.CLOCK_AHEAD,
        )
    )
    late = rng.randint(1, 12) if kind in (Kind.NEWS_LATE, Kind.NEWS_TWICE, Kind.CLOCK_AHEAD) else 1
    return Fault(
        kind=kind,
        on=SECOND,
        at=rng.randrange(60, _LAST_SECOND - 20),
        times=late,
        seconds=rng.choice((1, 3, 8, 20, 45, 90)),
    )


def _of_market(rng: Random) -> Fault:
    minute = rng.randrange(2, NOISE_MINUTES + 1)
    if rng.random() < 0.5:
        return Fault(kind=Kind.GAP, on=MINUTE, at=minute, seconds=rng.choice((2, 5, 15)))
    return Fault(kind=Kind.THIN, on=MINUTE, at=minute, times=rng.randint(1, 3))


def _of_owner(rng: Random) -> Fault:
    kind = rng.choice(
        (Kind.PAUSE, Kind.RESUME, Kind.KILL, Kind.RESET_KILL, Kind.CLOSE_ALL, Kind.CLOSE_ONE, Kind.CANCEL_ENTRIES)
    )
    return Fault(kind=kind, on=SECOND, at=rng.randrange(60, _LAST_SECOND - 20))


def _of_process(rng: Random) -> Fault:
    down = rng.choice((0, 0, 0, 2, 10, 70))
    draw = rng.random()
    if draw < 0.2:
        return Fault(kind=Kind.COMMIT_FAILS, on=COMMIT, at=rng.randrange(2, 80), times=rng.choice((1, 1, 2, 5)))
    if draw < 0.35:
        return Fault(kind=Kind.CRASH, on=SECOND, at=rng.randrange(60, _LAST_SECOND - 20), seconds=down)
    if draw < 0.6:
        return Fault(kind=Kind.CRASH, on=MOMENT, at=rng.randrange(1, 250), seconds=down)
    if draw < 0.75:
        return Fault(kind=Kind.CRASH, on=RECOVERY, at=rng.randrange(5, 25), seconds=down)
    where = f"{rng.choice(('before', 'after'))} {rng.choice(REQUESTS)}"
    return Fault(kind=Kind.CRASH, on=where, at=rng.choice((1, 1, 2, 3, 5)), seconds=down)
