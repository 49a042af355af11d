"""What the tail of a database gives, whatever becomes of the database."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.unit.store.store_helpers import (
    ACCOUNT,
    BTC,
    T0,
    batch,
    candle,
    decision,
    fill,
    open_journal,
    order,
    position,
    run_sql,
)
from trading.domain.actions import Level, Notify
from trading.domain.decisions import Verdict
from trading.domain.orders import OrderState
from trading.engine.state import SymbolState
from trading.store.batch import EquityPoint
from trading.store.journal import Journal
from trading.store.latch import latch_kill
from trading.web.database import Database
from trading.web.stream import tail as tail_module
from trading.web.stream.board import Kind
from trading.web.stream.hub import Look
from trading.web.stream.tail import Tail
from trading.web.stream.vitals import Gauge, Vitals


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tradebot.db"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(path: Path, clock: Clock) -> Iterator[Database]:
    database = Database(f"sqlite:///{path}", monotonic=clock)
    yield database
    database.close()


@pytest.fixture
def tail(database: Database, clock: Clock) -> Tail:
    return Tail(database, Vitals([]), monotonic=clock)


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = open_journal(path)
    yield journal
    journal.close()


def told(look: Look) -> list[tuple[str, dict[str, Any]]]:
    return [(draft.kind.value, json.loads(draft.data)) for draft in look.drafts]


def moved(minute: int) -> SymbolState:
    return SymbolState(symbol=BTC, last_close_ms=candle(minute).close_time_ms, price=Decimal(110 + minute))


def test_the_first_look_tells_all_there_is_and_the_next_only_what_is_new(journal: Journal, tail: Tail) -> None:
    journal.commit(batch(ACCOUNT, order(1, OrderState.OPEN), position(), decision(0), moved(0), candles=[candle(0)]))
    look = tail.look()
    assert look.renews
    assert Counter(draft.kind for draft in look.drafts) == {
        Kind.ORDER: 1,
        Kind.POSITION: 1,
        Kind.DECISION: 1,
        Kind.CANDLE: 1,
    }
    assert tail.look() == Look([])


def test_messages_come_in_the_order_in_which_one_thing_leads_to_the_other(journal: Journal, tail: Tail) -> None:
    tail.look()
    filled = order(1, OrderState.FILLED, filled="1.5")
    note = Notify(Level.INFO, "POSITION_OPENED", "of BTC/USDT")
    changes = (position(), filled, fill("t1", 1), decision(0, Verdict.ENTER_LONG))
    journal.commit(batch(*changes, notifications=[note]))
    kinds = [kind for kind, _ in told(tail.look())]
    assert kinds == ["decision", "order_update", "trade_executed", "position_update", "alert"]


def test_an_order_that_is_settled_and_a_position_that_is_closed_stand_no_longer(journal: Journal, tail: Tail) -> None:
    journal.commit(batch(order(1, OrderState.OPEN), position()))
    tail.look()
    journal.commit(batch(order(1, OrderState.CANCELED), position(closed_ms=T0 + 1)))
    found = {draft.kind: (draft.ends, json.loads(draft.data)["state"]) for draft in tail.look().drafts}
    assert found == {Kind.ORDER: (True, "canceled"), Kind.POSITION: (True, "closed")}


def test_what_comes_with_candles_comes_a_few_times_a_second_and_positions_follow_the_price(
    journal: Journal, tail: Tail, clock: Clock
) -> None:
    journal.commit(batch(position(), moved(0), candles=[candle(0)]))
    tail.look()
    clock.now += tail_module.SERIES_SECONDS
    tail.look()
    point = EquityPoint(time_ms=T0, equity=Decimal(5), cash=Decimal(2), exposure=Decimal(3))
    for minute in (1, 2):
        journal.commit(batch(moved(minute), decision(minute), candles=[candle(minute)], equity=[point]))
        assert told(tail.look()) == []
    clock.now += tail_module.SERIES_SECONDS
    found = dict(told(tail.look()))
    assert [one["time_ms"] for one in found["candle"]["items"]] == [candle(m).open_time_ms for m in (1, 2)]
    assert (found["candle"]["symbol"], found["candle"]["timeframe"]) == (BTC, "1m")
    assert found["position_update"]["price"] == "112"
    assert found["decision"]["count"] == 2
    assert found["equity_update"]["equity"] == "5"


class Told(BaseModel):
    """What a gauge of the test tells: how often it was read."""

    count: int


def test_health_and_safety_are_read_at_once_when_a_person_or_a_warning_speaks(
    journal: Journal, database: Database, clock: Clock
) -> None:
    reads: Counter[Kind] = Counter()

    def gauge(kind: Kind) -> Gauge:
        def read() -> Told:
            reads[kind] += 1
            return Told(count=reads[kind])

        return Gauge(kind, read, frozenset())

    vitals = Vitals([gauge(kind) for kind in (Kind.HEALTH, Kind.SAFETY, Kind.METRICS)], monotonic=clock)
    tail = Tail(database, vitals, monotonic=clock)
    tail.look()
    clock.now += tail_module.VITALS_SECONDS
    assert {draft.kind for draft in tail.look().drafts} == {Kind.HEALTH, Kind.SAFETY, Kind.METRICS}
    journal.commit(batch(notifications=[Notify(Level.INFO, "POSITION_OPENED", "of no concern")]))
    assert {draft.kind for draft in tail.look().drafts} == {Kind.ALERT}
    latch_kill(journal.engine, "owner", "enough", T0)
    assert {draft.kind for draft in tail.look().drafts} == {Kind.HEALTH, Kind.SAFETY}
    journal.commit(batch(notifications=[Notify(Level.WARNING, "BREAKER_WARN", "of some concern")]))
    assert {draft.kind for draft in tail.look().drafts} == {Kind.ALERT, Kind.HEALTH, Kind.SAFETY}
    assert tail.look() == Look([])


def test_a_database_that_is_not_there_yet_is_looked_for_again(path: Path, tail: Tail, clock: Clock) -> None:
    assert tail.look() == Look([], failed=True)
    open_journal(path).close()
    clock.now += 10
    assert tail.look().renews


def test_a_locked_database_loses_nothing(
    journal: Journal, path: Path, database: Database, tail: Tail, clock: Clock
) -> None:
    """A writer of a write-ahead log locks no reader out; whoever locks the file whole is waited out."""
    tail.look()
    journal.commit(batch(order(1)))
    journal.engine.dispose()
    database.close()
    run_sql(path, "PRAGMA journal_mode = DELETE")
    locker = sqlite3.connect(path, isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")
    assert tail.look().failed
    locker.execute("ROLLBACK")
    locker.close()
    clock.now += 10
    look = tail.look()
    assert not look.renews
    assert [kind for kind, _ in told(look)] == ["order_update"]


def test_a_removed_database_that_comes_back_loses_nothing(
    journal: Journal, path: Path, tail: Tail, clock: Clock
) -> None:
    tail.look()
    journal.commit(batch(order(1)))
    journal.engine.dispose()  # so that all of it is in the one file
    away = path.with_suffix(".away")
    path.rename(away)
    assert tail.look().failed
    away.rename(path)
    clock.now += 10
    look = tail.look()
    assert not look.renews
    assert [kind for kind, _ in told(look)] == ["order_update"]


def test_another_database_in_its_place_is_told_whole(journal: Journal, path: Path, tail: Tail, clock: Clock) -> None:
    journal.commit(batch(order(1)))
    tail.look()
    journal.close()
    os.remove(path)
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    other = open_journal(path)
    run_sql(path, "UPDATE meta SET created_ms = 1")
    other.commit(batch(order(2)))
    clock.now += 10
    look = tail.look()
    other.close()
    assert look.renews
    assert len(look.drafts) == 1


def test_a_failure_after_the_news_were_read_keeps_them(journal: Journal, path: Path, tail: Tail, clock: Clock) -> None:
    tail.look()
    clock.now += tail_module.SERIES_SECONDS
    journal.commit(batch(order(1), moved(0), candles=[candle(0)]))
    run_sql(path, "ALTER TABLE equity RENAME TO elsewhere")
    assert tail.look().failed
    run_sql(path, "ALTER TABLE elsewhere RENAME TO equity")
    clock.now += 10
    kinds = [kind for kind, _ in told(tail.look())]
    assert kinds == ["order_update", "candle"]


def test_a_fault_while_telling_begins_anew(journal: Journal, tail: Tail, monkeypatch: pytest.MonkeyPatch) -> None:
    tail.look()
    journal.commit(batch(order(1)))
    with monkeypatch.context() as broken:
        broken.setattr("trading.web.stream.compose.OrderView.of", lambda _order: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tail.look()
    look = tail.look()
    assert look.renews
    assert [kind for kind, _ in told(look)] == ["order_update"]


def test_events_that_were_pruned_before_they_were_seen_make_it_begin_anew(
    journal: Journal, path: Path, tail: Tail
) -> None:
    journal.commit(batch(notifications=[Notify(Level.INFO, "A", "b")]))
    tail.look()
    journal.commit(batch(order(1), notifications=[Notify(Level.INFO, "A", "b")] * 3))
    run_sql(path, "DELETE FROM events WHERE seq <= 2")
    look = tail.look()
    assert look.renews
    assert Counter(kind for kind, _ in told(look)) == {"order_update": 1, "alert": 4}
