"""The same events give the same engine: the same actions, records and ids, whichever process and whatever hashing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import WIDE_LIMITS, config
from tests.support.digest import backtest, backtest_digest, engine_digest, hostile, hostile_digest
from tests.support.examples import share
from tests.support.hostile import MARKETS
from tests.support.signals import ScriptedSignals
from trading.engine.engine import Engine

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (1, 2, 3)


@share(0.3)
@given(seed=st.integers(0, 2**32))
def test_two_engines_fed_the_same_events_are_identical(seed: int) -> None:
    first = hostile(seed)
    second = Engine(config(instruments=MARKETS, limits=WIDE_LIMITS), ScriptedSignals(first._signals.script))
    answers, changes = [], []
    for event in first.events:
        answers.append(second.handle(event))
        changes.extend(second.state.take_changes())
    assert answers == first.actions
    assert changes == first.changes
    assert second.state.records() == first.engine.state.records()
    assert engine_digest(second, answers) == engine_digest(first.engine, first.actions)


def test_other_processes_come_to_the_same() -> None:
    expected = [f"{seed} {hostile_digest(hostile(seed))} {backtest_digest(backtest(seed))}" for seed in SEEDS]
    for hash_seed in ("0", "1", "4242"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.digest", *map(str, SEEDS)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.splitlines() == expected


def test_digests_tell_runs_apart() -> None:
    assert len({hostile_digest(hostile(seed)) for seed in SEEDS}) == len(SEEDS)
    assert len({backtest_digest(backtest(seed)) for seed in SEEDS}) == len(SEEDS)
