"""Our own candle format: CSV with the header `open_time_ms,open,high,low,close,volume`; and numbers from any CSV."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence

import numpy as np

from trading.domain.errors import InvalidInput
from trading.market.candle_table import COLUMNS, Floats

HEADER = ",".join(COLUMNS)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
_SHOWN = 80


def matches(content: bytes) -> bool:
    """Whether the content is this format: its first line is the header."""
    first = content[: len(HEADER) + 8].removeprefix(BYTE_ORDER_MARK).split(b"\n")[0]
    return first.strip().lower() == HEADER.encode()


def read(content: bytes, name: str) -> tuple[dict[str, Floats], Callable[[int], int]]:
    """The columns by name (float64), and a function from row to line number (the header is line 1).

    Raises:
        InvalidInput: a line with too few or too many columns, or a cell that is no number; names `name`, line, column.
    """
    _, _, body = content.partition(b"\n")
    values = numbers(body, name, COLUMNS, first_line=2)
    return {column: values[:, index] for index, column in enumerate(COLUMNS)}, lambda row: line_of_row(body, row, 2)


def numbers(body: bytes, name: str, columns: Sequence[str], first_line: int) -> Floats:
    """Lines of comma-separated numbers, float64, shape (rows, columns); empty lines are passed over.

    Args:
        body: the lines, without a header.
        name: what errors call the file.
        columns: every column's name, in the order of the file.
        first_line: number of the body's first line in the file.

    Raises:
        InvalidInput: a line with too few or too many columns, or a cell that is no number; names `name`, line, column.
    """
    if not body.strip():
        return np.empty((0, len(columns)))
    refusal = f"not {len(columns)} columns"
    try:
        lines = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", newline="\n")
        values = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2)
        if values.shape[1] == len(columns):
            return values
    except ValueError as error:
        refusal = str(error)
    # What numpy refuses is looked at again line by line, to say where it is.
    _raise_first_fault(body, name, columns, first_line)
    raise InvalidInput(name, refusal[:_SHOWN], f"lines of numbers: {','.join(columns)}")


def line_of_row(body: bytes, row: int, first_line: int) -> int:
    """Number of the line that holds row `row` of `body`, which begins at `first_line`; empty lines hold none."""
    filled = (number for number, line in enumerate(body.split(b"\n"), start=first_line) if line.rstrip(b"\r"))
    return next((number for index, number in enumerate(filled) if index == row), first_line)


def _raise_first_fault(body: bytes, name: str, columns: Sequence[str], first_line: int) -> None:
    for number, line in enumerate(body.split(b"\n"), start=first_line):
        text = line.decode("utf-8", "replace").rstrip("\r")
        if not text:
            continue
        cells = text.split(",")
        if len(cells) != len(columns):
            raise InvalidInput(f"{name} line {number}", text[:_SHOWN], f"{len(columns)} columns: {','.join(columns)}")
        for column, cell in zip(columns, cells, strict=True):
            if not _NUMBER.fullmatch(cell.strip()):
                raise InvalidInput(f"{name} line {number} column {column}", cell[:_SHOWN], "a number")
