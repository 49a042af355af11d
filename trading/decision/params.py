"""The strategy's parameters: thresholds, weights and the sizes of stops and positions. One frozen value, checked."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec

from trading.decision.regime import REGIMES
from trading.domain.errors import InvalidInput


class RegimeWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much one analyst's vote weighs in each regime. 0 or more; 0 silences it."""

    trend_up: float
    trend_down: float
    range: float
    volatile: float

    def __post_init__(self) -> None:
        for regime, weight in zip(REGIMES, self.by_code(), strict=True):
            _require(f"weight in {regime}", weight, math.isfinite(weight) and weight >= 0, "a finite number, 0 or more")

    def by_code(self) -> tuple[float, ...]:
        """The weights in the order of REGIMES."""
        return (self.trend_up, self.trend_down, self.range, self.volatile)


def _default_weights() -> dict[str, RegimeWeights]:
    return {
        "trend": RegimeWeights(trend_up=1.0, trend_down=1.0, range=0.5, volatile=0.7),
        "mean_reversion": RegimeWeights(trend_up=0.2, trend_down=0.1, range=0.6, volatile=0.2),
        "momentum": RegimeWeights(trend_up=0.8, trend_down=0.8, range=0.5, volatile=0.6),
        "volume": RegimeWeights(trend_up=0.4, trend_down=0.4, range=0.4, volatile=0.4),
        "bull": RegimeWeights(trend_up=0.7, trend_down=0.3, range=0.5, volatile=0.5),
        "bear": RegimeWeights(trend_up=0.4, trend_down=0.8, range=0.6, volatile=0.7),
    }


class StrategyParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything about the strategy that can be set. Raises `InvalidInput` on a value that cannot be.

    Voting:
        enter_score: enter from this combined score on, in (0, 1].
        exit_score: leave at this combined score or below, in [-1, 1), below enter_score. The gap between the two is
            what keeps a position from being opened and closed by every flicker.
        min_confidence: enter only with this combined confidence or more, in [0, 1]. Exits do not ask for it.
        weights: of each analyst, by regime.
        opinion_weight: of a vote whose analyst is not in `weights` (an opinion that arrives as an event).

    Costs (an opinion is worth acting on only where the market moves enough to pay for the trade):
        round_trip_cost: fees and slippage of an entry and its exit together, as a fraction of the price.
        min_reward_to_cost: confidence is full where the distance to the target is this many times that cost, and less
            in proportion below.

    Sizing (see `trading.decision.sizing`):
        risk_per_trade_pct: share of the equity that is lost when the stop is hit, in percent, fees included.
        stop_atr_multiple, target_atr_multiple, trail_atr_multiple: distances of stop, target and trailing stop.
        slippage_reserve_pct: how much worse than the price a fill may be without passing the cash, in percent.
        min_stop_ticks: the stop is never nearer than so many ticks.
    """

    enter_score: float = 0.6
    exit_score: float = -0.5
    min_confidence: float = 0.7
    weights: dict[str, RegimeWeights] = msgspec.field(default_factory=_default_weights)
    opinion_weight: float = 0.5
    round_trip_cost: float = 0.0025
    min_reward_to_cost: float = 12.0
    risk_per_trade_pct: Decimal = Decimal("1")
    stop_atr_multiple: Decimal = Decimal("8")
    target_atr_multiple: Decimal = Decimal("24")
    trail_atr_multiple: Decimal = Decimal("12")
    slippage_reserve_pct: Decimal = Decimal("0.5")
    min_stop_ticks: int = 10

    def __post_init__(self) -> None:
        _require("enter_score", self.enter_score, 0 < self.enter_score <= 1, "above 0, up to 1")
        _require("exit_score", self.exit_score, -1 <= self.exit_score < self.enter_score, "-1 up to below enter_score")
        _require("min_confidence", self.min_confidence, 0 <= self.min_confidence <= 1, "0 to 1")
        for name in ("opinion_weight", "round_trip_cost", "min_reward_to_cost"):
            value: float = getattr(self, name)
            _require(name, value, math.isfinite(value) and value >= 0, "a finite number, 0 or more")
        for name in ("stop_atr_multiple", "target_atr_multiple", "trail_atr_multiple"):
            multiple: Decimal = getattr(self, name)
            _require(name, multiple, multiple.is_finite() and 0 < multiple <= 1000, "above 0, up to 1000")
        for name in ("risk_per_trade_pct", "slippage_reserve_pct"):
            percent: Decimal = getattr(self, name)
            _require(name, percent, percent.is_finite() and 0 <= percent < 100, "0 up to below 100")
        _require("risk_per_trade_pct", self.risk_per_trade_pct, self.risk_per_trade_pct > 0, "above 0")
        _require("min_stop_ticks", self.min_stop_ticks, self.min_stop_ticks >= 1, "1 or more")

    def weights_of(self, analyst: str) -> RegimeWeights:
        """The analyst's weights. Raises `InvalidInput` for one that has none."""
        found = self.weights.get(analyst)
        if found is None:
            raise InvalidInput("analyst", analyst, f"one that has weights: {', '.join(sorted(self.weights))}")
        return found

    def opinion_weight_of(self, analyst: str, regime: str) -> float:
        """The weight of a vote that arrives from outside, in this regime."""
        found = self.weights.get(analyst)
        return self.opinion_weight if found is None else found.by_code()[REGIMES.index(regime)]


def _require(field: str, value: object, usable: bool, allowed: str) -> None:
    if not usable:
        raise InvalidInput(field, value, allowed)
