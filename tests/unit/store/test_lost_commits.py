"""A commit whose outcome nobody heard of is counted once, whatever is committed after it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from tests.unit.store.store_helpers import (
    ACCOUNT,
    BTC,
    ETH,
    HALTED,
    T0,
    TRIP,
    Place,
    batch,
    candle,
    decision,
    fill,
    open_journal,
    order,
    position,
    rows,
    tables,
)
from trading.domain.actions import Level, Notify
from trading.domain.decisions import Verdict
from trading.domain.events import CommandKind, OrderFilled
from trading.domain.orders import OrderState, Purpose
from trading.engine.state import SymbolState
from trading.store.batch import Batch, EquityPoint
from trading.store.commands import queue_command
from trading.store.errors import JournalError, KillLatched
from trading.store.journal import Journal
from trading.store.latch import latch_kill
from trading.store.retention import prune

# The numbers of commits and events pass over what was taken back; all else is the same.
NUMBERS = {"meta", "commits", "sqlite_sequence"}
POINT = EquityPoint(time_ms=T0, equity=Decimal(1000), cash=Decimal("900.10"), exposure=Decimal(100))


@contextmanager
def answers_lost(journal: Journal, *, after: bool) -> Iterator[None]:
    """COMMIT's answer does not come: the connection breaks after the server has carried it out, or before."""
    dialect = journal.engine.dialect
    real = dialect.do_commit

    def commit(connection: sa.pool.PoolProxiedConnection) -> None:
        if after:
            real(connection)
        if dialect.name == "postgresql":
            connection.driver_connection.close()  # type: ignore[union-attr]
        raise dialect.loaded_dbapi.OperationalError("the connection was lost")

    dialect.do_commit = commit  # type: ignore[method-assign]
    try:
        yield
    finally:
        dialect.do_commit = real  # type: ignore[method-assign]


def lose(journal: Journal, lost: Batch, *, after: bool = True) -> None:
    with answers_lost(journal, after=after), pytest.raises(JournalError, match="connection was lost"):
        journal.commit(lost)


def content(place: Place) -> dict[str, list[tuple[object, ...]]]:
    """All tables, without the numbers that may differ."""
    found = tables(place)
    found["events"] = [row[1:] for row in found["events"]]
    found["alerts"] = [(row[1], *row[3:]) for row in found["alerts"]]
    return {name: sorted(rows, key=repr) for name, rows in found.items() if name not in NUMBERS}


def before_all() -> Batch:
    """What was committed before: an order, a position, a run of HOLD, a candle."""
    return batch(
        ACCOUNT,
        SymbolState(symbol=BTC, last_close_ms=T0, price=Decimal("100.10")),
        position(),
        order(1, OrderState.OPEN, purpose=Purpose.STOP),
        decision(0),
        decision(1),
        candles=[candle(0)],
        events=[OrderFilled(time_ms=T0, fill=fill("t0", 1))],
        notifications=[Notify(Level.INFO, "BEFORE", "stays", BTC)],
    )


def the_lost_one() -> Batch:
    """Touches each table: an entry for a new position, the stop filled, the run lengthened, a new symbol."""
    return batch(
        replace(ACCOUNT, cash=Decimal("700.0")),
        HALTED,
        TRIP,
        SymbolState(symbol=ETH, last_close_ms=T0, price=Decimal(7)),
        position(closed_ms=T0 + 2),
        position("p2", symbol=ETH),
        order(1, OrderState.FILLED, filled="1.5"),
        order(2, symbol=ETH, position="p2"),
        fill("t1", 1),
        decision(2),
        decision(2, Verdict.ENTER_LONG, symbol=ETH),
        candles=[candle(2), candle(2, symbol=ETH)],
        equity=[POINT],
        events=[OrderFilled(time_ms=T0, fill=fill("t1", 1))],
        notifications=[Notify(Level.INFO, "ENTRY", "opens", ETH)],
    )


def the_next_one() -> Batch:
    """The same events with entries latched, and one more candle: no second position, no entry, other notes."""
    return batch(
        replace(ACCOUNT, cash=Decimal("850.0")),
        TRIP,
        SymbolState(symbol="SOL/USDT", last_close_ms=T0, price=Decimal(3)),
        SymbolState(symbol=ETH, last_close_ms=T0 + 1, price=Decimal(8)),
        position(closed_ms=T0 + 2),
        order(1, OrderState.FILLED, filled="1.5"),
        fill("t1", 1),
        decision(2),
        decision(3),
        replace(decision(2, symbol=ETH), veto="JOURNAL_DOWN"),
        candles=[candle(2), candle(2, symbol=ETH), candle(3)],
        equity=[POINT, replace(POINT, time_ms=T0 + 1)],
        events=[OrderFilled(time_ms=T0, fill=fill("t1", 1))],
        notifications=[Notify(Level.WARNING, "VETO", "none", ETH)],
    )


