"""The order state machine: what each report does to an order, in the order in which an exchange may send them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.builders import BOT, BTC, ENTER, D
from tests.support.rig import Rig
from trading.domain.actions import FetchAccount, Level, Notify
from trading.domain.events import (
    CommandKind,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderTriggered,
    QueryFailed,
    Started,
)
from trading.domain.orders import OrderState, Purpose


@pytest.fixture
def rig() -> Rig:
    return Rig.started()


def sent_entry(rig: Rig) -> str:
    """An entry of 10 at 100, sent and not answered."""
    rig.candle("100", say=ENTER)
    return rig.one(Purpose.ENTRY)


def doubtful_entry(rig: Rig) -> str:
    """An entry whose answer is lost."""
    order_id = sent_entry(rig)
    rig.unknown(order_id)
    return order_id


# -- the answer to a submission


def test_an_accepted_order_is_open(rig: Rig) -> None:
    order_id = sent_entry(rig)
    assert rig.state_of(order_id) is OrderState.SUBMITTING
    rig.accept(order_id)
    assert rig.state_of(order_id) is OrderState.OPEN
    assert rig.order(order_id).exchange_order_id == f"x{order_id}"
    assert rig.order(order_id).accepted_ms == rig.now


def test_an_acceptance_after_the_fill_leaves_it_filled(rig: Rig) -> None:
    order_id = sent_entry(rig)
    rig.fill(order_id, "10", "100")
    rig.accept(order_id)
    assert rig.state_of(order_id) is OrderState.FILLED


def test_an_acceptance_after_a_part_filled_leaves_it_partially_filled(rig: Rig) -> None:
    order_id = sent_entry(rig)
    rig.fill(order_id, "4", "100")
    rig.accept(order_id)
    assert rig.state_of(order_id) is OrderState.PARTIALLY_FILLED


def test_an_order_accepted_late_is_no_longer_in_doubt(rig: Rig) -> None:
    order_id = doubtful_entry(rig)
    rig.accept(order_id)
    assert rig.state_of(order_id) is OrderState.OPEN
    rig.tick(60_000)
    assert rig.queries() == [order_id], "a market order that does not fill is looked at now and then"
    rig.absent(order_id)
    rig.tick(5_000)
    rig.absent(order_id)
    assert rig.state_of(order_id) is OrderState.OPEN


def test_an_order_in_doubt_for_ten_minutes_calls_for_a_person_once(rig: Rig) -> None:
    order_id = doubtful_entry(rig)
    told: list[tuple[int, Level, str]] = []
    sent_ms = rig.now
    for _ in range(200):
        rig.tick(5_000)
        notes = [note for note in rig.asked(Notify) if note.code == "ORDER_NEEDS_PERSON"]
        told += [(rig.now - sent_ms, note.level, note.text) for note in notes]
    ((after_ms, level, text),) = told
    assert 600_000 <= after_ms <= 610_000
    assert level is Level.CRITICAL
    assert order_id in text
    assert rig.state_of(order_id) is OrderState.UNKNOWN


def test_a_refused_entry_frees_its_symbol(rig: Rig) -> None:
    order_id = sent_entry(rig)
    rig.reject(order_id, "-1013")
    assert rig.state_of(order_id) is OrderState.REJECTED
    assert rig.order(order_id).code == "-1013"
    assert rig.notes() == ["ORDER_REJECTED"]
    assert rig.is_flat
    assert rig.engine.is_idle("BTC/USDT")
    assert rig.engine.state.safety.order_failures == 1
    assert sent_entry(rig) != order_id


def test_a_refusal_of_an_order_known_to_exist_is_no_proof_and_it_is_asked_about(rig: Rig) -> None:
    order_id = rig.entered()
    rig.reject(order_id)
    assert rig.state_of(order_id) is OrderState.OPEN
    assert rig.queries() == [order_id]


def test_a_refusal_of_an_order_that_filled_is_no_proof(rig: Rig) -> None:
    order_id = sent_entry(rig)
    rig.fill(order_id, "4", "100")
    rig.reject(order_id)
    assert rig.state_of(order_id) is OrderState.PARTIALLY_FILLED
    assert rig.queries() == [order_id]


def test_entry_fills_end_a_row_of_failures(rig: Rig) -> None:
    rig.reject(sent_entry(rig))
    rig.reject(sent_entry(rig))
    assert rig.engine.state.safety.order_failures == 2
    rig.fill(sent_entry(rig), "1", "100")
    assert rig.engine.state.safety.order_failures == 0


# -- unknown


def test_a_lost_answer_is_no_failure_and_is_asked_about_after_a_while(rig: Rig) -> None:
    order_id = doubtful_entry(rig)
    assert rig.state_of(order_id) is OrderState.UNKNOWN
    assert rig.notes() == ["ORDER_UNKNOWN"]
    assert rig.queries() == []
    rig.tick(1_999)
    assert rig.queries() == []
    rig.tick(1)
    assert rig.queries() == [order_id]
    rig.tick(1_999)
    assert rig.queries() == []
    rig.tick(1)
    assert rig.queries() == [order_id]


def test_no_answer_at_all_becomes_unknown_after_its_bound(rig: Rig) -> None:
    order_id = sent_entry(rig)
    rig.tick(5_000)
    assert rig.state_of(order_id) is OrderState.SUBMITTING
    rig.tick(1)
    assert rig.state_of(order_id) is OrderState.UNKNOWN


def test_an_unknown_order_blocks_entries_in_its_symbol_only(rig: Rig) -> None:
    doubtful_entry(rig)
    rig.candle("100", say=ENTER)
    assert rig.submitted() == []
    assert rig.veto() == "POSITION_OPEN"
    rig.candle("100", say=ENTER, symbol="ETH/USDT")
    assert [intent.symbol for intent in rig.submitted()] == ["ETH/USDT"]


def test_an_unknown_order_that_is_found_open_goes_on(rig: Rig) -> None:
    order_id = doubtful_entry(rig)
    rig.found(order_id, OrderState.OPEN)
    assert rig.state_of(order_id) is OrderState.OPEN
    rig.tick(5_000)
    assert rig.queries() == [order_id], "a market order that does not fill is looked at again"


def test_an_unknown_order_that_is_found_filled_is_booked_and_protected(rig: Rig) -> None:
    order_id = doubtful_entry(rig)
    rig.found(order_id, OrderState.FILLED, "10", rig.a_fill(order_id, "10", "100"))
    assert rig.state_of(order_id) is OrderState.FILLED
    assert rig.position.quantity == 10
    assert rig.one(Purpose.STOP)


def test_an_unknown_order_that_fills_is_resolved(rig: Rig) -> None:
    order_id = doubtful_entry(rig)
    rig.fill(order_id, "4", "100")
    assert rig.state_of(order_id) is OrderState.PARTIALLY_FILLED
    assert "ORDER_RESOLVED" in rig.notes()


def test_an_unknown_order_that_is_found_refused_frees_its_symbol(rig: Rig) -> None:
    order_id = doubtful_entry(rig)
    rig.found(order_id, OrderState.REJECTED)
    assert rig.state_of(order_id) is OrderState.REJECTED
    assert rig.is_flat


def test_absent_once_resolves_nothing(rig: Rig) -> None:
    order_id = doubtful_entry(rig)
    rig.absent(order_id)
    assert rig.state_of(order_id) is OrderState.UNKNOWN
    assert not rig.is_flat


def test_absent_twice_for_sure_ends_it_with_a_tombstone(rig: Rig) -> None:
    order_id = doubtful_entry(rig)
    rig.tick(6_000)  # too late to enter on the same decision again
    rig.absent(order_id)
    rig.absent(order_id)
    assert rig.state_of(order_id) is OrderState.REJECTED
    assert rig.order(order_id).code == "ABSENT"
    assert rig.notes() == ["ORDER_RESOLVED"]
    assert rig.is_flat
    assert rig.engine.state.safety.order_failures == 0


def test_absent_without_certainty_never_resolves_it(rig: Rig) -> None:
    order_id = doubtful_entry(rig)
    for _ in range(10):
        rig.absent(order_id, conclusive=False)
        rig.tick(2_000)
        assert rig.queries() == [order_id]
    assert rig.state_of(order_id) is OrderState.UNKNOWN


def test_an_uncertain_absence_between_two_certain_ones_begins_the_count_again(rig: Rig) -> None:
    order_id = doubtful_entry(rig)
    rig.absent(order_id)
    rig.absent(order_id, conclusive=False)
    rig.absent(order_id)
    assert rig.state_of(order_id) is OrderState.UNKNOWN


def test_a_sighting_between_two_absences_begins_the_count_again(rig: Rig) -> None:
    order_id = doubtful_entry(rig)
    rig.absent(order_id)
    rig.found(order_id, OrderState.OPEN)
    rig.absent(order_id)
    assert rig.state_of(order_id) is OrderState.OPEN


def test_an_absence_says_nothing_of_an_order_that_filled(rig: Rig) -> None:
    order_id = doubtful_entry(rig)
    rig.fill(order_id, "4", "100")
    rig.absent(order_id)
    rig.absent(order_id)
    assert rig.state_of(order_id) is OrderState.PARTIALLY_FILLED


def test_a_failed_question_changes_nothing_and_is_asked_again(rig: Rig) -> None:
    order_id = doubtful_entry(rig)
    rig.tick(2_000)
    before = rig.order(order_id)
    rig.send(QueryFailed(time_ms=rig.now, subject=order_id, message="time-out"))
    assert rig.order(order_id) == before
    rig.tick(2_000)
    assert rig.queries() == [order_id]


# -- late appearances


def tombstone(rig: Rig) -> str:
    order_id = doubtful_entry(rig)
    rig.tick(6_000)
    rig.absent(order_id)
    rig.absent(order_id)
    assert rig.state_of(order_id) is OrderState.REJECTED
    return order_id


def test_a_tombstone_found_resting_is_cancelled_and_stays_final(rig: Rig) -> None:
    order_id = tombstone(rig)
    rig.found(order_id, OrderState.OPEN)
    assert rig.cancels() == [order_id]
    assert "LATE_ORDER" in rig.notes()
    rig.cancelled(order_id)
    assert rig.state_of(order_id) is OrderState.REJECTED
    assert rig.is_flat


def test_an_order_whose_cancel_was_confirmed_and_did_not_happen_is_cancelled_again() -> None:
    """Fault row 5. For a while the answer may be older than the cancel."""
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.cancelled(stop.id)
    still = rig.report(stop.id, OrderState.OPEN)
    rig.snapshot(still, USDT="9000")
    assert rig.cancels() == []
    rig.tick(rig.engine.config.timing.missing_ms + 1)
    rig.snapshot_again(still, USDT="9000")
    assert (rig.cancels(), "LATE_ORDER" in rig.notes()) == ([stop.id], True)
    rig.cancelled(stop.id)
    rig.snapshot_again(USDT="9000", BTC="10")
    assert rig.one(Purpose.EXIT)


def test_one_that_cannot_be_cancelled_is_told_once_and_hides_nothing_else() -> None:
    rig = Rig.holding()
    (old,) = rig.engine.state.live_orders(BTC.symbol)
    ghost = rig.report(old.id, OrderState.OPEN)
    rig.candle("104")
    rig.cancelled(old.id)
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    told, asked = [], []
    for _ in range(4):
        rig.tick(rig.engine.config.timing.missing_ms + 1)
        rig.snapshot_again(ghost, USDT="9000", BTC="10")
        told += rig.notes()
        asked += rig.queries()
        rig.cancel_rejected(old.id)
    assert told == ["LATE_ORDER"]
    assert asked
    assert set(asked) == {stop}, "the account shows it no more"


def test_a_tombstone_accepted_after_all_is_cancelled(rig: Rig) -> None:
    order_id = tombstone(rig)
    rig.accept(order_id)
    assert rig.cancels() == [order_id]
    assert "LATE_ORDER" in rig.notes()


def test_a_tombstone_is_asked_to_go_once_while_the_answer_may_come(rig: Rig) -> None:
    order_id = tombstone(rig)
    rig.found(order_id, OrderState.OPEN)
    rig.found(order_id, OrderState.OPEN)
    assert rig.cancels() == []
    rig.tick(5_000)
    rig.found(order_id, OrderState.OPEN)
    assert rig.cancels() == [order_id]


def test_a_tombstone_that_fills_is_adopted_sold_and_its_rest_cancelled(rig: Rig) -> None:
    order_id = tombstone(rig)
    rig.fill(order_id, "4", "100")
    assert rig.position.quantity == 4
    assert rig.position.exit_reason == "late fill"
    assert rig.cancels() == [order_id]
    rig.snapshot(USDT="9600", BTC="4")
    exit_id = rig.one(Purpose.EXIT)
    rig.accept(exit_id)
    rig.fill(exit_id, "4", "101")
    assert rig.is_flat
    assert rig.cash == D(10_004)


def test_a_tombstone_that_fills_beside_what_was_bought_instead_has_all_of_it_sold(rig: Rig) -> None:
    """The entry was placed anew after a restart, and both have filled: more than the limits allow is not kept."""
    lost = sent_entry(rig)
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
    rig.snapshot(USDT="10000")
    rig.absent(lost)
    rig.absent(lost)
    again = rig.one(Purpose.ENTRY)
    rig.fill(again, "10", "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.fill(lost, "10", "100")
    assert rig.position.quantity == 20
    assert rig.position.exit_reason == "late fill"
    assert rig.cancels() == [stop]
    rig.cancelled(stop)
    rig.snapshot()
    (exit_,) = rig.submitted()
    assert exit_.quantity == 20


# -- orders that are not ours, or not remembered


def test_reports_on_orders_of_others_are_none_of_our_business(rig: Rig) -> None:
    foreign = "someone-elses"
    before = rig.engine.state.records()
    trade = replace(rig.a_fill(rig.entered("100", "ETH/USDT"), "1", "1"), client_order_id=foreign)
    before = rig.engine.state.records()
    for event in (
        OrderAccepted(time_ms=rig.now, client_order_id=foreign, exchange_order_id="1"),
        OrderFilled(time_ms=rig.now, fill=trade),
        OrderCanceled(time_ms=rig.now, client_order_id=foreign, filled_quantity=D(1)),
        OrderRejected(time_ms=rig.now, client_order_id=foreign, code="1", message=""),
        OrderTriggered(time_ms=rig.now, client_order_id=foreign),
    ):
        assert rig.send(event) == []
    for ask in (rig.absent, rig.cancel_rejected, rig.cancel_unknown, rig.unknown):
        assert ask(foreign) == []
    assert rig.engine.state.records() == before


def test_an_order_with_our_tag_that_we_do_not_remember_is_an_alarm(rig: Rig) -> None:
    tagged = sent_entry(rig)[:6] + "0" * 26
    rig.accept(tagged)
    assert any(isinstance(action, FetchAccount) for action in rig.actions)
    assert Notify(Level.WARNING, "ORDER_NOT_REMEMBERED", f"{tagged} bears our tag, but is not known") in rig.actions
