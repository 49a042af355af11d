"""Loading candle files: exact values, every kind of broken file, folders, and the recorded candles."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.market.candle_helpers import MINUTE, csv_text, good_rows
from trading.domain.candles import Candle, check_candle
from trading.domain.errors import InvalidInput
from trading.market.candle_csv import HEADER
from trading.market.candle_files import load_candle_file, load_candles, name_of
from trading.market.candle_table import Gap

NAME = "BTCUSDT-1m.csv"


def written(folder: Path, text: str, name: str = NAME) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", [NAME, "BTC-USDT-1m.csv", "btc_usdt-1m.csv.gz", "BTCUSDT-1m.CSV"])
def test_name_gives_symbol_and_timeframe(tmp_path: Path, name: str) -> None:
    table = load_candle_file(written(tmp_path, csv_text(*good_rows(3)), name))
    assert (table.symbol, table.interval_ms, len(table)) == ("BTC/USDT", MINUTE, 3)


def test_values_are_the_literals_of_the_file(tmp_path: Path) -> None:
    row = "60000,0.19700,42283.58000001,0.00000001,0.1,271.68108"
    table = load_candle_file(written(tmp_path, csv_text(row)))
    assert table.candle(0) == Candle(
        "BTC/USDT",
        MINUTE,
        MINUTE,
        Decimal("0.197"),
        Decimal("42283.58000001"),
        Decimal("0.00000001"),
        Decimal("0.1"),
        Decimal("271.68108"),
    )
    assert table.close_time_ms.tolist() == [2 * MINUTE]


def test_arguments_go_before_the_name(tmp_path: Path) -> None:
    rows = [f"{300_000 * i},1,2,0.5,1,3" for i in range(20)]
    path = written(tmp_path, csv_text(*rows), "anything.csv")
    table = load_candle_file(path, symbol="ETH/USDT", interval_ms=300_000)
    assert (table.symbol, table.interval_ms) == ("ETH/USDT", 300_000)
    named = written(tmp_path, csv_text(*rows))
    assert load_candle_file(named, interval_ms=300_000).interval_ms == 300_000
    with pytest.raises(InvalidInput, match="SYMBOL-TIMEFRAME"):
        load_candle_file(path, symbol="ETH/USDT")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + csv_text(*good_rows(3)),
        csv_text(*good_rows(3)).replace("\n", "\r\n"),
        csv_text(*good_rows(3)).rstrip("\n"),
        csv_text(*good_rows(3)) + "\n\n",
        csv_text(*good_rows(3)).replace(",", " , "),
        csv_text(*good_rows(3)).replace(HEADER, HEADER.upper()),
    ],
    ids=["byte order mark", "CRLF", "no last newline", "empty lines at the end", "spaces", "upper-case header"],
)
def test_harmless_variants_load_the_same(tmp_path: Path, text: str) -> None:
    usual = load_candle_file(written(tmp_path, csv_text(*good_rows(3)), "ETHUSDT-1m.csv"), symbol="BTC/USDT")
    if " , " in text:
        text = text.replace(HEADER.replace(",", " , "), HEADER)
    assert load_candle_file(written(tmp_path, text)).candles() == usual.candles()


BROKEN_CELLS = [
    ("open", "nan", "a finite price above 0"),
    ("open", "inf", "a finite price above 0"),
    ("high", "-inf", "a finite price above 0"),
    ("low", "0", "a finite price above 0"),
    ("low", "-1.5", "a finite price above 0"),
    ("close", "0.0", "a finite price above 0"),
    ("close", "1e999", "a finite price above 0"),
    ("volume", "-0.1", "a finite volume, 0 or more"),
    ("volume", "nan", "a finite volume, 0 or more"),
    ("high", "1", "not below low"),
    ("high", "101.9", "not below open or close"),
    ("low", "102.6", "not above open or close"),
    ("open_time_ms", "nan", "a whole number of milliseconds"),
    ("open_time_ms", "120000.5", "a whole number of milliseconds"),
    ("open_time_ms", "-60000", "milliseconds since 1970"),
    ("open_time_ms", "253402300800000", "before the year 10000"),
    ("open_time_ms", "120001", "a multiple of the interval, 60000 ms"),
    ("open_time_ms", "60000", "each time once"),
    ("open_time_ms", "0", "rising times"),
    ("open", "abc", "a number"),
    ("open", "", "a number"),
    ("open", "0x1F", "a number"),
    ("open", "1_000", "a number"),
    ("open", "1 000", "a number"),
    ("volume", "10;5", "a number"),
    ("close", '"101.25"', "a number"),
    ("open_time_ms", "2024-01-01", "a number"),
]


@pytest.mark.parametrize(("column", "cell", "allowed"), BROKEN_CELLS)
def test_a_broken_cell_is_named_by_file_line_and_column(tmp_path: Path, column: str, cell: str, allowed: str) -> None:
    rows = good_rows(5)
    cells = rows[2].split(",")
    cells[HEADER.split(",").index(column)] = cell
    rows[2] = ",".join(cells)
    rows.insert(1, "")  # an empty line shifts the lines against the rows
    with pytest.raises(InvalidInput) as refused:
        load_candle_file(written(tmp_path, csv_text(*rows)))
    assert refused.value.field == f"{NAME} line 5 column {column}"
    assert allowed in refused.value.allowed


@pytest.mark.parametrize(
    ("text", "field", "allowed"),
    [
        ("", f"{NAME} line 1", "CSV with the first line"),
        (csv_text(), f"{NAME} line 2", "at least one candle"),
        ("\n".join(good_rows(3)), f"{NAME} line 1", "CSV with the first line"),
        ("time,open,high,low,close,volume\n" + good_rows(1)[0], f"{NAME} line 1", HEADER),
        (csv_text(*good_rows(2), "180000,1,2,0.5"), f"{NAME} line 4", "6 columns"),
        (csv_text(*good_rows(2), good_rows(3)[2] + ",7"), f"{NAME} line 4", "6 columns"),
        (csv_text("1,2,3"), f"{NAME} line 2", "6 columns"),
        (csv_text(*[row + ",9" for row in good_rows(2)]), f"{NAME} line 2", "6 columns"),
        (csv_text(*good_rows(2), "# a remark"), f"{NAME} line 4", "6 columns"),
        (csv_text(*good_rows(2), "   "), f"{NAME} line 4", "6 columns"),
    ],
    ids=["empty", "header only", "no header", "other header", "cut", "extra", "three", "all extra", "remark", "blanks"],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, field: str, allowed: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_candle_file(written(tmp_path, text))
    assert refused.value.field == field
    assert allowed in refused.value.allowed


def test_bytes_that_are_no_text_are_refused_by_line(tmp_path: Path) -> None:
    path = tmp_path / NAME
    path.write_bytes(csv_text(*good_rows(2)).encode() + b"120000,\xff\xfe,1,1,1,1\n")
    with pytest.raises(InvalidInput, match="line 4 column open"):
        load_candle_file(path)


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(csv_text(*good_rows(500)).encode())
    path = tmp_path / "BTCUSDT-1m.csv.gz"
    for content in (whole[:200], whole[:-4], whole[:100] + bytes(50) + whole[150:]):
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match="a whole gzip file"):
            load_candle_file(path)


def test_a_file_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        load_candle_file(tmp_path / NAME)
    with pytest.raises(InvalidInput, match="a file or folder that exists"):
        load_candles(tmp_path / "nowhere")


def test_candles_must_have_closed_by_now(tmp_path: Path) -> None:
    path = written(tmp_path, csv_text(*good_rows(3)))
    assert len(load_candle_file(path, now_ms=3 * MINUTE)) == 3
    with pytest.raises(InvalidInput, match=r"line 4 column open_time_ms.*from the future"):
        load_candle_file(path, now_ms=3 * MINUTE - 1)


def test_gaps_are_allowed_and_reported(tmp_path: Path) -> None:
    table = load_candle_file(
        written(tmp_path, csv_text(*good_rows(3), *good_rows(2, first=10), *good_rows(1, first=13)))
    )
    assert table.gaps() == [Gap(after_ms=2 * MINUTE, missing=7), Gap(after_ms=11 * MINUTE, missing=1)]
    assert load_candle_file(written(tmp_path, csv_text(*good_rows(3)))).gaps() == []


def test_another_timeframe_than_the_name_says_is_refused(tmp_path: Path) -> None:
    rows = [f"{300_000 * i},1,2,0.5,1,3" for i in range(20)]
    with pytest.raises(InvalidInput, match="less than 300000 ms apart"):
        load_candle_file(written(tmp_path, csv_text(*rows)))


def test_the_columns_cannot_be_changed(tmp_path: Path) -> None:
    table = load_candle_file(written(tmp_path, csv_text(*good_rows(3))))
    for column in (table.open_time_ms, table.close_time_ms, table.close, table.volume):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1


@pytest.mark.parametrize(
    ("row", "decimals"),
    [
        ("60000,1,2,1,2,3.123", 0),
        ("60000,100.50,200.0,100,200,3", 1),
        ("60000,0.1,0.3,0.1,0.29,3", 2),
        ("60000,0.19701,0.19725,0.19656,0.19708,3", 5),
        ("60000,0.00002001,0.00003,0.00001,0.00002,3", 8),
        ("60000,99999.99,100000.01,99999.99,100000,3", 2),
        ("60000,0.0000000001,1,0.0000000001,1,3", 10),
    ],
)
def test_decimals_of_prices(tmp_path: Path, row: str, decimals: int) -> None:
    rows = [*(f"{i * MINUTE},1,1,1,1,1" for i in range(1, 3000)), row.replace("60000", str(3000 * MINUTE))]
    assert load_candle_file(written(tmp_path, csv_text(*rows))).price_decimals() == decimals


def test_too_many_decimals_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="at most 10 decimals"):
        load_candle_file(written(tmp_path, csv_text("60000,0.00000000015,1,0.0000000001,1,3"))).price_decimals()


def test_rows_before_counts_what_closes_earlier(tmp_path: Path) -> None:
    table = load_candle_file(written(tmp_path, csv_text(*good_rows(2), *good_rows(1, first=9))))
    assert [table.rows_before(ms) for ms in (0, MINUTE, MINUTE + 1, 2 * MINUTE + 1, 10 * MINUTE, 10 * MINUTE + 1)] == [
        0,
        0,
        1,
        2,
        2,
        3,
    ]


def test_a_part_of_a_table_by_time(tmp_path: Path) -> None:
    table = load_candle_file(written(tmp_path, csv_text(*good_rows(4), *good_rows(2, first=9))))
    for since, until, rows in [
        (None, None, [0, 1, 2, 3, 9, 10]),
        (MINUTE, 9 * MINUTE, [1, 2, 3]),
        (MINUTE + 1, 9 * MINUTE + 1, [2, 3, 9]),
        (4 * MINUTE, 9 * MINUTE, []),
        (5 * MINUTE, 2 * MINUTE, []),
        (None, MINUTE, [0]),
    ]:
        part = table.part(table.rows_between(since, until))
        assert [candle.open_time_ms // MINUTE for candle in part.candles()] == rows
        assert part.close_time_ms.tolist() == [(row + 1) * MINUTE for row in rows]


@pytest.mark.parametrize("name", ["BTCUSDT.csv", "BTCUSDT-7m.csv", "-1m.csv", "XYZ-1m.csv", "1m.csv", "BTCUSDT-1m.txt"])
def test_names_that_say_too_little_give_nothing(name: str) -> None:
    assert name_of(Path(name)) is None


class TestFolder:
    def filled(self, folder: Path) -> Path:
        for name in ("ETHUSDT-1m.csv", "BTCUSDT-1m.csv.gz", "SOLUSDT-1h.csv"):
            rows = good_rows(3) if "1m" in name else ["3600000,1,2,0.5,1,3"]
            written(folder, csv_text(*rows), name)
        (folder / "README.md").write_text("not candles")
        (folder / ".hidden-1m.csv").write_text("not candles")
        (folder / "sub.csv").mkdir(exist_ok=True)
        return folder

    def test_all_symbols_of_a_timeframe_sorted(self, tmp_path: Path) -> None:
        tables = load_candles(self.filled(tmp_path), interval_ms=MINUTE)
        assert [table.symbol for table in tables] == ["BTC/USDT", "ETH/USDT"]

    def test_chosen_symbols_decide_the_timeframe(self, tmp_path: Path) -> None:
        tables = load_candles(self.filled(tmp_path), symbols=["SOL/USDT"])
        assert [(table.symbol, table.interval_ms) for table in tables] == [("SOL/USDT", 3_600_000)]

    def test_several_timeframes_need_a_choice(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match="candles of 1m, 1h"):
            load_candles(self.filled(tmp_path))

    def test_a_missing_symbol_is_named_with_what_there_is(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInput, match=r"nothing for ADA/USDT.*BTC/USDT 1m, ETH/USDT 1m, SOL/USDT 1h"):
            load_candles(self.filled(tmp_path), symbols=["ADA/USDT", "BTC/USDT"], interval_ms=MINUTE)
        with pytest.raises(InvalidInput, match="nothing for ADA/USDT"):
            load_candles(self.filled(tmp_path), symbols=["ADA/USDT"])
        with pytest.raises(InvalidInput, match="nothing for 4h"):
            load_candles(self.filled(tmp_path), interval_ms=14_400_000)

    def test_two_files_of_one_market_are_refused(self, tmp_path: Path) -> None:
        written(self.filled(tmp_path), csv_text(*good_rows(3)), "btc_usdt-1m.csv")
        with pytest.raises(InvalidInput, match="one file for a symbol and timeframe"):
            load_candles(tmp_path, interval_ms=MINUTE)

    def test_no_candle_files(self, tmp_path: Path) -> None:
        (tmp_path / "README.md").write_text("")
        with pytest.raises(InvalidInput, match="a folder without candle files"):
            load_candles(tmp_path)

    def test_a_candle_file_without_a_market_is_refused(self, tmp_path: Path) -> None:
        written(self.filled(tmp_path), csv_text(*good_rows(3)), "candles.csv")
        with pytest.raises(InvalidInput, match=r"candles\.csv"):
            load_candles(tmp_path, interval_ms=MINUTE)

    def test_a_single_file_must_hold_what_is_asked(self, tmp_path: Path) -> None:
        path = written(tmp_path, csv_text(*good_rows(3)))
        assert [t.symbol for t in load_candles(path, symbols=["BTC/USDT"], interval_ms=MINUTE)] == ["BTC/USDT"]
        with pytest.raises(InvalidInput, match=r"all that BTCUSDT-1m\.csv holds"):
            load_candles(path, symbols=["BTC/USDT", "ETH/USDT"])
        with pytest.raises(InvalidInput, match=r"which BTCUSDT-1m\.csv holds"):
            load_candles(path, interval_ms=300_000)

    def test_a_single_file_without_a_market_takes_the_one_asked_for(self, tmp_path: Path) -> None:
        path = written(tmp_path, csv_text(*good_rows(3)), "candles.csv")
        assert [t.symbol for t in load_candles(path, symbols=["BTC/USDT"], interval_ms=MINUTE)] == ["BTC/USDT"]
        with pytest.raises(InvalidInput, match="SYMBOL-TIMEFRAME"):
            load_candles(path, symbols=["BTC/USDT", "ETH/USDT"], interval_ms=MINUTE)


@pytest.mark.recorded
def test_recorded_candles_are_true_and_exact(recorded_candles: Path) -> None:
    files = sorted(recorded_candles.glob("*.csv.gz"))
    assert files
    for path in files:
        table = load_candle_file(path)
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()[1:]
        assert len(lines) == len(table)
        assert table.gaps() == []
        for row, line in enumerate(lines):
            time, *values = line.split(",")
            candle = table.candle(row)
            assert candle.open_time_ms == int(time)
            assert [candle.open, candle.high, candle.low, candle.close, candle.volume] == [Decimal(v) for v in values]
        check_candle(table.candle(len(table) - 1))
