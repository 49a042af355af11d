"""Coins of the owner beside the bot's: they prove nothing, and are not sold."""

from __future__ import annotations

import pytest

from tests.support.builders import EXIT, D
from tests.support.rig import Rig
from trading.domain.actions import CancelOrder, FetchAccount, QueryOrder, SubmitOrder
from trading.domain.events import AccountSnapshot, CommandKind
from trading.domain.orders import OrderState, Purpose
from trading.domain.positions import Balance


def protected(*, owned: str, is_heard: bool = True) -> tuple[Rig, str]:
    """A bot that holds 10 beside so much of the owner's, and the id of its stop, which rests if it is heard of."""
    rig = Rig.started(USDT="10000", BTC=owned)
    rig.fill(rig.entered("100"), "10", "100")
    stop = rig.one(Purpose.STOP)
    if is_heard:
        rig.accept(stop)
    return rig, stop


def test_the_owners_coins_do_not_prove_that_a_stop_never_arrived() -> None:
    """The owner has 50 of his own. The bot buys 10; the reply to its stop is lost. The stop arrived and sold the 10 in
    a fall; the exchange's order and trade history is late, its balances are not: 50, where 60 should be.
    """
    rig = Rig.started(USDT="10000", BTC="50")
    rig.fill(rig.entered("100"), "10", "100")
    rig.unknown(rig.one(Purpose.STOP))
    for second in range(60):
        todo = list(rig.tick(1_000))
        while todo:
            action = todo.pop(0)
            if isinstance(action, SubmitOrder):
                sold = action.order.value
                raise AssertionError(f"after {second + 1} s: {sold.purpose} {sold.quantity} of the owner's 50")
            if isinstance(action, QueryOrder):
                todo += rig.absent(action.client_order_id, conclusive=False)
            elif isinstance(action, CancelOrder):
                todo += rig.cancel_rejected(action.client_order_id)
            elif isinstance(action, FetchAccount):
                balances = {"USDT": Balance(D(9_980)), "BTC": Balance(D(50))}
                todo += rig.send(AccountSnapshot(time_ms=rig.now, token=action.token, balances=balances))


def test_coins_of_a_position_of_before_are_not_taken_for_the_owners() -> None:
    """The account was last told while they were held."""
    rig, stop = protected(owned="3")
    rig.snapshot_again(rig.report(stop, OrderState.OPEN), USDT="9000", BTC="13")
    assert rig.position.foreign_quantity == 3
    rig.fill(stop, "10", "98")
    assert rig.is_flat
    rig.fill(rig.entered("100"), "5", "100")
    assert rig.position.foreign_quantity == 3


