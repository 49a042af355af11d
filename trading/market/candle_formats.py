"""The formats of candle files, each known by its content.

A further format is one `Format` in `FORMATS`: how to know it, and how to turn it into columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from trading.domain.errors import InvalidInput
from trading.market import candle_arrow, candle_binance, candle_csv, candle_json


@dataclass(frozen=True)
class RawCandles:
    """What a format's reader found.

    columns: those of `candle_table.COLUMNS`.
    place: where a row stands in the file.
    time_name: what the file calls the column of open times.
    """

    columns: Mapping[str, NDArray[Any]]
    place: Callable[[int], str]
    time_name: str = "open_time_ms"


@dataclass(frozen=True)
class Format:
    """One file format. `matches` knows it by the file's bytes (unpacked); `read` takes these and the file's name."""

    name: str
    matches: Callable[[bytes], bool]
    read: Callable[[bytes, str], RawCandles]


def read_content(content: bytes, name: str) -> RawCandles:
    """The candles in a file's bytes (unpacked).

    Raises:
        InvalidInput: no format knows the content, or what the format's reader says; names `name` and the place.
    """
    form = next((form for form in FORMATS if form.matches(content)), None)
    if form is None:
        shown = content[:60].decode("utf-8", "replace").split("\n")[0]
        raise InvalidInput(f"{name} line 1", shown, " or ".join(form.name for form in FORMATS))
    return form.read(content, name)


def _read_csv(content: bytes, name: str) -> RawCandles:
    columns, line_of_row = candle_csv.read(content, name)
    return RawCandles(columns, lambda row: f"{name} line {line_of_row(row)}")


def _read_binance(content: bytes, name: str) -> RawCandles:
    columns, line_of_row = candle_binance.read(content, name)
    return RawCandles(columns, lambda row: f"{name} line {line_of_row(row)}", candle_binance.BINANCE_COLUMNS[0])


def _read_json(content: bytes, name: str) -> RawCandles:
    return RawCandles(candle_json.read(content, name), _row_of(name), candle_json.JSON_COLUMNS[0])


def _read_feather(content: bytes, name: str) -> RawCandles:
    columns, time_name = candle_arrow.read_feather(content, name)
    return RawCandles(columns, _row_of(name), time_name)


def _read_parquet(content: bytes, name: str) -> RawCandles:
    columns, time_name = candle_arrow.read_parquet(content, name)
    return RawCandles(columns, _row_of(name), time_name)


def _row_of(name: str) -> Callable[[int], str]:
    return lambda row: f"{name} row {row + 1}"


FORMATS: tuple[Format, ...] = (
    Format(f"CSV with the first line {candle_csv.HEADER}", candle_csv.matches, _read_csv),
    Format("Binance's CSV of klines with 12 columns", candle_binance.matches, _read_binance),
    Format("freqtrade's JSON, a list of [ms, open, high, low, close, volume]", candle_json.matches, _read_json),
    Format("Feather", lambda content: content.startswith(candle_arrow.FEATHER_MAGIC), _read_feather),
    Format("Parquet", lambda content: content.startswith(candle_arrow.PARQUET_MAGIC), _read_parquet),
)
