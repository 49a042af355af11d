"""Ratios and statistics, against an independent library on random series, and by hand at the edges."""

from __future__ import annotations

import math
from decimal import Decimal

import empyrical
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.builders import BTC, D
from trading.domain.positions import Position, PositionSide
from trading.monitoring.performance import (
    DAY_MS,
    STEPS_MAX,
    YEAR_MS,
    Drawdown,
    Floats,
    Performance,
    TradeResult,
    TradeStats,
    annual_return,
    drawdown_of,
    performance_of,
    returns_of,
    sharpe_ratio,
    sortino_ratio,
    trade_result,
    trade_stats,
    volatility,
)

HOUR_MS = 3_600_000
T0 = 1_700_000_000_000


def times(count: int, step_ms: int = DAY_MS) -> np.ndarray:
    return T0 + np.arange(count, dtype=np.int64) * step_ms


def series(seed: int, count: int, drift: float, spread: float) -> Floats:
    steps = np.random.default_rng(seed).normal(drift, spread, count - 1)
    return np.concatenate([[10_000.0], 10_000 * np.cumprod(1 + np.clip(steps, -0.9, None))])


def alike(ours: float | None, theirs: float) -> bool:
    """None stands for what the library calls not a number or infinite."""
    if ours is None:
        return not math.isfinite(theirs)
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12)


@given(
    seed=st.integers(0, 2**32),
    count=st.integers(2, 400),
    drift=st.sampled_from([-0.02, -0.0005, 0.0, 0.0005, 0.01]),
    spread=st.sampled_from([1e-5, 0.003, 0.05, 0.3]),
    step_ms=st.sampled_from([60_000, HOUR_MS, DAY_MS]),
)
def test_ratios_are_those_of_empyrical(seed: int, count: int, drift: float, spread: float, step_ms: int) -> None:
    equity = series(seed, count, drift, spread)
    returns, per_year = returns_of(equity), YEAR_MS / step_ms
    found = performance_of(times(count, step_ms), equity)
    assert found.step_ms == step_ms
    assert alike(sharpe_ratio(returns, per_year), empyrical.sharpe_ratio(returns, annualization=per_year))
    assert alike(sortino_ratio(returns, per_year), empyrical.sortino_ratio(returns, annualization=per_year))
    assert alike(volatility(returns, per_year), empyrical.annual_volatility(returns, annualization=per_year))
    assert math.isclose(-found.drawdown.deepest_pct / 100, empyrical.max_drawdown(returns), abs_tol=1e-12)
    assert (found.sharpe, found.sortino) == (sharpe_ratio(returns, per_year), sortino_ratio(returns, per_year))
    with np.errstate(over="ignore"):
        yearly = empyrical.annual_return(returns, annualization=per_year)
    ours = annual_return(equity, per_year)
    if yearly + 1 > 1e-9:  # of what is nearly all lost, the two forms of the same root differ in rounding
        assert alike(ours, yearly)


@pytest.mark.parametrize("count", [2, 3, 50])
def test_a_series_that_only_falls(count: int) -> None:
    equity = 10_000 * 0.99 ** np.arange(count) - np.arange(count) % 2
    returns = returns_of(equity)
    assert alike(sortino_ratio(returns, 365), empyrical.sortino_ratio(returns, annualization=365))
    assert alike(sharpe_ratio(returns, 365), empyrical.sharpe_ratio(returns, annualization=365))
    found = drawdown_of(times(count), equity)
    assert (found.peak_ms, found.trough_ms) == (T0, T0 + (count - 1) * DAY_MS)
    assert found.now_pct == found.deepest_pct
    assert found.longest_ms == (count - 1) * DAY_MS


def test_nothing_is_told_of_an_empty_series() -> None:
    assert performance_of(times(0), np.zeros(0)) == Performance()
    assert drawdown_of(times(0), np.zeros(0)) == Drawdown()


def test_one_point_has_no_returns() -> None:
    found = performance_of(times(1), np.array([10_000.0]), exposure=np.array([5_000.0]))
    assert (found.points, found.step_ms, found.sharpe, found.return_pct) == (1, 0, None, None)
    assert (found.exposure_pct, found.in_market_pct) == (50.0, 100.0)
    assert returns_of(np.array([1.0])).size == 0


def test_a_constant_series_has_no_ratio() -> None:
    found = performance_of(times(10), np.full(10, 10_000.0))
    assert (found.return_pct, found.annual_return_pct, found.volatility_pct) == (0.0, 0.0, 0.0)
    assert (found.sharpe, found.sortino, found.calmar) == (None, None, None)
    assert found.drawdown.deepest_pct == 0
    assert found.drawdown.longest_ms == 0


def test_steady_growth_is_without_risk_although_rounding_says_otherwise() -> None:
    found = performance_of(times(200), 10_000 * 1.001 ** np.arange(200))
    assert (found.sharpe, found.sortino, found.calmar) == (None, None, None)
    assert found.annual_return_pct == pytest.approx((1.001**365 - 1) * 100)


def test_a_series_that_lost_everything_has_figures() -> None:
    found = performance_of(times(4), np.array([10_000.0, 5_000.0, 0.0, 0.0]))
    assert found.return_pct == -100
    assert found.annual_return_pct == -100
    assert found.drawdown.deepest_pct == 100
    assert all(math.isfinite(value) for value in (found.sharpe or 0, found.sortino or 0))