def test_coins_that_are_being_bought_are_not_taken_for_the_owners() -> None:
    rig = Rig.started(USDT="10000")
    entry = rig.entered("100")
    rig.fill(entry, "4", "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    shown = rig.report(stop, OrderState.OPEN), rig.report(entry, OrderState.PARTIALLY_FILLED, "4")
    rig.snapshot_again(*shown, USDT="9000", BTC="10")
    assert rig.position.foreign_quantity == 0


def test_coins_that_an_exit_was_told_of_are_not_taken_for_the_owners() -> None:
    rig = Rig.holding()
    rig.fill(rig.leaving(), "10", "100")
    rig.fill(rig.entered("100"), "10", "100")
    assert rig.position.foreign_quantity == 0
    rig.unknown(rig.one(Purpose.STOP))
    assert_sold(rig)


def assert_sold(rig: Rig) -> None:
    """A stop in doubt never arrived, which the account alone shows: the position is sold."""
    for _ in range(60):
        rig.tick(1_000)
        for order_id in rig.queries():
            rig.absent(order_id, conclusive=False)
        if rig.fetched():
            rig.snapshot()
        if rig.submitted():
            break
    assert rig.one(Purpose.EXIT)


def test_a_death_in_an_exit_leaves_no_doubt_about_the_next_positions_coins() -> None:
    rig = Rig.holding()
    leaving = rig.leaving()
    again = rig.restarted()
    again.snapshot(USDT="10000")
    again.tick(2_000)
    again.found(leaving, OrderState.FILLED, "10", again.a_fill(leaving, "10", "100"))
    assert again.is_flat
    assert again.fetched()
    again.snapshot(USDT="10000")
    again.fill(again.entered("100"), "10", "100")
    assert again.position.foreign_quantity == 0
    again.unknown(again.one(Purpose.STOP))
    assert_sold(again)


def test_coins_that_the_owner_takes_out_are_no_longer_expected() -> None:
    rig, stop = protected(owned="50")
    rig.command(CommandKind.RECONCILE)
    if not rig.fetched():
        rig.tick(rig.engine.config.timing.account_ms)
    locked = {"USDT": Balance(D(9_000)), "BTC": Balance(D(0), D(10))}
    shown = (rig.report(stop, OrderState.OPEN),)
    rig.send(AccountSnapshot(time_ms=rig.now, token=rig.token, balances=locked, orders=shown))
    assert rig.position.foreign_quantity == 0


def test_a_balance_from_after_the_stops_sale_lowers_nothing() -> None:
    """Its orders are from before: the stop is shown as open, and its coins are gone."""
    rig, stop = protected(owned="50")
    rig.snapshot_again(rig.report(stop, OrderState.OPEN), USDT="10000", BTC="50")
    assert rig.position.foreign_quantity == 50
    rig.fill(stop, "10", "98")
    rig.fill(rig.entered("100"), "10", "100")
    assert rig.position.foreign_quantity == 50


HOWS = ["passed", "cancel refused", "missed", "never arrived"]


def gone_unheard_of(rig: Rig, stop: str, how: str) -> None:
    """The stop is taken for gone, or never come, after two questions; the price is beyond the next, so it is sold."""
    if how == "passed":
        rig.candle("100")
        rig.candle("97")
    elif how == "cancel refused":
        rig.candle("97", say=EXIT)
        rig.cancel_rejected(stop)
    elif how == "missed":
        rig.snapshot_again(rig.filled_entry(), USDT="9000", BTC="10")
    elif how == "never arrived":
        rig.unknown(stop)
    rig.absent(stop)
    rig.tick(rig.engine.config.timing.query_ms)
    rig.absent(stop)
    assert rig.state_of(stop) is OrderState.REJECTED
    if how != "cancel refused":
        rig.reject(rig.one(Purpose.STOP))
    assert rig.position.exit_reason
    assert rig.fetched()


def sold_after_ms(rig: Rig, **balances: str) -> int:
    """After how many milliseconds the position is sold, while the account shows these balances."""
    since = rig.now
    for _ in range(120):
        if rig.fetched():
            rig.snapshot(rig.filled_entry(), **balances)
        if rig.submitted():
            assert rig.one(Purpose.EXIT)
            return rig.now - since
        rig.tick(1_000)
    raise AssertionError("not sold in two minutes")


@pytest.mark.parametrize("how", HOWS)
def test_a_stop_taken_for_gone_may_have_sold_and_the_owners_coins_are_not_sold_after_it(how: str) -> None:
    """Its trades are late: the account holds the owner's coins and no more."""
    rig, stop = protected(owned="10", is_heard=how != "never arrived")
    gone_unheard_of(rig, stop, how)
    asked = 0
    for _ in range(rig.engine.config.timing.missing_ms // 1_000 - 1):
        if rig.fetched():
            asked += 1
            rig.snapshot(rig.filled_entry(), USDT="9980", BTC="10")
        assert rig.submitted() == []
        rig.tick(1_000)
    assert 1 <= asked <= 20
    rig.fill(stop, "10", "98")
    assert rig.is_flat


@pytest.mark.parametrize("how", HOWS)
def test_where_the_account_shows_that_the_stop_has_not_sold_nothing_is_waited_for(how: str) -> None:
    rig, stop = protected(owned="10", is_heard=how != "never arrived")
    gone_unheard_of(rig, stop, how)
    assert sold_after_ms(rig, USDT="9000", BTC="20") == 0


def test_coins_that_the_owner_has_taken_out_meanwhile_do_not_keep_the_sale_away_for_long() -> None:
    rig, stop = protected(owned="10")
    gone_unheard_of(rig, stop, "missed")
    timing = rig.engine.config.timing
    assert timing.missing_ms <= sold_after_ms(rig, USDT="9000", BTC="10") <= timing.missing_ms + timing.exit_retry_ms


def test_dust_of_the_owner_is_nothing_to_wait_for() -> None:
    rig, stop = protected(owned="0.0005")
    gone_unheard_of(rig, stop, "passed")
    assert sold_after_ms(rig, USDT="9000", BTC="10") == 0


def test_a_lost_stop_goes_back_at_once_also_beside_the_owners_coins() -> None:
    rig, stop = protected(owned="10")
    rig.snapshot_again(rig.filled_entry(), USDT="9000", BTC="20")
    rig.absent(stop)
    rig.tick(rig.engine.config.timing.query_ms)
    rig.absent(stop)
    assert rig.one(Purpose.STOP)


@pytest.mark.parametrize("how", ["absent", "ignored"])
def test_an_exit_taken_for_never_sent_may_have_sold_and_the_owners_coins_are_not_sold_after_it(how: str) -> None:
    rig = Rig.holding(owners="10")
    exit_ = rig.leaving(USDT="9000", BTC="20")
    rig.unknown(exit_)
    if how == "ignored":
        rig.tick(60_000)
        rig.command(CommandKind.RESOLVE, exit_, "ignore")
    else:
        rig.absent(exit_)
        rig.absent(exit_)
    for _ in range(10):
        if rig.fetched():
            rig.snapshot(rig.filled_entry(), USDT="10000", BTC="10")
        assert rig.submitted() == []
        rig.tick(1_000)
    rig.fill(exit_, "10", "100")
    assert rig.is_flat
