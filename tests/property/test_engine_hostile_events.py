"""Whatever is reported, in whatever order: the books add up, orders stay final, nothing is sent twice or raises."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import NO_BREAKER, WIDE_LIMITS, config
from tests.support.checked_engine import CheckedEngine
from tests.support.examples import share
from tests.support.hostile import MARKETS, Hostile
from tests.support.signals import ScriptedSignals
from trading.domain.actions import Notify, SubmitOrder
from trading.domain.events import OrderFilled
from trading.domain.orders import OrderState, Purpose
from trading.engine.config import EngineConfig, Timing
from trading.safety.breaker import BreakerLimits

STEPS = 250


def settings_of(seed: int) -> EngineConfig:
    random = Random(f"settings {seed}")
    return config(
        instruments=MARKETS,
        limits=WIDE_LIMITS,
        timing=Timing(reconcile_ms=random.choice((0, 30_000))),
        breaker=random.choice((NO_BREAKER, BreakerLimits())),
        record_holds=random.random() < 0.5,
    )


def hostile(seed: int, steps: int = STEPS) -> Hostile:
    """A run of `steps` events; the checks are the engine's own (see `CheckedEngine`)."""
    signals = ScriptedSignals()
    made = Hostile(seed, CheckedEngine(settings_of(seed), signals), signals)
    made.run(steps)
    return made


@share(1)
@given(seed=st.integers(0, 2**32))
def test_the_books_hold_whatever_is_reported(seed: int) -> None:
    hostile(seed)


def test_the_runs_come_through_what_they_are_there_to_check() -> None:
    seen: Counter[str] = Counter()
    for seed in range(40):
        run = hostile(seed)
        seen["closed"] += run.engine.state.account.closed_positions if run.engine.state.account else 0
        seen.update(f"{o.intent.purpose} {o.state}" for o in run.engine.state.orders.values())
        seen.update(str(c.kind) for c in run.engine.corrections)
        for event, actions in zip(run.events, run.actions, strict=True):
            seen.update(a.code for a in actions if isinstance(a, Notify))
            seen["sent"] += sum(isinstance(a, SubmitOrder) for a in actions)
            seen["fills"] += isinstance(event, OrderFilled)
    for what in ("sent", "closed", "base_fee", "dust", "reconciled", "FILL_CONTRADICTS", "LATE_ORDER", "UNPROTECTED"):
        assert seen[what] >= 3, seen
    for purpose in Purpose:
        assert seen[f"{purpose} {OrderState.FILLED}"] >= 10, seen
