"""The volume analyst: which side does the volume go to, and is there any?"""

from __future__ import annotations

from trading.decision.analysts.base import Scores, abstain_on_nan, ramp, signed
from trading.decision.features import FeatureMatrix, quotient


class VolumeAnalyst:
    """Scores the balance of rising and falling volume and the distance from the volume-weighted price.

    score = 0.6 x (OBV slope of 20 candles, full at 0.4) + 0.4 x (close over VWAP of 48, full at 5 ATR).
    confidence: volume of 12 candles over that of 96, from 0.5 (none) to 1.5 (full).
    """

    name = "volume"

    def score(self, features: FeatureMatrix) -> Scores:
        """See `Analyst.score`."""
        balance = signed(features["obv_slope_20"], 0.4)
        distance = signed(quotient(features["vwap_distance_48"], features["atr_relative"]), 5.0)
        return abstain_on_nan(0.6 * balance + 0.4 * distance, ramp(features["volume_ratio"], 0.5, 1.5))

    def explain(self, features: FeatureMatrix, row: int) -> str:
        """See `Analyst.explain`."""
        distance = features.at(row, "vwap_distance_48")
        return (
            f"{features.at(row, 'obv_slope_20'):+.0%} of 20 candles' volume went up on balance, "
            f"close {'above' if distance >= 0 else 'below'} VWAP by {abs(distance):.2%}, "
            f"volume {features.at(row, 'volume_ratio'):.1f} x its average"
        )
