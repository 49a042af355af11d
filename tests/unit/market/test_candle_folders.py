"""Names of Binance's and freqtrade's files, and folders of several formats and parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.market.candle_helpers import MINUTE
from tests.unit.market.candle_writers import (
    ROWS,
    Row,
    arrow_table,
    binance_text,
    expected,
    feather_bytes,
    json_text,
    parquet_bytes,
    put,
    zipped,
)
from trading.domain.errors import InvalidInput
from trading.market.candle_files import load_candles, name_of


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
