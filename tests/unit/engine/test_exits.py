"""The way out of a position: entry gone, stop cancelled and confirmed, balance read again, sold, retried."""

from __future__ import annotations

import pytest

from tests.support.builders import BTC, EXIT, D
from tests.support.rig import Rig
from trading.domain.events import AccountSnapshot, CommandKind
from trading.domain.orders import OrderState, OrderType, Purpose
from trading.domain.positions import Balance


def stop_of(rig: Rig) -> str:
    """The id of the one live order, a stop."""
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    assert stop.intent.purpose is Purpose.STOP
    return stop.id


# -- the order of steps


def test_an_exit_cancels_the_stop_waits_reads_the_balance_and_sells() -> None:
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.candle("101", say=EXIT)
    assert rig.position.exit_reason == "signal"
    assert rig.cancels() == [stop]
    assert rig.submitted() == []
    assert not rig.fetched()
    rig.tick(1_000)
    assert rig.actions == []
    rig.cancelled(stop)
    assert rig.fetched()
    assert rig.submitted() == []
    rig.snapshot()
    (exit_,) = rig.submitted()
    assert exit_.type is OrderType.MARKET
    assert exit_.quantity == 10
    assert exit_.reason == "signal"
    rig.accept(exit_.client_order_id)
    rig.fill(exit_.client_order_id, "10", "101", "1.01")
    assert rig.is_flat
    assert rig.cash == D("10008.99")
    assert rig.closed().exit_reason == "signal"


def test_a_balance_that_was_asked_for_before_the_cancel_is_not_used() -> None:
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.command(CommandKind.RECONCILE)
    asked_before = rig.token
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.cancelled(stop)
    assert rig.fetched()
    rig.send(AccountSnapshot(time_ms=rig.now, token=asked_before, balances={"BTC": Balance(D(0), D(10))}))
    assert rig.submitted() == []
    assert not rig.position.exit_retry_ms


def test_an_unanswered_question_about_the_balance_is_asked_again() -> None:
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.cancelled(stop)
    rig.tick(4_999)
    assert not rig.fetched()
    rig.tick(1)
    assert rig.fetched()
    rig.snapshot()
    assert rig.one(Purpose.EXIT)


def test_no_more_is_sold_than_is_free() -> None:
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.cancelled(stop)
    rig.snapshot(USDT="9000", BTC="7.0005")
    assert rig.submitted() == [], "the answer may be older than the last fill"
    for _ in range(5):
        rig.tick(2_000)
        rig.snapshot(USDT="9000", BTC="7.0005")
    (exit_,) = rig.submitted()
    assert exit_.quantity == 7


def test_no_more_is_sold_than_is_the_bots() -> None:
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.cancelled(stop)
    rig.snapshot(USDT="9000", BTC="500")
    (exit_,) = rig.submitted()
    assert exit_.quantity == 10


def test_with_nothing_free_it_waits_and_asks_again() -> None:
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.cancelled(stop)
    rig.send(AccountSnapshot(time_ms=rig.now, token=rig.token, balances={"BTC": Balance(D(0), D(10))}))
    assert rig.actions == []
    rig.tick(2_000)
    assert rig.fetched()
    rig.snapshot()
    assert rig.one(Purpose.EXIT)


def test_a_signal_to_exit_ends_an_entry_that_has_not_filled() -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.candle("99", say=EXIT)
    assert rig.cancels() == [entry]
    rig.cancelled(entry)
    assert rig.is_flat
    assert rig.cash == 10_000


