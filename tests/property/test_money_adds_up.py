"""I6: whatever the candles, the signals and the costs are, every coin is accounted for, to the last digit."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.builders import BTC, DOGE, ETH, NO_BREAKER, ROUND_PARAMS, WIDE_LIMITS, D, config
from tests.support.checked_run import CheckedRun
from tests.support.examples import share
from tests.support.random_candles import random_table
from tests.support.signals import RandomSignals
from trading.domain.instruments import ZERO
from trading.domain.orders import OrderState, Purpose
from trading.engine import portfolio
from trading.engine.config import Timing
from trading.exchange.costs import BINANCE_SPOT, Costs, FeePolicy, FillAt

SEEDS = range(8)


def random_costs(random: Random, policy: FeePolicy) -> Costs:
    """Costs that make fills slip, come in parts, and come late."""
    third = policy is FeePolicy.THIRD_COIN
    return replace(
        BINANCE_SPOT,
        fee_policy=policy,
        fee_coin="BNB" if third else "",
        fee_coin_price=D("612.37") if third else ZERO,
        fee_discount=D("0.25") if third else ZERO,
        maker_fee=D(random.choice(("0", "0.0008", "0.000123"))),
        taker_fee=D(random.choice(("0.001", "0.00075", "0.012345"))),
        half_spread_bps=D(random.choice(("0", "0.5", "25"))),
        max_volume_share=random.choice((None, D("0.02"), D("0.1"))),
        latency_ms=random.choice((0, 100, 2_000)),
    )


def random_run(seed: int, policy: FeePolicy, **changes: object) -> CheckedRun:
    random = Random(f"{seed}|{policy}")
    tables = [
        random_table(seed, BTC, 300, price=100.0, move_pct=random.choice((0.3, 1.0, 3.0))),
        random_table(seed, ETH, 260, price=2_000.0),
        random_table(seed, DOGE, 280, price=0.2),
    ]
    settings = config(
        params=replace(ROUND_PARAMS, slippage_reserve_pct=D("0.5")),
        limits=replace(WIDE_LIMITS, max_symbol_pct=D(random.choice((30, 60)))),
        timing=Timing(reconcile_ms=random.choice((0, 120_000))),
        breaker=NO_BREAKER,
        record_holds=bool(seed % 2),
        **changes,
    )
    # Too little of the third coin, so that the received coin pays when it is used up.
    deposits = {"USDT": D(10_000), "BNB": D("0.05")}
    signals = RandomSignals(seed, enter=0.15, exit_=0.05, atr_pct=random.choice((0.5, 2.0)))
    return CheckedRun(
        tables,
        settings,
        signals,
        random_costs(random, policy),
        deposits,
        fill_at=random.choice((FillAt.NEXT_OPEN, FillAt.CLOSE)),
    ).run(close_at_end=bool(seed % 3))


@pytest.mark.parametrize("policy", FeePolicy)
def test_money_adds_up_after_every_event(policy: FeePolicy) -> None:
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        run = random_run(seed, policy)
        account = run.engine.state.account
        assert account is not None
        assert account.cash >= 0
        assert run.runner.equity[-1].equity == portfolio.equity(run.engine.state)
        orders = run.collector.orders.values()
        seen.update(f"{order.intent.purpose} {order.state}" for order in orders)
        seen.update(str(correction.kind) for correction in run.corrections)
        seen.update(f"closed by {trade.exit_reason}" for trade in run.collector.trades)
        seen.update(fill.fee_coin for fill in run.collector.fills)
        seen["in parts"] += sum(o.intent.quantity > o.filled_quantity > 0 for o in orders)
    # The runs must have come through what they are there to check.
    for purpose in (Purpose.ENTRY, Purpose.STOP, Purpose.EXIT):
        assert seen[f"{purpose} {OrderState.FILLED}"] > 20, seen
    assert seen[f"{Purpose.STOP} {OrderState.CANCELED}"] > 20, seen
    assert seen["closed by signal"] > 10, seen
    assert seen["closed by stop"] > 10, seen
    assert seen["closed by target"] > 3, seen
    if policy is not FeePolicy.QUOTE:
        assert seen["base_fee"] > 20, seen
        assert seen["dust"] > 5, seen
    if policy is FeePolicy.THIRD_COIN:
        assert seen["BNB"] > 20, seen


@share(0.1)
@given(seed=st.integers(0, 2**32), policy=st.sampled_from(FeePolicy))
def test_money_adds_up_for_any_seed(seed: int, policy: FeePolicy) -> None:
    account = random_run(seed, policy).engine.state.account
    assert account is not None
    assert account.cash >= 0


def test_only_the_bots_part_of_a_larger_account_is_traded() -> None:
    """The owner has more quote and coins of his own: they lie there untouched at the end."""
    for seed in range(3):
        tables = [random_table(seed, BTC, 300), random_table(seed, ETH, 300, price=2_000.0)]
        run = CheckedRun(
            tables,
            config(capital=D(1_000), limits=WIDE_LIMITS, breaker=NO_BREAKER),
            RandomSignals(seed),
            BINANCE_SPOT,
            {"USDT": D(50_000), "BTC": D(3), "ETH": D("1.5")},
        ).run()
        account = run.engine.state.account
        assert account is not None
        assert account.start_capital == 1_000
        assert account.cash >= 0
        held = run.balances()
        assert held["BTC"] - run.engine.dust("BTC") == 3
        assert held["ETH"] - run.engine.dust("ETH") == D("1.5")
        assert len(run.collector.trades) > 10


def test_the_account_explains_the_final_equity() -> None:
    run = random_run(1, FeePolicy.RECEIVED)
    account = run.engine.state.account
    assert account is not None
    trades = run.collector.trades
    assert account.closed_positions == len(trades)
    assert account.closed_profit == sum((t.gross_profit(ZERO) for t in trades), ZERO)
    assert account.closed_fees == sum((t.fees for t in trades), ZERO)
    assert account.cash == D(10_000) + sum((t.net_profit(ZERO) for t in trades), ZERO)
