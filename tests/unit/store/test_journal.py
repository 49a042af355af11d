"""A commit is kept whole or not at all, and a restart finds what the last one left."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from tests.unit.store.store_helpers import (
    ACCOUNT,
    BTC,
    ETH,
    HALTED,
    MINUTE_MS,
    T0,
    TRIP,
    VOTES,
    Place,
    batch,
    candle,
    decision,
    fill,
    open_journal,
    order,
    order_id,
    position,
    rows,
    tables,
    url_of,
)
from tests.unit.store.store_workers import WriteLockHeld
from trading.domain.actions import Level, Notify
from trading.domain.decisions import Verdict
from trading.domain.errors import InvariantViolated
from trading.domain.events import CandleClosed, ClockTick, EntriesLatched, OrderFilled, OrderRejected
from trading.domain.orders import OrderState, Purpose
from trading.domain.positions import Correction, CorrectionKind
from trading.engine.state import FINISHED_ORDERS_KEPT, EngineState, SymbolState
from trading.safety.breaker import BreakerState
from trading.store.batch import EquityPoint
from trading.store.errors import JournalError
from trading.store.journal import Journal

CORRECTION = Correction(
    id="c1",
    position_id="p1",
    symbol=BTC,
    kind=CorrectionKind.BASE_FEE,
    quantity=Decimal("-0.001"),
    cost=Decimal("-0.1"),
    time_ms=T0,
)


def state_of(place: Place) -> EngineState:
    """What a new process restores."""
    journal = open_journal(place)
    state = EngineState("bot-1")
    state.restore(journal.load())
    journal.close()
    return state


def test_a_new_database_has_nothing_to_restore(journal: Journal) -> None:
    assert journal.load() == []


def test_a_restart_finds_every_record_as_it_was_last(place: Place, journal: Journal) -> None:
    btc = SymbolState(symbol=BTC, last_close_ms=T0, price=Decimal("100.10"))
    first, second = order(1), order(1, OrderState.PARTIALLY_FILLED, filled="0.5")
    tripped = BreakerState(day_ms=T0, day_peak=Decimal("10.50"), loss_times=(T0,), trips=1)
    journal.commit(batch(ACCOUNT, HALTED, tripped, TRIP, btc, position(), first, second, fill("t1", 1), CORRECTION))
    later = replace(btc, last_close_ms=T0 + MINUTE_MS)
    journal.commit(batch(replace(ACCOUNT, cash=Decimal("1E+2")), later, replace(ACCOUNT, cash=Decimal("90.0"))))
    state = state_of(place)
    assert state.records() == [replace(ACCOUNT, cash=Decimal("90.0")), HALTED, tripped, later, position(), second]
    assert state.trades == {order_id(1): {"t1"}}
    assert state.live_orders(BTC) == [second]
    assert rows(place, "SELECT kind, quantity FROM corrections") == [("base_fee", "-0.001")]
    assert rows(place, "SELECT id, code, value FROM trips") == [(TRIP.id, TRIP.code, TRIP.value)]


def test_closed_positions_stay_in_the_database_only(place: Place, journal: Journal) -> None:
    journal.commit(batch(position("p1"), position("p2", symbol=ETH)))
    journal.commit(batch(position("p1", closed_ms=T0 + 1), position("p3")))
    assert state_of(place).positions == {ETH: position("p2", symbol=ETH), BTC: position("p3")}
    assert rows(place, "SELECT id, closed_ms FROM positions ORDER BY id") == [
        ("p1", T0 + 1),
        ("p2", None),
        ("p3", None),
    ]


def test_an_order_can_be_asked_for_by_its_fields(place: Place, journal: Journal) -> None:
    journal.commit(batch(order(1, OrderState.FILLED, filled="1.5"), order(2, OrderState.OPEN, purpose=Purpose.STOP)))
    found = rows(place, "SELECT state, purpose, price, settled FROM orders WHERE side = 'sell' AND reduces")
    assert found == [("open", "stop", "100.10", 0)]


def test_a_finished_order_with_fills_to_be_fetched_is_live(place: Place, journal: Journal) -> None:
    journal.commit(batch(order(1, OrderState.CANCELED, reported="0.5"), order(2, OrderState.CANCELED)))
    assert [o.id for o in state_of(place).live_orders(BTC)] == [order_id(1)]


def test_only_the_last_finished_orders_are_restored(place: Place, journal: Journal) -> None:
    count = FINISHED_ORDERS_KEPT + 50
    done = [order(n, OrderState.FILLED, filled="1.5") for n in range(count)]
    fills = [fill(f"t{n}", n) for n in range(count)]
    live = order(count, OrderState.OPEN)
    original = EngineState("bot-1")
    for record in [live, *reversed(done), *fills]:
        original.put(record)
    journal.commit(batch(*original.take_changes()))
    state = state_of(place)
    assert len(state.orders) == FINISHED_ORDERS_KEPT + 1
    assert state.records() == original.records()
    assert state.trades.keys() == state.orders.keys() - {live.id}


def test_the_order_of_live_orders_is_kept(place: Place, journal: Journal) -> None:
    """Engines go through live orders in the order that they came; a restart must not change it."""
    journal.commit(batch(order(9), order(3), order(5)))
    journal.commit(batch(order(3, OrderState.OPEN), order(9, OrderState.CANCELED)))
    journal.commit(batch(order(1), order(9, OrderState.CANCELED, reported="1")))
    assert [o.id for o in state_of(place).live_orders(BTC)] == [order_id(n) for n in (3, 5, 1, 9)]


def test_a_fill_counts_once(place: Place, journal: Journal) -> None:
    journal.commit(batch(order(1), fill("t1", 1)))
    before = tables(place)
    with pytest.raises(JournalError, match=r"in it already") as caught:
        journal.commit(batch(ACCOUNT, order(2), fill("t2", 1), fill("t1", 1)))
    assert isinstance(caught.value.__cause__, sa.exc.IntegrityError)
    assert tables(place) == before
    journal.commit(batch(fill("t1", 1, symbol=ETH)))
    assert rows(place, "SELECT symbol, trade_id FROM fills ORDER BY symbol") == [(BTC, "t1"), (ETH, "t1")]


def test_a_commit_after_a_failed_one_knows_nothing_of_it(place: Place, journal: Journal) -> None:
    journal.commit(batch(fill("t1", 1)))
    with pytest.raises(JournalError):
        journal.commit(batch(decision(1), order(7), fill("t1", 1), candles=[candle(1, symbol=ETH)]))
    journal.commit(batch(decision(1), order(8), candles=[candle(1)]))
    assert rows(place, "SELECT seq, count FROM decisions") == [(1, 1)]
    assert rows(place, "SELECT id, name FROM symbols") == [(1, BTC)]
    assert rows(place, "SELECT place FROM orders") == [(1,)]


def test_candles_are_kept_as_they_came_first(place: Place, journal: Journal) -> None:
    journal.commit(batch(candles=[candle(0), candle(0, symbol=ETH), candle(1)]))
    journal.commit(batch(candles=[candle(1, close="100.7"), candle(2)]))
    found = rows(place, "SELECT symbol_id, open_time_ms, open, close, volume FROM candles WHERE symbol_id = 1")
    assert found == [(1, T0 + n * MINUTE_MS, "100.00", "100.20", "12.5") for n in range(3)]
    assert rows(place, "SELECT id, name, last_close_ms FROM symbols") == [(1, BTC, None), (2, ETH, None)]


def test_a_symbol_known_by_its_candles_is_not_one_that_was_handled(place: Place, journal: Journal) -> None:
    journal.commit(batch(candles=[candle(0), candle(0, symbol=ETH)]))
    handled = SymbolState(symbol=ETH, last_close_ms=T0, price=Decimal("7.0"))
    journal.commit(batch(handled, candles=[candle(1)]))
    assert state_of(place).symbols == {ETH: handled}
    assert rows(place, "SELECT count(*) FROM symbols") == [(2,)]


def test_runs_of_what_changed_nothing_are_one_row(place: Place, journal: Journal) -> None:
    journal.commit(batch(decision(0), decision(1), decision(1, symbol=ETH)))
    journal.commit(batch(decision(2), decision(3)))
    journal.commit(batch(decision(4, Verdict.ENTER_LONG), decision(5), decision(6, veto="PAUSED"), decision(7)))
    nothing = partial(decision, verdict=Verdict.EXIT, veto="NOTHING_TO_EXIT")
    journal.commit(batch(nothing(8), nothing(9)))
    journal.commit(batch(nothing(10), decision(11, Verdict.EXIT), nothing(12), decision(13), nothing(14)))
    found = rows(place, "SELECT symbol, verdict, veto, first_ms, time_ms, count, score, id FROM decisions ORDER BY seq")

    def row(first: int, last: int, verdict: str = "hold", veto: str = "", symbol: str = BTC) -> tuple[object, ...]:
        times = T0 + first * MINUTE_MS, T0 + last * MINUTE_MS
        return (symbol, verdict, veto, *times, last - first + 1, last / 100, f"{symbol}-{first}")

    assert found == [
        row(0, 3),
        row(1, 1, symbol=ETH),
        row(4, 4, "enter_long"),
        row(5, 5),
        row(6, 6, veto="PAUSED"),
        row(7, 7),
        row(8, 10, "exit", "NOTHING_TO_EXIT"),
        row(11, 11, "exit"),
        row(12, 12, "exit", "NOTHING_TO_EXIT"),
        row(13, 13),
        row(14, 14, "exit", "NOTHING_TO_EXIT"),
    ]


def test_a_run_of_hold_goes_on_after_a_restart(place: Place, journal: Journal) -> None:
    journal.commit(batch(decision(0, Verdict.EXIT, symbol=ETH), decision(0), decision(1)))
    journal.close()
    again = open_journal(place)
    again.commit(batch(decision(2), decision(1, symbol=ETH)))
    again.close()
    found = rows(place, "SELECT symbol, verdict, count FROM decisions ORDER BY seq")
    assert found == [(ETH, "exit", 1), (BTC, "hold", 3), (ETH, "hold", 1)]


def test_a_decision_that_changed_within_a_commit_is_one(place: Place, journal: Journal) -> None:
    entry = decision(1, Verdict.ENTER_LONG)
    journal.commit(batch(entry, replace(entry, veto="LIMIT_POSITIONS", veto_detail="3 of 3")))
    assert rows(place, "SELECT verdict, veto, veto_detail FROM decisions") == [
        ("enter_long", "LIMIT_POSITIONS", "3 of 3")
    ]


def test_equity_and_events_are_kept(place: Place, journal: Journal) -> None:
    point = EquityPoint(time_ms=T0, equity=Decimal("1000.10"), cash=Decimal("900.10"), exposure=Decimal(100))
    events = [
        CandleClosed(time_ms=T0, candle=candle(0)),
        ClockTick(time_ms=T0),
        EntriesLatched(time_ms=T0, reason="shutdown"),
        OrderFilled(time_ms=T0, fill=fill("t1", 1)),
        OrderRejected(time_ms=T0, client_order_id=order_id(1), code="-2010", message="no"),
    ]
    note = Notify(Level.WARNING, "ORDER_REJECTED", "no", ETH)
    journal.commit(batch(equity=[point], events=events, notifications=[note], time_ms=T0 + 5))
    journal.commit(batch(equity=[replace(point, equity=Decimal(7))]))
    assert rows(place, "SELECT equity, cash, exposure FROM equity") == [("7", "900.10", "100")]
    assert rows(place, "SELECT seq, time_ms, type, symbol FROM events") == [
        (1, T0, "OrderFilled", BTC),
        (2, T0, "OrderRejected", ""),
        (3, T0 + 5, "Notify", ETH),
    ]


def test_an_empty_batch_is_a_commit(journal: Journal) -> None:
    journal.commit(batch())
    assert journal.load() == []


def test_a_closed_journal_refuses(place: Place, journal: Journal) -> None:
    journal.close()
    for use in (lambda: journal.commit(batch(ACCOUNT)), journal.load, lambda: journal.take_commands(T0)):
        with pytest.raises(JournalError, match=r"(tradebot\.db|bot_\d+ on \S+): the journal is closed"):
            use()
    assert rows(place, "SELECT * FROM account") == []


@contextmanager
def full_disk(journal: Journal) -> Iterator[None]:
    """The database file may not grow by a page, as on a disk that is full."""

    def fill_up(driver: sqlite3.Connection, *_: object) -> None:
        driver.execute("PRAGMA max_page_count=1")

    def make_room(driver: sqlite3.Connection, *_: object) -> None:
        driver.execute("PRAGMA max_page_count=1000000")

    sa.event.listen(journal.engine, "checkout", fill_up)
    yield
    sa.event.remove(journal.engine, "checkout", fill_up)
    sa.event.listen(journal.engine, "checkout", make_room)


def test_a_full_disk_loses_nothing_and_may_be_emptied(path: Path) -> None:
    journal = open_journal(path)
    journal.commit(batch(ACCOUNT))
    before = tables(path)
    large = batch(HALTED, *[order(n, purpose=Purpose.STOP) for n in range(200)])
    with full_disk(journal):
        for _ in range(2):
            with pytest.raises(JournalError, match=r"the disk is full .*free some space"):
                journal.commit(large)
        assert tables(path) == before
        assert journal.load() == [ACCOUNT]
    journal.commit(large)
    journal.close()
    assert len(state_of(path).orders) == 200


def test_a_file_that_the_system_does_not_let_grow(path: Path) -> None:
    """The same by the operating system's own refusal, which comes at another place."""
    code = f"""
import resource, sys
from tests.unit.store.store_helpers import *
from trading.store.errors import JournalError
journal = Journal.open({url_of(path)!r}, "bot-1")
journal.commit(batch(ACCOUNT))
size = 512 * 1024
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
done = 0
try:
    for n in range(10_000):
        journal.commit(batch(order(n, purpose=Purpose.STOP)))
        done += 1
except JournalError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.commit(batch(order(done, purpose=Purpose.STOP)))
print(done + 1)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, count = run.stdout.splitlines()
    assert "disk" in said
    assert "tradebot.db" in said
    assert len(state_of(path).orders) == int(count) > 1


def test_a_database_locked_by_another_process(place: Place) -> None:
    journal = open_journal(place, busy_timeout_ms=20)
    journal.commit(batch(ACCOUNT))
    with WriteLockHeld(place):
        with pytest.raises(JournalError, match=r"another process keeps it locked"):
            journal.commit(batch(HALTED))
        assert journal.load() == [ACCOUNT]
    journal.commit(batch(HALTED))
    assert journal.load() == [ACCOUNT, HALTED]
    journal.close()


def test_a_file_that_has_gone_is_not_begun_anew(path: Path) -> None:
    journal = open_journal(path)
    journal.engine.dispose()
    path.rename(path.with_name("moved.db"))
    with pytest.raises(JournalError, match=r"cannot be opened"):
        journal.commit(batch(ACCOUNT))
    assert not path.exists()
    journal.close()


def test_a_record_without_a_table_is_not_dropped(place: Place, journal: Journal) -> None:
    with pytest.raises(InvariantViolated, match="no table for Vote"):
        journal.commit(batch(ACCOUNT, VOTES[0]))
    assert rows(place, "SELECT * FROM account") == []
