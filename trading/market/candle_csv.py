"""Our own candle format: CSV with the header `open_time_ms,open,high,low,close,volume`."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import numpy as np

from trading.domain.errors import InvalidInput
from trading.market.candle_table import COLUMNS, Floats

HEADER = ",".join(COLUMNS)
_BOM = b"\xef\xbb\xbf"
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
_SHOWN = 80


def matches(content: bytes) -> bool:
    """Whether the content is this format: its first line is the header."""
    first = content[: len(HEADER) + 8].removeprefix(_BOM).split(b"\n")[0]
    return first.strip().lower() == HEADER.encode()


def read(content: bytes, name: str) -> tuple[dict[str, Floats], Callable[[int], int]]:
    """The columns by name (float64), and a function from row to line number (the header is line 1).

    Raises:
        InvalidInput: a line with too few or too many columns, or a cell that is no number; names `name`, line, column.
    """
    _, _, body = content.partition(b"\n")
    values = _parse(body, name) if body.strip() else np.empty((0, len(COLUMNS)))
    return {column: values[:, index] for index, column in enumerate(COLUMNS)}, lambda row: _line_of_row(body, row)


def _parse(body: bytes, name: str) -> Floats:
    """Float64, one row a candle. What numpy refuses is looked at again line by line, to say where it is."""
    refusal = f"not {len(COLUMNS)} columns"
    try:
        lines = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", newline="\n")
        values = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2)
        if values.shape[1] == len(COLUMNS):
            return values
    except ValueError as error:
        refusal = str(error)
    _raise_first_fault(body, name)
    raise InvalidInput(name, refusal[:_SHOWN], f"numbers under the header {HEADER}")


def _raise_first_fault(body: bytes, name: str) -> None:
    for number, line in enumerate(body.split(b"\n"), start=2):
        text = line.decode("utf-8", "replace").rstrip("\r")
        if not text:
            continue
        cells = text.split(",")
        if len(cells) != len(COLUMNS):
            raise InvalidInput(f"{name} line {number}", text[:_SHOWN], f"{len(COLUMNS)} columns: {HEADER}")
        for column, cell in zip(COLUMNS, cells, strict=True):
            if not _NUMBER.fullmatch(cell.strip()):
                raise InvalidInput(f"{name} line {number} column {column}", cell[:_SHOWN], "a number")


def _line_of_row(body: bytes, row: int) -> int:
    """Line of the file that holds row `row`; empty lines hold none."""
    filled = (number for number, line in enumerate(body.split(b"\n"), start=2) if line.rstrip(b"\r"))
    return next((number for index, number in enumerate(filled) if index == row), 2)
