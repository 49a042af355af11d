"""Each format gives the same candles; each kind of broken file is refused by file, line or row, and column."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.unit.market.candle_helpers import MINUTE
from tests.unit.market.candle_writers import (
    FORMS,
    HEADER,
    ROWS,
    START,
    arrow_table,
    binance_text,
    expected,
    feather_bytes,
    json_text,
    parquet_bytes,
    put,
    refused,
    zipped,
)
from trading.market import candle_json, candle_unpack
from trading.market.candle_files import load_candle_file


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
