"""One closed candle of one symbol."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from trading.domain.errors import InvalidInput

OPEN_WINDOW_MS = 5_000
OPEN_WINDOW_PARTS = 10


class Candle(msgspec.Struct, frozen=True):
    """Open, high, low, close (quote per base) and volume (base) of one interval.

    Times are UTC milliseconds. The candle covers `open_time_ms <= t < close_time_ms`.
    """

    symbol: str
    open_time_ms: int
    interval_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    @property
    def close_time_ms(self) -> int:
        """The first millisecond after the candle."""
        return self.open_time_ms + self.interval_ms

    @property
    def open_window_end_ms(self) -> int:
        """What happens up to this time counts as at the open: a tenth of the interval after it, at most 5 s."""
        return self.open_time_ms + min(self.interval_ms // OPEN_WINDOW_PARTS, OPEN_WINDOW_MS)


def check_candle(candle: Candle) -> None:
    """Raise `InvalidInput`, naming the field, where a candle cannot be true."""
    where = f"{candle.symbol} candle {candle.open_time_ms}"
    for name in ("open", "high", "low", "close"):
        price: Decimal = getattr(candle, name)
        if not price.is_finite() or price <= 0:
            raise InvalidInput(f"{where} {name}", str(price), "a finite price above 0")
    if not candle.volume.is_finite() or candle.volume < 0:
        raise InvalidInput(f"{where} volume", str(candle.volume), "a finite volume, 0 or more")
    if candle.high < max(candle.open, candle.close, candle.low):
        raise InvalidInput(f"{where} high", str(candle.high), "not below open, close or low")
    if candle.low > min(candle.open, candle.close):
        raise InvalidInput(f"{where} low", str(candle.low), "not above open or close")
    if candle.interval_ms <= 0 or candle.open_time_ms % candle.interval_ms:
        allowed = f"a multiple of the interval, {candle.interval_ms} ms"
        raise InvalidInput(f"{where} open_time_ms", candle.open_time_ms, allowed)
