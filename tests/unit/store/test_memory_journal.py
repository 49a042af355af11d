"""The backtest's journal keeps what a report needs, and no more than it is told to."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from tests.unit.store.store_helpers import ACCOUNT, ETH, T0, batch, candle, decision, fill, order, order_id, position
from trading.domain.decisions import Verdict
from trading.domain.orders import OrderState
from trading.store.batch import AnyJournal, EquityPoint
from trading.store.memory import MemoryJournal


def point(n: int) -> EquityPoint:
    return EquityPoint(time_ms=n, equity=Decimal(n), cash=Decimal(n), exposure=Decimal(0))


def test_final_versions_and_lists() -> None:
    journal = MemoryJournal()
    assert journal.load() == []
    entry = decision(1, Verdict.ENTER_LONG)
    journal.commit(batch(ACCOUNT, decision(0), entry, order(1), position(), equity=[point(1)], candles=[candle(0)]))
    done = order(1, OrderState.FILLED, filled="1.5")
    closed = position(closed_ms=T0 + 1)
    unused = replace(position("p2", closed_ms=T0), bought=Decimal(0), sold=Decimal(0))
    other = position("p3", symbol=ETH)
    journal.commit(
        batch(done, fill("t1", 1), closed, unused, other, replace(ACCOUNT, cash=Decimal(7)), equity=[point(2)])
    )
    journal.close()
    assert journal.orders == {order_id(1): done}
    assert journal.account == replace(ACCOUNT, cash=Decimal(7))
    assert list(journal.fills) == [fill("t1", 1)]
    assert list(journal.closed) == [closed]
    assert journal.positions == {"p3": other}
    assert list(journal.decisions) == [entry]
    assert list(journal.equity) == [point(1), point(2)]


def test_a_limit_bounds_every_list_but_forgets_nothing_alive() -> None:
    journal: MemoryJournal = MemoryJournal(limit=2)
    for n in range(10):
        state = OrderState.OPEN if n < 4 else OrderState.CANCELED
        journal.commit(
            batch(
                order(n, state),
                fill(f"t{n}", n),
                decision(n, Verdict.EXIT),
                position(f"open{n}") if n < 3 else position(f"p{n}", closed_ms=T0 + n),
                equity=[point(n)],
            )
        )
    assert list(journal.orders) == [order_id(n) for n in (0, 1, 2, 3, 8, 9)]
    assert list(journal.positions) == ["open0", "open1", "open2"]
    assert [p.id for p in journal.closed] == ["p8", "p9"]
    assert [f.trade_id for f in journal.fills] == ["t8", "t9"]
    assert len(journal.decisions) == len(journal.equity) == 2


def test_a_finished_order_that_comes_alive_is_not_forgotten() -> None:
    journal = MemoryJournal(limit=1)
    journal.commit(batch(order(1, OrderState.CANCELED)))
    journal.commit(batch(order(1, OrderState.CANCELED, reported="0.5")))
    journal.commit(batch(order(2, OrderState.CANCELED), order(3, OrderState.CANCELED)))
    assert list(journal.orders) == [order_id(1), order_id(3)]


def test_it_can_stand_in_for_the_database_s_journal() -> None:
    journal: AnyJournal = MemoryJournal()
    journal.commit(batch())
    journal.close()
