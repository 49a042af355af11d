"""Merging symbols into batches: order, batches that lack a symbol, resuming, and refusals."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.market.candle_helpers import MINUTE, table
from trading.domain.errors import InvalidInput
from trading.market.batches import batches, merge, one_interval


def times_and_symbols(found: list[tuple[object, ...]]) -> list[tuple[int, list[str]]]:
    return [(batch[0].close_time_ms // MINUTE, [c.symbol for c in batch]) for batch in found]  # type: ignore[attr-defined]


def test_batches_are_in_order_of_time_then_symbol_whatever_the_order_given() -> None:
    tables = [table("B/USDT", [0, 1, 2, 4]), table("A/USDT", [1, 2, 3])]
    expected = [
        (1, ["B/USDT"]),
        (2, ["A/USDT", "B/USDT"]),
        (3, ["A/USDT", "B/USDT"]),
        (4, ["A/USDT"]),
        (5, ["B/USDT"]),
    ]
    assert times_and_symbols(list(batches(tables))) == expected
    assert times_and_symbols(list(batches(tables[::-1]))) == expected


@pytest.mark.parametrize(("after_minute", "first"), [(0, 1), (1, 2), (2.5, 3), (5, None), (99, None)])
def test_resuming_begins_with_the_first_close_after(after_minute: float, first: int | None) -> None:
    tables = [table("B/USDT", [0, 1, 2, 4]), table("A/USDT", [1, 2, 3])]
    found = list(batches(tables, after_close_ms=int(after_minute * MINUTE)))
    assert (times_and_symbols(found)[0][0] if found else None) == first
    assert found == [batch for batch in batches(tables) if batch[0].close_time_ms > after_minute * MINUTE]


@given(
    st.dictionaries(st.sampled_from(["A/X", "B/X", "C/X", "D/X"]), st.sets(st.integers(0, 30), min_size=1), min_size=1)
)
def test_every_candle_is_in_exactly_one_batch(minutes: dict[str, set[int]]) -> None:
    tables = [table(symbol, sorted(times)) for symbol, times in minutes.items()]
    found = list(batches(tables))
    assert all(earlier[0].close_time_ms < later[0].close_time_ms for earlier, later in pairwise(found))
    for batch in found:
        assert len({candle.close_time_ms for candle in batch}) == 1
        assert [c.symbol for c in batch] == sorted({c.symbol for c in batch})
    seen = {symbol: {c.open_time_ms // MINUTE for b in found for c in b if c.symbol == symbol} for symbol in minutes}
    assert seen == minutes
    assert sum(map(len, found)) == sum(map(len, minutes.values()))


def test_the_indices_name_the_same_candles_as_the_batches() -> None:
    order = merge([table("B/USDT", [0, 1, 2, 4]), table("A/USDT", [1, 2, 3])])
    by_index = [order.tables[t].candle(r) for t, r in zip(order.table_index.tolist(), order.row.tolist(), strict=True)]
    assert by_index == [candle for index in range(len(order)) for candle in order.batch(index)]
    assert [c.close_time_ms for c in by_index] == order.close_time_ms.tolist()
    assert order.batch_start.tolist() == [0, 1, 3, 5, 6, 7]


def test_a_first_candle_at_the_epoch_is_not_lost() -> None:
    assert len(list(batches([table("A/USDT", [0])]))) == 1


def test_refusals() -> None:
    with pytest.raises(InvalidInput, match="at least one symbol"):
        merge([])
    with pytest.raises(InvalidInput, match="A/USDT more than once"):
        merge([table("A/USDT", [0]), table("B/USDT", [0]), table("A/USDT", [1])])
    with pytest.raises(InvalidInput, match=r"A/USDT 1m, B/USDT 5m.*one timeframe"):
        list(batches([table("A/USDT", [0]), table("B/USDT", [0], interval_ms=5 * MINUTE)]))
    assert one_interval([table("A/USDT", [0])]) == MINUTE
