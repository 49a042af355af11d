"""The bot dies before and after every commit and every request, and is started again from its file, on a replay.

Where nothing but the crash happened, the end is that of a run without it, to the digit and trade by trade. With replies
lost or late on top, the invariants still hold. `make test` tries some of the moments, `make soak` all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.simulation.chaos.bot import Disk
from tests.simulation.chaos.faults import RECOVERY, RECOVERY_REQUEST, REQUEST, Fault, Kind
from tests.simulation.chaos.server_disk import ServerDisk
from tests.simulation.crash_scenarios import Scene, crash, made_up, recorded

MOMENTS_MIN = 500
SOME = 60
PARTS = 8


def in_recovery(moment: int) -> Fault:
    return Fault(kind=Kind.CRASH, on=RECOVERY, at=1 + moment % 12)


def unheard(kind: Kind, scene: Scene, moment: int) -> list[Fault]:
    """The answers to the last request before the crash, and to one of the recovery, are lost or late."""
    seconds = 400 if kind is Kind.REPLY_LATE else 0
    found = [Fault(kind=kind, on=RECOVERY_REQUEST, at=1 + moment % 4, seconds=seconds)]
    made = scene.undisturbed.requests[moment - 1]
    if made:
        found.append(Fault(kind=kind, on=REQUEST, at=made, seconds=seconds))
    return found


HARMLESS: dict[str, Callable[[int], list[Fault]]] = {
    "once": lambda moment: [crash(moment)],
    "twice in a row": lambda moment: [crash(moment), crash(moment + 1)],
    "and again while it recovers": lambda moment: [crash(moment), in_recovery(moment)],
}
HARMFUL = {"with replies lost": Kind.REPLY_LOST, "with replies late": Kind.REPLY_LATE}


def dies(scene: Scene, moments: Iterable[int], how: str, disk: Disk | None = None) -> None:
    """Play the scene with a crash at each of the moments."""
    undisturbed = scene.undisturbed
    for moment in moments:
        where = f"dead {how} at moment {moment} ({undisturbed.moments[moment - 1]})"
        if how in HARMLESS:
            ending = scene.play(*HARMLESS[how](moment), disk=disk)
            assert ending.violation == "", where
            assert ending.account == undisturbed.account, where
            assert ending.trades == undisturbed.trades, where
        else:
            faults = [crash(moment), *unheard(HARMFUL[how], scene, moment)]
            ending = scene.play(*faults, disk=disk)
            assert ending.violation == "", f"{where}: {'; '.join(map(str, faults))}"
        assert ending.lives > 1, where


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


@pytest.mark.parametrize("how", HARMLESS)
def test_dead_at_some_moments(how: str) -> None:
    """A different residue for each way to die, so that together they cover more."""
    dies(made_up(), moments_of(made_up(), list(HARMLESS).index(how), SOME), how)


@pytest.mark.parametrize("how", [*HARMLESS, *HARMFUL])
def test_dead_at_some_moments_on_postgresql(how: str, server_disk: ServerDisk) -> None:
    every = SOME * 10
    dies(made_up(), moments_of(made_up(), 20 + [*HARMLESS, *HARMFUL].index(how), every), how, server_disk)


@pytest.mark.soak
@pytest.mark.parametrize("how", [*HARMLESS, *HARMFUL])
def test_dead_at_every_fourth_moment_on_postgresql(how: str, server_disk: ServerDisk) -> None:
    dies(made_up(), moments_of(made_up(), [*HARMLESS, *HARMFUL].index(how) % 4, 4), how, server_disk)


@pytest.mark.parametrize("how", HARMFUL)
def test_dead_at_some_moments_with_answers_unheard(how: str) -> None:
    dies(made_up(), moments_of(made_up(), 10 + list(HARMFUL).index(how), SOME), how)


@pytest.mark.recorded
def test_dead_at_some_moments_of_recorded_candles(recorded_scene: Scene) -> None:
    dies(recorded_scene, moments_of(recorded_scene, 3, SOME), "once")


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("how", [*HARMLESS, *HARMFUL])
def test_dead_at_every_moment(how: str, part: int) -> None:
    dies(made_up(), moments_of(made_up(), part, PARTS), how)


@pytest.mark.soak
@pytest.mark.recorded
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("how", [*HARMLESS, *HARMFUL])
def test_dead_at_every_moment_of_recorded_candles(how: str, part: int, recorded_scene: Scene) -> None:
    dies(recorded_scene, moments_of(recorded_scene, part, PARTS), how)


@pytest.fixture
def recorded_scene(recorded_candles: Path) -> Scene:
    """Three hours of BTC, ETH and SOL."""
    return recorded(recorded_candles)
