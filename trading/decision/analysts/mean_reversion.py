"""The mean reverter: has price gone too far from its average, in a market without a trend?"""

from __future__ import annotations

import numpy as np

from trading.decision.analysts.base import Scores, abstain_on_nan, ramp, signed
from trading.decision.features import FeatureMatrix


class MeanReversionAnalyst:
    """Buys what is stretched downwards and sells what is stretched upwards; silent in a trend and in the middle.

    score = -(0.4 x (%B - 0.5, full at 0.6) + 0.35 x (RSI - 50, full at 25) + 0.25 x (stochastic %K - 50, full at 45)).
    confidence = (1 where ADX is 18 or less, 0 from 35) x (how stretched: |score| from 0.3 to 0.8).
    """

    name = "mean_reversion"

    def score(self, features: FeatureMatrix) -> Scores:
        """See `Analyst.score`."""
        band = signed(features["percent_b"] - 0.5, 0.6)
        strength = signed(features["rsi_14"] - 50.0, 25.0)
        stochastic = signed(features["stoch_k"] - 50.0, 45.0)
        score = -(0.4 * band + 0.35 * strength + 0.25 * stochastic)
        calm = 1.0 - ramp(features["adx_14"], 18.0, 35.0)
        return abstain_on_nan(score, calm * ramp(np.abs(score), 0.3, 0.8))

    def explain(self, features: FeatureMatrix, row: int) -> str:
        """See `Analyst.explain`."""
        return (
            f"%B {features.at(row, 'percent_b'):.2f}, RSI {features.at(row, 'rsi_14'):.0f}, "
            f"stochastic %K {features.at(row, 'stoch_k'):.0f}, ADX {features.at(row, 'adx_14'):.0f}"
        )
