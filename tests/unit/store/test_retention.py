"""Old rows go, a little at a time; nothing goes that the bot still needs."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

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
)
from trading.domain.actions import Level, Notify
from trading.domain.decisions import Verdict
from trading.domain.events import CommandKind
from trading.domain.orders import OrderState
from trading.domain.positions import Correction, CorrectionKind
from trading.engine import state as engine_state
from trading.engine.state import EngineState, SymbolState
from trading.store import recovery, retention
from trading.store.batch import EquityPoint
from trading.store.columns import metadata
from trading.store.commands import finish_command, queue_command
from trading.store.database import writing
from trading.store.journal import Journal
from trading.store.process import ProcessState, write_process
from trading.store.retention import DAY_MS, Retention, prune
from trading.store.schema_alerts import alert_deliveries

LATER = T0 + 10_000 * DAY_MS
GO_WITH_OTHERS = {"fills", "corrections", "alert_deliveries"}
"""Tables whose rows are removed with those of another."""
DO_NOT_GROW = {
    *("meta", "commits", "account", "safety", "breaker", "latches", "processes", "facts", "password"),  # a row each
    *("symbols", "leases", "alert_channels"),  # a row for each symbol, kind of work, channel
    *("tokens", "sessions", "nonces"),  # bounded in number, or removed once they have ended (`trading.store.access`)
}


def _fill_database(journal: Journal) -> None:
    """Old rows in every table: a trade that is over, one that is open, and all that belongs to them."""
    correction = Correction(
        id="c1",
        position_id="closed",
        symbol=BTC,
        kind=CorrectionKind.DUST,
        quantity=Decimal(-1),
        cost=Decimal(0),
        time_ms=T0,
    )
    journal.commit(
        batch(
            ACCOUNT,
            HALTED,
            TRIP,
            SymbolState(symbol=BTC, last_close_ms=T0, price=Decimal(1)),
            position("closed", closed_ms=T0 + 1),
            replace(position("unused", closed_ms=T0 + 1), bought=Decimal(0), sold=Decimal(0)),
            position("open", symbol=ETH),
            order(1, OrderState.FILLED, position="closed", filled="1.5"),
            order(2, OrderState.CANCELED, position="closed"),
            order(3, OrderState.REJECTED, position="unused"),
            order(4, OrderState.FILLED, position="open", filled="1.5"),
            order(5, OrderState.CANCELED, position="open"),
            order(6, OrderState.OPEN, position="open"),
            order(7, OrderState.UNKNOWN, position="gone"),
            fill("t1", 1),
            fill("t4", 4),
            correction,
            replace(correction, id="c2", position_id="open"),
            decision(0, Verdict.ENTER_LONG),
            decision(1),
            decision(0, symbol=ETH),
            candles=[candle(n, symbol=s) for n in range(3) for s in (BTC, ETH)],
            equity=[EquityPoint(time_ms=T0, equity=Decimal(1), cash=Decimal(1), exposure=Decimal(0))],
            notifications=[Notify(Level.INFO, "CODE", "text")],
        )
    )
    for name in ("answered", "waiting"):
        queue_command(journal.engine, CommandKind.PAUSE, by="owner", now_ms=T0, command_id=name)
    finish_command(journal.engine, "answered", "done", T0)
    write_process(
        journal.engine, ProcessState(pid=1, host="h", version="1", started_ms=T0, beat_ms=T0, state="trading")
    )


@pytest.fixture
def short_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that remembers one finished order over a restart."""
    monkeypatch.setattr(recovery, "FINISHED_ORDERS_KEPT", 1)
    monkeypatch.setattr(engine_state, "FINISHED_ORDERS_KEPT", 1)


@pytest.fixture
def filled(journal: Journal) -> Iterator[Journal]:
    _fill_database(journal)
    return journal


def _ids(place: Place) -> dict[str, list[object]]:
    columns = {
        "positions": "id",
        "orders": "client_order_id",
        "fills": "trade_id",
        "corrections": "id",
        "decisions": "id",
        "commands": "id",
        "candles": "symbol_id",
        "equity": "time_ms",
        "events": "seq",
        "trips": "id",
    }
    content = {name: rows(place, f"SELECT {column} FROM {name} ORDER BY 1") for name, column in columns.items()}  # noqa: S608
    return {name: [row[0] for row in found] for name, found in content.items()}


