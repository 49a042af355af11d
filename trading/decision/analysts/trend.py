"""The trend follower: is there a trend, and which way does it go?"""

from __future__ import annotations

from trading.decision.analysts.base import Scores, abstain_on_nan, ramp, signed
from trading.decision.features import FeatureMatrix, quotient


class TrendAnalyst:
    """Scores the order of the averages and of the directional indicators; as sure as the ADX is high.

    score = 0.4 x (EMA20 - EMA50 in ATR, full at 2) + 0.35 x (close - EMA200 in ATR, full at 8)
    + 0.25 x (+DI - -DI, full at 25). confidence: ADX from 12 (none) to 32 (full).
    """

    name = "trend"

    def score(self, features: FeatureMatrix) -> Scores:
        """See `Analyst.score`."""
        atr = features["atr_14"]
        spread = signed(quotient(features["ema_20"] - features["ema_50"], atr), 2.0)
        distance = signed(quotient(features["close"] - features["ema_200"], atr), 8.0)
        direction = signed(features["plus_di_14"] - features["minus_di_14"], 25.0)
        return abstain_on_nan(0.4 * spread + 0.35 * distance + 0.25 * direction, ramp(features["adx_14"], 12.0, 32.0))

    def explain(self, features: FeatureMatrix, row: int) -> str:
        """See `Analyst.explain`."""
        spread = features.at(row, "ema_20") / features.at(row, "ema_50") - 1
        distance = features.at(row, "close") / features.at(row, "ema_200") - 1
        return (
            f"EMA20 {'above' if spread >= 0 else 'below'} EMA50 by {abs(spread):.2%}, "
            f"close {'above' if distance >= 0 else 'below'} EMA200 by {abs(distance):.2%}, "
            f"ADX {features.at(row, 'adx_14'):.0f} with +DI {features.at(row, 'plus_di_14'):.0f} "
            f"and -DI {features.at(row, 'minus_di_14'):.0f}"
        )
