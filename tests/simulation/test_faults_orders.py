"""Rows of the fault list (docs/TESTING.md) about orders: answers that are lost, and states that are not what they seem.

Each is a story with the real engine, commit line, requests and SQLite file against the simulated exchange.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.simulation.chaos.faults import SECOND, Kind
from tests.simulation.chaos.story import Story, strike
from tests.support.builders import BOT, BTC, ENTER, ETH, EXIT, D, candle
from tests.support.rig import Rig
from trading.domain.events import CommandKind, Started
from trading.domain.orders import OrderState, Purpose
from trading.exchange.costs import NO_COSTS
from trading.store.commands import queue_command


def test_row_01_a_time_out_is_no_failure_and_is_asked_about_by_its_id_never_sent_again() -> None:
    with Story(strike(Kind.REPLY_LOST, "submit entry"), say={0: ENTER}) as story:
        story.until(60)
        (doubtful,) = story.known(Purpose.ENTRY)
        assert doubtful.state is OrderState.UNKNOWN
        story.until(70)
        assert story.requests("query entry") >= 1
        (entry,) = story.at_exchange(Purpose.ENTRY)
        assert entry.intent.client_order_id == doubtful.id
        assert story.requests("submit entry") == 1
        assert story.position is not None
        assert story.position.quantity == entry.filled > 0
        story.ends_well()


def test_row_01_an_order_that_never_arrived_is_not_sent_under_another_id_either() -> None:
    with Story(strike(Kind.REQUEST_LOST, "submit entry"), say={0: ENTER}) as story:
        story.until(61)
        assert story.known(Purpose.ENTRY)[0].state is OrderState.UNKNOWN
        story.ends_well()
        assert story.known(Purpose.ENTRY)[0].state is OrderState.REJECTED
        assert story.requests("submit entry") == 1
        assert story.at_exchange(Purpose.ENTRY) == []


def test_row_02_an_order_that_filled_before_it_was_asked_for_is_found_although_it_is_not_open() -> None:
    lost = strike(Kind.REPLY_LOST, "submit entry")
    with Story(lost, strike(Kind.NEWS_LOST, SECOND, 60, seconds=20), say={0: ENTER}) as story:
        story.until(65)
        assert story.known(Purpose.ENTRY)[0].state is not OrderState.FILLED
        story.until(75)
        assert story.resting(Purpose.ENTRY) == []
        assert story.known(Purpose.ENTRY)[0].state is OrderState.FILLED
        assert len(story.resting(Purpose.STOP)) == 1
        story.ends_well()


def test_row_03_absent_right_after_its_creation_is_not_failed() -> None:
    faults = [strike(Kind.REPLY_LOST, "submit entry"), strike(Kind.NOT_YET_KNOWN, "query entry", times=2)]
    with Story(*faults, say={0: ENTER}) as story:
        story.until(64)
        assert story.requests("query entry") == 2
        assert story.known(Purpose.ENTRY)[0].state is OrderState.UNKNOWN
        story.until(66)
        assert story.known(Purpose.ENTRY)[0].state is OrderState.FILLED
        assert len(story.at_exchange(Purpose.ENTRY)) == 1
        story.ends_well()


def test_row_04_questions_without_an_answer_prove_nothing_and_the_symbol_stays_blocked() -> None:
    silence = strike(Kind.SILENCE, SECOND, 60, seconds=90)
    with Story(silence, say={0: ENTER, 1: ENTER}, say_eth={1: ENTER}) as story:
        story.until(149)
        (doubtful,) = story.known(Purpose.ENTRY)
        assert doubtful.state is OrderState.UNKNOWN
        assert story.requests("query entry") > 10
        assert story.vetoes() == ["POSITION_OPEN"], "the next signal to enter"
        assert ETH.symbol in story.state.positions, "another symbol is not blocked"
        story.ends_well()
        assert story.known(Purpose.ENTRY)[0].state is OrderState.FILLED


@pytest.mark.parametrize("kind", [Kind.REQUEST_LOST, Kind.REQUEST_LATE])
def test_row_05_an_unconfirmed_cancel_is_still_a_live_order(kind: Kind) -> None:
    """The exit waits for the stop's cancel; nothing is sold beside an order that may still sell the same coins."""
    with Story(strike(kind, "cancel stop", seconds=4), say={0: ENTER, 2: EXIT}) as story:
        story.until(180)
        (stop,) = story.known(Purpose.STOP)
        assert stop.is_live
        assert story.requests("submit exit") == 0
        story.ends_well()
        assert len(story.at_exchange(Purpose.EXIT)) == 1
        assert story.position is None