@pytest.mark.usefixtures("short_memory")
def test_what_is_old_goes_and_what_is_needed_stays(place: Place, filled: Journal) -> None:
    # Order 7 is the last finished one, which the engine remembers.
    filled.commit(batch(order(8, OrderState.CANCELED, position="other")))
    before = filled.load()
    pruned = prune(filled.engine, LATER)
    assert not pruned.more
    assert _ids(place) == {
        "positions": ["open"],
        "orders": [order_id(n) for n in (4, 5, 6, 7, 8)],
        "fills": ["t4"],
        "corrections": ["c2"],
        "decisions": [f"{BTC}-1", f"{ETH}-0"],
        "commands": ["waiting"],
        "candles": [],
        "equity": [],
        "events": [],
        "trips": [],
    }
    assert pruned.rows == {
        "events": 1,
        "alerts": 1,
        "decisions": 1,
        "equity": 1,
        "trips": 1,
        "commands": 1,
        "candles": 6,
        "orders": 2,
        "positions": 2,
    }
    assert filled.load() == before
    for table in ("account", "safety", "symbols", "latches", "processes", "meta"):
        assert len(tables(place)[table]) >= 1
    assert prune(filled.engine, LATER).rows == {}
    assert {*pruned.rows, *GO_WITH_OTHERS, *DO_NOT_GROW} == set(metadata.tables), "a table without a retention"


@pytest.mark.usefixtures("short_memory")
def test_an_order_at_work_keeps_its_whole_trade(place: Place, filled: Journal) -> None:
    """A fill reported late belongs to an order of a position that is over: nothing of that trade goes before it."""
    filled.commit(
        batch(
            order(1, OrderState.FILLED, position="closed", filled="1.5", reported="1.6"),
            position("open", symbol=ETH, closed_ms=T0),
        )
    )
    filled.commit(batch(order(8, OrderState.CANCELED, position="other")))
    prune(filled.engine, LATER)
    found = _ids(place)
    assert found["positions"] == ["closed", "open"]
    assert {order_id(1), order_id(7), order_id(8)} <= set(found["orders"])
    assert found["fills"] == ["t1", "t4"]


@pytest.mark.usefixtures("short_memory")
def test_the_order_of_a_late_fill_stays_with_the_position_that_it_opened(place: Place, journal: Journal) -> None:
    late = replace(order(1, OrderState.FILLED, position="closed", filled="1.5"), updated_ms=T0 + 5)
    closed = position("closed", closed_ms=T0 + 1)
    reopened = replace(position("late"), opened_ms=T0 + 5)
    journal.commit(batch(closed, late, fill("t1", 1, time_ms=T0 + 5), reopened))
    journal.commit(batch(order(9, OrderState.CANCELED, position="other")))
    assert prune(journal.engine, LATER).rows == {}
    journal.commit(batch(replace(reopened, closed_ms=T0 + 6)))
    assert prune(journal.engine, LATER).rows == {"positions": 2}
    assert _ids(place)["fills"] == []


def test_the_orders_that_the_engine_remembers_stay(place: Place, filled: Journal) -> None:
    before = filled.load()
    prune(filled.engine, LATER)
    assert filled.load() == before
    assert len(_ids(place)["orders"]) == 7
    state = EngineState("bot-1")
    state.restore(before)
    assert len(state.orders) == 7


def test_nothing_goes_before_its_time(place: Place, filled: Journal) -> None:
    before = tables(place)
    limits = Retention()
    shortest = min(limits.events_days, limits.unfilled_orders_days, limits.candles_days)
    assert prune(filled.engine, T0 + shortest * DAY_MS).rows == {}
    assert tables(place) == before


def test_each_table_has_its_own_age(place: Place, filled: Journal) -> None:
    limits = Retention()
    pruned = prune(filled.engine, T0 + limits.events_days * DAY_MS + 1)
    assert pruned.rows == {"events": 1}
    pruned = prune(filled.engine, T0 + limits.candles_days * DAY_MS + MINUTE_MS + 1)
    assert pruned.rows == {"candles": 4, "commands": 1, "decisions": 1}
    pruned = prune(filled.engine, T0 + limits.equity_days * DAY_MS + 1)
    assert pruned.rows == {"candles": 2, "equity": 1}


