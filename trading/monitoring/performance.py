"""How well a bot or a backtest did: ratios of an equity series, statistics of finished trades. Pure.

Where a figure is undefined (too few points, nothing lost, no trade) it is None, never infinite or not a number. A year
has 365 days: these markets do not close. The risk-free rate is taken as 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec
import numpy as np
import numpy.typing as npt

from trading.domain.instruments import ZERO
from trading.domain.positions import Position

DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS
TEN_THOUSAND = Decimal(10_000)

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

STEPS_MAX = 2_000_000
"""Returns of one series; of a longer one they are further apart than its own spacing."""

# A standard deviation below this share of the mean is rounding, not risk.
_ROUNDING = 1e-12


class Drawdown(msgspec.Struct, frozen=True, kw_only=True):
    """Falls of an equity series from its highest value so far.

    deepest_pct: the largest, in percent of the peak before it; peak_ms and trough_ms are its ends (UTC ms).
    longest_ms: the longest time from a peak until it was reached again, or until the end. now_pct: the fall at the end.
    """

    deepest_pct: float = 0.0
    peak_ms: int = 0
    trough_ms: int = 0
    longest_ms: int = 0
    now_pct: float = 0.0


class Performance(msgspec.Struct, frozen=True, kw_only=True):
    """What an equity series tells. Percentages as written (5.0 is 5 %), times UTC ms.

    return_pct: over the whole series. annual_return_pct: the steady yearly growth with the same end (CAGR); None for
    less than a day. volatility_pct, sharpe, sortino: of the returns from one step to the next (`step_ms`), annualised.
    calmar: annual return over the deepest drawdown. exposure_pct: mean share of the equity that was in positions;
    in_market_pct: share of the points with any. Both None where the exposure is not known.
    """

    start_ms: int = 0
    end_ms: int = 0
    points: int = 0
    step_ms: int = 0
    return_pct: float | None = None
    annual_return_pct: float | None = None
    volatility_pct: float | None = None
    sharpe: float | None = None
    sortino: float | None = None
    calmar: float | None = None
    drawdown: Drawdown = Drawdown()
    exposure_pct: float | None = None
    in_market_pct: float | None = None


class TradeResult(msgspec.Struct, frozen=True, gc=False):
    """What statistics need of a finished trade. Times UTC ms, money in quote.

    profit: after fees. slippage: what the entry cost more than the same quantity at the price of the decision (negative
    where it was cheaper). cost: what was paid for the entry.
    """

    opened_ms: int
    closed_ms: int
    profit: Decimal
    fees: Decimal
    slippage: Decimal
    cost: Decimal


class TradeStats(msgspec.Struct, frozen=True, kw_only=True):
    """Statistics of finished trades. Money in quote, after fees; who made exactly nothing has neither won nor lost.

    win_rate_pct: of all trades. profit_factor: sum of the gains over the sum of the losses. expectancy: mean profit of
    a trade. streak: trades won in a row up to now, negative: lost. slippage_bps: of the entries' cost at the decisions'
    prices. mean_hold_ms: from decision to flat.
    """

    trades: int = 0
    won: int = 0
    lost: int = 0
    win_rate_pct: Decimal | None = None
    profit: Decimal = ZERO
    fees: Decimal = ZERO
    profit_factor: Decimal | None = None
    expectancy: Decimal | None = None
    average_win: Decimal | None = None
    average_loss: Decimal | None = None
    longest_winning_streak: int = 0
    longest_losing_streak: int = 0
    streak: int = 0
    slippage: Decimal = ZERO
    slippage_bps: Decimal | None = None
    mean_hold_ms: int | None = None


def returns_of(equity: Floats) -> Floats:
    """The growth from each point to the next, as fractions; 0 from a point that is worth nothing."""
    before, after = equity[:-1], equity[1:]
    return np.divide(after - before, before, out=np.zeros(len(before)), where=before > 0)


def volatility(returns: Floats, per_year: float) -> float | None:
    """Annualised standard deviation of the returns: sample deviation x sqrt(returns per year)."""
    if len(returns) < 2:
        return None
    return float(np.std(returns, ddof=1) * np.sqrt(per_year))


def sharpe_ratio(returns: Floats, per_year: float) -> float | None:
    """Mean return over its sample standard deviation, annualised (W. F. Sharpe, "The Sharpe Ratio", 1994)."""
    if len(returns) < 2:
        return None
    return _ratio(float(np.mean(returns)), float(np.std(returns, ddof=1)), per_year)


def sortino_ratio(returns: Floats, per_year: float) -> float | None:
    """Mean return over the downside deviation, the root mean square of the losses (0 where there was none), annualised.

    F. A. Sortino and L. N. Price, "Performance Measurement in a Downside Risk Framework", 1994.
    """
    if len(returns) < 2:
        return None
    return _ratio(float(np.mean(returns)), float(np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2))), per_year)


def annual_return(equity: Floats, per_year: float) -> float | None:
    """The yearly growth that leads from the first to the last point (CAGR), as a fraction."""
    if len(equity) < 2 or equity[0] <= 0 or equity[-1] < 0:
        return None
    with np.errstate(over="ignore"):
        growth = float((equity[-1] / equity[0]) ** (per_year / (len(equity) - 1)))
    return growth - 1 if np.isfinite(growth) else None


def drawdown_of(times_ms: Times, equity: Floats) -> Drawdown:
    """The falls from the highest value so far (M. Magdon-Ismail and A. F. Atiya, "Maximum Drawdown", 2004)."""
    if not len(equity):
        return Drawdown()
    peaks = np.maximum.accumulate(equity)
    falls = np.divide(peaks - equity, peaks, out=np.zeros(len(equity)), where=peaks > 0)
    trough = int(np.argmax(falls))
    peak = int(np.argmax(equity[: trough + 1]))
    # When the value was last at its peak, for every point; what follows until the next such time was under water.
    at_peak = np.flatnonzero(equity >= peaks)
    ends = np.append(times_ms[at_peak[1:]], times_ms[-1])
    return Drawdown(
        deepest_pct=float(falls[trough]) * 100,
        peak_ms=int(times_ms[peak]),
        trough_ms=int(times_ms[trough]),
        longest_ms=_longest(times_ms[at_peak], ends, at_peak, len(equity)),
        now_pct=float(falls[-1]) * 100,
    )


def step_of(times_ms: Times) -> int:
    """The series' own spacing: the median distance of its points, in ms; 0 for fewer than two."""
    return int(np.median(np.diff(times_ms))) if len(times_ms) > 1 else 0


