"""A second reconciliation right after the first emits nothing, whatever had gone wrong before the first."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from tests.simulation.chaos.bot import Bot
from tests.simulation.chaos.generate import generate
from tests.simulation.chaos.run import FIRST_SECOND, OFFSETS, Run, quiet_logs
from tests.support.examples import share
from trading.domain.events import Command, CommandKind
from trading.domain.orders import IN_DOUBT

CUTS_S = st.integers(62, 540)


class Found(NamedTuple):
    """What a start found. changed: how many records the first reconciliation changed."""

    is_in_doubt: bool
    changed: int


async def reconcile(bot: Bot) -> list[str]:
    """Have the bot reconcile; the requests that this led to, by their labels."""
    log = bot.world.log
    assert log is not None
    mark = len(log)
    await bot.pump([Command(time_ms=bot.clock_ms, id=f"look {mark}", kind=CommandKind.RECONCILE, by="owner")])
    return [line[5:].split(" -> ")[0] for line in log[mark:] if " -> " in line]


async def start_and_look_again(seed: int, cut_s: int) -> Found:
    """Play a schedule of faults up to `cut_s`, kill the bot there, start it with nothing in the way, and look again."""
    run = Run(generate(seed), log=True)
    try:
        for second in range(FIRST_SECOND, cut_s + 1):
            if second % 60 in OFFSETS:
                await run.second(second)
        run.world.strikes.is_over = True
        if run.bot is not None:
            run.kill()
        before = {repr(record) for record in run.disk.journal.load()}
        await run._begin()
        bot = run.living()
        assert bot.engine.ready
        changed = sum(repr(record) not in before for record in bot.engine.state.records())
        is_in_doubt = any(order.state in IN_DOUBT for order in bot.engine.state.all_live_orders())
        records = bot.engine.state.records()
        asked = await reconcile(bot)
        assert not [label for label in asked if label.startswith(("submit", "cancel"))], asked
        if not is_in_doubt:
            assert len(asked) == 1, asked
            assert bot.engine.state.records() == records
        return Found(is_in_doubt, changed)
    finally:
        run.disk.clear()


def found(seed: int, cut_s: int) -> Found:
    with quiet_logs():
        return asyncio.run(start_and_look_again(seed, cut_s))


@share(0.4)
@given(seed=st.integers(0, 2**32), cut_s=CUTS_S)
def test_a_second_reconciliation_right_after_the_first_emits_nothing(seed: int, cut_s: int) -> None:
    found(seed, cut_s)


def test_the_first_one_had_something_to_do() -> None:
    outcomes = [found(seed, 90 + 22 * seed) for seed in range(15)]
    assert sum(bool(outcome.changed) and not outcome.is_in_doubt for outcome in outcomes) >= 5
