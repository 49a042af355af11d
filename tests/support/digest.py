"""What a run came to as a few hex digits: `python -m tests.support.digest SEED...` prints one line for each seed."""

from __future__ import annotations

import sys
from hashlib import sha256

import msgspec

from tests.support.builders import BTC, ETH, NO_BREAKER, WIDE_LIMITS, D, config
from tests.support.checked_engine import CheckedEngine
from tests.support.checked_run import CheckedRun
from tests.support.hostile import MARKETS, Hostile
from tests.support.random_candles import random_table
from tests.support.signals import RandomSignals, ScriptedSignals
from trading.domain.orders import Approved
from trading.engine.engine import Engine
from trading.exchange.costs import BINANCE_SPOT


def _approved(value: object) -> object:
    if isinstance(value, Approved):
        return value.value
    raise NotImplementedError(type(value))


_encode = msgspec.json.Encoder(enc_hook=_approved).encode


def hostile(seed: int, steps: int = 250) -> Hostile:
    """An engine under an exchange that says anything."""
    signals = ScriptedSignals()
    made = Hostile(seed, CheckedEngine(config(instruments=MARKETS, limits=WIDE_LIMITS), signals), signals)
    made.run(steps)
    return made


def backtest(seed: int) -> CheckedRun:
    """A random market of two symbols."""
    tables = [random_table(seed, BTC, 150), random_table(seed, ETH, 150, price=2_000.0)]
    settings = config(limits=WIDE_LIMITS, breaker=NO_BREAKER)
    return CheckedRun(tables, settings, RandomSignals(seed), BINANCE_SPOT, {"USDT": D(10_000)}, checked=False).run()


def digest_of(*parts: object) -> str:
    """The digest of what can be encoded, ids, times and order included."""
    found = sha256()
    for part in parts:
        found.update(_encode(part))
    return found.hexdigest()


def hostile_digest(run: Hostile) -> str:
    """Of every action and every record at the end."""
    return digest_of(run.events, run.actions, run.engine.state.records(), run.engine.corrections)


def backtest_digest(run: CheckedRun) -> str:
    """Of every order, fill and correction, and the records at the end."""
    kept = run.collector
    return digest_of(kept.orders, kept.fills, kept.trades, run.corrections, run.runner.engine.state.records())


def engine_digest(engine: Engine, answers: object) -> str:
    """Of the answers that an engine gave and its records."""
    return digest_of(answers, engine.state.records())


def main(seeds: list[str]) -> None:
    """Print both digests of each seed."""
    for seed in map(int, seeds):
        sys.stdout.write(f"{seed} {hostile_digest(hostile(seed))} {backtest_digest(backtest(seed))}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
