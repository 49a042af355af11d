"""Many candles of one symbol as columns, checked: what backtests, replays and feature code read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.domain.candles import Candle
from trading.domain.errors import InvalidInput

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

COLUMNS = ("open_time_ms", "open", "high", "low", "close", "volume")
EARLIEST_MS = 0
LATEST_MS = 253_402_300_800_000
"""10000-01-01 UTC: the first moment that Python's datetime cannot express."""
PRICE_DECIMALS_MAX = 10
_ROWS_WITH_NEIGHBOURS = 10  # so many candles without two adjacent ones are not gaps but another timeframe


@dataclass(frozen=True)
class Gap:
    """`missing` candles are absent between the row that opens at `after_ms` and the next (UTC ms)."""

    after_ms: int
    missing: int


@dataclass(frozen=True, eq=False)
class CandleTable:
    """Closed candles of one symbol, sorted by time, each at most once, gaps allowed. Made by `checked_table`.

    open_time_ms is int64, UTC ms; open, high, low, close (quote per base) and volume (base) are float64. All have the
    same length and are read-only.
    """

    symbol: str
    interval_ms: int
    open_time_ms: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.open_time_ms)

    def __repr__(self) -> str:
        return f"CandleTable({self.symbol}, interval_ms={self.interval_ms}, rows={len(self)})"

    @cached_property
    def close_time_ms(self) -> Integers:
        """First millisecond after each candle, int64."""
        closes = self.open_time_ms + self.interval_ms
        closes.flags.writeable = False
        return closes

    def candle(self, row: int) -> Candle:
        """Row `row` with exact decimals.

        They are the shortest text of each float: the literal of the file, up to the 15 digits that a float holds.
        """
        times, opens, highs, lows, closes, volumes = self.views
        return Candle(
            self.symbol,
            times[row],
            self.interval_ms,
            exact_price(opens[row]),
            exact_price(highs[row]),
            exact_price(lows[row]),
            exact_price(closes[row]),
            Decimal(repr(volumes[row])),
        )

    def candles(self, start: int = 0, stop: int | None = None) -> list[Candle]:
        """Rows `start` up to and without `stop` (default: the end), as exact candles."""
        return [self.candle(row) for row in range(*slice(start, stop).indices(len(self)))]

    @cached_property
    def views(self) -> tuple[memoryview, ...]:
        """The columns in the order of `COLUMNS`; single elements are read much faster from these than from arrays."""
        return tuple(memoryview(getattr(self, name)) for name in COLUMNS)

    def price_decimals(self) -> int:
        """How many decimals the prices are written with: of the one that has most, trailing zeros aside.

        Raises:
            InvalidInput: more than `PRICE_DECIMALS_MAX`.
        """
        for decimals in range(PRICE_DECIMALS_MAX + 1):
            unit = 10.0**decimals
            if all(
                (np.rint(prices * unit) / unit == prices).all()
                for prices in (self.open, self.high, self.low, self.close)
            ):
                return decimals
        raise InvalidInput(f"{self.symbol} prices", "too many decimals", f"at most {PRICE_DECIMALS_MAX} decimals")

    def rows_before(self, close_ms: int) -> int:
        """How many candles close before `close_ms` (UTC ms); also the row of the first that does not."""
        return int(np.searchsorted(self.close_time_ms, close_ms, side="left"))

    def rows_between(self, since_ms: int | None, until_ms: int | None) -> slice:
        """The rows of candles that open in `since_ms <= t < until_ms` (UTC ms; None: no bound), possibly none."""
        start = 0 if since_ms is None else int(np.searchsorted(self.open_time_ms, since_ms, side="left"))
        stop = len(self) if until_ms is None else int(np.searchsorted(self.open_time_ms, until_ms, side="left"))
        return slice(start, max(start, stop))

    def part(self, rows: slice) -> CandleTable:
        """These rows as a table of their own, which shares this one's memory."""
        return replace(self, **{name: getattr(self, name)[rows] for name in COLUMNS})

    def gaps(self) -> list[Gap]:
        """Where candles are missing, in order of time."""
        steps = np.diff(self.open_time_ms)
        return [
            Gap(self.open_time_ms.item(row), steps.item(row) // self.interval_ms - 1)
            for row in np.flatnonzero(steps != self.interval_ms).tolist()
        ]


@lru_cache(maxsize=8_192)
def exact_price(price: float) -> Decimal:
    """The shortest text of the float, as an exact number. Prices come again and again, so the last ones are kept."""
    return Decimal(repr(price))


Place = Callable[[int], str]
"""Where a row is to be found by the person who has to mend it: 'BTCUSDT-5m.csv line 17'."""


def checked_table(
    symbol: str,
    interval_ms: int,
    columns: Mapping[str, NDArray[Any]],
    place: Place,
    now_ms: int | None = None,
    time_name: str = COLUMNS[0],
) -> CandleTable:
    """A table of `columns` (those of `COLUMNS`, equally long), refused where it cannot be true.

    Args:
        symbol: unified.
        interval_ms: length of a candle.
        columns: one array each; open_time_ms in UTC ms, whole numbers of any dtype.
        place: names a row in the error.
        now_ms: candles must have closed by then (UTC ms); None where any time will do.
        time_name: what the error calls the column of open times.

    Raises:
        InvalidInput: the first row at fault, its column, the value, and what is allowed.
    """
    if any(len(columns[name]) != len(columns["open_time_ms"]) for name in COLUMNS):
        raise ValueError("columns differ in length")
    if not len(columns["open_time_ms"]):
        raise InvalidInput(place(0), "no candles", "at least one candle")
    times = _checked_times(columns["open_time_ms"], interval_ms, place, now_ms, time_name)
    values = {name: np.ascontiguousarray(columns[name], dtype=np.float64) for name in COLUMNS[1:]}
    _check_values(values, place)
    for array in (times, *values.values()):
        array.flags.writeable = False
    return CandleTable(symbol=symbol, interval_ms=interval_ms, open_time_ms=times, **values)


def _checked_times(given: NDArray[Any], interval_ms: int, place: Place, now_ms: int | None, time_name: str) -> Integers:
    def refuse(bad: NDArray[np.bool_], allowed: str) -> None:
        if bad.any():
            row = int(bad.argmax())
            value = float(given[row])
            shown = int(value) if value.is_integer() else value
            raise InvalidInput(f"{place(row)} column {time_name}", shown, allowed)

    if given.dtype.kind != "i":
        refuse(~(np.isfinite(given) & (given == np.floor(given))), "a whole number of milliseconds since 1970 UTC")
    refuse((given < EARLIEST_MS) | (given >= LATEST_MS), "milliseconds since 1970 UTC, before the year 10000")
    times = given.astype(np.int64)
    refuse(times % interval_ms != 0, f"a multiple of the interval, {interval_ms} ms")
    steps = np.diff(times, prepend=times[0] - interval_ms)
    refuse(steps == 0, "each time once; this row repeats the time of the row before it")
    refuse(steps < 0, "rising times; this row is earlier than the row before it")
    if len(times) >= _ROWS_WITH_NEIGHBOURS and steps[1:].min() > interval_ms:
        raise InvalidInput(
            f"{place(0)} timeframe",
            f"{interval_ms} ms",
            f"the candles' own interval; no two of these {len(times)} are less than {steps[1:].min()} ms apart",
        )
    if now_ms is not None:
        refuse(times + interval_ms > now_ms, f"a candle that has closed by now ({now_ms}); this one is from the future")
    return times


def _check_values(values: Mapping[str, Floats], place: Place) -> None:
    def refuse(name: str, bad: NDArray[np.bool_], allowed: str) -> None:
        if bad.any():
            row = int(bad.argmax())
            raise InvalidInput(f"{place(row)} column {name}", values[name].item(row), allowed)

    for name in ("open", "high", "low", "close"):
        refuse(name, ~(np.isfinite(values[name]) & (values[name] > 0)), "a finite price above 0")
    volume = values["volume"]
    refuse("volume", ~(np.isfinite(volume) & (volume >= 0)), "a finite volume, 0 or more")
    top, bottom = np.maximum(values["open"], values["close"]), np.minimum(values["open"], values["close"])
    refuse("high", values["high"] < values["low"], "not below low")
    refuse("high", values["high"] < top, "not below open or close")
    refuse("low", values["low"] > bottom, "not above open or close")
