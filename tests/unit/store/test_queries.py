"""What commands and dashboard read: the same while the bot writes, and while none runs."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
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
    url_of,
)
from tests.unit.store.store_workers import WriteLockHeld
from trading.domain.actions import Level, Notify
from trading.domain.decisions import Verdict
from trading.domain.orders import OrderState, Purpose
from trading.domain.positions import Correction, CorrectionKind
from trading.engine.state import SafetyState, SymbolState
from trading.safety.breaker import BreakerState
from trading.store.batch import EquityPoint
from trading.store.database import open_database, reading
from trading.store.errors import JournalError
from trading.store.journal import Journal
from trading.store.latch import latch_kill
from trading.store.queries import Queries


@pytest.fixture
def queries(journal: Journal, place: Place) -> Iterator[Queries]:
    queries = Queries.open(url_of(place))
    yield queries
    queries.close()


def test_the_status_of_a_database_without_a_bot(place: Place) -> None:
    open_database(url_of(place)).dispose()
    queries = Queries.open(url_of(place))
    status = queries.status()
    queries.close()
    assert (status.bot_id, status.account, status.process, status.equity) == (None, None, None, None)
    assert (status.safety, status.breaker) == (SafetyState(), BreakerState())
    assert not status.kill.active
    assert status.symbols == status.positions == status.live_orders == []
    assert status.created_ms > T0


def test_the_status_is_of_one_moment(journal: Journal, queries: Queries) -> None:
    btc = SymbolState(symbol=BTC, last_close_ms=T0, price=Decimal("100.10"))
    point = EquityPoint(time_ms=T0, equity=Decimal(1), cash=Decimal(2), exposure=Decimal(3))
    live = order(1, OrderState.OPEN)
    done = order(2, OrderState.CANCELED)
    journal.commit(batch(ACCOUNT, HALTED, btc, position(), live, done, equity=[point, replace(point, time_ms=T0 - 1)]))
    tripped = BreakerState(day_ms=T0, day_peak=Decimal("10.50"), trips=1)
    journal.commit(batch(tripped))
    latch_kill(journal.engine, "owner", "why", T0)
    status = queries.status()
    assert (status.bot_id, status.account, status.safety, status.equity) == ("bot-1", ACCOUNT, HALTED, point)
    assert (status.symbols, status.positions, status.live_orders) == ([btc], [position()], [live])
    assert status.breaker == tripped
    assert (status.kill.active, status.kill.reason) == (True, "why")


def test_positions_and_history(journal: Journal, queries: Queries) -> None:
    closed = [position(f"p{n}", symbol=ETH if n % 2 else BTC, closed_ms=T0 + n) for n in range(1, 6)]
    never_held = replace(position("p6", closed_ms=T0 + 6), bought=Decimal(0), sold=Decimal(0))
    journal.commit(batch(*closed, never_held, position("p8", symbol=ETH), position("p7")))
    assert [p.id for p in queries.positions()] == ["p8", "p7"]
    assert queries.position("p2") == closed[1]
    assert queries.position("p9") is None

    def ids(**filters: object) -> list[str]:
        return [p.id for p in queries.history(**filters)]  # type: ignore[arg-type]

    assert ids() == ["p5", "p4", "p3", "p2", "p1"]
    assert ids(symbol=BTC) == ["p4", "p2"]
    assert ids(since_ms=T0 + 2, until_ms=T0 + 4) == ["p3", "p2"]
    assert ids(limit=2) == ["p5", "p4"]
    assert ids(limit=2, offset=4) == ["p1"]


def test_orders_by_every_filter(journal: Journal, queries: Queries) -> None:
    made = [
        order(1, OrderState.OPEN, created_ms=T0 + 1),
        order(2, OrderState.FILLED, symbol=ETH, created_ms=T0 + 2, filled="1.5"),
        order(3, OrderState.OPEN, purpose=Purpose.STOP, position="p2", created_ms=T0 + 3),
        order(4, OrderState.CANCELED, reported="0.1", created_ms=T0 + 4),
    ]
    journal.commit(batch(*made))

    def numbers(**filters: object) -> list[int]:
        return [int(o.id, 16) for o in queries.orders(**filters)]  # type: ignore[arg-type]

    assert queries.orders() == made[::-1]
    assert numbers(symbol=ETH) == [2]
    assert numbers(state=OrderState.OPEN) == [3, 1]
    assert numbers(purpose=Purpose.STOP) == [3]
    assert numbers(position_id="p1") == [4, 2, 1]
    assert numbers(live=True) == [4, 3, 1]
    assert numbers(live=False) == [2]
    assert numbers(since_ms=T0 + 2, until_ms=T0 + 4) == [3, 2]
    assert numbers(limit=1, offset=1) == [3]
    assert queries.order(order_id(4)) == made[3]
    assert queries.order(order_id(9)) is None


def test_fills_and_corrections(journal: Journal, queries: Queries) -> None:
    made = [fill(f"t{n}", n % 2, symbol=ETH if n == 3 else BTC, time_ms=T0 + n) for n in range(4)]
    corrections = [
        Correction(
            id=f"c{n}",
            position_id=f"p{n // 2}",
            symbol=BTC,
            kind=CorrectionKind.DUST,
            quantity=Decimal("-0.10"),
            cost=Decimal(0),
            time_ms=T0 - n,
        )
        for n in range(3)
    ]
    journal.commit(batch(*made, *corrections))
    assert queries.fills() == made[::-1]
    assert queries.fills(symbol=ETH) == [made[3]]
    assert queries.fills(client_order_id=order_id(0)) == [made[2], made[0]]
    assert queries.fills(since_ms=T0 + 1, until_ms=T0 + 3, limit=1, offset=1) == [made[1]]
    assert queries.corrections("p0") == [corrections[1], corrections[0]]


def test_decisions_with_their_votes_and_runs(journal: Journal, queries: Queries) -> None:
    entry = decision(2, Verdict.ENTER_LONG, veto="LIMIT_POSITIONS")
    journal.commit(batch(decision(0), decision(1), entry, decision(3, symbol=ETH)))
    other, vetoed, run = queries.decisions()
    assert (vetoed.decision, vetoed.count, vetoed.first_ms) == (entry, 1, entry.time_ms)
    assert vetoed.decision.votes == VOTES
    assert (run.decision, run.count, run.first_ms) == (replace(decision(1), id=decision(0).id), 2, T0)
    assert queries.decisions(symbol=ETH) == [other]
    assert queries.decisions(verdict=Verdict.HOLD) == [other, run]
    assert queries.decisions(decision_id=entry.id) == [vetoed]
    assert queries.decisions(since_ms=T0 + MINUTE_MS, until_ms=T0 + 3 * MINUTE_MS) == [vetoed, run]
    assert queries.decisions(limit=1, offset=1) == [vetoed]


def test_the_equity_series_can_be_thinned(journal: Journal, queries: Queries) -> None:
    points = [
        EquityPoint(time_ms=n * 10, equity=Decimal(n), cash=Decimal("1.10"), exposure=Decimal(0)) for n in range(10)
    ]
    journal.commit(batch(equity=points))
    assert queries.equity() == points
    assert queries.equity(since_ms=20, until_ms=50) == points[2:5]
    assert queries.equity(limit=3) == points[-3:]
    assert queries.equity(step_ms=30) == [points[2], points[5], points[8], points[9]]
    assert queries.equity(step_ms=30, limit=2) == points[-2:]


def test_trips_of_the_circuit_breaker(journal: Journal, queries: Queries) -> None:
    made = [replace(TRIP, id=str(n), time_ms=T0 + n) for n in range(3)]
    journal.commit(batch(*made))
    assert queries.trips() == made[::-1]
    assert queries.trips(since_ms=T0 + 1, until_ms=T0 + 2) == [made[1]]
    assert queries.trips(limit=1) == [made[2]]


def test_candles_of_one_series(journal: Journal, queries: Queries) -> None:
    made = [candle(n) for n in range(5)]
    journal.commit(batch(candles=[*made, candle(0, symbol=ETH), replace(candle(0), interval_ms=300_000)]))
    assert queries.candles(BTC, MINUTE_MS) == made
    assert queries.candles(BTC, MINUTE_MS, limit=2) == made[-2:]
    assert queries.candles(BTC, MINUTE_MS, since_ms=made[1].open_time_ms, until_ms=made[3].open_time_ms) == made[1:3]
    assert queries.candles(ETH, MINUTE_MS) == [candle(0, symbol=ETH)]
    assert queries.candles("X/Y", MINUTE_MS) == []


def test_events_are_followed_by_their_number(journal: Journal, queries: Queries) -> None:
    assert queries.event_range() == (0, 0)
    notes = [Notify(Level.INFO, f"N{n}", "text", BTC) for n in range(3)]
    journal.commit(batch(notifications=notes))
    latch_kill(journal.engine, "owner", "why", T0)
    found = queries.events()
    assert [(event.seq, event.type) for event in found] == [
        (1, "Notify"),
        (2, "Notify"),
        (3, "Notify"),
        (4, "KillLatched"),
    ]
    assert '"code":"N0"' in found[0].data
    assert queries.events(after_seq=2) == found[2:]
    assert queries.events(limit=1) == found[:1]
    assert queries.events(type="KillLatched") == found[3:]
    assert queries.event_range() == (1, 4)


def test_reading_goes_on_while_another_process_writes(place: Place, journal: Journal, queries: Queries) -> None:
    journal.commit(batch(ACCOUNT))
    with WriteLockHeld(place):
        assert queries.status().account == ACCOUNT


def test_a_reader_in_the_middle_of_reading_holds_up_no_commit(place: Place) -> None:
    journal = open_journal(place, busy_timeout_ms=0)
    journal.commit(batch(ACCOUNT))
    queries = Queries.open(url_of(place))
    with reading(queries.engine) as connection:
        before = str(connection.exec_driver_sql("SELECT cash FROM account").scalar())
        journal.commit(batch(replace(ACCOUNT, cash=Decimal(5))))
        assert str(connection.exec_driver_sql("SELECT cash FROM account").scalar()) == before == "900.10"
    found = queries.status().account
    assert found is not None
    assert found.cash == 5
    queries.close()
    journal.close()


def test_reading_works_after_the_bot_has_gone(place: Place) -> None:
    journal = open_journal(place)
    journal.commit(batch(ACCOUNT))
    journal.close()
    queries = Queries.open(url_of(place))
    assert queries.status().account == ACCOUNT
    queries.close()


def test_a_reader_cannot_write(queries: Queries) -> None:
    with pytest.raises(JournalError, match="read-only"), reading(queries.engine) as connection:
        connection.exec_driver_sql("DELETE FROM meta")
