"""The bot dies before and after every commit and every request, and is started again from its file, on a replay.

Where nothing but the crash happened, the end is that of a run without it, to the digit and trade by trade. With replies
lost or late on top, the invariants still hold. `make test` tries some of the moments, `make soak` all of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from unittest import mock

import pytest

from tests.simulation.chaos.bot import Disk
from tests.simulation.chaos.faults import RECOVERY, RECOVERY_REQUEST, REQUEST, Fault, Kind
from tests.simulation.chaos.server_disk import ServerDisk
from tests.simulation.crash_scenarios import Scene, crash, made_up, recorded
from trading.engine import protection

MOMENTS_MIN = 500
SOME = 90
PARTS = 8
LATE_S = 400


def in_recovery(moment: int) -> Fault:
    return Fault(kind=Kind.CRASH, on=RECOVERY, at=1 + moment % 12)


def unheard(kind: Kind, scene: Scene, moment: int) -> list[Fault]:
    """The answers to the last request before the crash, and to one of the recovery, are lost or late."""
    seconds = LATE_S if kind is Kind.REPLY_LATE else 0
    found = [Fault(kind=kind, on=RECOVERY_REQUEST, at=1 + moment % 4, seconds=seconds)]
    made = scene.undisturbed.requests[moment - 1]
    if made:
        found.append(Fault(kind=kind, on=REQUEST, at=made, seconds=seconds))
    return found


DEATHS: dict[str, Callable[[int], list[Fault]]] = {
    "once": lambda moment: [crash(moment)],
    "twice in a row": lambda moment: [crash(moment), crash(moment + 1)],
    "and again while it recovers": lambda moment: [crash(moment), in_recovery(moment)],
}
ANSWERS = {"with all replies": None, "with replies lost": Kind.REPLY_LOST, "with replies late": Kind.REPLY_LATE}
WAYS = list(itertools.product(DEATHS, ANSWERS))


def dies(scene: Scene, moments: Iterable[int], death: str, answers: str, disk: Disk | None = None) -> None:
    """Play the scene with a death at each of the moments. A recovery may be over before it was to die again."""
    undisturbed, kind = scene.undisturbed, ANSWERS[answers]
    tried, all_deaths = 0, 0
    for moment in moments:
        deaths = DEATHS[death](moment)
        faults = deaths if kind is None else [*deaths, *unheard(kind, scene, moment)]
        where = f"dead {death} {answers} at moment {moment} ({undisturbed.moments[moment - 1]})"
        ending = scene.play(*faults, disk=disk)
        assert ending.violation == "", f"{where}: {'; '.join(map(str, faults))}"
        assert ending.lives > 1, where
        tried, all_deaths = tried + 1, all_deaths + (ending.lives == 1 + len(deaths))
        if kind is None:
            assert ending.account == undisturbed.account, where
            assert ending.trades == undisturbed.trades, where
        elif undisturbed.requests[moment - 1]:
            assert len(ending.struck) > ending.lives - 1, f"{where}: every answer was heard"
    assert all_deaths * 5 >= tried * 4, f"of {tried} lives {all_deaths} died as often as told"


def moments_of(scene: Scene, part: int, parts: int) -> range:
    return range(1 + part, len(scene.undisturbed.moments) + 1, parts)


def test_the_made_up_scene_shows_what_there_is_to_survive() -> None:
    check_scene(made_up())


@pytest.mark.recorded
def test_the_recorded_scene_shows_what_there_is_to_survive(recorded_scene: Scene) -> None:
    check_scene(recorded_scene)


def check_scene(scene: Scene) -> None:
    """At least `MOMENTS_MIN` moments at which the bot can die, each played by `moments_of`, and all kinds of orders."""
    ending = scene.undisturbed
    assert ending.violation == ""
    assert ending.lives == 1
    assert len(ending.moments) >= MOMENTS_MIN
    played = sorted(moment for part in range(PARTS) for moment in moments_of(scene, part, PARTS))
    assert played == list(range(1, len(ending.moments) + 1)), "the soak plays each moment once"
    assert {"entry filled", "stop filled", "stop canceled", "exit filled", "entry canceled"} <= set(ending.orders)
    assert len(ending.trades) > sum(order.endswith("filled") for order in ending.orders), "no order filled in parts"
    assert len({trade[0] for trade in ending.trades}) == 3


def test_a_position_that_stays_without_its_stop_would_be_found() -> None:
    scene = made_up()  # before that: it is kept, and how it ends undisturbed is part of it
    with mock.patch.multiple(protection, protect=nothing, watch_protection=nothing):
        assert "I5" in scene.play().violation


def nothing(*_: object) -> None:
    """Done instead of what should be done."""


@pytest.mark.parametrize(("death", "answers"), WAYS)
def test_dead_at_some_moments(death: str, answers: str) -> None:
    """A different residue for each way to die, so that together they cover more."""
    way = WAYS.index((death, answers))
    every = SOME if death == "once" or ANSWERS[answers] is None else 4 * SOME
    dies(made_up(), moments_of(made_up(), 6 * way, every), death, answers)


@pytest.mark.parametrize(("death", "answers"), WAYS)
def test_dead_at_some_moments_on_postgresql(death: str, answers: str, server_disk: ServerDisk) -> None:
    every = SOME * 10
    dies(made_up(), moments_of(made_up(), 20 + WAYS.index((death, answers)), every), death, answers, server_disk)


@pytest.mark.soak
@pytest.mark.parametrize(("death", "answers"), WAYS)
def test_dead_at_every_fourth_moment_on_postgresql(death: str, answers: str, server_disk: ServerDisk) -> None:
    dies(made_up(), moments_of(made_up(), WAYS.index((death, answers)) % 4, 4), death, answers, server_disk)


@pytest.mark.recorded
def test_dead_at_some_moments_of_recorded_candles(recorded_scene: Scene) -> None:
    dies(recorded_scene, moments_of(recorded_scene, 3, SOME), "once", "with all replies")


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("death", "answers"), WAYS)
def test_dead_at_every_moment(death: str, answers: str, part: int) -> None:
    dies(made_up(), moments_of(made_up(), part, PARTS), death, answers)


@pytest.mark.soak
@pytest.mark.recorded
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("death", "answers"), WAYS)
def test_dead_at_every_moment_of_recorded_candles(death: str, answers: str, part: int, recorded_scene: Scene) -> None:
    dies(recorded_scene, moments_of(recorded_scene, part, PARTS), death, answers)


@pytest.fixture
def recorded_scene(recorded_candles: Path) -> Scene:
    """Three hours of BTC, ETH and SOL."""
    return recorded(recorded_candles)
