"""The same candles written in every format, for the tests of this folder."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from tests.unit.market.candle_helpers import MINUTE, csv_text
from trading.domain.errors import InvalidInput
from trading.market.candle_binance import BINANCE_COLUMNS
from trading.market.candle_files import load_candle_file

START = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp() * 1000)
Row = tuple[Any, ...]
# Values that only exact reading gives back: many digits, many decimals, large and small.
ROWS: list[Row] = [
    (START + i * MINUTE, f"0.{i + 1:08d}", "98765.43210001", "0.00000001", f"{i + 1}.1", f"271.6810{i + 1}")
    for i in range(7)
]
HEADER = ",".join(BINANCE_COLUMNS)


def binance_text(rows: list[Row], unit: int = 1, header: str = "") -> str:
    lines = [
        f"{time * unit},{','.join(map(str, values))},{(time + MINUTE) * unit - 1},9.5,3,1.25,2.5,0"
        for time, *values in rows
    ]
    return "\n".join([*([header] if header else []), *lines, ""])


def zipped(files: dict[str, str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return target.getvalue()


def json_text(rows: list[Row]) -> str:
    return json.dumps([[time, *map(float, values)] for time, *values in rows])


def arrow_table(rows: list[Row], unit: str = "ms", ours: bool = False) -> pa.Table:
    factor = {"s": 0.001, "ms": 1, "us": 1_000, "ns": 1_000_000}[unit]
    times = [int(row[0] * factor) for row in rows]
    names = ["open", "high", "low", "close", "volume"]
    values = {
        name: pa.array([None if row[i] is None else float(row[i]) for row in rows], pa.float64())
        for i, name in enumerate(names, start=1)
    }
    if ours:
        return pa.table({"open_time_ms": pa.array(times, pa.int64()), **values})
    return pa.table({"date": pa.array(times, pa.timestamp(unit, "UTC")), **values})


def feather_bytes(table: pa.Table, **options: Any) -> bytes:
    target = io.BytesIO()
    feather.write_feather(table, target, **options)
    return target.getvalue()


def parquet_bytes(table: pa.Table, **options: Any) -> bytes:
    target = io.BytesIO()
    parquet.write_table(table, target, **options)
    return target.getvalue()


def reordered(table: pa.Table) -> pa.Table:
    return table.select(table.column_names[::-1]).append_column("more", pa.array(["x"] * table.num_rows))


ZIP_NAME = "BTCUSDT-1m-2025-01"
FORMS: dict[str, tuple[str, Callable[[list[Row]], bytes]]] = {
    "Binance": (f"{ZIP_NAME}.csv", lambda rows: binance_text(rows).encode()),
    "Binance, header": (f"{ZIP_NAME}-05.csv", lambda rows: binance_text(rows, header=HEADER).encode()),
    "Binance, CRLF": (f"{ZIP_NAME}.csv", lambda rows: binance_text(rows, 1, HEADER).replace("\n", "\r\n").encode()),
    "Binance, us": (f"{ZIP_NAME}.csv", lambda rows: binance_text(rows, 1000).encode()),
    "Binance, us, header": (f"{ZIP_NAME}.csv", lambda rows: binance_text(rows, 1000, HEADER).encode()),
    "Binance, gzip": ("BTCUSDT-1m.csv.gz", lambda rows: gzip.compress(binance_text(rows).encode())),
    "Binance, ZIP": (f"{ZIP_NAME}.zip", lambda rows: zipped({f"{ZIP_NAME}.csv": binance_text(rows, 1000)})),
    "ZIP, stored, folder": (f"{ZIP_NAME}.zip", lambda rows: zipped({"a/": "", "a/b.csv": binance_text(rows)}, 0)),
    "our CSV in a ZIP": (
        "BTCUSDT-1m.zip",
        lambda rows: zipped({"x.csv": csv_text(*(",".join(map(str, row)) for row in rows))}),
    ),
    "JSON": ("BTC_USDT-1m.json", lambda rows: json_text(rows).encode()),
    "JSON, spread over lines": ("BTC_USDT-1m-spot.json", lambda rows: json_text(rows).replace(", ", " ,\n ").encode()),
    "JSON, gzip": ("BTC_USDT_USDT-1m-futures.json.gz", lambda rows: gzip.compress(json_text(rows).encode())),
    "Feather, ms": ("BTC_USDT-1m.feather", lambda rows: feather_bytes(arrow_table(rows))),
    "Feather, s": ("BTC_USDT-1m.feather", lambda rows: feather_bytes(arrow_table(rows, "s"))),
    "Feather, us": ("BTC_USDT-1m.feather", lambda rows: feather_bytes(arrow_table(rows, "us"), compression="zstd")),
    "Feather, ns, batches": (
        "BTC_USDT_USDT-1m-futures.feather",
        lambda rows: feather_bytes(arrow_table(rows, "ns"), chunksize=2),
    ),
    "Feather, our columns": ("BTCUSDT-1m.feather", lambda rows: feather_bytes(arrow_table(rows, ours=True))),
    "Parquet, our columns": ("BTCUSDT-1m.parquet", lambda rows: parquet_bytes(arrow_table(rows, ours=True))),
    "Parquet, freqtrade's": ("BTC_USDT-1m.parquet", lambda rows: parquet_bytes(arrow_table(rows, "ns"))),
    "Parquet, other order": (
        "BTC_USDT-1m.parquet",
        lambda rows: parquet_bytes(reordered(arrow_table(rows)), row_group_size=3),
    ),
}


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def expected(folder: Path, rows: list[Row] = ROWS) -> list[Any]:
    text = csv_text(*(",".join(map(str, row)) for row in rows))
    return load_candle_file(put(folder, "expected.csv", text.encode()), symbol="BTC/USDT", interval_ms=MINUTE).candles()


def refused(path: Path) -> InvalidInput:
    with pytest.raises(InvalidInput) as error:
        load_candle_file(path)
    return error.value
