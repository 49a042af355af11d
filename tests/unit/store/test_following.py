"""Following the database: everything that happens is told, once, whenever one looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from tests.unit.store.store_helpers import (
    ACCOUNT,
    BTC,
    ETH,
    MINUTE_MS,
    T0,
    Place,
    batch,
    candle,
    decision,
    fill,
    order,
    order_id,
    position,
    run_sql,
)
from trading.domain.actions import Level, Notify
from trading.domain.decisions import Verdict
from trading.domain.events import OrderAccepted, OrderFilled
from trading.domain.orders import OrderState
from trading.engine.state import SymbolState
from trading.store.alerts import store_alerts
from trading.store.batch import EquityPoint
from trading.store.database import reading
from trading.store.following import (
    CANDLES_PER_SYMBOL,
    ROWS_MAX,
    SETTLED_KEPT,
    Changes,
    FellBehind,
    Follower,
    Present,
    Series,
)
from trading.store.journal import Journal
from trading.store.latch import latch_kill, reset_kill


class Look:
    """A follower and the database it looks at."""

    def __init__(self, journal: Journal) -> None:
        self._engine = journal.engine
        self.present: Present
        with self._connection() as connection:
            self.follower, self.present = Follower.begin(connection)

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        with reading(self._engine) as connection:
            yield connection

    def changes(self) -> Changes | None:
        with self._connection() as connection:
            return self.follower.changes(connection)

    def news(self) -> Changes:
        found = self.changes()
        assert found is not None
        return found

    def series(self) -> Series:
        with self._connection() as connection:
            return self.follower.series(connection)


def moved(minute: int, symbol: str = BTC) -> SymbolState:
    """The symbol after the candle of this minute."""
    candle_ = candle(minute, symbol=symbol)
    return SymbolState(symbol=symbol, last_close_ms=candle_.close_time_ms, price=candle_.close)


def filled(number: int, quantity: str, *, ended: bool = False) -> object:
    state = OrderState.FILLED if ended else OrderState.PARTIALLY_FILLED
    return order(number, state, filled=quantity)


def test_an_empty_database_has_nothing_and_then_its_first_things(journal: Journal) -> None:
    look = Look(journal)
    assert look.present == Present(
        orders=[], positions=[], fills=[], alerts=[], symbols=[], candles=[], decisions=[], equity=None
    )
    assert look.changes() is None
    journal.commit(batch(ACCOUNT, order(1), position(), decision(0, Verdict.ENTER_LONG)))
    found = look.news()
    assert [o.id for o in found.orders] == [order_id(1)]
    assert [p.id for p in found.positions] == ["p1"]
    assert [run.decision.verdict for run in found.decisions] == [Verdict.ENTER_LONG]
    assert look.changes() is None


def test_what_was_there_at_the_beginning_is_not_told_again(journal: Journal) -> None:
    note = Notify(Level.INFO, "HELLO", "you")
    journal.commit(
        batch(
            ACCOUNT,
            filled(1, "0.5"),
            fill("t1", 1),
            position(),
            decision(0),
            moved(0),
            candles=[candle(0)],
            equity=[EquityPoint(time_ms=T0, equity=ACCOUNT.cash, cash=ACCOUNT.cash, exposure=ACCOUNT.cash)],
            notifications=[note],
        )
    )
    look = Look(journal)
    present = look.present
    assert [o.id for o in present.orders] == [order_id(1)]
    assert [f.trade_id for f in present.fills] == ["t1"]
    assert [p.id for p in present.positions] == ["p1"]
    assert [(a.code, a.text) for a in present.alerts] == [("HELLO", "you")]
    assert [run.decision.id for run in present.decisions] == [decision(0).id]
    assert present.candles == [candle(0)] and present.symbols == [moved(0)]
    assert present.equity is not None and present.equity.time_ms == T0
    assert look.changes() is None
    assert look.series() == Series(candles=[], decisions=[], equity=None)


def test_an_order_and_its_fills_are_followed_to_the_end(journal: Journal) -> None:
    look = Look(journal)
    journal.commit(batch(order(1)))
    assert [o.state for o in look.news().orders] == [OrderState.SUBMITTING]
    accepted = OrderAccepted(time_ms=T0, client_order_id=order_id(1), exchange_order_id="x1")
    journal.commit(batch(order(1, OrderState.OPEN), events=[accepted]))
    found = look.news()
    assert [o.state for o in found.orders] == [OrderState.OPEN]
    assert [e.type for e in found.events] == ["OrderAccepted"]
    journal.commit(batch(filled(1, "0.5"), fill("t1", 1)))
    assert [f.trade_id for f in look.news().fills] == ["t1"]
    journal.commit(batch(filled(1, "1.5", ended=True), fill("t2", 1), fill("t3", 1)))
    found = look.news()
    assert [o.state for o in found.orders] == [OrderState.FILLED]
    assert [f.trade_id for f in found.fills] == ["t2", "t3"]
    assert look.changes() is None


def test_what_began_and_ended_between_two_looks_is_told_whole(journal: Journal) -> None:
    look = Look(journal)
    journal.commit(batch(order(1), position()))
    journal.commit(batch(filled(1, "1.5", ended=True), fill("t1", 1), fill("t2", 1), position()))
    journal.commit(batch(position(closed_ms=T0 + 5)))
    found = look.news()
    assert [(o.id, o.state) for o in found.orders] == [(order_id(1), OrderState.FILLED)]
    assert [f.trade_id for f in found.fills] == ["t1", "t2"]
    assert [(p.id, p.is_closed) for p in found.positions] == [("p1", True)]


def test_a_position_that_closes_comes_before_the_one_that_opens(journal: Journal) -> None:
    journal.commit(batch(position("p1"), order(1, OrderState.OPEN)))
    look = Look(journal)
    journal.commit(batch(position("p1", closed_ms=T0 + 1), position("p2")))
    assert [(p.id, p.is_closed) for p in look.news().positions] == [("p1", True), ("p2", False)]


def test_a_late_fill_of_a_finished_order_is_told_once(journal: Journal) -> None:
    look = Look(journal)
    journal.commit(batch(filled(1, "0.5", ended=True), fill("t1", 1)))
    assert [f.trade_id for f in look.news().fills] == ["t1"]
    late = fill("t2", 1)
    journal.commit(batch(filled(1, "1.0", ended=True), late, events=[OrderFilled(time_ms=T0, fill=late)]))
    found = look.news()
    assert [(o.id, str(o.filled_quantity)) for o in found.orders] == [(order_id(1), "1.0")]
    assert [f.trade_id for f in found.fills] == ["t2"]


@pytest.mark.parametrize("later", [1, SETTLED_KEPT + 5])
def test_a_late_fill_of_an_order_from_before_the_beginning_is_told_once(journal: Journal, later: int) -> None:
    journal.commit(batch(filled(1, "0.5", ended=True), fill("t1", 1)))
    look = Look(journal)
    for first in range(0, later, ROWS_MAX):
        numbers = range(first + 10, min(first + ROWS_MAX, later) + 10)
        journal.commit(batch(*(order(number, OrderState.CANCELED) for number in numbers)))
        assert len(look.news().orders) == len(numbers)
    late = fill("t2", 1)
    journal.commit(batch(filled(1, "1.0", ended=True), late, events=[OrderFilled(time_ms=T0, fill=late)]))
    assert [f.trade_id for f in look.news().fills] == ["t2"]


def test_a_finished_order_that_becomes_live_again_is_told(journal: Journal) -> None:
    look = Look(journal)
    journal.commit(batch(filled(1, "0.5", ended=True), fill("t1", 1)))
    look.news()
    journal.commit(batch(order(1, OrderState.FILLED, filled="0.5", reported="1.0")))
    assert [o.is_settled for o in look.news().orders] == [False]
    journal.commit(batch(filled(1, "1.0", ended=True), fill("t2", 1)))
    found = look.news()
    assert [o.is_settled for o in found.orders] == [True]
    assert [f.trade_id for f in found.fills] == ["t2"]


def test_decisions_are_told_each_and_runs_by_their_last(journal: Journal) -> None:
    look = Look(journal)
    journal.commit(batch(decision(0), decision(1, Verdict.ENTER_LONG), decision(2), moved(2)))
    assert [run.decision.id for run in look.news().decisions] == [decision(1).id]
    journal.commit(batch(decision(3), decision(3, symbol=ETH), moved(3), moved(3, ETH)))
    assert look.news().decisions == []
    told = {
        run.decision.symbol: (run.decision.id, run.count) for run in look.series().decisions
    }  # of a run the first one's id
    # A run has the id of its first: who holds it finds the run however long it grows.
    assert told == {BTC: (decision(2).id, 2), ETH: (decision(3, symbol=ETH).id, 1)}
    assert look.series().decisions == []


def test_candles_are_told_oldest_first_and_the_newest_only(journal: Journal) -> None:
    look = Look(journal)
    count = CANDLES_PER_SYMBOL + 3
    for minute in range(count):
        journal.commit(batch(moved(minute), candles=[candle(minute)]))
    look.news()
    assert look.series().candles == [candle(minute) for minute in range(3, count)]
    journal.commit(batch(moved(count), candles=[candle(count)]))
    assert look.news().symbols == [moved(count)]
    assert look.series().candles == [candle(count)]
    assert look.series().candles == []


def test_a_change_of_the_timeframe_does_not_end_the_candles(journal: Journal) -> None:
    journal.commit(batch(moved(0), candles=[candle(0)]))
    look = Look(journal)
    longer = replace(candle(4), open_time_ms=T0 // (5 * MINUTE_MS) * 5 * MINUTE_MS, interval_ms=5 * MINUTE_MS)
    for later in (longer, replace(longer, open_time_ms=longer.open_time_ms + longer.interval_ms)):
        symbol = SymbolState(symbol=BTC, last_close_ms=later.close_time_ms, price=later.close)
        journal.commit(batch(symbol, candles=[later]))
        look.news()
        told = look.series().candles
    assert told[-1] == later


def test_the_kill_switch_is_told_by_its_events(journal: Journal) -> None:
    look = Look(journal)
    latch_kill(journal.engine, "owner", "enough", T0)
    reset_kill(journal.engine, "owner", "again", T0 + 1)
    assert [event.type for event in look.news().events] == ["KillLatched", "KillReset"]


def test_alerts_are_told_each_whoever_raised_them(journal: Journal) -> None:
    look = Look(journal)
    journal.commit(batch(notifications=[Notify(Level.INFO, "A", "of the engine"), Notify(Level.INFO, "B", "too")]))
    store_alerts(journal.engine, [(Notify(Level.CRITICAL, "C", "of another process"), T0)])
    assert [alert.code for alert in look.news().alerts] == ["A", "B", "C"]
    assert look.changes() is None


def test_too_much_at_once_is_not_told_one_by_one(journal: Journal) -> None:
    for many in (
        batch(*(order(number, OrderState.CANCELED) for number in range(ROWS_MAX + 1))),
        batch(*(decision(minute, Verdict.EXIT) for minute in range(ROWS_MAX + 1))),
        batch(notifications=[Notify(Level.INFO, "A", "b")] * (ROWS_MAX + 1)),
    ):
        look = Look(journal)
        journal.commit(many)
        with pytest.raises(FellBehind, match="too many"):
            look.changes()
        look = Look(journal)
        assert look.changes() is None


def test_as_much_as_one_look_takes_is_told(journal: Journal) -> None:
    look = Look(journal)
    journal.commit(batch(notifications=[Notify(Level.INFO, "A", "b")] * ROWS_MAX))
    assert len(look.news().events) == ROWS_MAX


def test_removed_events_are_noticed(journal: Journal, place: Place) -> None:
    journal.commit(batch(notifications=[Notify(Level.INFO, "A", "b")] * 3))
    look = Look(journal)
    journal.commit(batch(notifications=[Notify(Level.INFO, "A", "b")] * 3))
    run_sql(place, "DELETE FROM events WHERE seq <= 4")
    with pytest.raises(FellBehind, match="removed"):
        look.changes()


def test_a_commit_that_was_taken_back_is_noticed(journal: Journal, place: Place) -> None:
    journal.commit(batch(decision(0, Verdict.EXIT)))
    look = Look(journal)
    journal.commit(batch(decision(1, Verdict.EXIT)))
    look.news()
    run_sql(place, "DELETE FROM decisions WHERE seq = 2")
    run_sql(place, "UPDATE commits SET number = number + 1")
    with pytest.raises(FellBehind, match="taken back"):
        look.changes()


@pytest.mark.parametrize("change", ["UPDATE meta SET created_ms = 1", "UPDATE commits SET number = 0"])
def test_another_database_is_noticed(journal: Journal, place: Place, change: str) -> None:
    journal.commit(batch(ACCOUNT))
    look = Look(journal)
    run_sql(place, change)
    with pytest.raises(FellBehind, match="another database"):
        look.changes()


def test_a_look_that_failed_loses_nothing(journal: Journal, place: Place) -> None:
    look = Look(journal)
    journal.commit(batch(filled(1, "0.5"), fill("t1", 1), decision(0, Verdict.EXIT), position(), moved(0)))
    run_sql(place, "ALTER TABLE positions RENAME TO elsewhere")
    with pytest.raises(Exception, match="positions"):
        look.changes()
    run_sql(place, "ALTER TABLE elsewhere RENAME TO positions")
    found = look.news()
    assert (len(found.orders), len(found.fills), len(found.positions), len(found.decisions)) == (1, 1, 1, 1)


def test_every_question_uses_a_key_or_an_index(journal: Journal) -> None:
    """However long the history, a look costs the same: no query walks through a table that grows."""
    statements: list[tuple[str, object]] = []
    journal.commit(batch(filled(1, "0.5"), fill("t1", 1), decision(0), position(), moved(0), candles=[candle(0)]))
    look = Look(journal)

    @sa.event.listens_for(journal.engine, "before_cursor_execute")
    def note(_c: object, _cursor: object, statement: str, values: object, _x: object, many: bool) -> None:
        if not many and statement.startswith("SELECT"):
            statements.append((statement, values))

    late = fill("t2", 1)
    journal.commit(
        batch(
            filled(1, "1.0", ended=True),
            late,
            decision(1, Verdict.EXIT),
            position(closed_ms=T0),
            moved(1),
            candles=[candle(1)],
            events=[OrderFilled(time_ms=T0, fill=late)],
        )
    )
    look.news()
    look.series()
    Look(journal)
    if journal.engine.dialect.name != "sqlite":
        return  # PostgreSQL plans by size, and these tables are empty
    plans = []
    with reading(journal.engine) as connection:
        for statement, values in statements:
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            plans += [(step[3], statement) for step in steps]
    grows = ("orders", "fills", "positions", "decisions", "events", "candles", "equity")
    walks = [(step, statement) for step, statement in plans if step.startswith("SCAN") and step.split()[1] in grows]
    assert len(plans) > 20
    assert [(step, s) for step, s in walks if "USING" not in step and "LIMIT" not in s] == []