def test_events_and_decisions_are_limited_in_number_too(place: Place, journal: Journal) -> None:
    notes = [Notify(Level.INFO, "CODE", "text") for _ in range(20)]
    entries = [decision(n, Verdict.ENTER_LONG) for n in range(20)]
    journal.commit(batch(decision(0, symbol=ETH), *entries, notifications=notes))
    pruned = prune(journal.engine, T0, Retention(events_rows=5, decisions_rows=5))
    assert pruned.rows == {"events": 15, "decisions": 15}
    found = _ids(place)
    assert found["events"] == [16, 17, 18, 19, 20]
    assert found["decisions"] == sorted([f"{ETH}-0", *(f"{BTC}-{n}" for n in range(15, 20))])


def test_alerts_go_with_their_deliveries_by_the_wall_clock_and_in_number(place: Place, journal: Journal) -> None:
    journal.commit(batch(notifications=[Notify(Level.INFO, f"CODE{n}", "text") for n in range(20)]))
    ((now_ms,),) = rows(place, "SELECT max(created_ms) FROM alerts")
    assert isinstance(now_ms, int)
    with writing(journal.engine) as connection:
        sent = [{"alert_seq": n, "channel": "url1", "due_ms": 0, "sent_ms": None} for n in range(1, 21)]
        connection.execute(sa.insert(alert_deliveries), sent)
    far = LATER + 100_000 * DAY_MS
    assert "alerts" not in prune(journal.engine, far, wall_ms=now_ms).rows
    assert prune(journal.engine, T0, Retention(alerts_rows=5), wall_ms=now_ms).rows["alerts"] == 15
    assert rows(place, "SELECT alert_seq FROM alert_deliveries ORDER BY 1") == [(n,) for n in range(16, 21)]
    assert prune(journal.engine, T0, wall_ms=now_ms + 401 * DAY_MS).rows["alerts"] == 5
    assert rows(place, "SELECT alert_seq FROM alert_deliveries") == []


def test_numbers_of_events_are_never_given_twice(place: Place, journal: Journal) -> None:
    note = [Notify(Level.INFO, "CODE", "text")]
    journal.commit(batch(notifications=note * 3))
    prune(journal.engine, LATER)
    assert _ids(place)["events"] == []
    journal.commit(batch(notifications=note))
    assert _ids(place)["events"] == [4]


def test_a_run_of_hold_goes_on_in_a_row_that_was_old(place: Place, journal: Journal) -> None:
    journal.commit(batch(decision(0)))
    prune(journal.engine, LATER)
    journal.commit(batch(decision(1)))
    assert rows(place, "SELECT first_ms, count FROM decisions") == [(T0, 2)]


def test_each_transaction_is_small_and_their_number_bounded(
    place: Place, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHUNK", 10)
    monkeypatch.setattr(retention, "CANDLES_CHUNK", 10)
    journal.commit(
        batch(
            candles=[candle(n) for n in range(95)],
            notifications=[Notify(Level.INFO, "CODE", "text")] * 45,
        )
    )
    commits: list[int] = []

    def note_commit(_: sa.Connection) -> None:
        left = rows(place, "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM candles)")
        commits.append(int(str(left[0][0])))

    assert prune(journal.engine, LATER, transactions=3) == retention.Pruned({"events": 30}, more=True)
    sa.event.listen(journal.engine, "commit", note_commit)
    assert prune(journal.engine, LATER) == retention.Pruned({"events": 15, "alerts": 45, "candles": 95}, more=False)
    sa.event.remove(journal.engine, "commit", note_commit)
    steps = [before - after for before, after in pairwise(commits)]
    assert max(steps) == 10
    assert _ids(place)["candles"] == []


@pytest.mark.usefixtures("short_memory")
def test_many_old_trades_go_in_chunks(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "POSITIONS_CHUNK", 2)
    journal = open_journal(place)
    for n in range(5):
        done = order(n, OrderState.FILLED, position=f"p{n}", filled="1.5")
        journal.commit(batch(done, fill(f"t{n}", n), position(f"p{n}", closed_ms=T0 + n)))
    journal.commit(batch(order(9, OrderState.CANCELED, position="other")))
    assert prune(journal.engine, LATER, transactions=1).rows == {"positions": 2}
    assert _ids(place)["positions"] == ["p2", "p3", "p4"]
    assert _ids(place)["fills"] == ["t2", "t3", "t4"]
    assert prune(journal.engine, LATER).rows == {"positions": 3}
    assert _ids(place)["orders"] == [order_id(9)]
    journal.close()
