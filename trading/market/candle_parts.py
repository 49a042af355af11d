"""Several tables of one market, such as its monthly files, brought together as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from trading.domain.errors import InvalidInput
from trading.market.candle_table import COLUMNS, CandleTable, checked_table


def merged(tables: Sequence[CandleTable], place: Callable[[int, int], str]) -> CandleTable:
    """The candles of all tables in order of time; one that is in several must be the same in each.

    Args:
        tables: at least one, of one symbol and interval, in any order.
        place: names a table's row (number of the table, row) in the error.

    Raises:
        InvalidInput: a candle that differs between two tables; names both places, the column and both values.
    """
    if len(tables) == 1:
        return tables[0]
    times = np.concatenate([table.open_time_ms for table in tables])
    order = np.argsort(times, kind="stable")
    columns = {name: np.concatenate([getattr(table, name) for table in tables])[order] for name in COLUMNS}
    starts = np.cumsum([0, *(len(table) for table in tables)])

    def place_of(row: int) -> str:
        at = int(order[row])
        number = int(np.searchsorted(starts, at, side="right")) - 1
        return place(number, at - int(starts[number]))

    again = np.flatnonzero(np.diff(columns["open_time_ms"]) == 0)
    for name in COLUMNS[1:]:
        differs = columns[name][again] != columns[name][again + 1]
        if differs.any():
            row = int(again[differs.argmax()])
            first, second = columns[name].item(row), columns[name].item(row + 1)
            raise InvalidInput(f"{place_of(row + 1)} column {name}", second, f"{first}, as in {place_of(row)}")
    kept = {name: np.delete(column, again + 1) for name, column in columns.items()}
    # With two rows that say the same, either place is true.
    rows = np.delete(np.arange(len(order)), again + 1)
    return checked_table(tables[0].symbol, tables[0].interval_ms, kept, lambda row: place_of(int(rows[row])))
