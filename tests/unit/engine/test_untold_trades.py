"""Orders that have ended and whose trades show late, or never: nothing is sold or booked twice, nothing forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.builders import BOT, ENTER, ETH, D, config
from tests.support.rig import Rig
from tests.unit.engine.test_lost_orders import absent_until_gone, stop_of
from trading.domain.events import CommandKind
from trading.domain.orders import OrderState, Purpose
from trading.store.batch import Batch
from trading.store.journal import Journal


def exiting(rig: Rig) -> str:
    """Have the position closed; the exit's id, accepted."""
    exit_ = rig.leaving()
    rig.accept(exit_)
    return exit_


def test_an_entry_that_is_called_filled_with_nothing_counted_yet_keeps_its_symbol_and_is_booked_when_shown() -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.found(entry, OrderState.FILLED, "0")
    rig.candle("100", say=ENTER)
    assert rig.submitted() == [], "nothing is bought twice"
    rig.tick(2_000)
    rig.found(entry, OrderState.FILLED, "10", rig.a_fill(entry, "10", "100"))
    assert rig.position.quantity == 10
    assert rig.one(Purpose.STOP)


def test_an_exit_that_is_called_filled_with_nothing_counted_yet_is_not_sold_again_from_the_owners_coins() -> None:
    rig = Rig.holding(owners="10")
    exit_ = rig.leaving(USDT="9000", BTC="20")
    rig.accept(exit_)
    rig.found(exit_, OrderState.FILLED, "0")
    for _ in range(30):
        rig.tick(1_000)
        if rig.fetched():
            rig.snapshot(USDT="10000", BTC="10")
        assert rig.submitted() == []
    rig.found(exit_, OrderState.FILLED, "10", rig.a_fill(exit_, "10", "100"))
    assert (rig.is_flat, rig.cash) == (True, 10_000)


def test_a_trade_of_a_symbol_that_is_traded_no_more_is_told_and_booked_once_it_is_again() -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.cancelled(entry)
    late = rig.a_fill(entry, "3", "100")
    without = rig.restarted(config(instruments={ETH.symbol: ETH}))
    told = []
    for _ in range(3):
        without.snapshot_again(without.report(entry, OrderState.CANCELED, "3", late), USDT="9700", BTC="3")
        told += without.notes()
        without.tick(2_000)
        without.found(entry, OrderState.CANCELED, "3", late)
        told += without.notes()
    assert told == ["ORDER_NEEDS_PERSON"]
    again = rig.restarted()
    again.snapshot(again.report(entry, OrderState.CANCELED, "3", late), USDT="9700", BTC="3")
    assert again.position.quantity == 3


def test_a_last_small_trade_that_is_shown_late_is_booked_and_is_no_dust() -> None:
    rig = Rig.holding()
    exit_ = exiting(rig)
    first, last = rig.a_fill(exit_, "9.96", "100"), rig.a_fill(exit_, "0.04", "100")
    rig.found(exit_, OrderState.FILLED, "10", first)
    assert not rig.is_flat
    rig.tick(2_000)
    rig.found(exit_, OrderState.FILLED, "10", first, last)
    assert (rig.corrections(), rig.cash, rig.notes()) == ([], 10_000, ["POSITION_CLOSED"])


def test_a_small_sale_that_is_shown_late_is_booked_although_the_price_made_it_dust() -> None:
    rig = Rig.started(config(fixed_quantity=D("0.052")))
    rig.fill(rig.entered(), "0.052", "100")
    rig.command(CommandKind.CLOSE_ALL)
    rig.snapshot()
    exit_ = rig.one(Purpose.EXIT)
    rig.accept(exit_)
    rig.candle("95")
    rig.found(exit_, OrderState.FILLED, "0.052")
    rig.tick(2_000)
    rig.found(exit_, OrderState.FILLED, "0.052", rig.a_fill(exit_, "0.052", "98"))
    assert (rig.corrections(), rig.cash) == ([], 10_000 - D("0.052") * 2)


