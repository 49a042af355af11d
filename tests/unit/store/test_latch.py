"""The kill switch: once it is set, no opening order is recorded, whoever sets it and whenever."""

from __future__ import annotations

import pytest

from tests.support.forking import forking
from tests.unit.store.store_helpers import (
    ACCOUNT,
    BTC,
    T0,
    Place,
    batch,
    decision,
    fill,
    open_journal,
    order,
    rows,
    tables,
    url_of,
)
from tests.unit.store.store_workers import BotRunning, WriteLockHeld, kill_after, open_entries
from trading.domain.orders import OrderState, Purpose
from trading.store.database import open_database
from trading.store.errors import JournalError, KillLatched
from trading.store.journal import Journal
from trading.store.latch import (
    KillState,
    latch_kill,
    mark_effective,
    mark_effective_without_bot,
    read_kill,
    reset_kill,
)

FORKING = forking()


def kill(journal: Journal) -> KillState:
    return latch_kill(journal.engine, "owner", "looks wrong", T0)


def test_it_is_set_made_effective_and_reset(journal: Journal) -> None:
    engine = journal.engine
    assert read_kill(engine) == KillState(active=False)
    latched = KillState(active=True, by="owner", reason="looks wrong", set_ms=T0)
    assert kill(journal) == read_kill(engine) == latched
    effective = mark_effective(engine, T0 + 5)
    assert effective == read_kill(engine)
    assert (effective.active, effective.effective_ms) == (True, T0 + 5)
    released = reset_kill(engine, "owner", "all clear", T0 + 9)
    assert released == read_kill(engine)
    assert (released.active, released.reset_by, released.reset_reason, released.reset_ms) == (
        False,
        "owner",
        "all clear",
        T0 + 9,
    )
    assert latch_kill(engine, "web", "again", T0 + 20).effective_ms is None


def test_the_second_time_changes_nothing(place: Place, journal: Journal) -> None:
    engine = journal.engine
    assert mark_effective(engine, T0) == reset_kill(engine, "x", "y", T0) == KillState(active=False)
    first = kill(journal)
    assert latch_kill(engine, "other", "other", T0 + 1) == first
    effective = mark_effective(engine, T0 + 2)
    assert mark_effective(engine, T0 + 3) == effective
    reset_kill(engine, "owner", "all clear", T0 + 4)
    reset_kill(engine, "other", "other", T0 + 5)
    assert rows(place, "SELECT type, time_ms FROM events") == [
        ("KillLatched", T0),
        ("KillEffective", T0 + 2),
        ("KillReset", T0 + 4),
    ]


@pytest.mark.parametrize("state", [OrderState.INTENT, OrderState.SUBMITTING])
def test_no_opening_order_is_recorded_after_it(place: Place, journal: Journal, state: OrderState) -> None:
    kill(journal)
    before = tables(place)
    with pytest.raises(KillLatched, match=r"kill switch is set \(by owner: looks wrong\)") as caught:
        journal.commit(batch(ACCOUNT, decision(1), order(1, state), candles=[]))
    assert (caught.value.by, caught.value.reason, caught.value.set_ms) == ("owner", "looks wrong", T0)
    assert tables(place) == before
    reset_kill(journal.engine, "owner", "all clear", T0)
    journal.commit(batch(order(1, state)))
    assert rows(place, "SELECT state FROM orders") == [(state.value,)]


def test_an_order_on_record_that_was_not_sent_stays_unsent(place: Place, journal: Journal) -> None:
    journal.commit(batch(order(1, OrderState.INTENT)))
    kill(journal)
    with pytest.raises(KillLatched):
        journal.commit(batch(order(1, OrderState.SUBMITTING)))
    journal.commit(batch(order(1, OrderState.INTENT), ACCOUNT))
    journal.commit(batch(order(1, OrderState.CANCELED)))
    assert rows(place, "SELECT state FROM orders") == [("canceled",)]


def test_what_was_sent_before_is_followed_to_its_end(place: Place, journal: Journal) -> None:
    journal.commit(batch(order(1), order(2), order(3)))
    kill(journal)
    journal.commit(batch(order(1), order(2, OrderState.UNKNOWN), order(3, OrderState.OPEN)))
    journal.commit(batch(order(3, OrderState.FILLED, filled="1.5"), fill("t1", 3)))
    assert rows(place, "SELECT state FROM orders ORDER BY client_order_id") == [
        ("submitting",),
        ("unknown",),
        ("filled",),
    ]


@pytest.mark.parametrize("purpose", [Purpose.STOP, Purpose.EXIT])
def test_what_reduces_risk_is_never_refused(place: Place, journal: Journal, purpose: Purpose) -> None:
    kill(journal)
    journal.commit(batch(order(1, purpose=purpose), ACCOUNT))
    assert rows(place, "SELECT symbol, purpose FROM orders") == [(BTC, purpose.value)]


def test_it_is_effective_at_once_where_no_bot_runs(place: Place, journal: Journal) -> None:
    kill(journal)
    with BotRunning(place):
        assert mark_effective_without_bot(journal.engine, T0 + 1).effective_ms is None
    assert mark_effective_without_bot(journal.engine, T0 + 2).effective_ms == T0 + 2


def test_it_can_be_set_before_a_bot_ever_ran(place: Place) -> None:
    engine = open_database(url_of(place))
    latch_kill(engine, "owner", "not yet", T0)
    engine.dispose()
    journal = open_journal(place)
    with pytest.raises(KillLatched):
        journal.commit(batch(order(1)))
    journal.close()


def test_setting_it_says_when_it_could_not_be_written(place: Place, journal: Journal) -> None:
    engine = open_database(url_of(place), busy_timeout_ms=20)
    with WriteLockHeld(place), pytest.raises(JournalError, match=r"locked"):
        latch_kill(engine, "owner", "now", T0)
    assert read_kill(engine) == KillState(active=False)
    engine.dispose()


def test_two_processes_race(place: Place) -> None:
    """One opens orders as fast as it can, the other kills: in the file, none comes after the switch."""
    journal = open_journal(place)
    first = 0
    for entries in (0, 23) if isinstance(place, str) else (0, 1, 5, 23):
        barrier = FORKING.Barrier(2)
        count = FORKING.Value("i", 0)
        bot = FORKING.Process(target=open_entries, args=(place, barrier, first, count))
        killer = FORKING.Process(target=kill_after, args=(place, barrier, entries, count))
        for process in (bot, killer):
            process.start()
        for process in (bot, killer):
            process.join(60)
        assert (bot.exitcode, killer.exitcode) == (0, 0)
        first += count.value
        assert count.value >= entries
        assert rows(place, "SELECT count(*) FROM orders") == [(first,)]
        ((latched_at,),) = rows(place, "SELECT max(seq) FROM events WHERE type = 'KillLatched'")
        ((last_entry,),) = rows(place, "SELECT coalesce(max(seq), 0) FROM events WHERE type = 'OrderAccepted'")
        assert isinstance(latched_at, int)
        assert isinstance(last_entry, int)
        assert last_entry < latched_at
        reset_kill(journal.engine, "test", "next round", T0)
    journal.close()