@pytest.fixture
def expected(tmp_path_factory: pytest.TempPathFactory, place: Place) -> dict[str, list[tuple[object, ...]]]:
    """The tables after clean commits, on the same kind of database (before the test's own journal is open)."""
    from tests.unit.store.store_helpers import empty_server_database

    clean: Place = place if isinstance(place, str) else tmp_path_factory.mktemp("clean") / "tradebot.db"
    journal = open_journal(clean)
    journal.commit(before_all())
    journal.commit(the_next_one())
    journal.close()
    found = content(clean)
    if isinstance(place, str):
        empty_server_database(place)
    return found


@pytest.mark.parametrize("after", [True, False], ids=["written", "not-written"])
def test_what_is_committed_next_counts_alone(
    place: Place, after: bool, expected: dict[str, list[tuple[object, ...]]]
) -> None:
    journal = open_journal(place)
    journal.commit(before_all())
    lose(journal, the_lost_one(), after=after)
    assert len(rows(place, "SELECT id FROM positions")) == (2 if after else 1)
    journal.commit(the_next_one())
    assert content(place) == expected
    journal.commit(batch(fill("t2", 1)))
    assert [fill.trade_id for fill in journal.load() if isinstance(fill, type(FILL))].count("t1") == 1
    journal.close()


FILL = fill("t", 1)


@pytest.mark.parametrize(
    "pattern", [(True, True), (True, False), (False, True), (False, False, True), (True, True, True)]
)
def test_several_lost_one_after_another(
    place: Place, pattern: tuple[bool, ...], expected: dict[str, list[tuple[object, ...]]]
) -> None:
    journal = open_journal(place)
    journal.commit(before_all())
    for number, after in enumerate(pattern):
        lose(journal, the_lost_one() if number % 2 == 0 else the_next_one(), after=after)
    journal.commit(the_next_one())
    assert content(place) == expected
    journal.close()


def test_the_same_batch_again_counts_once(place: Place) -> None:
    journal = open_journal(place)
    lose(journal, the_lost_one())
    journal.commit(the_lost_one())
    assert rows(place, "SELECT trade_id FROM fills") == [("t1",)]
    assert rows(place, "SELECT type FROM events ORDER BY seq") == [("OrderFilled",), ("Notify",)]
    with pytest.raises(JournalError, match="in it already"):
        journal.commit(batch(replace(fill("t1", 1), price=Decimal(1))))
    journal.close()


def test_others_may_write_in_between(place: Place) -> None:
    """The kill switch's own event stays, the lost entry is gone, and is not let through again."""
    journal = open_journal(place)
    lose(journal, batch(order(1), notifications=[Notify(Level.INFO, "A", "a"), Notify(Level.INFO, "B", "b")]))
    latch_kill(journal.engine, "owner", "now", T0)
    with pytest.raises(KillLatched):
        journal.commit(batch(order(1)))
    assert rows(place, "SELECT state FROM orders") == [("submitting",)]
    journal.commit(batch(notifications=[Notify(Level.INFO, "C", "c")]))
    assert rows(place, "SELECT * FROM orders") == []
    assert rows(place, "SELECT type FROM events ORDER BY seq") == [("KillLatched",), ("Notify",)]
    journal.close()


def test_a_command_is_taken_once(place: Place) -> None:
    journal = open_journal(place)
    queue_command(journal.engine, CommandKind.PAUSE, by="owner", now_ms=T0, command_id="a")
    (command,) = journal.take_commands(T0)
    lose(journal, batch(events=[command], time_ms=T0 + 1))
    assert rows(place, "SELECT taken_ms FROM commands") == [(T0 + 1,)]
    journal.commit(batch(events=[command], time_ms=T0 + 2))
    assert rows(place, "SELECT taken_ms FROM commands") == [(T0 + 2,)]
    assert rows(place, "SELECT type FROM events") == [("Command",)]
    journal.close()


def test_a_restart_takes_what_is_written_as_it_is(place: Place) -> None:
    """Who starts anew goes by the tables: the lost commit stands, and the next one adds to it."""
    journal = open_journal(place)
    lose(journal, batch(ACCOUNT, order(1)))
    assert [type(record).__name__ for record in journal.load()] == ["Account", "Order"]
    journal.commit(batch(order(2)))
    assert rows(place, "SELECT count(*) FROM orders") == [(2,)]
    journal.close()


def test_two_journals_on_one_database_do_not_both_write(place: Place) -> None:
    """Whatever became of the lock: the one whose view is old is refused, and says why."""
    first, second = open_journal(place), open_journal(place)
    second.commit(batch(ACCOUNT))
    for _ in range(2):
        with pytest.raises(JournalError, match=r"another process has written .*Stop one of the two bots"):
            first.commit(batch(HALTED))
    assert rows(place, "SELECT * FROM safety") == []
    prune(first.engine, T0)
    second.commit(batch(HALTED))
    first.close()
    second.close()