def test_less_than_a_day_is_not_blown_up_to_a_year() -> None:
    equity = np.array([10_000.0, 10_100.0, 10_050.0])
    assert performance_of(times(3, HOUR_MS), equity).annual_return_pct is None
    assert performance_of(times(3, DAY_MS), equity).annual_return_pct is not None


def test_growth_beyond_all_numbers_is_no_number() -> None:
    assert annual_return(np.array([1.0, 1e300]), 1e6) is None


def test_left_out_points_count_as_unchanged() -> None:
    whole = np.array([100.0, 100.0, 100.0, 110.0, 110.0, 105.0, 105.0])
    at = np.array([0, 3, 5, 6])
    full = performance_of(times(7, HOUR_MS), whole)
    thinned = performance_of(times(7, HOUR_MS)[at], whole[at], step_ms=HOUR_MS)
    assert (full.sharpe, full.sortino, full.drawdown) == (thinned.sharpe, thinned.sortino, thinned.drawdown)


def test_points_far_apart_do_not_fill_the_memory() -> None:
    found = performance_of(np.array([0, 1, 2, 3 * YEAR_MS]), np.array([1.0, 2.0, 1.0, 2.0]))
    assert found.step_ms == 3 * YEAR_MS // STEPS_MAX


def test_the_longest_fall_ends_where_its_peak_is_reached_again() -> None:
    equity = np.array([100.0, 90.0, 95.0, 100.0, 120.0, 60.0, 130.0, 129.0])
    found = drawdown_of(times(8), equity)
    assert found.longest_ms == 3 * DAY_MS
    assert (found.deepest_pct, found.peak_ms, found.trough_ms) == (50.0, T0 + 4 * DAY_MS, T0 + 5 * DAY_MS)
    assert found.now_pct == pytest.approx(100 / 130)


def test_exposure_is_the_mean_share_in_positions() -> None:
    found = performance_of(times(4), np.full(4, 1_000.0), exposure=np.array([0.0, 500.0, 500.0, 0.0]))
    assert (found.exposure_pct, found.in_market_pct) == (25.0, 50.0)


def traded(*profits: str) -> list[TradeResult]:
    return [
        TradeResult(T0 + i * HOUR_MS, T0 + (i + 1) * HOUR_MS, D(profit), D(1), D("0.5"), D("200.5"))
        for i, profit in enumerate(profits)
    ]


def test_statistics_of_trades() -> None:
    found = trade_stats(traded("10", "20", "-5", "-5", "-10", "0", "7"))
    assert (found.trades, found.won, found.lost) == (7, 3, 3)
    assert found.win_rate_pct == D(300) / 7
    assert found.profit == 17
    assert found.profit_factor == D(37) / 20
    assert found.expectancy == D(17) / 7
    assert (found.average_win, found.average_loss) == (D(37) / 3, D(-20) / 3)
    assert (found.longest_winning_streak, found.longest_losing_streak, found.streak) == (2, 3, 1)
    assert (found.fees, found.slippage, found.slippage_bps) == (7, D("3.5"), 25)
    assert found.mean_hold_ms == HOUR_MS


def test_statistics_without_what_they_need() -> None:
    assert trade_stats([]) == TradeStats()
    only_losses = trade_stats(traded("-1", "-2"))
    assert (only_losses.profit_factor, only_losses.average_win, only_losses.streak) == (0, None, -2)
    only_gains = trade_stats(traded("1", "2"))
    assert (only_gains.profit_factor, only_gains.average_loss, only_gains.streak) == (None, None, 2)
    nothing = trade_stats(traded("0"))
    assert (nothing.win_rate_pct, nothing.profit_factor, nothing.streak, nothing.lost) == (0, None, 0, 0)


@given(st.lists(st.decimals(-1000, 1000, places=2), min_size=1, max_size=60))
def test_gains_and_losses_add_up_to_the_profit(profits: list[Decimal]) -> None:
    found = trade_stats(traded(*map(str, profits)))
    gained = (found.average_win or 0) * found.won
    lost = (found.average_loss or 0) * found.lost
    assert abs(gained + lost - found.profit) < Decimal("1e-9")
    assert found.profit == sum(profits)
    assert found.won + found.lost <= found.trades
    assert -found.longest_losing_streak <= found.streak <= found.longest_winning_streak


def test_slippage_is_what_the_entry_cost_more_than_at_the_decision() -> None:
    position = Position(
        id="p",
        symbol=BTC.symbol,
        side=PositionSide.LONG,
        opened_ms=T0,
        decision_price=D(100),
        bought=D(2),
        cost=D("200.4"),
        sold=D(2),
        proceeds=D(210),
        fees=D("0.4"),
        closed_ms=T0 + HOUR_MS,
    )
    found = trade_result(position)
    assert (found.slippage, found.profit, found.cost) == (D("0.4"), D("9.2"), D("200.4"))
    assert trade_stats([found]).slippage_bps == 20
    cheaper = trade_result(replace(position, cost=D(199)))
    assert cheaper.slippage == -1
