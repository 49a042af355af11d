"""Features: what the analysts and models look at, computed by TA-Lib over arrays. Causal: row t knows rows 0 to t.

Every feature is a sequential TA-Lib function or plain arithmetic (+ - * / min max), which IEEE 754 rounds exactly. So
the value at row t is the same bits whatever follows it and wherever it lies in the array. Keep it so: no reductions
over the array, no logarithms or other functions whose vectorised form may round differently from the scalar one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import talib

from trading.decision.bars import Bars, FloatArray

FAST = 20
SLOW = 50
LONG = 200
SHORT_SPAN = 12
MEDIUM_SPAN = 48
LONG_SPAN = 96


class Feature(NamedTuple):
    """One column: its name, unit, what it means, and where the formula comes from."""

    name: str
    unit: str
    meaning: str
    source: str


FEATURES: tuple[Feature, ...] = (
    Feature("close", "quote per base", "close of the candle", "the candle"),
    Feature("return_1", "fraction", "close / close 1 candle before - 1", "TA-Lib ROCP(1)"),
    Feature("roc_12", "fraction", "close / close 12 candles before - 1", "TA-Lib ROCP(12)"),
    Feature("roc_48", "fraction", "close / close 48 candles before - 1", "TA-Lib ROCP(48)"),
    Feature("roc_96", "fraction", "close / close 96 candles before - 1", "TA-Lib ROCP(96)"),
    Feature("sma_20", "quote per base", "mean close of 20 candles", "TA-Lib SMA(20)"),
    Feature("ema_20", "quote per base", "exponential mean close, alpha 2/21, seeded by an SMA", "TA-Lib EMA(20)"),
    Feature("ema_50", "quote per base", "exponential mean close, alpha 2/51, seeded by an SMA", "TA-Lib EMA(50)"),
    Feature("ema_200", "quote per base", "exponential mean close, alpha 2/201, seeded by an SMA", "TA-Lib EMA(200)"),
    Feature("macd", "quote per base", "EMA(12) - EMA(26) of the close", "TA-Lib MACD(12, 26, 9); Appel"),
    Feature("macd_signal", "quote per base", "EMA(9) of macd", "TA-Lib MACD(12, 26, 9); Appel"),
    Feature("macd_hist", "quote per base", "macd - macd_signal", "TA-Lib MACD(12, 26, 9); Appel"),
    Feature("rsi_14", "0 to 100", "share of gains in the movement of 14 candles", "TA-Lib RSI(14); Wilder 1978"),
    Feature(
        "percent_b",
        "1 = band width",
        "0 at the lower band, 1 at the upper; NaN where they meet",
        "TA-Lib BBANDS(20, 2); Bollinger",
    ),
    Feature("bb_width", "fraction", "(upper - lower band) / sma_20", "TA-Lib BBANDS(20, 2); Bollinger"),
    Feature("atr_14", "quote per base", "average true range", "TA-Lib ATR(14); Wilder 1978"),
    Feature("atr_relative", "fraction", "atr_14 / close", "TA-Lib ATR(14); Wilder 1978"),
    Feature("adx_14", "0 to 100", "strength of the trend, whichever way", "TA-Lib ADX(14); Wilder 1978"),
    Feature("plus_di_14", "0 to 100", "upward share of the directional movement", "TA-Lib PLUS_DI(14); Wilder 1978"),
    Feature(
        "minus_di_14", "0 to 100", "downward share of the directional movement", "TA-Lib MINUS_DI(14); Wilder 1978"
    ),
    Feature(
        "obv_slope_20",
        "-1 to 1",
        "change of on-balance volume in 20 candles / their volume",
        "TA-Lib OBV, MOM(20); Granville 1963",
    ),
    Feature(
        "vwap_distance_48",
        "fraction",
        "close / volume-weighted typical price of 48 candles - 1",
        "TA-Lib TYPPRICE, SUM(48)",
    ),
    Feature("volatility_24", "fraction", "standard deviation of return_1 over 24 candles", "TA-Lib STDDEV(24)"),
    Feature("volatility_ratio", "ratio", "volatility_24 / standard deviation over 192 candles", "TA-Lib STDDEV"),
    Feature("volume_ratio", "ratio", "mean volume of 12 candles / mean volume of 96", "TA-Lib SMA"),
    Feature(
        "stoch_k",
        "0 to 100",
        "place of the close between low and high of 14 candles, mean of 3",
        "TA-Lib STOCH(14, 3, 3); Lane",
    ),
    Feature("stoch_d", "0 to 100", "mean of 3 of stoch_k", "TA-Lib STOCH(14, 3, 3); Lane"),
    Feature(
        "channel_96",
        "0 to 1",
        "place of the close between lowest low and highest high of 96 candles",
        "TA-Lib MIN, MAX(96); Donchian",
    ),
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
_COLUMN = {name: column for column, name in enumerate(FEATURE_NAMES)}


class FeatureMatrix:
    """Features of n candles.

    values: float64 of shape (n, len(FEATURE_NAMES)), columns as in FEATURE_NAMES and contiguous (Fortran order). NaN
    where a feature has too few candles before it, or would be a division by zero (no range, no volume).
    """

    __slots__ = ("values",)

    def __init__(self, values: FloatArray) -> None:
        if values.ndim != 2 or values.shape[1] != len(FEATURE_NAMES):
            raise ValueError(f"features of shape (n, {len(FEATURE_NAMES)}) expected, not {values.shape}")
        self.values = values

    @classmethod
    def empty(cls, rows: int) -> FeatureMatrix:
        """A matrix whose values are still to be written."""
        return cls(np.empty((rows, len(FEATURE_NAMES)), dtype=np.float64, order="F"))

    @classmethod
    def stacked(cls, parts: Sequence[FeatureMatrix]) -> FeatureMatrix:
        """The rows of these, one below the other."""
        return parts[0] if len(parts) == 1 else cls(np.asfortranarray(np.vstack([part.values for part in parts])))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, name: str) -> FloatArray:
        """The column, shape (n,)."""
        return self.values[:, _COLUMN[name]]

    def at(self, row: int, name: str) -> float:
        """One value."""
        return float(self.values[row, _COLUMN[name]])


def compute_features(bars: Bars, keep: int) -> FeatureMatrix:
    """The features of the last `keep` rows of `bars`, computed from all of them: shape (keep, len(FEATURE_NAMES))."""
    out = FeatureMatrix.empty(keep)
    start = len(bars) - keep
    _price_features(bars, start, out)
    _range_features(bars, start, out)
    _volume_features(bars, start, out)
    return out


def quotient(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """numerator / denominator, NaN where the denominator is not above 0."""
    result: FloatArray = numerator / np.where(denominator > 0, denominator, np.nan)
    return result


def _price_features(bars: Bars, start: int, out: FeatureMatrix) -> None:
    close = bars.close
    out["close"][:] = close[start:]
    returns = talib.ROCP(close, 1)
    out["return_1"][:] = returns[start:]
    out["roc_12"][:] = talib.ROCP(close, SHORT_SPAN)[start:]
    out["roc_48"][:] = talib.ROCP(close, MEDIUM_SPAN)[start:]
    out["roc_96"][:] = talib.ROCP(close, LONG_SPAN)[start:]
    out["ema_20"][:] = talib.EMA(close, FAST)[start:]
    out["ema_50"][:] = talib.EMA(close, SLOW)[start:]
    out["ema_200"][:] = talib.EMA(close, LONG)[start:]
    for name, line in zip(("macd", "macd_signal", "macd_hist"), talib.MACD(close, 12, 26, 9), strict=True):
        out[name][:] = line[start:]
    out["rsi_14"][:] = talib.RSI(close, 14)[start:]
    upper, middle, lower = (band[start:] for band in talib.BBANDS(close, FAST, 2.0, 2.0))
    out["sma_20"][:] = middle
    out["percent_b"][:] = quotient(close[start:] - lower, upper - lower)
    out["bb_width"][:] = (upper - lower) / middle
    short_volatility = talib.STDDEV(returns, 24, 1.0)[start:]
    out["volatility_24"][:] = short_volatility
    out["volatility_ratio"][:] = quotient(short_volatility, talib.STDDEV(returns, 192, 1.0)[start:])


def _range_features(bars: Bars, start: int, out: FeatureMatrix) -> None:
    high, low, close = bars.high, bars.low, bars.close
    atr = talib.ATR(high, low, close, 14)[start:]
    out["atr_14"][:] = atr
    out["atr_relative"][:] = atr / close[start:]
    out["adx_14"][:] = talib.ADX(high, low, close, 14)[start:]
    out["plus_di_14"][:] = talib.PLUS_DI(high, low, close, 14)[start:]
    out["minus_di_14"][:] = talib.MINUS_DI(high, low, close, 14)[start:]
    slow_k, slow_d = talib.STOCH(high, low, close, fastk_period=14, slowk_period=3, slowd_period=3)
    out["stoch_k"][:] = slow_k[start:]
    out["stoch_d"][:] = slow_d[start:]
    lowest = talib.MIN(low, LONG_SPAN)[start:]
    highest = talib.MAX(high, LONG_SPAN)[start:]
    out["channel_96"][:] = quotient(close[start:] - lowest, highest - lowest)


def _volume_features(bars: Bars, start: int, out: FeatureMatrix) -> None:
    volume = bars.volume
    is_traded = (volume > 0).astype(np.float64)

    def rolling(period: int) -> FloatArray:
        """Sum of `period` volumes, exactly 0 where none was traded (counted: a running sum keeps a remainder)."""
        traded = talib.SUM(is_traded, period)[start:]
        total = talib.SUM(volume, period)[start:]
        result: FloatArray = np.where(traded > 0, np.maximum(total, 0.0), 0.0 * traded)
        return result

    flow = talib.MOM(talib.OBV(bars.close, volume), FAST)[start:]
    slope = quotient(flow, rolling(FAST))
    # Running sums leave a remainder of rounding, which a nearly empty window would blow up: hence the bounds.
    out["obv_slope_20"][:] = np.minimum(np.maximum(slope, -1.0), 1.0)
    turnover = talib.SUM(talib.TYPPRICE(bars.high, bars.low, bars.close) * volume, MEDIUM_SPAN)[start:]
    vwap = quotient(turnover, rolling(MEDIUM_SPAN))
    out["vwap_distance_48"][:] = quotient(bars.close[start:], vwap) - 1.0
    recent = rolling(SHORT_SPAN) / SHORT_SPAN
    out["volume_ratio"][:] = quotient(recent, rolling(LONG_SPAN) / LONG_SPAN)
