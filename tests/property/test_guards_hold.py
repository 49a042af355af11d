"""No sequence of events, restarts included, makes exposure pass a limit or lets an entry out that a latch forbids.

What is asserted of every order that goes out is in `CheckedEngine`; here are the sequences. That what reduces risk
always goes out is shown in a market that answers honestly: the bot gets flat under every latch at once.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import BTC, ENTER, ETH, D, config
from tests.support.checked_engine import CheckedEngine
from tests.support.examples import share
from tests.support.hostile import MARKETS, Hostile
from tests.support.rig import Rig
from tests.support.signals import ScriptedSignals
from trading.domain.actions import CancelOrder, FetchAccount, QueryOrder, SubmitOrder
from trading.domain.events import CommandKind
from trading.domain.orders import Purpose
from trading.engine.config import Timing
from trading.safety.breaker import BreakerLimits
from trading.safety.checks import Limits

STEPS = 250
RESTARTS = 0.03


def tight(random: Random) -> Limits:
    """Limits that are soon reached, in different orders."""
    return Limits(
        max_position_notional=D(random.choice((300, 1_000, 5_000))),
        max_open_positions=random.choice((1, 2, 3)),
        max_symbol_pct=D(random.choice((3, 10, 60))),
        max_strategy_pct=D(random.choice((5, 15, 60))),
        max_gross_pct=D(random.choice((5, 15, 90))),
        max_orders_per_minute=random.choice((1, 3, 1_000)),
    )


def run_of(seed: int) -> Hostile:
    random = Random(f"guards {seed}")
    settings = config(
        instruments=MARKETS,
        limits=tight(random),
        timing=Timing(reconcile_ms=random.choice((0, 30_000))),
        breaker=BreakerLimits(losing_streak=random.choice((2, 10)), order_failures=random.choice((2, 5))),
    )
    signals = ScriptedSignals()
    made = Hostile(seed, CheckedEngine(settings, signals), signals)
    made.run(STEPS, restarts=RESTARTS)
    return made


@share(1)
@given(seed=st.integers(0, 2**32))
def test_no_sequence_of_events_and_restarts_passes_a_limit_or_a_latch(seed: int) -> None:
    run_of(seed)


def test_the_sequences_come_through_what_they_are_there_to_check() -> None:
    seen: Counter[str] = Counter()
    for seed in range(40):
        run = run_of(seed)
        for action in run.engine.sent.values():
            seen[action.order.value.purpose] += 1
        for decision in run.changes:
            seen[getattr(decision, "veto", "")] += 1
    for what in (*Purpose, "KILL_SWITCH", "PAUSED", "HALTED", "NOT_RECONCILED", "ORDER_RATE", "LIMIT_OPEN_POSITIONS"):
        assert seen[what], (what, seen)


LATCHES = [CommandKind.PAUSE, CommandKind.KILL, None]


def honest(rig: Rig, partly: bool) -> None:
    """Answer all that was asked, until nothing is asked any more."""
    asked = list(rig.actions)
    for _ in range(200):
        if not asked:
            return
        action = asked.pop(0)
        match action:
            case SubmitOrder(order=approved):
                order_id, quantity = approved.value.client_order_id, approved.value.quantity
                asked += rig.accept(order_id)
                if approved.value.purpose is not Purpose.STOP:
                    parts = [quantity / 2, quantity / 2] if partly else [quantity]
                    for part in parts:
                        asked += rig.fill(order_id, str(part), "100")
            case CancelOrder(client_order_id=order_id):
                asked += rig.cancelled(order_id, str(rig.order(order_id).filled_quantity))
            case QueryOrder(client_order_id=order_id):
                order = rig.order(order_id)
                asked += rig.found(order_id, order.state, str(order.filled_quantity))
            case FetchAccount():
                rig.actions = [action]
                asked += rig.snapshot()
    pytest.fail("no rest")


@given(
    latches=st.permutations(LATCHES),
    leave_out=st.integers(0, 2),
    partly=st.booleans(),
    bought=st.sampled_from(["1", "10", "0.05", "0.5"]),
    by=st.sampled_from([CommandKind.CLOSE_ALL, CommandKind.CLOSE_POSITION, CommandKind.KILL]),
)
def test_what_reduces_risk_goes_out_under_every_latch(
    latches: list[CommandKind | None], leave_out: int, partly: bool, bought: str, by: CommandKind
) -> None:
    """Also where the position is under every minimum, and the limits allow nothing any more."""
    rig = Rig.started()
    rig.fill(rig.entered(), bought, "100")
    honest(rig, partly)
    rig.engine._desk.risk.limits = Limits(max_position_notional=D("0.01"), max_open_positions=1)
    for latch in latches[leave_out:]:
        if latch is None:
            rig.engine._desk.halt("TEST", "for the test")
        else:
            rig.command(latch, reason="for the test")
    target = {CommandKind.CLOSE_POSITION: BTC.symbol, CommandKind.KILL: "flatten"}.get(by, "")
    rig.command(by, target)
    for _ in range(20):
        honest(rig, partly)
        if rig.is_flat:
            break
        rig.tick(5_001)
    assert rig.is_flat
    assert not any(order.is_live for order in rig.engine.state.orders.values())
    if latches[leave_out:] or by is CommandKind.KILL:
        rig.candle("100", say=ENTER, symbol=ETH.symbol)
        assert rig.submitted() == []
