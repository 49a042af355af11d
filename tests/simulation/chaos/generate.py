"""Draws a schedule from a seed."""

from __future__ import annotations

from random import Random

from tests.simulation.chaos.faults import COMMIT, MINUTE, MOMENT, RECOVERY, SECOND, Fault, Kind, Schedule
from tests.simulation.chaos.scenario import NOISE_MINUTES

FAULTS_MAX = 10
REQUESTS = {
    "submit entry": 6,
    "submit stop": 8,
    "submit exit": 6,
    "cancel stop": 6,
    "cancel entry": 2,
    "query entry": 3,
    "query stop": 3,
    "query exit": 3,
    "query unarrived": 2,
    "account": 4,
}
"""Labels of requests, and how often each is struck beside the others."""
_FIRST_SECOND = 62
_LAST_SECOND = (1 + NOISE_MINUTES) * 60 - 20
_LATE = (1, 2, 3, 5, 9)
_TOO_LATE = (15, 40)


def generate(seed: int) -> Schedule:
    """The schedule of this seed: up to some ten faults, now and then a crash on top of each other fault."""
    rng = Random(f"faults|{seed}")
    faults: list[Fault] = []
    for _ in range(rng.randint(1, FAULTS_MAX)):
        draw = rng.choices((_of_request, _of_span, _of_market, _of_others, _of_process), weights=(9, 5, 2, 2, 5))[0]
        faults.extend(fault for fault in draw(rng) if fault not in faults)
    return Schedule(seed=seed, faults=tuple(faults))


def _of_request(rng: Random) -> list[Fault]:
    on = _request(rng)
    kinds = [Kind.REPLY_LOST, Kind.REPLY_LATE, Kind.REPLY_TWICE, Kind.REFUSED, Kind.REQUEST_LOST]
    if on.startswith(("submit", "cancel")):
        kinds += [Kind.REQUEST_LATE, Kind.REPLY_LOST]
    if on.startswith(("query", "account")):
        kinds += [Kind.STALE, Kind.STALE]
    if not on.startswith("submit"):
        kinds += [Kind.NOT_YET_KNOWN]
    kind = rng.choice(kinds)
    if kind is Kind.REFUSED and on == "submit stop" and rng.random() < 0.5:
        kind = Kind.REPLY_LOST
    late = rng.choice(_LATE)
    if kind is Kind.REQUEST_LATE and rng.random() < 0.1:
        late = rng.choice(_TOO_LATE)
    needs_time = kind in (Kind.REQUEST_LATE, Kind.REPLY_LATE, Kind.REPLY_TWICE, Kind.STALE)
    at = rng.choice((1, 1, 1, 2, 2, 3, 4, 5))
    times = rng.choice((1, 1, 1, 2, 3, 6))
    return [Fault(kind=kind, on=on, at=at, times=times, seconds=late if needs_time else 0)]


def _of_span(rng: Random) -> list[Fault]:
    kinds = (
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
    kind = rng.choice(kinds)
    late = rng.randint(1, 12) if kind in (Kind.NEWS_LATE, Kind.NEWS_TWICE, Kind.CLOCK_AHEAD) else 1
    # Most happens at the open and in the middle of a minute: spans begin shortly before.
    at = rng.randrange(1, NOISE_MINUTES + 1) * 60 + rng.choice((0, 4, 10, 28, 40))
    return [Fault(kind=kind, on=SECOND, at=at, times=late, seconds=rng.choice((1, 3, 8, 20, 45, 90)))]


def _of_market(rng: Random) -> list[Fault]:
    minute = rng.randrange(2, NOISE_MINUTES + 1)
    if rng.random() < 0.5:
        return [Fault(kind=Kind.GAP, on=MINUTE, at=minute, seconds=rng.choice((2, 5, 15)))]
    return [Fault(kind=Kind.THIN, on=MINUTE, at=minute, times=rng.randint(1, 3))]


def _of_others(rng: Random) -> list[Fault]:
    kinds = (
        Kind.PAUSE,
        Kind.RESUME,
        Kind.KILL,
        Kind.RESET_KILL,
        Kind.CLOSE_ALL,
        Kind.CLOSE_ONE,
        Kind.CANCEL_ENTRIES,
        Kind.STOP_TAKEN_AWAY,
        Kind.STOP_FORGOTTEN,
    )
    return [Fault(kind=rng.choice(kinds), on=SECOND, at=_second(rng))]


def _of_process(rng: Random) -> list[Fault]:
    draw = rng.random()
    if draw < 0.25:
        kind = rng.choice((Kind.COMMIT_FAILS, Kind.COMMIT_FAILS, Kind.COMMIT_UNHEARD))
        return [Fault(kind=kind, on=COMMIT, at=rng.randrange(2, 70), times=rng.choice((1, 1, 2, 5)))]
    down = rng.choice((0, 0, 0, 2, 10, 70))
    if draw < 0.35:
        crash = Fault(kind=Kind.CRASH, on=SECOND, at=_second(rng), seconds=down)
    elif draw < 0.65:
        crash = Fault(kind=Kind.CRASH, on=MOMENT, at=rng.randrange(1, 160), seconds=down)
    else:
        where = f"{rng.choice(('before', 'after'))} {_request(rng)}"
        crash = Fault(kind=Kind.CRASH, on=where, at=rng.choice((1, 1, 2, 3, 5)), seconds=down)
    if rng.random() < 0.4:
        return [crash, Fault(kind=Kind.CRASH, on=RECOVERY, at=rng.randrange(1, 16), seconds=rng.choice((0, 0, 5)))]
    return [crash]


def _request(rng: Random) -> str:
    return rng.choices(list(REQUESTS), weights=list(REQUESTS.values()))[0]


def _second(rng: Random) -> int:
    return rng.randrange(_FIRST_SECOND, _LAST_SECOND)
