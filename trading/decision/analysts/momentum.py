"""The momentum analyst: does price move, and does it still gain speed?"""

from __future__ import annotations

import numpy as np

from trading.decision.analysts.base import Scores, abstain_on_nan, ramp, signed
from trading.decision.features import FeatureMatrix, quotient


class MomentumAnalyst:
    """Scores the change of 48 and 96 candles in units of the range, the MACD histogram and the RSI.

    score = 0.3 x (change of 48, full at 8 ATR) + 0.3 x (of 96, full at 11 ATR) + 0.2 x (MACD histogram, full at 0.4
    ATR) + 0.2 x (RSI - 50, full at 20). confidence: how far they agree, |score| from 0.1 to 0.6.
    """

    name = "momentum"

    def score(self, features: FeatureMatrix) -> Scores:
        """See `Analyst.score`."""
        range_ = features["atr_relative"]
        medium = signed(quotient(features["roc_48"], range_), 8.0)
        long = signed(quotient(features["roc_96"], range_), 11.0)
        speed = signed(quotient(features["macd_hist"], features["atr_14"]), 0.4)
        strength = signed(features["rsi_14"] - 50.0, 20.0)
        score = 0.3 * medium + 0.3 * long + 0.2 * speed + 0.2 * strength
        return abstain_on_nan(score, ramp(np.abs(score), 0.1, 0.6))

    def explain(self, features: FeatureMatrix, row: int) -> str:
        """See `Analyst.explain`."""
        return (
            f"{features.at(row, 'roc_48'):+.2%} in 48 candles and {features.at(row, 'roc_96'):+.2%} in 96 "
            f"at a range of {features.at(row, 'atr_relative'):.2%} a candle, "
            f"MACD histogram {features.at(row, 'macd_hist'):+.4g}, RSI {features.at(row, 'rsi_14'):.0f}"
        )