def on_steps(times_ms: Times, values: Floats, step_ms: int) -> tuple[Times, Floats]:
    """The series at every `step_ms` from its first to its last point, the last known value carried on."""
    grid = np.arange(times_ms[0], times_ms[-1] + 1, step_ms, dtype=np.int64)
    return grid, values[np.searchsorted(times_ms, grid, side="right") - 1]


def performance_of(
    times_ms: Times, equity: Floats, *, exposure: Floats | None = None, step_ms: int | None = None
) -> Performance:
    """All figures of an equity series.

    Args:
        times_ms: ascending, UTC ms.
        equity: in quote, one value for each time.
        exposure: worth of the positions at each time, in quote.
        step_ms: distance of the returns, for a series that leaves out what did not change: the last value is carried
            on. Where not given, the series' own spacing.
    """
    if not len(equity):
        return Performance()
    span_ms = int(times_ms[-1] - times_ms[0])
    step = max(step_ms or step_of(times_ms), span_ms // STEPS_MAX)
    grid, values = on_steps(times_ms, equity, step) if step else (times_ms, equity)
    drawdown = drawdown_of(grid, values) if step == step_ms else drawdown_of(times_ms, equity)
    found = Performance(
        start_ms=int(times_ms[0]), end_ms=int(times_ms[-1]), points=len(equity), step_ms=step, drawdown=drawdown
    )
    if exposure is not None:
        share = np.divide(exposure, equity, out=np.zeros(len(equity)), where=equity > 0)
        found = msgspec.structs.replace(
            found, exposure_pct=float(np.mean(share)) * 100, in_market_pct=float(np.mean(exposure > 0)) * 100
        )
    if not step:
        return found
    returns, per_year = returns_of(values), YEAR_MS / step
    yearly = annual_return(equity[[0, -1]], YEAR_MS / span_ms) if span_ms >= DAY_MS else None
    return msgspec.structs.replace(
        found,
        return_pct=_percent(float(equity[-1] / equity[0]) - 1 if equity[0] > 0 else None),
        annual_return_pct=_percent(yearly),
        volatility_pct=_percent(volatility(returns, per_year)),
        sharpe=sharpe_ratio(returns, per_year),
        sortino=sortino_ratio(returns, per_year),
        calmar=None if yearly is None or not drawdown.deepest_pct else yearly * 100 / drawdown.deepest_pct,
    )


def trade_result(position: Position) -> TradeResult:
    """What statistics need of a closed position."""
    return TradeResult(
        opened_ms=position.opened_ms,
        closed_ms=position.closed_ms or 0,
        profit=position.net_profit(ZERO),
        fees=position.fees,
        slippage=position.cost - position.bought * position.decision_price,
        cost=position.cost,
    )


def trade_stats(trades: Sequence[TradeResult]) -> TradeStats:
    """Statistics of these trades, which are in the order in which they ended."""
    if not trades:
        return TradeStats()
    gains = [t.profit for t in trades if t.profit > 0]
    losses = [t.profit for t in trades if t.profit < 0]
    gained, lost = sum(gains, ZERO), -sum(losses, ZERO)
    slippage = sum((t.slippage for t in trades), ZERO)
    decided = sum((t.cost for t in trades), ZERO) - slippage
    best, worst, now = _streaks(t.profit for t in trades)
    return TradeStats(
        trades=len(trades),
        won=len(gains),
        lost=len(losses),
        win_rate_pct=Decimal(100 * len(gains)) / len(trades),
        profit=gained - lost,
        fees=sum((t.fees for t in trades), ZERO),
        profit_factor=gained / lost if lost else None,
        expectancy=(gained - lost) / len(trades),
        average_win=gained / len(gains) if gains else None,
        average_loss=-lost / len(losses) if losses else None,
        longest_winning_streak=best,
        longest_losing_streak=worst,
        streak=now,
        slippage=slippage,
        slippage_bps=slippage / decided * TEN_THOUSAND if decided else None,
        mean_hold_ms=sum(t.closed_ms - t.opened_ms for t in trades) // len(trades),
    )


def _streaks(profits: Iterable[Decimal]) -> tuple[int, int, int]:
    """The most won in a row, the most lost in a row, and the present streak (negative: lost)."""
    best = worst = now = 0
    for profit in profits:
        now = max(now, 0) + 1 if profit > 0 else min(now, 0) - 1 if profit < 0 else 0
        best, worst = max(best, now), max(worst, -now)
    return best, worst, now


def _ratio(mean: float, deviation: float, per_year: float) -> float | None:
    if deviation <= _ROUNDING * abs(mean) or not deviation:
        return None
    return float(mean / deviation * np.sqrt(per_year))


def _longest(starts: Times, ends: Times, at_peak: npt.NDArray[np.intp], points: int) -> int:
    """The longest stretch between two times at a peak with a lower point between them."""
    follows = np.append(at_peak[1:], points)
    is_under = follows - at_peak > 1
    return int(np.max(np.where(is_under, ends - starts, 0)))


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else fraction * 100
