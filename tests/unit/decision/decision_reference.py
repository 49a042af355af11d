"""The features, regimes and analysts once more, in plain Python from the textbook definitions: slow, and easy to check.

Nothing of `trading.decision` is used. Input is a list of (open, high, low, close, volume), output the value at its end.
"""

from __future__ import annotations

import math
import statistics
from itertools import pairwise

Row = tuple[float, float, float, float, float]


def ema(values: list[float], period: int) -> list[float]:
    """Exponential averages, the first (of `period` values) their plain mean."""
    result = [sum(values[:period]) / period]
    for value in values[period:]:
        result.append(result[-1] + 2 / (period + 1) * (value - result[-1]))
    return result


def wilder(values: list[float], period: int) -> list[float]:
    """Wilder's averages: each step takes one part in `period` of the new value."""
    result = [sum(values[:period]) / period]
    for value in values[period:]:
        result.append((result[-1] * (period - 1) + value) / period)
    return result


def rsi(closes: list[float]) -> float:
    changes = [b - a for a, b in pairwise(closes)]
    gain = wilder([max(change, 0.0) for change in changes], 14)[-1]
    loss = wilder([max(-change, 0.0) for change in changes], 14)[-1]
    return 100 * gain / (gain + loss)


def macd(closes: list[float]) -> tuple[float, float]:
    """MACD line and signal; both averages begin where the slow one is first known."""
    slow = ema(closes, 26)
    fast = ema(closes[14:], 12)
    line = [f - s for f, s in zip(fast, slow, strict=True)]
    return line[-1], ema(line, 9)[-1]


def directional(rows: list[Row]) -> tuple[float, float, float, float]:
    """ATR, ADX, +DI and -DI of 14 candles."""
    ranges, ups, downs = [], [], []
    for (_, high0, low0, close0, _), (_, high, low, _, _) in pairwise(rows):
        ranges.append(max(high, close0) - min(low, close0))
        up, down = high - high0, low0 - low
        ups.append(up if up > down and up > 0 else 0.0)
        downs.append(down if down > up and down > 0 else 0.0)
    true, plus, minus = wilder(ranges, 14), wilder(ups, 14), wilder(downs, 14)
    strengths = [100 * abs(p - m) / (p + m) for p, m in zip(plus, minus, strict=True)]
    return true[-1], wilder(strengths, 14)[-1], 100 * plus[-1] / true[-1], 100 * minus[-1] / true[-1]


def place(rows: list[Row], period: int) -> float:
    """Where the last close lies between the lowest low (0) and the highest high (1)."""
    low = min(row[2] for row in rows[-period:])
    high = max(row[1] for row in rows[-period:])
    return (rows[-1][3] - low) / (high - low)


def features(rows: list[Row]) -> dict[str, float]:
    """Every feature at the last of the rows."""
    closes = [row[3] for row in rows]
    volumes = [row[4] for row in rows]
    returns = [b / a - 1 for a, b in pairwise(closes)]
    line, signal = macd(closes)
    atr, adx, plus, minus = directional(rows)
    mean, deviation = statistics.fmean(closes[-20:]), statistics.pstdev(closes[-20:])
    flow = sum(
        math.copysign(row[4], row[3] - old) for row, old in zip(rows[-20:], closes[-21:], strict=False) if row[3] != old
    )
    traded = sum(sum(row[1:4]) / 3 * row[4] for row in rows[-48:])
    fast_k = [place(rows[: len(rows) - back], 14) * 100 for back in range(5)]
    slow_k = [sum(fast_k[back : back + 3]) / 3 for back in range(3)]
    volatility = statistics.pstdev(returns[-24:])
    return {
        "close": closes[-1],
        "return_1": returns[-1],
        "roc_12": closes[-1] / closes[-13] - 1,
        "roc_48": closes[-1] / closes[-49] - 1,
        "roc_96": closes[-1] / closes[-97] - 1,
        "sma_20": mean,
        "ema_20": ema(closes, 20)[-1],
        "ema_50": ema(closes, 50)[-1],
        "ema_200": ema(closes, 200)[-1],
        "macd": line,
        "macd_signal": signal,
        "macd_hist": line - signal,
        "rsi_14": rsi(closes),
        "percent_b": (closes[-1] - (mean - 2 * deviation)) / (4 * deviation),
        "bb_width": 4 * deviation / mean,
        "atr_14": atr,
        "atr_relative": atr / closes[-1],
        "adx_14": adx,
        "plus_di_14": plus,
        "minus_di_14": minus,
        "obv_slope_20": flow / sum(volumes[-20:]),
        "vwap_distance_48": closes[-1] / (traded / sum(volumes[-48:])) - 1,
        "volatility_24": volatility,
        "volatility_ratio": volatility / statistics.pstdev(returns[-192:]),
        "volume_ratio": statistics.fmean(volumes[-12:]) / statistics.fmean(volumes[-96:]),
        "stoch_k": slow_k[0],
        "stoch_d": sum(slow_k) / 3,
        "channel_96": place(rows, 96),
    }