def test_row_06_what_filled_while_the_cancel_was_on_its_way_is_read_again_and_protected() -> None:
    """The entry fills in part, and once more right before its cancel arrives, whose answer is lost; no news comes."""
    costs = replace(NO_COSTS, max_volume_share=D("0.5"))
    thin = {m: candle(m, "100", volume="8") for m in (1, 2)}
    faults = [strike(Kind.NEWS_LOST, SECOND, 62, seconds=70), strike(Kind.REPLY_LOST, "cancel entry")]
    with Story(*faults, say={0: ENTER}, candles=thin, costs=costs) as story:
        story.until(123)
        queue_command(story.bot.journal.engine, CommandKind.CANCEL_ENTRIES, by="owner", now_ms=story.world.now_ms)
        story.bot.owner_acted()
        story.until(125)
        assert [order.filled_quantity for order in story.known(Purpose.ENTRY)] == [4]
        assert story.requests("cancel entry") == 0
        story.until(130)
        assert story.requests("cancel entry") == 1
        story.ends_well()
        (entry,) = story.at_exchange(Purpose.ENTRY)
        assert entry.state is OrderState.CANCELED
        assert 4 < entry.filled < entry.intent.quantity
        assert story.known(Purpose.ENTRY)[0].filled_quantity == entry.filled
        (stop,) = story.resting(Purpose.STOP)
        assert stop.remaining == entry.filled


def test_row_07_fills_decide_and_not_statuses() -> None:
    """'Cancelled, nothing filled' is contradicted by a trade: it is booked and sold, and nothing is bought again."""
    rig = Rig.started()
    entry = rig.entered()
    rig.cancelled(entry, filled="0")
    assert rig.is_flat
    rig.fill(entry, "10", "100")
    assert rig.order(entry).filled_quantity == 10
    assert rig.position.quantity == 10
    assert rig.position.exit_reason == "late fill"
    rig.snapshot()
    assert rig.one(Purpose.EXIT)
    assert [o.id for o in rig.engine.state.orders.values() if o.intent.purpose is Purpose.ENTRY] == [entry]


def test_row_13_a_fill_of_an_old_stop_is_the_old_orders_and_no_start_ends_in_a_loop() -> None:
    rig = Rig.holding()
    (old,) = rig.engine.state.live_orders(BTC.symbol)
    rig.fill(old.id, "10", "98")
    assert rig.is_flat
    rig.fill(rig.entered(), "10", "100")
    rig.accept(rig.one(Purpose.STOP))
    young = rig.position
    again = Rig(state=rig.engine.state)
    again.now = rig.now
    for _ in range(3):  # each start sees the old trade among those of the account
        again = Rig(state=again.engine.state)
        again.now = rig.now
        _start(again)
        again.snapshot(again.report(old.id, OrderState.FILLED, "10", rig.recorded_fill(old.id)), USDT="9000", BTC="10")
        assert again.engine.ready
    assert again.position.sold == 0
    assert again.position.id == young.id
    assert again.order(old.id).filled_quantity == 10


def test_row_17_insufficient_balance_leads_to_reconciling_and_not_to_retrying() -> None:
    """The coins were sold by a hand: a refused close is not repeated before the account has been read again."""
    rig = Rig.holding()
    rig.command(CommandKind.CLOSE_ALL)
    rig.cancelled(rig.cancels()[0])
    rig.snapshot()
    rig.reject(rig.one(Purpose.EXIT), "-2010")
    sent = 0
    for _ in range(60):
        if rig.fetched():
            rig.snapshot(USDT="10000")
        for intent in rig.submitted():
            sent += intent.purpose is Purpose.EXIT
            rig.reject(intent.client_order_id, "-2010")
        if rig.is_flat:
            break
        rig.tick(2_000)
    assert sent == 0, "what the account does not hold is not offered again"
    assert rig.is_flat
    assert [c.note for c in rig.corrections()], "the exchange's word is booked"


def test_row_17_a_close_that_filled_unseen_is_found_and_not_repeated() -> None:
    faults = [strike(Kind.REPLY_LOST, "submit exit"), strike(Kind.NEWS_LOST, SECOND, 180, seconds=30)]
    with Story(*faults, say={0: ENTER, 2: EXIT}) as story:
        story.until(200)
        assert story.requests("submit exit") == 1
        assert story.position is None
        story.ends_well()


def _start(rig: Rig) -> None:
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
