"""How the bot did: ratios of its equity, statistics of its trades. docs/HEALTH.md says how each is worked out."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from trading.commands.output import rounded
from trading.monitoring.performance_reader import Realtime
from trading.web.models.base import Exact, Model, Time, maybe_moment, moment


class EquityMetrics(Model):
    """Of the equity from candle to candle; null is what cannot be told. Percentages as written, times the market's."""

    start: Time | None
    end: Time | None
    points: int
    step_s: float = Field(description="distance of the returns", examples=[300])
    return_pct: float | None
    annual_return_pct: float | None = Field(description="null for less than a day")
    volatility_pct: float | None
    sharpe: float | None = Field(examples=[1.2])
    sortino: float | None
    calmar: float | None
    max_drawdown_pct: float
    max_drawdown_peak: Time | None
    max_drawdown_trough: Time | None
    longest_drawdown_s: float
    drawdown_pct: float = Field(description="now")
    exposure_pct: float | None
    in_market_pct: float | None


class TradeMetrics(Model):
    """Of finished trades, money in quote after fees."""

    trades: int
    won: int
    lost: int
    win_rate_pct: Exact | None
    profit: Exact
    fees: Exact
    profit_factor: Exact | None
    expectancy: Exact | None
    average_win: Exact | None
    average_loss: Exact | None
    longest_winning_streak: int
    longest_losing_streak: int
    streak: int = Field(description="won in a row up to now; negative: lost")
    entry_slippage: Exact = Field(description="what entries cost more than at the decision's price")
    entry_slippage_bps: Exact | None
    mean_hold_s: float | None


class RealtimeView(Model):
    """How the bot did since its database began."""

    timestamp: Time
    equity: EquityMetrics
    trades: TradeMetrics

    @classmethod
    def of(cls, found: Realtime, now_ms: int) -> RealtimeView:
        """The figures, money rounded to eight decimals where its digits never end."""
        series, stats = found.performance, found.trades
        fall = series.drawdown
        has_points = bool(series.points)
        return cls(
            timestamp=moment(now_ms),
            equity=EquityMetrics(
                start=maybe_moment(series.start_ms if has_points else None),
                end=maybe_moment(series.end_ms if has_points else None),
                points=series.points,
                step_s=series.step_ms / 1000,
                return_pct=series.return_pct,
                annual_return_pct=series.annual_return_pct,
                volatility_pct=series.volatility_pct,
                sharpe=series.sharpe,
                sortino=series.sortino,
                calmar=series.calmar,
                max_drawdown_pct=fall.deepest_pct,
                max_drawdown_peak=maybe_moment(fall.peak_ms if has_points else None),
                max_drawdown_trough=maybe_moment(fall.trough_ms if has_points else None),
                longest_drawdown_s=fall.longest_ms / 1000,
                drawdown_pct=fall.now_pct,
                exposure_pct=series.exposure_pct,
                in_market_pct=series.in_market_pct,
            ),
            trades=TradeMetrics(
                trades=stats.trades,
                won=stats.won,
                lost=stats.lost,
                win_rate_pct=rounded_or_none(stats.win_rate_pct),
                profit=stats.profit,
                fees=stats.fees,
                profit_factor=rounded_or_none(stats.profit_factor),
                expectancy=rounded_or_none(stats.expectancy),
                average_win=rounded_or_none(stats.average_win),
                average_loss=rounded_or_none(stats.average_loss),
                longest_winning_streak=stats.longest_winning_streak,
                longest_losing_streak=stats.longest_losing_streak,
                streak=stats.streak,
                entry_slippage=stats.slippage,
                entry_slippage_bps=rounded_or_none(stats.slippage_bps),
                mean_hold_s=None if stats.mean_hold_ms is None else stats.mean_hold_ms / 1000,
            ),
        )


def rounded_or_none(value: Decimal | None) -> Decimal | None:
    """At most eight decimals; None for None."""
    return None if value is None else rounded(value)
