"""A backtest that leaves out the candles on which nothing can happen ends like one that hands every candle over."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.builders import BTC, DOGE, ETH, NO_BREAKER, ROUND_PARAMS, WIDE_LIMITS, D, config
from tests.support.checked_run import CheckedRun
from tests.support.examples import share
from tests.support.random_candles import random_table
from tests.support.signals import RandomSignals
from trading.decision.bars import Bars, BoolArray
from trading.decision.params import StrategyParams
from trading.decision.precomputed import PrecomputedSignals
from trading.decision.signals import compute_signals
from trading.domain.decisions import Verdict
from trading.domain.errors import InvalidInput
from trading.engine.config import EngineConfig, Timing
from trading.exchange.costs import BINANCE_SPOT, Costs, FeePolicy, FillAt
from trading.exchange.instruments import default_instruments
from trading.market.candle_files import load_candle_file
from trading.market.candle_table import CandleTable, checked_table
from trading.safety.breaker import BreakerLimits


def assert_same_end(leaving_out: CheckedRun, full: CheckedRun) -> None:
    """Orders (their times included), fills, positions, corrections, decisions to enter, equity, account: all equal."""
    ours, theirs = leaving_out.collector, full.collector
    assert ours.orders == theirs.orders
    assert ours.fills == theirs.fills
    assert ours.trades == theirs.trades
    assert ours.entries == theirs.entries
    assert ours.account == theirs.account
    assert leaving_out.corrections == full.corrections
    assert leaving_out.runner.equity == full.runner.equity
    assert leaving_out.runner.engine.state.positions == full.runner.engine.state.positions
    assert leaving_out.runner.engine.state.safety == full.runner.engine.state.safety
    assert leaving_out.balances() == full.balances()


def assert_same_peaks(held: CheckedRun, flat: CheckedRun) -> None:
    """Each day ends with the same peaks; of those that are passed in between, the higher ones may do."""
    assert {state.day_ms: state for state in held.breakers} == {state.day_ms: state for state in flat.breakers}
    assert [state for state in held.breakers if state not in flat.breakers] == []


def random_costs(random: Random) -> Costs:
    return replace(
        BINANCE_SPOT,
        fee_policy=random.choice((FeePolicy.QUOTE, FeePolicy.RECEIVED)),
        half_spread_bps=D(random.choice(("0", "20"))),
        max_volume_share=random.choice((None, D("0.05"))),
        latency_ms=random.choice((0, 100, 3_000, 10_000)),
    )


def random_runs(seed: int) -> tuple[CheckedRun, CheckedRun, CheckedRun]:
    """The same random market, with the candles left out that change nothing while flat, also while held, and none."""
    random = Random(f"skipping {seed}")
    markets = random.sample((BTC, ETH, DOGE), random.choice((1, 2, 3)))
    tables = [random_table(seed, m, random.randrange(50, 250), price=0.2 if m is DOGE else 100.0) for m in markets]
    signals = RandomSignals(
        seed,
        enter=random.choice((0.01, 0.05, 0.2)),
        exit_=random.choice((0.01, 0.1)),
        atr_pct=random.choice((1.0, 10.0)),  # stops that are soon met, and positions that last
    )
    protect = random.random() < 0.8
    settings = config(
        params=replace(ROUND_PARAMS, slippage_reserve_pct=D("0.5")),
        limits=replace(WIDE_LIMITS, max_orders_per_minute=random.choice((1, 1_000))),
        timing=Timing(reconcile_ms=0),
        breaker=random.choice((NO_BREAKER, BreakerLimits())),
        record_holds=False,
        protect=protect,
        # Without stops; of DOGE so little that a fall makes it dust.
        fixed_quantity=None if protect else D(30),
    )

    def rows(verdict: Verdict) -> dict[str, BoolArray]:
        return {
            table.symbol: np.array([signals.verdict(table.symbol, t) is verdict for t in table.open_time_ms.tolist()])
            for table in tables
        }

    costs, fill_at, close = random_costs(random), random.choice(tuple(FillAt)), random.random() < 0.5

    def run(
        entry_rows: Mapping[str, BoolArray] | None = None, exit_rows: Mapping[str, BoolArray] | None = None
    ) -> CheckedRun:
        made = CheckedRun(
            tables,
            settings,
            signals,
            costs,
            {"USDT": D(10_000)},
            fill_at=fill_at,
            entry_rows=entry_rows,
            exit_rows=exit_rows,
            checked=False,
        )
        return made.run(close_at_end=close)

    entries = rows(Verdict.ENTER_LONG)
    return run(entries), run(entries, rows(Verdict.EXIT)), run()


@share(0.5)
@given(seed=st.integers(0, 2**32))
@example(seed=1054)  # ends while candles at new peaks are passed over
def test_leaving_candles_out_changes_nothing(seed: int) -> None:
    flat, held, full = random_runs(seed)
    assert_same_end(flat, full)
    assert_same_end(held, full)
    # Where the engine saw every candle of a position, it remembers the same peaks of equity, and the same time.
    assert_same_peaks(held, flat)
    assert held.runner.engine.state.now_ms == flat.runner.engine.state.now_ms


def test_candles_are_left_out_and_trades_are_made() -> None:
    handled_flat, handled_held, total, trades = 0, 0, 0, 0
    for seed in range(10):
        flat, held, full = random_runs(seed)
        handled_flat += flat.runner.candles_handled
        handled_held += held.runner.candles_handled
        total += full.runner.candles_handled
        trades += len(full.collector.trades)
    assert handled_held < 0.6 * handled_flat < 0.6 * 0.6 * total
    assert trades > 50


def test_candles_cannot_be_left_out_with_periodic_reconciliation() -> None:
    tables = [random_table(1, BTC, 50)]
    settings = config(timing=Timing(reconcile_ms=300_000))
    rows = {BTC.symbol: np.zeros(len(tables[0]), dtype=np.bool_)}
    with pytest.raises(InvalidInput, match="reconcile_ms"):
        CheckedRun(tables, settings, RandomSignals(1), BINANCE_SPOT, {"USDT": D(10_000)}, entry_rows=rows)


def recorded_table(folder: Path, name: str, rows: int) -> CandleTable:
    """The first candles of a recorded file."""
    whole = load_candle_file(folder / f"{name}.csv.gz")
    columns = {c: getattr(whole, c)[:rows] for c in ("open_time_ms", "open", "high", "low", "close", "volume")}
    return checked_table(whole.symbol, whole.interval_ms, columns, lambda row: f"{name} row {row}")


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("names", "capital"),
    [(("SOLUSDT-5m", "ETHUSDT-5m"), D(10_000)), (("DOGEUSDT-1m", "ADAUSDT-1m"), D(900))],
)
def test_leaving_recorded_candles_out_changes_nothing(
    recorded_candles: Path, names: tuple[str, ...], capital: Decimal
) -> None:
    """With the decision path as it is: signals over history, default parameters, limits and costs."""
    tables = [recorded_table(recorded_candles, name, 9_000) for name in names]
    signals = [
        compute_signals(
            table.symbol,
            Bars(table.open_time_ms, table.open, table.high, table.low, table.close, table.volume),
            table.interval_ms,
            StrategyParams(),
        )
        for table in tables
    ]
    entries = {s.symbol: s.says(Verdict.ENTER_LONG) for s in signals}
    exits = {s.symbol: s.says(Verdict.EXIT) for s in signals}
    settings = EngineConfig(
        bot_id="bot",
        instruments=default_instruments(table.symbol for table in tables),
        capital=capital,
        timing=Timing(reconcile_ms=0),
        record_holds=False,
    )

    def run(
        entry_rows: Mapping[str, BoolArray] | None = None, exit_rows: Mapping[str, BoolArray] | None = None
    ) -> CheckedRun:
        source = PrecomputedSignals(signals, explain=False)
        deposits = {"USDT": capital}
        made = CheckedRun(
            tables,
            settings,
            source,
            BINANCE_SPOT,
            deposits,
            entry_rows=entry_rows,
            exit_rows=exit_rows,
            checked=False,
        )
        return made.run()

    flat, held, full = run(entries), run(entries, exits), run()
    assert_same_end(flat, full)
    assert_same_end(held, full)
    # Over several midnights, each of which begins a peak of its own.
    assert_same_peaks(held, flat)
    handled = [made.runner.candles_handled for made in (held, flat, full)]
    assert handled[0] < 0.5 * handled[1] < 0.5 * handled[2]
    assert len(full.collector.trades) > 10
