"""The arithmetic of the demo market: price paths with random access, the same on every machine.

Levels are integers in 1e-9 of a logarithm, randomness is PCG64's raw stream (stable by numpy's promise), and levels
become prices by multiplications alone, so that no platform's `exp` or sampling method can change a candle.

A block is 1024 candles. Its first level is the sum of value noise over ten scales of blocks (linear interpolation
between random lattice points, as in Perlin's noise of 1985), which needs at most twenty draws for any block; inside, a
walk through market regimes is bridged to the first level of the next block.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from math import isqrt

import numpy as np
from numpy.random import PCG64, SeedSequence
from numpy.typing import NDArray

Integers = NDArray[np.int64]

BLOCK = 1024
_UNIT = 1_000_000_000
_SCALES = 10
_ANCHOR_AMPLITUDE = 11_000_000  # of the smallest scale, 1.1 %; grows by sqrt(2) a scale, to 0.8 in all
_ANCHOR_STREAM, _BLOCK_STREAM = 1, 2
_HALF = 1 << 30


@dataclass(frozen=True)
class _Regime:
    """How prices move per candle, as logarithms.

    drift; noise: standard deviation; swing: amplitude of a triangle wave. `volume` scales the traded volume; `bends`
    says whether it takes part in bridging to the next block.
    """

    drift: float
    noise: float
    swing: float
    volume: float
    bends: bool


_UP = _Regime(drift=0.0003, noise=0.0010, swing=0.0, volume=1.3, bends=True)
_DOWN = _Regime(drift=-0.0003, noise=0.0010, swing=0.0, volume=1.3, bends=True)
_RANGE = _Regime(drift=0.0, noise=0.0006, swing=0.006, volume=0.7, bends=False)
_VOLATILE = _Regime(drift=0.0, noise=0.0025, swing=0.0, volume=2.0, bends=True)
_SEGMENT_MIN = 100


@dataclass(frozen=True, eq=False)
class Block:
    """1024 candles as int64: levels (1e-9 of a logarithm) of prices, and volume in thousandths of the typical."""

    open: Integers
    high: Integers
    low: Integers
    close: Integers
    volume: Integers


@lru_cache(maxsize=256)
def block(seed: int, symbol: str, index: int) -> Block:
    """Block `index` (0 or more) of a symbol: a function of its arguments alone."""
    first, last = _anchor(seed, symbol, index), _anchor(seed, symbol, index + 1)
    raw = _draws(seed, symbol, (_BLOCK_STREAM, index), 10 * BLOCK)
    regimes, lengths = _plan(raw[:16])
    noise = _per_candle([regime.noise for regime in regimes], lengths)
    steps = _per_candle([regime.drift for regime in regimes], lengths)
    steps = steps + noise * _bell(raw[BLOCK : 5 * BLOCK]) // _HALF
    boundaries = np.concatenate(([0], np.cumsum(steps))) + _swings(regimes, lengths, raw[16:32])
    bends = np.repeat(np.array([regime.bends for regime in regimes], dtype=np.int64), lengths)
    share = np.concatenate(([0], np.cumsum(bends)))
    missing = last - first - int(boundaries[-1])
    levels = first + boundaries + missing * share // int(share[-1])
    opens, closes = levels[:-1], levels[1:]
    upper = noise * _magnitude(raw[5 * BLOCK : 6 * BLOCK]) // _HALF
    lower = noise * _magnitude(raw[6 * BLOCK : 7 * BLOCK]) // _HALF
    found = Block(
        open=opens,
        high=np.maximum(opens, closes) + upper,
        low=np.minimum(opens, closes) - lower,
        close=closes,
        volume=_volumes(regimes, lengths, np.abs(closes - opens), raw[7 * BLOCK : 8 * BLOCK]),
    )
    for array in (found.open, found.high, found.low, found.close, found.volume):
        array.flags.writeable = False
    return found


def growth(levels: Integers) -> NDArray[np.float64]:
    """The factor that a level stands for: (1 + x/1024)^1024, near exp(x), rising with it, by multiplications alone."""
    factor = 1.0 + levels.astype(np.float64) * (1.0 / (_UNIT * 1024.0))
    for _ in range(10):
        factor *= factor
    return factor


@lru_cache(maxsize=4096)
def symbol_key(symbol: str) -> int:
    """A number of 64 bits that stands for the symbol in every seed."""
    return int.from_bytes(sha256(symbol.encode()).digest()[:8], "big")


def _draws(seed: int, symbol: str, stream: tuple[int, ...], count: int) -> NDArray[np.uint64]:
    return PCG64(SeedSequence((seed, symbol_key(symbol), *stream))).random_raw(count)


@lru_cache(maxsize=16_384)
def _lattice(seed: int, symbol: str, scale: int, index: int) -> int:
    """A lattice point of one scale: uniform in ±2^30."""
    return int(_draws(seed, symbol, (_ANCHOR_STREAM, scale, index), 1)[0] >> np.uint64(33)) - _HALF


def _anchor(seed: int, symbol: str, index: int) -> int:
    """The level at which block `index` begins."""
    level = 0
    for scale in range(_SCALES):
        point, rest = index >> scale, index & ((1 << scale) - 1)
        left = _lattice(seed, symbol, scale, point)
        right = _lattice(seed, symbol, scale, point + 1)
        height = (left * ((1 << scale) - rest) + right * rest) >> scale
        level += height * isqrt(_ANCHOR_AMPLITUDE**2 << scale) // _HALF
    return level


def _plan(raw: NDArray[np.uint64]) -> tuple[list[_Regime], list[int]]:
    """The regimes of a block in a random order, and how many candles each lasts."""
    hands = [_UP, _DOWN, _UP if raw[0] & np.uint64(1) else _DOWN, _RANGE, _RANGE, _VOLATILE]
    order = np.argsort(raw[1:7], kind="stable")
    spare = BLOCK - _SEGMENT_MIN * len(hands)
    cuts = sorted(int(draw % np.uint64(spare + 1)) for draw in raw[7:12])
    lengths = [end - start + _SEGMENT_MIN for start, end in zip([0, *cuts], [*cuts, spare], strict=True)]
    return [hands[position] for position in order.tolist()], lengths


def _per_candle(values: list[float], lengths: list[int]) -> Integers:
    return np.repeat(np.array([round(value * _UNIT) for value in values], dtype=np.int64), lengths)


def _signed(raw: NDArray[np.uint64]) -> Integers:
    """Uniform integers in ±2^30."""
    return (raw >> np.uint64(33)).astype(np.int64) - _HALF


def _bell(raw: NDArray[np.uint64]) -> Integers:
    """Sums of four uniforms, scaled to a standard deviation of 2^30: bell-shaped, never beyond 3.5 of it."""
    total: Integers = _signed(raw).reshape(4, -1).sum(axis=0)
    return total * 866 // 1000  # the sum's own deviation is 2 / sqrt(3) of 2^30


def _magnitude(raw: NDArray[np.uint64]) -> Integers:
    """Wicks: zero or more, mostly small, mean near a third of 2^30."""
    halves = np.abs(_signed(raw))
    return (halves * halves) >> 30


def _swings(regimes: list[_Regime], lengths: list[int], raw: NDArray[np.uint64]) -> Integers:
    """The triangle waves of ranges on the block's 1025 boundaries; each begins and ends at zero."""
    swings = np.zeros(BLOCK + 1, dtype=np.int64)
    start = 0
    for number, (regime, length) in enumerate(zip(regimes, lengths, strict=True)):
        if regime.swing:
            waves = max(1, length // (36 + int(raw[number] % np.uint64(24))))
            phase = np.arange(length, dtype=np.int64) * waves * 4000 // length
            height = 1000 - np.abs((phase + 1000) % 4000 - 2000)
            sign = 1 if raw[number + 8] & np.uint64(1) else -1
            swings[start : start + length] = sign * height * round(regime.swing * _UNIT) // 1000
        start += length
    return swings


def _volumes(regimes: list[_Regime], lengths: list[int], moves: Integers, raw: NDArray[np.uint64]) -> Integers:
    """Thousandths of the typical volume: more in trends and turmoil, more on large moves, never zero."""
    typical = _per_candle([regime.volume / 1_000_000 for regime in regimes], lengths)  # thousandths
    chance = 400 + ((_signed(raw) + _HALF) * 1200 >> 31)
    activity = 600 + np.minimum(moves // 2000, 3000)  # a move of 0.1 % adds half the typical volume
    volumes: Integers = typical * chance // 1000 * activity // 1000 + 1
    return volumes
