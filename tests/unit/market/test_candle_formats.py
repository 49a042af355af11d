"""Candle files of other programs: the same candles give the same table from each, and each kind of broken file is
refused by file, line or row, and column.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
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
from trading.market import candle_json, candle_unpack
from trading.market.candle_binance import BINANCE_COLUMNS
from trading.market.candle_files import load_candle_file, load_candles, name_of

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


@pytest.mark.parametrize("form", FORMS)
def test_each_format_gives_the_same_candles_to_the_digit(tmp_path: Path, form: str) -> None:
    name, write = FORMS[form]
    assert load_candle_file(put(tmp_path, name, write(ROWS))).candles() == expected(tmp_path)


@pytest.mark.parametrize("form", FORMS)
def test_the_content_decides_and_not_the_ending(tmp_path: Path, form: str) -> None:
    path = put(tmp_path, "BTCUSDT-1m.csv", FORMS[form][1](ROWS))
    assert load_candle_file(path).candles() == expected(tmp_path)


# What every format can hold, and must not: (row, column number, what is put there, column, what is allowed).
BROKEN_ROWS = [
    (2, 1, "nan", "open", "a finite price above 0"),
    (3, 3, "-1", "low", "a finite price above 0"),
    (4, 2, "0.00000002", "high", "not below"),
    (1, 5, "-0.5", "volume", "0 or more"),
    (5, 0, START, "time", "rising times"),
    (5, 0, START + 4 * MINUTE, "time", "each time once"),
    (6, 0, START + 6 * MINUTE + 1, "time", "a multiple of the interval"),
]
TIME_NAMES = {
    "Binance": "open_time",
    "JSON": "date",
    "Feather": "date",
    "Parquet, our": "open_time_ms",
    "our": "open_time_ms",
}


@pytest.mark.parametrize(
    "form", ["Binance", "Binance, us, header", "Binance, ZIP", "JSON", "Feather, ns, batches", "Parquet, our columns"]
)
@pytest.mark.parametrize(("row", "column", "value", "named", "allowed"), BROKEN_ROWS)
def test_a_broken_row_is_named_in_each_format(
    tmp_path: Path, form: str, row: int, column: int, value: Any, named: str, allowed: str
) -> None:
    rows = [list(cells) for cells in ROWS]
    rows[row][column] = value
    name, write = FORMS[form]
    error = refused(put(tmp_path, name, write([tuple(cells) for cells in rows])))
    if named == "time":
        named = next(text for start, text in TIME_NAMES.items() if form.startswith(start))
    line = f"line {row + 1 + ('header' in form)}" if form.startswith("Binance") else f"row {row + 1}"
    at = f"{name} {line}"
    # JSON knows no NaN, so that its row is no JSON at all.
    in_json = form == "JSON" and value == "nan"
    assert error.field == (at if in_json else f"{at} column {named}")
    assert allowed in error.allowed or in_json


def test_broken_json_has_no_nan(tmp_path: Path) -> None:
    text = json_text(ROWS).replace("271.68103", "NaN")
    error = refused(put(tmp_path, "BTC_USDT-1m.json", text.encode()))
    assert (error.field, "JSON" in error.allowed) == ("BTC_USDT-1m.json row 3", True)


def edited(text: str, line: int, change: Callable[[list[str]], list[str]]) -> bytes:
    lines = text.split("\n")
    lines[line - 1] = ",".join(change(lines[line - 1].split(",")))
    return "\n".join(lines).encode()


class TestBinance:
    def test_milliseconds_and_microseconds_in_one_file_are_refused(self, tmp_path: Path) -> None:
        for first, second, unit in ((1, 1000, "milliseconds"), (1000, 1, "microseconds")):
            text = binance_text(ROWS[:3], first, HEADER) + binance_text(ROWS[3:], second)
            error = refused(put(tmp_path, "BTCUSDT-1m-2025-01.csv", text.encode()))
            assert (error.field, error.value) == (
                "BTCUSDT-1m-2025-01.csv line 5 column open_time",
                ROWS[3][0] * second,
            )
            assert unit in error.allowed

    def test_microseconds_must_be_whole_milliseconds(self, tmp_path: Path) -> None:
        text = edited(binance_text(ROWS, 1000), 4, lambda cells: [str(int(cells[0]) + 1), *cells[1:]])
        assert refused(put(tmp_path, "BTCUSDT-1m.csv", text)).field == "BTCUSDT-1m.csv line 4 column open_time"

    @pytest.mark.parametrize(
        ("line", "change", "field"),
        [
            (4, lambda cells: cells[:11], "line 4"),
            (4, lambda cells: [*cells, "1"], "line 4"),
            (3, lambda cells: [*cells[:7], "abc", *cells[8:]], "line 3 column quote_volume"),
            (3, lambda cells: ["", *cells[1:]], "line 3 column open_time"),
            (1, lambda cells: cells[:11], "line 1"),
            (1, lambda cells: ["open_time", "close", *cells[2:]], "line 1 column open"),
        ],
    )
    def test_wrong_columns_are_named(self, tmp_path: Path, line: int, change: Any, field: str) -> None:
        content = edited(binance_text(ROWS, header=HEADER), line, change)
        assert refused(put(tmp_path, "BTCUSDT-1m.csv", content)).field == f"BTCUSDT-1m.csv {field}"

    def test_eleven_columns_without_a_header_are_no_format(self, tmp_path: Path) -> None:
        content = edited(binance_text(ROWS), 1, lambda cells: cells[:11])
        error = refused(put(tmp_path, "BTCUSDT-1m.csv", content))
        assert error.field == "BTCUSDT-1m.csv line 1"
        assert "12 columns" in error.allowed and "Parquet" in error.allowed

    def test_a_header_alone_holds_no_candles(self, tmp_path: Path) -> None:
        error = refused(put(tmp_path, "BTCUSDT-1m.csv", (HEADER + "\n").encode()))
        assert (error.field, error.value) == ("BTCUSDT-1m.csv line 2", "no candles")


class TestZip:
    NAME = "BTCUSDT-1m-2024-01.zip"

    def test_a_damaged_archive_is_refused(self, tmp_path: Path) -> None:
        whole = zipped({"a.csv": binance_text(ROWS)})
        for content in (whole[:40], whole[:-10], whole[:60] + bytes(30) + whole[90:]):
            error = refused(put(tmp_path, self.NAME, content))
            assert (error.field, error.value) == (self.NAME, "damaged ZIP")

    @pytest.mark.parametrize("files", [{}, {"a.csv": "1", "b.csv": "2"}])
    def test_one_file_must_be_in_it(self, tmp_path: Path, files: dict[str, str]) -> None:
        error = refused(put(tmp_path, self.NAME, zipped(files)))
        assert (error.field, error.allowed) == (self.NAME, "a ZIP archive of one file")
        assert f"{len(files)} files" in str(error.value)

    def test_other_packing_encryption_and_too_large_files_are_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = binance_text(ROWS)
        assert refused(put(tmp_path, self.NAME, zipped({"a": text}, zipfile.ZIP_LZMA))).allowed == "stored or deflated"
        locked = bytearray(zipped({"a": text}))
        locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
        assert refused(put(tmp_path, self.NAME, bytes(locked))).allowed == "one without a password"
        monkeypatch.setattr(candle_unpack, "ZIP_CONTENT_BYTES_MAX", len(text) - 1)
        assert "at most" in refused(put(tmp_path, self.NAME, zipped({"a": text}))).allowed

    def test_what_is_in_it_is_known_by_content(self, tmp_path: Path) -> None:
        error = refused(put(tmp_path, self.NAME, zipped({"a.csv": "no candles"})))
        assert (error.field, error.value) == (f"{self.NAME} line 1", "no candles")


class TestJson:
    NAME = "BTC_USDT-1m.json"

    @pytest.mark.parametrize("block_bytes", [1, 100, 1 << 20])
    @pytest.mark.parametrize(
        ("change", "field"),
        [
            (lambda rows: [*rows[:4], [*rows[4][:5], None], *rows[5:]], "row 5 column volume"),
            (lambda rows: [*rows[:4], [*rows[4][:2], "1.5", *rows[4][3:]], *rows[5:]], "row 5 column high"),
            (lambda rows: [*rows[:4], [True, *rows[4][1:]], *rows[5:]], "row 5 column date"),
            (lambda rows: [*rows[:4], rows[4][:5], *rows[5:]], "row 5"),
            (lambda rows: [*rows[:4], [*rows[4], 1], *rows[5:]], "row 5"),
            (lambda rows: [*rows[:4], []], "row 5"),
            (lambda rows: [*rows[:4], 7, *rows[5:]], "row 5"),
        ],
    )
    def test_a_broken_value_is_named_wherever_a_block_begins(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int, change: Any, field: str
    ) -> None:
        monkeypatch.setattr(candle_json, "_BLOCK_BYTES", block_bytes)
        text = json.dumps(change(json.loads(json_text(ROWS))))
        assert refused(put(tmp_path, self.NAME, text.encode())).field == f"{self.NAME} {field}"

    @pytest.mark.parametrize("block_bytes", [1, 100])
    def test_blocks_change_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
        monkeypatch.setattr(candle_json, "_BLOCK_BYTES", block_bytes)
        for text in (json_text(ROWS), json_text(ROWS).replace("], [", "]\n , ["), f" {json_text(ROWS)}\n"):
            assert load_candle_file(put(tmp_path, self.NAME, text.encode())).candles() == expected(tmp_path)

    @pytest.mark.parametrize("cut", [1, 2, 30, 200])
    def test_a_cut_file_is_refused(self, tmp_path: Path, cut: int) -> None:
        error = refused(put(tmp_path, self.NAME, json_text(ROWS)[:-cut].encode()))
        assert error.field.startswith(f"{self.NAME} row ")
        assert "JSON" in error.allowed

    @pytest.mark.parametrize(
        "change",
        [
            lambda text: text.replace("], [", "],, [", 1),
            lambda text: text.replace("], [", "] [", 1),
            lambda text: text[:-1] + ",]",
            lambda text: text + "]",
            lambda text: text[:-1] + "], []",
        ],
    )
    def test_what_is_no_json_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
        for block_bytes in (1, 1 << 20):
            monkeypatch.setattr(candle_json, "_BLOCK_BYTES", block_bytes)
            assert refused(put(tmp_path, self.NAME, change(json_text(ROWS)).encode())).field.startswith(self.NAME)

    def test_an_empty_list_holds_no_candles(self, tmp_path: Path) -> None:
        error = refused(put(tmp_path, self.NAME, b"[]"))
        assert (error.field, error.value) == (f"{self.NAME} row 1", "no candles")


@pytest.mark.parametrize(("write", "kind"), [(feather_bytes, "Feather"), (parquet_bytes, "Parquet")])
class TestArrow:
    NAME = "BTC_USDT-1m.feather"

    def field_of(self, folder: Path, content: bytes) -> str:
        return refused(put(folder, self.NAME, content)).field

    def test_a_damaged_file_is_refused(self, tmp_path: Path, write: Any, kind: str) -> None:
        whole = write(arrow_table(ROWS))
        for content in (whole[:9], whole[: len(whole) // 2], whole[:-1], whole[:8] + whole[-8:]):
            error = refused(put(tmp_path, self.NAME, content))
            assert (error.field, error.value) == (self.NAME, f"damaged {kind}")

    def test_columns_must_be_there_once(self, tmp_path: Path, write: Any, kind: str) -> None:
        table = arrow_table(ROWS)
        assert self.field_of(tmp_path, write(table.drop_columns("volume"))) == f"{self.NAME} column volume"
        assert self.field_of(tmp_path, write(table.drop_columns("date"))) == f"{self.NAME} columns"

    def test_types_that_are_not_exact_are_refused(self, tmp_path: Path, write: Any, kind: str) -> None:
        table = arrow_table(ROWS)
        for column, found in (
            ("close", pa.float32()),
            ("close", pa.string()),
            ("date", pa.timestamp("ms")),
            ("date", pa.int64()),
        ):
            index = table.column_names.index(column)
            changed = table.set_column(index, column, table[column].cast(found))
            error = refused(put(tmp_path, self.NAME, write(changed)))
            assert (error.field, error.value) == (f"{self.NAME} column {column}", str(found))

    def test_an_empty_cell_is_named(self, tmp_path: Path, write: Any, kind: str) -> None:
        rows = [*ROWS[:4], (*ROWS[4][:4], None, ROWS[4][5]), *ROWS[5:]]
        assert self.field_of(tmp_path, write(arrow_table(rows))) == f"{self.NAME} row 5 column close"
        table = arrow_table(ROWS, "us")
        times = table["date"].to_pylist()
        dates = pa.array([*times[:6], None], pa.timestamp("us", "UTC"))
        assert self.field_of(tmp_path, write(table.set_column(0, "date", dates))) == f"{self.NAME} row 7 column date"

    def test_times_must_be_whole_milliseconds(self, tmp_path: Path, write: Any, kind: str) -> None:
        table = arrow_table(ROWS, "us")
        ticks = [row[0] * 1000 for row in ROWS]
        ticks[3] += 1
        changed = table.set_column(0, "date", pa.array(ticks, pa.timestamp("us", "UTC")))
        assert self.field_of(tmp_path, write(changed)) == f"{self.NAME} row 4 column date"

    def test_no_rows_are_no_candles(self, tmp_path: Path, write: Any, kind: str) -> None:
        error = refused(put(tmp_path, self.NAME, write(arrow_table([]))))
        assert (error.field, error.value) == (f"{self.NAME} row 1", "no candles")

    def test_without_pyarrow_the_extra_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any, kind: str
    ) -> None:
        path = put(tmp_path, self.NAME, write(arrow_table(ROWS)))
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        error = refused(path)
        assert (error.field, error.value) == (self.NAME, f"{kind} without the package pyarrow")
        assert "install llm-tradebot[formats]" in error.allowed


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTCUSDT-1m-2024-01.zip", "BTC/USDT"),
        ("BTCUSDT-1m-2024-01-05.csv", "BTC/USDT"),
        ("BTC-USDT-1m-2024-01.csv.gz", "BTC/USDT"),
        ("BTC_USDT-1m.feather", "BTC/USDT"),
        ("BTC_USDT-1m-spot.json", "BTC/USDT"),
        ("BTC_USDT_USDT-1m-futures.feather", "BTC/USDT"),
        ("BTC_USD_BTC-1m-futures.feather", None),
        ("BTC_USDT_USDT-1m.feather", None),
        ("BTC_USDT_USDT-1m-mark.feather", None),
        ("BTCUSDT-1m-2024.zip", None),
        ("BTCUSDT-aggTrades-2024-01.zip", None),
    ],
)
def test_names_of_binance_and_freqtrade(name: str, symbol: str | None) -> None:
    assert name_of(Path(name)) == (None if symbol is None else (symbol, MINUTE))


class TestFolder:
    def months(self, folder: Path, *parts: tuple[str, list[Row]]) -> Path:
        for period, rows in parts:
            name = f"BTCUSDT-1m-{period}"
            put(folder, f"{name}.zip", zipped({f"{name}.csv": binance_text(rows, 1000 if period > "2025" else 1)}))
        return folder

    def test_parts_become_one_table_in_order_of_time(self, tmp_path: Path) -> None:
        # In order of names these are not in order of time; the day lies within the month and says the same.
        folder = self.months(tmp_path, ("2025-02", ROWS[:3]), ("2024-12", ROWS[3:]), ("2024-12-31", ROWS[2:5]))
        (table,) = load_candles(folder)
        put(folder, "BTCUSDT-1m-2024-12.zip.CHECKSUM", b"not candles")
        assert table.candles() == expected(tmp_path)
        assert not table.close.flags.writeable

    def test_a_missing_part_is_a_gap(self, tmp_path: Path) -> None:
        (table,) = load_candles(self.months(tmp_path, ("2024-11", ROWS[:2]), ("2025-01", ROWS[5:])))
        assert [gap.missing for gap in table.gaps()] == [3]

    def test_parts_that_contradict_each_other_are_refused(self, tmp_path: Path) -> None:
        other = (*ROWS[4][:4], "4.9", ROWS[4][5])
        self.months(tmp_path, ("2024-11", ROWS[:5]), ("2024-12", [ROWS[3], other, *ROWS[5:]]))
        with pytest.raises(InvalidInput) as error:
            load_candles(tmp_path)
        assert error.value.field == "BTCUSDT-1m-2024-12.zip line 2 column close"
        assert error.value.value == 4.9
        assert error.value.allowed == "5.1, as in BTCUSDT-1m-2024-11.zip line 5"

    def test_a_part_beside_a_whole_history_is_refused(self, tmp_path: Path) -> None:
        put(self.months(tmp_path, ("2024-12", ROWS)), "BTC_USDT-1m.json", json_text(ROWS).encode())
        with pytest.raises(InvalidInput, match="one file for a symbol and timeframe"):
            load_candles(tmp_path)

    def test_spot_and_futures_are_not_mixed(self, tmp_path: Path) -> None:
        for name in ("BTC_USDT-1m.feather", "BTC_USDT_USDT-1m-futures.feather"):
            put(tmp_path, name, feather_bytes(arrow_table(ROWS)))
        with pytest.raises(InvalidInput, match="one file for a symbol and timeframe"):
            load_candles(tmp_path)

    def test_each_symbol_may_have_its_own_format(self, tmp_path: Path) -> None:
        self.months(tmp_path, ("2024-12", ROWS[:4]), ("2025-01", ROWS[4:]))
        put(tmp_path, "ETH_USDT-1m.json", json_text(ROWS).encode())
        put(tmp_path, "SOL_USDT_USDT-1m-futures.feather", feather_bytes(arrow_table(ROWS, "ns")))
        put(tmp_path, "ADAUSDT-1m.parquet", parquet_bytes(arrow_table(ROWS, ours=True)))
        tables = load_candles(tmp_path, interval_ms=MINUTE)
        assert [table.symbol for table in tables] == ["ADA/USDT", "BTC/USDT", "ETH/USDT", "SOL/USDT"]
        assert all(table.close.tolist() == tables[0].close.tolist() for table in tables)

    def test_what_lies_beside_candles_is_passed_over(self, tmp_path: Path) -> None:
        self.months(tmp_path, ("2024-12", ROWS))
        for name, content in (
            ("pairs.json", b'["BTC/USDT"]'),
            ("leverage_tiers_USDT.json", b"{}"),
            ("BTC_USDT_USDT-8h-funding_rate.feather", b""),
            ("BTC_USDT_USDT-1m-mark.feather", b""),
            ("BTC_USDT-trades.feather", b""),
        ):
            put(tmp_path, name, content)
        assert [len(table) for table in load_candles(tmp_path)] == [len(ROWS)]
        put(tmp_path, "candles.json", json_text(ROWS).encode())
        with pytest.raises(InvalidInput, match=r"candles\.json"):
            load_candles(tmp_path)
