"""Klines as Binance publishes them for download: CSV of 12 columns, without a header or, in newer files, with one.

Open times are milliseconds; in files of the spot market since 2025 they are microseconds
(https://github.com/binance/binance-public-data).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trading.domain.errors import InvalidInput
from trading.market.candle_csv import BYTE_ORDER_MARK, line_of_row, numbers
from trading.market.candle_table import COLUMNS, Floats

BINANCE_COLUMNS = (
    "open_time",
    *COLUMNS[1:],
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
_FIRST_LINE_BYTES_MAX = 1_000
_MICROSECONDS_FROM = 1e14
"""A time from here on counts microseconds: 1973 in these, the year 5138 in milliseconds."""


def matches(content: bytes) -> bool:
    """Whether the content is this format: its first line is the header, or 12 cells and the first a time."""
    cells = _first_line(content).split(",")
    return cells[0] == BINANCE_COLUMNS[0] or (cells[0].isdecimal() and len(cells) == len(BINANCE_COLUMNS))


def read(content: bytes, name: str) -> tuple[dict[str, Floats], Callable[[int], int]]:
    """The columns that candles need, as in `candle_csv.read`; times are brought to milliseconds.

    Raises:
        InvalidInput: other columns, a cell that is no number, or milliseconds and microseconds in one file; names
            `name`, line, column.
    """
    body, first_line = content.removeprefix(BYTE_ORDER_MARK), 1
    first = _first_line(content)
    if first.startswith(BINANCE_COLUMNS[0]):
        _check_header(first, name)
        body, first_line = body.partition(b"\n")[2], 2
    values = numbers(body, name, BINANCE_COLUMNS, first_line)
    columns = {column: values[:, index].copy() for index, column in enumerate(COLUMNS)}

    def line(row: int) -> int:
        return line_of_row(body, row, first_line)

    columns["open_time_ms"] = _milliseconds(columns["open_time_ms"], lambda row: f"{name} line {line(row)}")
    return columns, line


def _first_line(content: bytes) -> str:
    head = content[:_FIRST_LINE_BYTES_MAX].removeprefix(BYTE_ORDER_MARK)
    return head.split(b"\n")[0].decode("utf-8", "replace").strip().lower()


def _check_header(header: str, name: str) -> None:
    """Only the columns that are read must have these very names: the others are spelt differently by market."""
    cells = [cell.strip() for cell in header.split(",")]
    for column, cell in zip(BINANCE_COLUMNS[: len(COLUMNS)], cells, strict=False):
        if cell != column:
            raise InvalidInput(f"{name} line 1 column {column}", cell, f"the columns {','.join(BINANCE_COLUMNS)}")
    if len(cells) != len(BINANCE_COLUMNS):
        raise InvalidInput(f"{name} line 1", f"{len(cells)} columns", f"the columns {','.join(BINANCE_COLUMNS)}")


def _milliseconds(times: Floats, place: Callable[[int], str]) -> Floats:
    """Times of one unit, whichever it is, as milliseconds. What is no finite number is left to the table's check."""
    if not len(times) or not np.isfinite(times).all():
        return times

    def refuse(bad: NDArray[np.bool_], allowed: str) -> None:
        if bad.any():
            row = int(bad.argmax())
            raise InvalidInput(f"{place(row)} column open_time", int(times[row]), allowed)

    micro = times >= _MICROSECONDS_FROM
    unit = "microseconds" if micro[0] else "milliseconds"
    refuse(micro != micro[0], f"{unit}, as in the lines before it")
    if not micro[0]:
        return times
    refuse(times % 1_000 != 0, "microseconds that are whole milliseconds")
    return times / 1_000
