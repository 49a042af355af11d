"""The driver itself: it repeats a run exactly, finds what is broken on purpose, and makes a schedule short."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from unittest import mock

import pytest

from tests.simulation.chaos.faults import COMMIT, MOMENT, SECOND, Fault, Kind, Schedule
from tests.simulation.chaos.generate import generate
from tests.simulation.chaos.run import run
from tests.simulation.chaos.shrink import shrink
from trading.domain.events import OrderRejected, OrderUnknown
from trading.domain.orders import Order, Purpose
from trading.domain.positions import Position
from trading.engine import doubt, portfolio, protection, selling, tracking
from trading.engine.desk import Desk
from trading.engine.state import EngineState
from trading.store.journal import Journal

SEED = 4


def crash(moment: int) -> Fault:
    return Fault(kind=Kind.CRASH, on=MOMENT, at=moment)


def taken_for_refused(desk: Desk, event: OrderUnknown) -> str | None:
    return tracking.on_rejected(
        desk, OrderRejected(time_ms=event.time_ms, client_order_id=event.client_order_id, code="", message="lost")
    )


def sold_at_once(desk: Desk, position: Position, stops: list[Order], exits: list[Order]) -> None:
    if not exits:
        quantity = desk.instrument(position.symbol).quantity_down(position.quantity)
        selling._place(desk, position, Purpose.EXIT, quantity, None)


def nothing(*_: object) -> None:
    """Done instead of what should be done."""


SABOTAGE: dict[str, tuple[Callable[[], object], tuple[Fault, ...]]] = {
    "a lost answer is taken for a refusal": (
        lambda: mock.patch.object(doubt, "on_unknown", taken_for_refused),
        (Fault(kind=Kind.REPLY_LOST, on="submit entry", at=1),),
    ),
    "absent once, while it may still arrive, is taken for gone": (
        lambda: mock.patch.object(doubt, "ABSENCES_NEEDED", 0),
        (Fault(kind=Kind.REQUEST_LATE, on="submit entry", at=1, times=6, seconds=9),),
    ),
    "positions get no stop, and nobody minds": (
        lambda: mock.patch.multiple(protection, protect=nothing, watch_protection=nothing),
        (),
    ),
    "an exit does not wait for the stop's cancel": (lambda: mock.patch.object(protection, "sell", sold_at_once), ()),
    "what a trade belongs to is forgotten": (
        lambda: mock.patch.object(EngineState, "order_of_trade", return_value=None),
        (Fault(kind=Kind.NEWS_TWICE, on=SECOND, at=60, times=2, seconds=90),),
    ),
    "commits are not written": (lambda: mock.patch.object(Journal, "_write", return_value=None), (crash(40),)),
    "a pause stops nothing": (
        lambda: mock.patch.object(Desk, "entries_blocked", return_value=""),
        (Fault(kind=Kind.PAUSE, on=SECOND, at=70),),
    ),
    "fees in the bought coin are not booked": (
        lambda: mock.patch.object(portfolio, "_correct", lambda desk, position, *_: position),
        (),
    ),
}


@pytest.mark.parametrize("what", SABOTAGE)
def test_what_is_broken_on_purpose_is_found(what: str) -> None:
    sabotage, faults = SABOTAGE[what]
    schedule = Schedule(seed=SEED, faults=faults)
    assert run(schedule).violation == ""
    with sabotage():  # type: ignore[attr-defined]
        assert run(schedule).violation


def test_a_schedule_plays_the_same_every_time() -> None:
    schedule = generate(5)
    first, second = run(schedule, log=True), run(schedule, log=True)
    assert first == second
    assert len(first.log) > 50


def test_the_schedules_strike_with_every_kind_of_fault() -> None:
    drawn = Counter(fault.kind for seed in range(400) for fault in generate(seed).faults)
    assert not [kind for kind in Kind if drawn[kind] < 10]
    struck = {fault.kind for seed in range(12) for fault in run(generate(seed)).struck}
    assert len(struck) >= 15


def test_the_shortest_schedule_that_still_fails_is_found() -> None:
    needed = (crash(3), Fault(kind=Kind.COMMIT_FAILS, on=COMMIT, at=9))
    others = generate(11).faults + generate(12).faults
    long = Schedule(seed=1, faults=(others[0], needed[0], *others[1:], needed[1]))
    shortest = shrink(long, lambda schedule: set(needed) <= set(schedule.faults))
    assert shortest.faults == needed


def test_faults_are_made_smaller_too() -> None:
    fault = Fault(kind=Kind.OUTAGE, on=SECOND, at=100, seconds=90)
    shortest = shrink(Schedule(seed=1, faults=(fault,)), lambda schedule: any(f.seconds >= 20 for f in schedule.faults))
    assert [f.seconds for f in shortest.faults] == [22]


def test_a_schedule_says_in_a_line_what_it_does() -> None:
    faults = (
        Fault(kind=Kind.REPLY_LATE, on="submit stop", at=2, times=3, seconds=5),
        Fault(kind=Kind.CRASH, on="before cancel stop", at=1),
    )
    assert str(Schedule(seed=7, faults=faults)) == (
        "seed 7: reply late @ submit stop 2 x3 (5); crash @ before cancel stop 1"
    )