@pytest.mark.parametrize(("fee", "filled"), [("0.0105", "9.989"), ("0", "9.96")])
def test_a_rest_too_small_to_sell_is_not_tried_while_trades_are_still_to_be_shown(fee: str, filled: str) -> None:
    rig = Rig.started()
    rig.fill(rig.entered(), "10", "100", fee, "BTC")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.cancelled(stop, filled=filled)
    for _ in range(60):
        assert (rig.submitted(), rig.notes()) == ([], [])
        if rig.fetched():
            rig.snapshot(USDT="9990", BTC="0.04")
            assert (rig.submitted(), rig.notes()) == ([], [])
        rig.tick(500)
        if stop in rig.queries():
            rig.found(stop, OrderState.CANCELED, filled)
    assert not rig.engine.state.safety.halted


@pytest.mark.parametrize("is_lost", [True, False])
def test_trades_that_show_after_they_were_written_off_add_nothing(is_lost: bool) -> None:
    """2 of a stop are sold and booked without a trade; the exit of the rest waits for the account. Then they show."""
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.cancelled(stop, filled="2")
    if is_lost:
        absent_until_gone(rig, stop)
    else:
        rig.command(CommandKind.RESOLVE, stop, "ignore")
    assert (rig.position.quantity, rig.cash) == (8, 9_200)
    for _ in range(2):
        rig.found(stop, OrderState.CANCELED, "2", *(rig.a_fill(stop, "1", "97", trade=t) for t in ("t1", "t2")))
        assert (rig.position.quantity, rig.cash) == (8, 9_200)
    assert rig.order(stop).is_settled


def test_an_order_that_is_lost_twice_is_booked_once_and_the_journal_takes_it(tmp_path: Path) -> None:
    rig = Rig.holding()
    stop = stop_of(rig)
    for _ in range(2):
        rig.cancelled(stop, filled="2")
        absent_until_gone(rig, stop)
        assert rig.position.quantity == 8
    rig.found(stop, OrderState.CANCELED, "3")
    absent_until_gone(rig, stop)
    assert (rig.position.quantity, [c.quantity for c in rig.corrections()]) == (7, [-2, -1])
    journal = Journal.open(f"sqlite:///{tmp_path / 'bot.db'}", BOT)
    journal.commit(Batch(time_ms=rig.now, changes=tuple(rig.records)))
    journal.close()


def test_repeated_cancels_do_not_keep_a_purchase_without_trades_from_being_told() -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.found(entry, OrderState.PARTIALLY_FILLED, "4")
    rig.command(CommandKind.KILL)
    for _ in range(30):
        rig.tick(1_000)
        if "ORDER_NEEDS_PERSON" in rig.notes():
            return
        if entry in rig.cancels():
            rig.cancel_unknown(entry)
        if entry in rig.queries():
            rig.found(entry, OrderState.PARTIALLY_FILLED, "4")
    raise AssertionError("nobody was told")


def test_an_entry_whose_trades_are_shown_late_keeps_its_plan() -> None:
    rig = Rig.started()
    entry = rig.entered()
    for _ in range(15):
        rig.found(entry, OrderState.FILLED, "10")
        rig.tick(1_000)
    rig.found(entry, OrderState.FILLED, "10", rig.a_fill(entry, "10", "100"))
    assert (rig.position.quantity, rig.position.exit_reason) == (10, "")
    assert rig.one(Purpose.STOP)


def test_a_late_fill_of_an_entry_does_not_double_the_next_position() -> None:
    """The exchange has told of it as cancelled, with nothing filled."""
    rig = Rig.started()
    first = rig.entered("100")
    rig.command(CommandKind.CANCEL_ENTRIES)
    rig.cancelled(first, "0")
    assert rig.is_flat
    rig.fill(rig.entered("100"), "10", "100")
    rig.accept(rig.one(Purpose.STOP))
    rig.fill(first, "10", "100")
    assert rig.position.exit_reason == "late fill"


def test_trades_of_a_purchase_that_was_ignored_are_sold_when_they_show() -> None:
    rig = Rig.started()
    first = rig.entered("100")
    rig.command(CommandKind.CANCEL_ENTRIES)
    rig.cancelled(first, "10")
    rig.tick(11_000)
    rig.command(CommandKind.RESOLVE, first, "ignore")
    rig.fill(rig.entered("100"), "10", "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.fill(first, "10", "100")
    assert rig.position.exit_reason == "late fill"
