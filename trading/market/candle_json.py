"""freqtrade's candles in JSON: a list of rows `[open time in UTC ms, open, high, low, close, volume]`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
import numpy as np

from trading.domain.errors import InvalidInput
from trading.market.candle_table import COLUMNS, Floats

JSON_COLUMNS = ("date", *COLUMNS[1:])
_START = re.compile(rb"\s*\[\s*[\[\]]")
_COMMA = re.compile(rb"\s*,(?=\s*\[)")
_FAULT_AT = re.compile(r"\$\[(\d+)\](?:\[(\d+)\])?")
_BROKEN_AT = re.compile(r"\(byte (\d+)\)")
_SHOWN = 80
# Python objects of a row take ten times its room as numbers, so they are made of so much text at a time.
_BLOCK_BYTES = 1 << 20

_Row = tuple[float, float, float, float, float, float]
_DECODER = msgspec.json.Decoder(list[_Row])


def matches(content: bytes) -> bool:
    """Whether the content is this format: it begins as a list of lists."""
    return _START.match(content[:1_000]) is not None


def read(content: bytes, name: str) -> dict[str, Floats]:
    """The columns by name, float64.

    Raises:
        InvalidInput: no JSON, a row without six values, or a value that is no number; names `name`, the row (the first
            is 1) and, where it is one value, its column.
    """
    parts: list[Floats] = []
    rows = 0
    for block in _blocks(content.strip(), name):
        try:
            decoded = _DECODER.decode(block)
        except msgspec.DecodeError as error:
            raise _fault(block, error, rows, name) from error
        parts.append(np.array(decoded, dtype=np.float64).reshape(-1, len(COLUMNS)))
        rows += len(decoded)
    return {column: np.concatenate([part[:, index] for part in parts]) for index, column in enumerate(COLUMNS)}


def _blocks(content: bytes, name: str) -> Iterator[bytes]:
    """The list as several shorter ones. Rows hold no lists, so each ends at the next closing bracket."""
    if not content.endswith(b"]"):
        raise InvalidInput(
            f"{name} row {content.count(b']') + 1}", content[-_SHOWN:].decode("utf-8", "replace"), "a whole JSON list"
        )
    start, stop = 1, len(content) - 1
    while True:
        end = content.find(b"]", start + _BLOCK_BYTES, stop) + 1
        comma = _COMMA.match(content, end, stop) if end else None
        if comma is None:
            yield b"[" + content[start:stop] + b"]"
            return
        yield b"[" + content[start:end] + b"]"
        start = comma.end()


def _fault(block: bytes, error: msgspec.DecodeError, rows_before: int, name: str) -> InvalidInput:
    """The error, told by row and column of the file."""
    if (at := _FAULT_AT.search(str(error))) is not None:
        row = int(at[1])
        text = _row_text(block, row)
        place = f"{name} row {rows_before + row + 1}"
        if at[2] is None:
            return InvalidInput(place, text[:_SHOWN], f"{len(JSON_COLUMNS)} values: {','.join(JSON_COLUMNS)}")
        column = int(at[2])
        return InvalidInput(
            f"{place} column {JSON_COLUMNS[column]}", text.split(",")[column].strip()[:_SHOWN], "a number"
        )
    broken = _BROKEN_AT.search(str(error))
    row = block.count(b"]", 0, int(broken[1]) if broken else len(block) - 1)
    return InvalidInput(f"{name} row {rows_before + row + 1}", _row_text(block, row)[:_SHOWN], f"JSON ({error})")


def _row_text(block: bytes, row: int) -> str:
    """What stands between the brackets of a row."""
    return block[1:].split(b"]")[row].decode("utf-8", "replace").lstrip(", \r\n\t").removeprefix("[")
