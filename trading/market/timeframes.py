"""Names of candle intervals ('5m', '1h', …) and their length in milliseconds."""

from __future__ import annotations

from trading.domain.errors import InvalidInput

_MINUTE_MS = 60_000

TIMEFRAMES: dict[str, int] = {
    "1m": _MINUTE_MS,
    "3m": 3 * _MINUTE_MS,
    "5m": 5 * _MINUTE_MS,
    "15m": 15 * _MINUTE_MS,
    "30m": 30 * _MINUTE_MS,
    "1h": 60 * _MINUTE_MS,
    "2h": 120 * _MINUTE_MS,
    "4h": 240 * _MINUTE_MS,
    "6h": 360 * _MINUTE_MS,
    "8h": 480 * _MINUTE_MS,
    "12h": 720 * _MINUTE_MS,
    "1d": 1440 * _MINUTE_MS,
}
"""Every timeframe that the product knows. Each divides a UTC day, so that open times are multiples of the interval."""

_NAMES = {interval_ms: name for name, interval_ms in TIMEFRAMES.items()}


def interval_of(timeframe: str, field: str = "timeframe") -> int:
    """Milliseconds of a timeframe's name. `field` is what the error calls it.

    Raises:
        InvalidInput: it is none of `TIMEFRAMES` (names are lower case: '1M' is a month elsewhere).
    """
    try:
        return TIMEFRAMES[timeframe]
    except KeyError:
        raise InvalidInput(field, timeframe, f"one of {', '.join(TIMEFRAMES)}") from None


def timeframe_of(interval_ms: int, field: str = "interval_ms") -> str:
    """Name of an interval in milliseconds.

    Raises:
        InvalidInput: no timeframe has this length.
    """
    try:
        return _NAMES[interval_ms]
    except KeyError:
        lengths = ", ".join(f"{length} ({name})" for name, length in TIMEFRAMES.items())
        raise InvalidInput(field, interval_ms, f"one of {lengths}") from None
