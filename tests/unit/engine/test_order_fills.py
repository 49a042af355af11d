"""Cancels and fills: what the exchange took back, what it traded, and which of the two came first."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.support.builders import D
from tests.support.rig import Rig
from trading.domain.events import CommandKind, OrderFilled
from trading.domain.orders import OrderState, Purpose, Side


@pytest.fixture
def rig() -> Rig:
    return Rig.started()


# -- cancels


def test_a_cancel_is_asked_for_once_while_its_answer_may_come(rig: Rig) -> None:
    order_id = rig.entered()
    rig.command(CommandKind.CANCEL_ORDER, order_id)
    assert rig.cancels() == [order_id]
    rig.command(CommandKind.CANCEL_ORDER, order_id)
    assert rig.cancels() == []
    rig.tick(5_000)
    rig.command(CommandKind.CANCEL_ORDER, order_id)
    assert rig.cancels() == [order_id]


def test_a_cancel_without_an_answer_leads_to_a_question(rig: Rig) -> None:
    order_id = rig.entered()
    rig.command(CommandKind.CANCEL_ORDER, order_id)
    rig.tick(4_999)
    assert rig.queries() == []
    rig.tick(1)
    assert rig.queries() == [order_id]


def test_a_cancelled_entry_without_a_fill_frees_its_symbol(rig: Rig) -> None:
    order_id = rig.entered()
    rig.cancelled(order_id)
    assert rig.state_of(order_id) is OrderState.CANCELED
    assert rig.is_flat
    assert rig.notes() == []


def test_an_expired_entry_keeps_what_it_bought(rig: Rig) -> None:
    order_id = rig.entered()
    rig.fill(order_id, "4", "100")
    rig.accept(rig.one(Purpose.STOP))
    rig.cancelled(order_id, "4", expired=True)
    assert rig.state_of(order_id) is OrderState.EXPIRED
    assert rig.position.quantity == 4


def test_a_cancel_raced_by_the_fill_ends_filled(rig: Rig) -> None:
    order_id = rig.entered()
    rig.command(CommandKind.CANCEL_ORDER, order_id)
    rig.fill(order_id, "10", "100")
    rig.cancel_rejected(order_id)
    assert rig.state_of(order_id) is OrderState.FILLED
    assert rig.queries() == []
    assert rig.position.quantity == 10


def test_a_refused_cancel_leaves_the_order_live_and_asks_about_it(rig: Rig) -> None:
    order_id = rig.entered()
    rig.cancel_rejected(order_id)
    assert rig.state_of(order_id) is OrderState.OPEN
    assert rig.queries() == [order_id]


def test_a_lost_answer_to_a_cancel_leaves_the_order_live_and_asks_about_it(rig: Rig) -> None:
    order_id = rig.entered()
    rig.cancel_unknown(order_id)
    assert rig.state_of(order_id) is OrderState.OPEN
    assert rig.queries() == [order_id]


def test_cancelled_with_fills_we_have_not_seen_is_asked_about_until_they_are_booked(rig: Rig) -> None:
    order_id = rig.entered()
    rig.cancelled(order_id, "4")
    assert rig.state_of(order_id) is OrderState.CANCELED
    assert rig.queries() == [order_id]
    assert not rig.engine.is_idle("BTC/USDT")
    rig.found(order_id, OrderState.CANCELED, "4", rig.a_fill(order_id, "4", "100"))
    assert rig.order(order_id).is_settled
    assert rig.position.quantity == 4
    assert rig.one(Purpose.STOP)


def test_fills_that_are_still_missing_in_the_answer_are_asked_for_later_not_at_once(rig: Rig) -> None:
    order_id = rig.entered()
    rig.cancelled(order_id, "4")
    rig.found(order_id, OrderState.CANCELED, "4")
    assert rig.queries() == []
    rig.tick(1_999)
    assert rig.queries() == []
    rig.tick(1)
    assert rig.queries() == [order_id]


def test_a_filled_order_whose_trades_lag_is_asked_for_later_not_at_once(rig: Rig) -> None:
    order_id = rig.entered()
    rig.found(order_id, OrderState.FILLED, "10")
    assert rig.state_of(order_id) is OrderState.FILLED
    assert not rig.order(order_id).is_settled
    assert rig.queries() == []
    rig.tick(2_000)
    assert rig.queries() == [order_id]
    rig.found(order_id, OrderState.FILLED, "10", rig.a_fill(order_id, "10", "100"))
    assert rig.order(order_id).is_settled
    assert rig.position.quantity == 10


def test_a_fill_after_the_cancel_is_booked_and_the_order_stays_cancelled(rig: Rig) -> None:
    order_id = rig.entered()
    rig.fill(order_id, "4", "100")
    rig.accept(rig.one(Purpose.STOP))
    rig.cancelled(order_id, "4")
    rig.fill(order_id, "1", "100")
    assert rig.state_of(order_id) is OrderState.CANCELED
    assert rig.position.quantity == 5


# -- fills


def test_a_trade_counts_once(rig: Rig) -> None:
    order_id = rig.entered()
    rig.fill(order_id, "4", "100", trade="t1")
    rig.fill(order_id, "4", "100", trade="t1")
    assert rig.actions == []
    assert rig.order(order_id).filled_quantity == 4
    assert rig.cash == D(9_600)


def test_a_trade_seen_in_a_report_and_as_a_fill_counts_once(rig: Rig) -> None:
    order_id = rig.entered()
    trade = rig.a_fill(order_id, "4", "100")
    rig.found(order_id, OrderState.PARTIALLY_FILLED, "4", trade)
    rig.send(OrderFilled(time_ms=rig.now, fill=trade))
    assert rig.position.quantity == 4


def test_a_trade_belongs_to_one_order(rig: Rig) -> None:
    entry_id = rig.entered()
    rig.fill(entry_id, "10", "100", trade="t1")
    stop_id = rig.one(Purpose.STOP)
    rig.accept(stop_id)
    rig.fill(stop_id, "10", "98", trade="t1")
    assert rig.position.quantity == 10
    assert "FILL_CONTRADICTS" in rig.notes()


@pytest.mark.parametrize(
    "changes",
    [{"symbol": "ETH/USDT"}, {"symbol": "XYZ/USDT"}, {"side": Side.SELL}, {"quantity": D(0)}, {"price": Decimal(-1)}],
)
def test_a_fill_that_contradicts_its_order_is_not_booked_and_halts(rig: Rig, changes: dict[str, object]) -> None:
    order_id = rig.entered()
    trade = replace(rig.a_fill(order_id, "4", "100"), **changes)
    rig.send(OrderFilled(time_ms=rig.now, fill=trade))
    assert rig.position.quantity == 0
    assert rig.cash == D(10_000)
    assert "FILL_CONTRADICTS" in rig.notes()
    assert rig.engine.state.safety.halted


def test_more_filled_than_ordered_is_booked_as_it_is(rig: Rig) -> None:
    order_id = rig.entered()
    rig.fill(order_id, "11", "100")
    assert rig.state_of(order_id) is OrderState.FILLED
    assert rig.position.quantity == 11
    (stop,) = rig.submitted()
    assert stop.quantity == 11


def test_a_fill_of_a_filled_order_grows_the_stop(rig: Rig) -> None:
    order_id = rig.entered()
    rig.fill(order_id, "10", "100")
    stop_id = rig.one(Purpose.STOP)
    rig.accept(stop_id)
    rig.fill(order_id, "1", "100")
    assert rig.position.quantity == 11
    assert rig.cancels() == [stop_id]


def test_an_older_report_takes_nothing_back(rig: Rig) -> None:
    order_id = rig.entered()
    rig.fill(order_id, "4", "100")
    rig.found(order_id, OrderState.OPEN, "0")
    assert rig.state_of(order_id) is OrderState.PARTIALLY_FILLED
    assert rig.order(order_id).filled_quantity == 4


def test_a_report_of_a_finished_order_as_open_does_not_revive_it(rig: Rig) -> None:
    order_id = rig.entered()
    rig.cancelled(order_id)
    rig.found(order_id, OrderState.OPEN)
    assert rig.state_of(order_id) is OrderState.CANCELED