def regime(f: dict[str, float]) -> str:
    if f["volatility_ratio"] >= 1.8:
        return "volatile"
    if f["adx_14"] < 22:
        return "range"
    if f["ema_20"] > f["ema_50"] and f["plus_di_14"] > f["minus_di_14"]:
        return "trend_up"
    if f["ema_20"] < f["ema_50"] and f["plus_di_14"] < f["minus_di_14"]:
        return "trend_down"
    return "range"


def part(value: float, full: float) -> float:
    """How much of `full` it is, from -1 to 1."""
    if value >= full:
        return 1.0
    return -1.0 if value <= -full else value / full


def between(value: float, low: float, high: float) -> float:
    """How far from low (0) to high (1)."""
    if value <= low:
        return 0.0
    return 1.0 if value >= high else (value - low) / (high - low)


def trend(f: dict[str, float]) -> tuple[float, float]:
    averages = part((f["ema_20"] - f["ema_50"]) / f["atr_14"], 2)
    distance = part((f["close"] - f["ema_200"]) / f["atr_14"], 8)
    direction = part(f["plus_di_14"] - f["minus_di_14"], 25)
    return 0.4 * averages + 0.35 * distance + 0.25 * direction, between(f["adx_14"], 12, 32)


def mean_reversion(f: dict[str, float]) -> tuple[float, float]:
    stretched = 0.4 * part(f["percent_b"] - 0.5, 0.6)
    stretched += 0.35 * part(f["rsi_14"] - 50, 25)
    stretched += 0.25 * part(f["stoch_k"] - 50, 45)
    return -stretched, (1 - between(f["adx_14"], 18, 35)) * between(abs(stretched), 0.3, 0.8)


def momentum(f: dict[str, float]) -> tuple[float, float]:
    score = 0.3 * part(f["roc_48"] / f["atr_relative"], 8)
    score += 0.3 * part(f["roc_96"] / f["atr_relative"], 11)
    score += 0.2 * part(f["macd_hist"] / f["atr_14"], 0.4)
    score += 0.2 * part(f["rsi_14"] - 50, 20)
    return score, between(abs(score), 0.1, 0.6)


def volume(f: dict[str, float]) -> tuple[float, float]:
    score = 0.6 * part(f["obv_slope_20"], 0.4) + 0.4 * part(f["vwap_distance_48"] / f["atr_relative"], 5)
    return score, between(f["volume_ratio"], 0.5, 1.5)


def bull(f: dict[str, float]) -> tuple[float, float]:
    evidence = 0.25 * between((f["ema_20"] - f["ema_50"]) / f["atr_14"], 0, 2)
    evidence += 0.2 * between((f["close"] - f["ema_200"]) / f["atr_14"], 0, 6)
    evidence += 0.25 * between(f["channel_96"], 0.7, 1)
    evidence += 0.15 * between(f["macd_hist"] / f["atr_14"], 0, 0.3)
    evidence += 0.15 * between(f["obv_slope_20"], 0, 0.3)
    return evidence, between(evidence, 0.2, 0.7)


def bear(f: dict[str, float]) -> tuple[float, float]:
    evidence = 0.25 * between((f["ema_50"] - f["ema_20"]) / f["atr_14"], 0, 2)
    evidence += 0.2 * between((f["ema_200"] - f["close"]) / f["atr_14"], 0, 6)
    evidence += 0.15 * between(-f["macd_hist"] / f["atr_14"], 0, 0.3)
    evidence += 0.15 * between(-f["obv_slope_20"], 0, 0.3)
    evidence += 0.15 * between(0.3 - f["channel_96"], 0, 0.3)
    evidence += 0.1 * between(f["rsi_14"], 75, 90)
    return -evidence, between(evidence, 0.2, 0.7)


ANALYSTS = {
    "trend": trend,
    "mean_reversion": mean_reversion,
    "momentum": momentum,
    "volume": volume,
    "bull": bull,
    "bear": bear,
}