def test_the_stop_stays_until_the_entry_can_add_nothing_more() -> None:
    """Between the stop's cancel and the sale the position is bare: that time must not depend on the entry."""
    rig = Rig.started()
    entry = rig.entered()
    rig.fill(entry, "4", "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    assert rig.cancels() == [entry]
    rig.cancel_unknown(entry)
    rig.tick(4_000)
    assert rig.state_of(stop) is OrderState.OPEN
    assert rig.position.unprotected_since_ms is None
    rig.cancelled(entry, "4")
    assert rig.cancels() == [stop]
    rig.cancelled(stop)
    rig.snapshot()
    (exit_,) = rig.submitted()
    assert exit_.quantity == 4


def test_an_entry_that_goes_on_filling_during_the_exit_is_sold_too() -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.fill(entry, "4", "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.fill(entry, "6", "100")
    assert rig.cancels() == [stop]
    rig.cancelled(stop)
    rig.snapshot()
    (exit_,) = rig.submitted()
    assert exit_.quantity == 10


# -- things that go wrong


def test_a_stop_that_cannot_be_cancelled_because_it_filled_ends_the_exit() -> None:
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.cancel_rejected(stop)
    assert rig.queries() == [stop]
    rig.found(stop, OrderState.FILLED, "10", rig.a_fill(stop, "10", "98"))
    assert rig.is_flat
    assert rig.submitted() == []


def test_an_unanswered_cancel_is_asked_about_and_sent_again() -> None:
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.tick(5_000)
    assert rig.queries() == [stop]
    assert rig.cancels() == [stop]
    assert rig.submitted() == []


def test_a_refused_exit_puts_the_stop_back_and_is_tried_again() -> None:
    rig = Rig.holding()
    exit_ = rig.leaving()
    rig.reject(exit_)
    assert "ORDER_REJECTED" in rig.notes()
    (stop,) = rig.submitted()
    assert stop.purpose is Purpose.STOP
    assert stop.quantity == 10
    rig.accept(stop.client_order_id)
    assert rig.position.unprotected_since_ms is None
    rig.tick(1_999)
    assert rig.cancels() == []
    rig.tick(1)
    assert rig.cancels() == [stop.client_order_id]
    rig.cancelled(stop.client_order_id)
    rig.snapshot()
    again = rig.one(Purpose.EXIT)
    assert again != exit_
    rig.fill(again, "10", "100")
    assert rig.is_flat


def test_each_refusal_doubles_the_wait_up_to_64_fold() -> None:
    rig = Rig.holding()
    exit_ = rig.leaving()
    waits = []
    for _ in range(9):
        rig.reject(exit_)
        waits.append(rig.position.exit_retry_ms - rig.now)
        stop = rig.one(Purpose.STOP)
        rig.accept(stop)
        rig.tick(waits[-1])
        rig.cancelled(stop)
        rig.snapshot()
        exit_ = rig.one(Purpose.EXIT)
    assert waits == [2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 128_000, 128_000]


@pytest.mark.parametrize("state", [OrderState.EXPIRED, OrderState.REJECTED])
def test_an_exit_found_ended_without_a_fill_waits_like_a_refused_one(state: OrderState) -> None:
    rig = Rig.holding()
    exit_ = rig.leaving()
    rig.found(exit_, state)
    assert rig.position.exit_retry_ms == rig.now + 2_000
    assert rig.one(Purpose.STOP)


def test_an_exit_that_expires_without_a_fill_waits_like_a_refused_one() -> None:
    rig = Rig.holding()
    exit_ = rig.leaving()
    rig.accept(exit_)
    rig.cancelled(exit_, expired=True)
    assert rig.position.exit_retry_ms == rig.now + 2_000
    assert not rig.fetched()
    assert rig.one(Purpose.STOP)


def test_an_exit_that_fills_in_part_and_expires_sells_the_rest_at_once() -> None:
    rig = Rig.holding()
    exit_ = rig.leaving()
    rig.fill(exit_, "4", "100")
    rig.cancelled(exit_, "4", expired=True)
    assert rig.fetched()
    rig.snapshot()
    (rest,) = rig.submitted()
    assert rest.purpose is Purpose.EXIT
    assert rest.quantity == 6


def test_stop_and_exit_refused_again_and_again_make_no_loop_within_one_instant() -> None:
    """An exchange that refuses everything (banned, say) is asked a bounded number of times in any instant."""
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.cancelled(stop)
    rig.snapshot()
    for _ in range(50):
        asked = 0
        while rig.actions:
            for intent in rig.submitted():
                asked += 1
                rig.reject(intent.client_order_id)
                break
            else:
                if not rig.fetched():
                    break
                rig.snapshot()
            assert asked <= 4
        rig.tick(1_000)
    assert not rig.is_flat
    assert rig.position.quantity == 10


# -- after the close


def test_a_fill_of_the_entry_after_the_close_opens_a_position_only_to_close_it() -> None:
    rig = Rig.holding("4")
    (entry,) = [o for o in rig.engine.state.live_orders(BTC.symbol) if o.intent.purpose is Purpose.ENTRY]
    first = rig.position.id
    rig.cancelled(entry.id, "4")
    rig.fill(rig.leaving(), "4", "100")
    assert rig.is_flat
    rig.fill(entry.id, "3", "100")
    assert rig.position.id != first
    assert rig.position.exit_reason == "late fill"
    assert rig.position.quantity == 3
    assert rig.fetched()
    rig.snapshot()
    exit_ = rig.one(Purpose.EXIT)
    rig.fill(exit_, "3", "101")
    assert rig.is_flat
    assert rig.cash == 10_003


def test_late_fills_of_one_instant_open_positions_of_their_own() -> None:
    """Two trades of one match have one time; the second may be reported after the first was sold again."""
    rig = Rig.holding("4")
    (entry,) = [o for o in rig.engine.state.live_orders(BTC.symbol) if o.intent.purpose is Purpose.ENTRY]
    rig.cancelled(entry.id, "4")
    rig.fill(rig.leaving(), "4", "100")
    ids = set()
    for _ in range(2):
        rig.fill(entry.id, "1", "100")
        ids.add(rig.position.id)
        rig.snapshot()
        rig.fill(rig.one(Purpose.EXIT), "1", "100")
        assert rig.is_flat
    assert len(ids) == 2


def test_more_sold_than_held_is_booked_as_the_owners_coins_and_money() -> None:
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.fill(stop, "12", "98", "1.176")
    assert rig.is_flat
    assert "SOLD_NOT_HELD" in rig.notes()
    (correction,) = rig.corrections()
    assert correction.quantity == 2
    assert correction.cash == -196
    assert rig.cash == D(9_000) + D(980) - D("1.176")
    assert rig.closed().gross_profit(D(0)) == -20


def test_a_sale_after_the_close_is_the_owners() -> None:
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.fill(stop, "10", "98")
    assert rig.is_flat
    rig.fill(stop, "1", "98", "0.098")
    assert rig.is_flat
    assert "SOLD_NOT_HELD" in rig.notes()
    assert rig.cash == D(9_980) - D("0.098")


def test_an_exit_that_is_accepted_and_does_not_fill_is_told() -> None:
    rig = Rig.holding()
    leaving = rig.leaving()
    rig.accept(leaving)
    told: list[str] = []
    for _ in range(3_600):
        rig.tick(1_000)
        told += rig.notes()
        if rig.queries():
            rig.found(leaving, OrderState.OPEN)
            told += rig.notes()
    assert "UNPROTECTED" in told


def test_an_exit_whose_cancels_are_refused_is_told() -> None:
    """The stop goes on resting, and the sale never begins."""
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.command(CommandKind.CLOSE_ALL)
    told: list[str] = []
    for _ in range(90):
        if rig.cancels():
            rig.cancel_rejected(stop.id)
        if rig.queries():
            rig.found(stop.id, OrderState.OPEN)
        rig.tick(1_000)
        told += rig.notes()
    assert told.count("STOP_IN_DOUBT") == 1
    assert rig.position.exit_reason


def test_exits_that_end_again_and_again_with_nothing_sold_are_told() -> None:
    """Between them a stop rests: nothing is bare for long, and nothing is sold either."""
    rig = Rig.holding()
    rig.command(CommandKind.CLOSE_ALL)
    told: list[str] = []
    for _ in range(300):
        for order in [*rig.engine.state.live_orders(BTC.symbol)]:
            if order.intent.purpose is Purpose.EXIT:
                rig.cancelled(order.id, expired=True)
            elif order.cancel_requested_ms is not None:
                rig.cancelled(order.id)
            elif order.state is OrderState.SUBMITTING:
                rig.accept(order.id)
            told += rig.notes()
            rig.snapshot_again()
            told += rig.notes()
        rig.tick(1_000)
        told += rig.notes()
    assert told.count("NOT_SOLD") + told.count("UNPROTECTED") == 1
