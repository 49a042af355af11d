"""Candles in Feather (Arrow's file format) and Parquet, with our columns or freqtrade's. They need pyarrow."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading.domain.errors import InvalidInput
from trading.market.candle_table import COLUMNS

FEATHER_MAGIC = b"ARROW1"
PARQUET_MAGIC = b"PAR1"
TIME_NAMES = ("open_time_ms", "date")
"""The column of open times: ours, whole numbers of UTC ms, or freqtrade's, timestamps with a time zone."""
_BATCH_ROWS = 1 << 16
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_SHOWN = 80

Columns = dict[str, NDArray[Any]]


def read_feather(content: bytes, name: str) -> tuple[Columns, str]:
    """The columns by our names, and the name that open times have in the file.

    Raises:
        InvalidInput: pyarrow is missing, the file is damaged, a column is missing or of another type, or a cell is
            empty; names `name`, the row (the first is 1) and the column.
    """
    arrow = _pyarrow("pyarrow", "Feather", name)
    ipc = _pyarrow("pyarrow.ipc", "Feather", name)

    def batches() -> Iterator[Any]:
        reader = ipc.open_file(arrow.BufferReader(content))
        chosen = _checked_schema(reader.schema, arrow, name)
        for number in range(reader.num_record_batches):
            batch = reader.get_batch(number).select(chosen)
            batch.validate(full=True)  # or a damaged file could make us read beside its buffers
            yield batch

    return _columns(batches, "Feather", arrow, name)


def read_parquet(content: bytes, name: str) -> tuple[Columns, str]:
    """As `read_feather`, of a Parquet file."""
    arrow = _pyarrow("pyarrow", "Parquet", name)
    parquet = _pyarrow("pyarrow.parquet", "Parquet", name)

    def batches() -> Iterator[Any]:
        file = parquet.ParquetFile(arrow.BufferReader(content), page_checksum_verification=True)
        chosen = _checked_schema(file.schema_arrow, arrow, name)
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=chosen):
            yield batch.select(chosen)  # which brings the columns into order

    return _columns(batches, "Parquet", arrow, name)


def _pyarrow(module: str, kind: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InvalidInput(
            name,
            f"{kind} without the package pyarrow",
            "install llm-tradebot[formats] (pip install 'llm-tradebot[formats]'), or bring the candles as CSV or JSON",
        ) from error


def _columns(batches: Callable[[], Iterator[Any]], kind: str, arrow: Any, name: str) -> tuple[Columns, str]:
    """All batches as one array a column. A batch has the chosen columns in order, the time first."""
    parts: list[list[NDArray[Any]]] = [[] for _ in COLUMNS]
    rows = 0
    time_name = TIME_NAMES[0]
    try:
        for batch in batches():
            time_name = batch.schema.names[0]
            for part, column, array in zip(parts, batch.schema.names, batch.columns, strict=True):
                _refuse_empty_cells(array, column, rows, name)
                part.append(_numbers(array, arrow, rows, name))
            rows += batch.num_rows
    # pyarrow raises the last two for damaged contents, beside its own.
    except (arrow.ArrowException, OSError, ValueError) as error:
        reason = str(error).split("\n")[0][:_SHOWN]
        raise InvalidInput(name, f"damaged {kind}", f"a whole {kind} file ({reason})") from error
    empty = np.empty(0)
    return {
        column: np.concatenate(part) if part else empty for column, part in zip(COLUMNS, parts, strict=True)
    }, time_name


def _checked_schema(schema: Any, arrow: Any, name: str) -> list[str]:
    """The columns to read, the time first, once it is sure that each is there once and of a type that is exact."""
    time_name = next((time for time in TIME_NAMES if time in schema.names), None)
    if time_name is None:
        held = ", ".join(schema.names)[:_SHOWN]
        raise InvalidInput(f"{name} columns", held, f"{' or '.join(TIME_NAMES)}, {', '.join(COLUMNS[1:])}")
    chosen = [time_name, *COLUMNS[1:]]
    for column in chosen:
        if schema.names.count(column) != 1:
            times = schema.names.count(column)
            raise InvalidInput(f"{name} column {column}", f"{times} columns of this name", "one")
        found = schema.field(column).type
        if column == "date":
            good, allowed = arrow.types.is_timestamp(found) and found.tz is not None, "a timestamp with a time zone"
        elif column == "open_time_ms":
            good, allowed = arrow.types.is_integer(found), "whole numbers: milliseconds since 1970 UTC"
        else:
            good, allowed = arrow.types.is_float64(found) or arrow.types.is_integer(found), "float64 or whole numbers"
        if not good:
            raise InvalidInput(f"{name} column {column}", str(found), allowed)
    return chosen


def _refuse_empty_cells(array: Any, column: str, rows_before: int, name: str) -> None:
    if array.null_count:
        row = int(np.asarray(array.is_null().to_numpy(zero_copy_only=False)).argmax())
        raise InvalidInput(f"{name} row {rows_before + row + 1} column {column}", "an empty cell", "a number")


def _numbers(array: Any, arrow: Any, rows_before: int, name: str) -> NDArray[Any]:
    """A column as int64 or float64; timestamps as UTC ms."""
    if not arrow.types.is_timestamp(array.type):
        kind = np.float64 if arrow.types.is_floating(array.type) else np.int64
        # Copied, or the array would keep the whole batch alive.
        return np.array(array.to_numpy(zero_copy_only=False), dtype=kind)
    ticks = np.asarray(array.cast(arrow.int64()).to_numpy(zero_copy_only=False))
    per_second = _PER_SECOND[array.type.unit]
    if per_second <= 1_000:
        return ticks * (1_000 // per_second)
    ticks_per_ms = per_second // 1_000
    uneven = ticks % ticks_per_ms != 0
    if uneven.any():
        row = int(uneven.argmax())
        allowed = f"whole milliseconds, in {array.type.unit} since 1970 UTC"
        raise InvalidInput(f"{name} row {rows_before + row + 1} column date", int(ticks[row]), allowed)
    return np.asarray(ticks // ticks_per_ms)
