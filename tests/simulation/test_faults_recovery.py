"""Rows of the fault list (docs/TESTING.md) about restarts, reconciliation and a journal that cannot be written."""

from __future__ import annotations

import pytest

from tests.simulation.chaos.faults import SECOND, Kind
from tests.simulation.chaos.story import Story, strike
from tests.support.builders import ENTER, ETH, EXIT, D, candle
from tests.support.rig import Rig
from trading.domain.events import AccountSnapshot, QueryFailed
from trading.domain.orders import Fill, OrderState, Purpose
from trading.domain.positions import Balance
from trading.store.queries import Queries


def test_row_08_the_intent_is_in_the_database_before_the_order_is_sent() -> None:
    with Story(say={0: ENTER}) as story:
        story.until(59)
        stored: list[OrderState] = []

        def look(moment: str) -> None:
            if moment == "before submit entry":
                stored.extend(order.state for order in Queries(story.bot.journal.engine).orders())

        story.bot.on_moment = look
        story.until(60)
        assert stored == [OrderState.SUBMITTING]


@pytest.mark.parametrize("dies", [False, True])
def test_row_08_a_trade_whose_commit_fails_is_not_lost(dies: bool) -> None:
    """The commits fail from right before the fill on ('database is locked'); the process goes on, or dies."""
    locked = strike(Kind.DISK_FULL, SECOND, 64, seconds=10)
    with Story(locked, say={0: ENTER}) as story:
        story.until(70)
        assert stored_fills(story) == []
        assert len(story.at_exchange(Purpose.STOP)) == 1, "what was bought is protected all the same"
        if dies:
            story.crash()
        story.until(80)
        assert [fill.quantity for fill in stored_fills(story)] == [story.at_exchange(Purpose.ENTRY)[0].filled]
        story.ends_well()


def test_row_09_with_the_disk_full_entries_halt_exits_go_out_and_stops_rest() -> None:
    full = strike(Kind.DISK_FULL, SECOND, 170, seconds=100)
    with Story(full, say={0: ENTER, 3: EXIT}, say_eth={2: ENTER}) as story:
        story.until(175)
        assert len(story.resting(Purpose.STOP)) == 1
        story.until(241)
        assert ETH.symbol not in story.state.positions, "no entry"
        assert story.requests("submit exit") == 1
        story.until(260)
        assert story.sold() == story.at_exchange(Purpose.ENTRY)[0].filled
        assert story.codes().count("JOURNAL_DOWN") == 1
        story.ends_well()
        assert story.position is None
        assert len(stored_fills(story)) == 2


def test_row_10_a_warm_restart_twice_with_a_position_open_changes_nothing() -> None:
    with Story(say={0: ENTER}) as story:
        story.until(100)
        before, requests = story.state.records(), (story.requests("submit entry"), story.requests("submit stop"))
        for _ in range(2):
            story.crash()
            story.until(story.world.second + 1)
            assert story.state.records() == before
        assert (story.requests("submit entry"), story.requests("submit stop")) == requests
        story.ends_well()


def test_row_11_a_snapshot_from_before_the_stops_fill_makes_no_short_and_no_second_sale() -> None:
    """The stop fills at 210 s; accounts read from then on are three seconds old, and show the coins and the stop."""
    stale = strike(Kind.STALE, "account", 4, times=3, seconds=3)
    fall = {3: candle(3, "97", open_="100", low="96")}
    with Story(stale, say={0: ENTER}, candles=fall) as story:
        for second in range(180, 260, 2):
            story.until(second)
            story.run.judge.books_add_up(story.bot)
        assert story.position is None
        assert story.sold() == story.at_exchange(Purpose.ENTRY)[0].filled
        assert "POSITION_CORRECTED" not in story.codes()
        story.ends_well()


def test_row_11_a_fill_that_arrives_between_question_and_answer_is_not_corrected_away() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders("BTC/USDT")
    rig.tick(rig.engine.config.timing.reconcile_ms)
    token = rig.token
    rig.fill(stop.id, "4", "98")
    balances = {"BTC": Balance(D(0), D(10)), "USDT": Balance(D(9_000))}
    rig.send(AccountSnapshot(time_ms=rig.now, token=token, balances=balances))
    assert rig.position.quantity == 6
    assert rig.corrections() == []


def test_row_12_an_answer_that_is_an_error_is_not_an_empty_account() -> None:
    rig = Rig.holding()
    for _ in range(20):
        rig.tick(rig.engine.config.timing.reconcile_ms)
        if rig.fetched():
            rig.send(QueryFailed(time_ms=rig.now, subject="account", message="HTTP 500"))
    assert rig.position.quantity == 10
    assert rig.corrections() == []


def test_row_12_coins_that_are_gone_for_good_are_booked_off_and_the_owner_told() -> None:
    rig = Rig.holding()
    rig.snapshot_again(rig.filled_entry(), USDT="9000")
    assert rig.position.quantity == 10, "one answer may be wrong"
    rig.tick(rig.engine.config.timing.missing_ms)
    rig.snapshot_again(rig.filled_entry(), USDT="9000")
    assert "POSITION_CORRECTED" in rig.notes()
    assert rig.is_flat or not rig.position.quantity


@pytest.mark.parametrize("moment", ["before submit entry", "after submit entry"])
def test_row_35_after_a_death_around_a_send_the_intents_id_finds_the_order(moment: str) -> None:
    """Nothing is bought twice: what was sent is found by the id that was stored, its answer heard or not."""
    with Story(strike(Kind.CRASH, moment), say={0: ENTER, 1: ENTER, 2: ENTER}) as story:
        story.until(200)
        assert len(story.at_exchange(Purpose.ENTRY)) == 1
        assert story.run.lives == 2
        assert story.position is not None
        assert story.position.bought == story.at_exchange(Purpose.ENTRY)[0].filled


def stored_fills(story: Story) -> list[Fill]:
    """What the database holds of BTC's trades."""
    return Queries(story.bot.journal.engine).fills(symbol="BTC/USDT")
