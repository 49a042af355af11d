"""Coins that are missing because a sale is not booked yet, and positions that can neither be protected nor sold."""

from __future__ import annotations

from decimal import Decimal

from tests.support.builders import BTC
from tests.support.rig import Rig
from trading.domain.events import AccountSnapshot, CommandKind
from trading.domain.orders import OrderState, Purpose
from trading.domain.positions import Balance

LONG_MS = 31_000


def show_locked(rig: Rig) -> None:
    """The answer to the last question about the account: an order locks all coins."""
    locked = {"USDT": Balance(Decimal(9_000)), "BTC": Balance(Decimal(0), Decimal(10))}
    rig.send(AccountSnapshot(time_ms=rig.now, token=rig.token, balances=locked))


def test_a_sale_whose_trades_are_late_is_no_shortfall() -> None:
    """The status is there before the trades: writing the coins off would book their proceeds as somebody else's."""
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    trade = rig.a_fill(stop.id, "10", "98")
    rig.tick(300_000)
    for _ in range(3):
        rig.snapshot_again(rig.report(stop.id, OrderState.FILLED, "10"), USDT="9980")
        assert "POSITION_CORRECTED" not in rig.notes()
        rig.tick(LONG_MS)
    rig.found(stop.id, OrderState.FILLED, "10", trade)
    assert "SOLD_NOT_HELD" not in rig.notes()
    assert rig.is_flat
    assert rig.cash == 9980


def test_an_exit_of_unknown_outcome_is_no_shortfall() -> None:
    rig = Rig.holding()
    leaving = rig.leaving()
    trade = rig.a_fill(leaving, "10", "101")
    rig.unknown(leaving)
    for _ in range(3):
        rig.tick(LONG_MS)
        if leaving in rig.queries():
            rig.absent(leaving, conclusive=False)
        rig.snapshot_again(USDT="10010")
        assert "POSITION_CORRECTED" not in rig.notes()
    rig.found(leaving, OrderState.FILLED, "10", trade)
    assert "SOLD_NOT_HELD" not in rig.notes()
    assert rig.is_flat
    assert rig.cash == 10_010


def test_a_position_that_cannot_be_sold_is_told_and_told_again() -> None:
    """Its coins are locked by an order that is not the bot's: only a person can help."""
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.cancelled(stop.id)
    told: list[int] = []
    for second in range(700):
        if rig.fetched():
            show_locked(rig)
            told += [second] * rig.notes().count("UNPROTECTED")
        rig.tick(1_000)
        told += [second] * rig.notes().count("UNPROTECTED")
    assert len(told) == 2
    assert 55 <= told[0] <= 65
    assert told[1] - told[0] >= 595


def test_a_sale_of_the_position_before_is_not_booked_on_the_present_one() -> None:
    """Its coins were written off, and the next position was opened, before the old stop's sale was told."""
    rig = Rig.holding("2")
    first = rig.position.id
    entry, stop = rig.engine.state.live_orders(BTC.symbol)
    rig.cancelled(entry.id, "2")
    trade = rig.a_fill(stop.id, "2", "98")
    rig.tick(300_000)
    for _ in range(200):
        if rig.is_flat:
            break
        if rig.fetched():
            rig.snapshot(rig.report(entry.id, OrderState.CANCELED, "2"), USDT="9996")
        for order_id in rig.queries():
            rig.absent(order_id)
        for intent in rig.submitted():
            rig.reject(intent.client_order_id)
        rig.tick(1_000)
    assert rig.is_flat
    rig.command(CommandKind.RESUME, reason="looked at it")
    second = rig.entered("97")
    bought = rig.order(second).intent.quantity
    rig.fill(second, str(bought), "97")
    protecting = rig.one(Purpose.STOP)
    rig.accept(protecting)
    cash = rig.cash
    told = rig.report(stop.id, OrderState.FILLED, "2", trade)
    rig.snapshot_again(told, rig.report(protecting, OrderState.OPEN), USDT="9000", BTC=str(bought))
    assert "SOLD_NOT_HELD" in rig.notes(), "a person must look: the books said that these coins were gone"
    assert rig.position.id != first
    assert (rig.position.quantity, rig.position.exit_reason) == (bought, "")
    assert rig.cancels() == []
    assert rig.state_of(protecting) is OrderState.OPEN
    assert rig.cash == cash, "whose money it is a person must say"


def test_a_stop_of_which_nothing_is_heard_does_not_keep_a_position_bare() -> None:
    """'Not found' proves nothing at this exchange. Coins that no order locks do: nothing rests, so they are sold."""
    rig = Rig.started()
    rig.fill(rig.entered("100"), "10", "100")
    stop = rig.one(Purpose.STOP)
    rig.unknown(stop)
    sold: list[int] = []
    for second in range(60):
        rig.tick(1_000)
        if stop in rig.queries():
            rig.absent(stop, conclusive=False)
        if rig.fetched():
            rig.snapshot(USDT="9000", BTC="10")
        sold += [second for intent in rig.submitted() if intent.purpose is Purpose.EXIT]
        if sold:
            break
    assert 10 <= sold[0] <= 20
    assert rig.state_of(stop) is OrderState.REJECTED, "a tombstone"
    rig.fill(rig.one(Purpose.EXIT), "10", "99")
    rig.found(stop, OrderState.OPEN, "0")
    assert rig.cancels() == [stop], "come after all, it must not sell the owner's coins"


def test_a_stop_of_which_nothing_is_heard_is_waited_for_while_it_locks_the_coins() -> None:
    rig = Rig.started()
    rig.fill(rig.entered("100"), "10", "100")
    stop = rig.one(Purpose.STOP)
    rig.unknown(stop)
    for _ in range(60):
        rig.tick(1_000)
        assert not rig.submitted()
        if stop in rig.queries():
            rig.absent(stop, conclusive=False)
        if rig.fetched():
            show_locked(rig)
        assert not rig.submitted()
