"""Bull and bear: two advocates who look for evidence for and against being long, and are silent when they find none."""

from __future__ import annotations

from trading.decision.analysts.base import Scores, abstain_on_nan, ramp
from trading.decision.bars import FloatArray
from trading.decision.features import FeatureMatrix, quotient


class BullAnalyst:
    """Argues for being long. Score in [0, 1]: the weight of the evidence that it finds.

    0.25 EMA20 over EMA50 (full at 2 ATR) + 0.2 close over EMA200 (6 ATR) + 0.25 close in the top of the 96-candle
    channel (0.7 to 1) + 0.15 MACD histogram (0.3 ATR) + 0.15 OBV slope (0.3). confidence: score from 0.2 to 0.7.
    """

    name = "bull"

    def score(self, features: FeatureMatrix) -> Scores:
        """See `Analyst.score`."""
        evidence = _weigh(features, 1.0) + 0.25 * ramp(features["channel_96"], 0.7, 1.0)
        return abstain_on_nan(evidence, ramp(evidence, 0.2, 0.7))

    def explain(self, features: FeatureMatrix, row: int) -> str:
        """See `Analyst.explain`."""
        return f"for: {_figures(features, row)}"


class BearAnalyst:
    """Argues against being long. Score in [-1, 0]: the weight of the evidence that it finds, negated.

    0.25 EMA20 under EMA50 (full at 2 ATR) + 0.2 close under EMA200 (6 ATR) + 0.15 MACD histogram below 0 (0.3 ATR)
    + 0.15 OBV slope below 0 (0.3) + 0.15 close in the bottom of the 96-candle channel (0.3 to 0) + 0.1 overheated: RSI
    from 75 to 90. confidence: evidence from 0.2 to 0.7.
    """

    name = "bear"

    def score(self, features: FeatureMatrix) -> Scores:
        """See `Analyst.score`."""
        bottom = ramp(1.0 - features["channel_96"], 0.7, 1.0)
        evidence = _weigh(features, -1.0) + 0.15 * bottom + 0.1 * ramp(features["rsi_14"], 75.0, 90.0)
        return abstain_on_nan(0.0 - evidence, ramp(evidence, 0.2, 0.7))

    def explain(self, features: FeatureMatrix, row: int) -> str:
        """See `Analyst.explain`."""
        return f"against: {_figures(features, row)}, RSI {features.at(row, 'rsi_14'):.0f}"


def _weigh(features: FeatureMatrix, side: float) -> FloatArray:
    """The evidence that both advocates look at, from the given side (1 bull, -1 bear): up to 0.75."""
    atr = features["atr_14"]
    averages = ramp(quotient(side * (features["ema_20"] - features["ema_50"]), atr), 0.0, 2.0)
    distance = ramp(quotient(side * (features["close"] - features["ema_200"]), atr), 0.0, 6.0)
    speed = ramp(quotient(side * features["macd_hist"], atr), 0.0, 0.3)
    flow = ramp(side * features["obv_slope_20"], 0.0, 0.3)
    return 0.25 * averages + 0.2 * distance + 0.15 * speed + 0.15 * flow


def _figures(features: FeatureMatrix, row: int) -> str:
    averages = features.at(row, "ema_20") / features.at(row, "ema_50") - 1
    distance = features.at(row, "close") / features.at(row, "ema_200") - 1
    return (
        f"EMA20 {averages:+.2%} to EMA50, close {distance:+.2%} to EMA200, "
        f"{features.at(row, 'channel_96'):.0%} up the 96-candle channel, "
        f"MACD histogram {features.at(row, 'macd_hist'):+.4g}, volume balance {features.at(row, 'obv_slope_20'):+.0%}"
    )
