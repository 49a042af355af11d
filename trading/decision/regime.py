"""Which kind of market each bar is in. The regime sets how much each analyst's vote weighs."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from trading.decision.bars import CodeArray
from trading.decision.features import FeatureMatrix

TREND_ADX_MIN = 22.0
"""ADX from which a market counts as trending (Wilder calls 25 a trend and 20 none)."""
VOLATILE_RATIO_MIN = 1.8
"""Volatility of 24 candles over that of 192 from which a market counts as volatile."""


class Regime(StrEnum):
    """Kinds of market. Their order is that of the codes in arrays and of `RegimeWeights`."""

    TREND_UP = "trend_up"
    TREND_DOWN = "trend_down"
    RANGE = "range"
    VOLATILE = "volatile"


REGIMES: tuple[Regime, ...] = tuple(Regime)


def detect_regimes(features: FeatureMatrix) -> CodeArray:
    """The regime of each row, as its index in REGIMES: shape (n,), int8.

    VOLATILE where volatility has jumped to 1.8 times its own average; else a trend where ADX is 22 or more and EMA(20),
    EMA(50) and the directional indicators agree on the direction; else RANGE (also where features are NaN).
    """
    spread = features["ema_20"] - features["ema_50"]
    direction = features["plus_di_14"] - features["minus_di_14"]
    trending = features["adx_14"] >= TREND_ADX_MIN
    codes = np.full(len(features), REGIMES.index(Regime.RANGE), dtype=np.int8)
    codes[trending & (spread > 0) & (direction > 0)] = REGIMES.index(Regime.TREND_UP)
    codes[trending & (spread < 0) & (direction < 0)] = REGIMES.index(Regime.TREND_DOWN)
    codes[features["volatility_ratio"] >= VOLATILE_RATIO_MIN] = REGIMES.index(Regime.VOLATILE)
    return codes
