"""Orders that the exchange acknowledged and then lost without a trace, as after a reset of a test network."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.builders import BOT, ENTER, D
from tests.support.rig import Rig
from trading.domain.actions import Notify
from trading.domain.events import CommandKind, OrderReport, Started
from trading.domain.orders import LOST, OrderState, OrderType, Purpose, Side
from trading.engine.adoption import RESOLVED
from trading.engine.ids import bot_tag
from trading.safety.breaker import Trip


def stop_of(rig: Rig) -> str:
    (stop,) = rig.engine.state.live_orders("BTC/USDT")
    assert stop.intent.purpose is Purpose.STOP
    return stop.id


def absent_until_gone(rig: Rig, order_id: str, *, seconds_max: int = 60) -> None:
    """Answer every question about the order with its absence until it is settled."""
    for _ in range(seconds_max):
        if order_id in rig.queries():
            rig.absent(order_id)
        if rig.order(order_id).is_settled:
            return
        rig.tick(1_000)
    raise AssertionError(f"not settled after {seconds_max} s: {rig.order(order_id)}")


def test_a_lost_stop_is_replaced_at_once_and_the_owner_told() -> None:
    rig = Rig.holding()
    lost = stop_of(rig)
    rig.snapshot_again(rig.filled_entry(), USDT="9000", BTC="10")
    assert lost in rig.queries(), "the account does not show it: it is asked about"
    rig.absent(lost)
    assert rig.submitted() == []
    rig.tick(rig.engine.config.timing.query_ms)
    assert rig.queries() == [lost]
    rig.absent(lost)
    assert (rig.state_of(lost), rig.order(lost).code) == (OrderState.REJECTED, LOST)
    assert LOST in rig.notes()
    (stop,) = rig.submitted()
    assert (stop.purpose, stop.quantity, stop.stop_price) == (Purpose.STOP, 10, rig.order(lost).intent.stop_price)
    assert stop.client_order_id != lost
    rig.accept(stop.client_order_id)
    assert rig.position.unprotected_since_ms is None
    assert rig.position.exit_reason == ""
    rig.tick(600_000)
    assert lost not in rig.queries(), "it is not asked about for ever"


def test_an_absence_that_is_not_sure_takes_no_stop_for_lost() -> None:
    rig = Rig.holding()
    stop = stop_of(rig)
    for _ in range(30):
        rig.absent(stop, conclusive=False)
        rig.tick(2_000)
    rig.absent(stop)
    rig.found(stop, OrderState.OPEN)
    rig.absent(stop)
    assert rig.state_of(stop) is OrderState.OPEN
    assert rig.submitted() == []


def test_a_lost_stop_that_appears_after_all_is_cancelled() -> None:
    rig = Rig.holding()
    lost = stop_of(rig)
    rig.snapshot_again(rig.filled_entry(), USDT="9000", BTC="10")
    absent_until_gone(rig, lost)
    rig.accept(rig.one(Purpose.STOP))
    rig.found(lost, OrderState.OPEN)
    assert rig.cancels() == [lost]
    assert "LATE_ORDER" in rig.notes()


@pytest.mark.parametrize("purpose", [Purpose.ENTRY, Purpose.EXIT])
def test_a_lost_market_order_is_given_up_as_late_as_missing_coins(purpose: Purpose) -> None:
    """It may have traded, with the exchange's history late: then a second one would trade twice."""
    rig = Rig.started()
    lost = rig.entered()
    if purpose is Purpose.EXIT:
        rig.fill(lost, "10", "100")
        rig.accept(rig.one(Purpose.STOP))
        rig.command(CommandKind.CLOSE_ALL)
        rig.cancelled(rig.cancels()[0])
        rig.snapshot()
        lost = rig.one(Purpose.EXIT)
        rig.accept(lost)
    since = rig.now
    absent_until_gone(rig, lost)
    assert rig.now - since >= rig.engine.config.timing.missing_ms
    assert rig.order(lost).code == LOST
    if purpose is Purpose.ENTRY:
        assert rig.is_flat
        assert rig.submitted() == [], "what was decided so long ago is not bought any more"
    else:
        rig.snapshot()
        assert rig.submitted()[0].purpose is Purpose.EXIT


def test_what_a_lost_entry_bought_stays_and_stays_protected() -> None:
    rig = Rig.started()
    lost = rig.entered()
    rig.fill(lost, "4", "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    absent_until_gone(rig, lost)
    assert rig.position.quantity == 4
    assert [order.id for order in rig.engine.state.live_orders("BTC/USDT")] == [stop]


def test_fills_that_the_exchange_told_of_and_lost_halt_entries() -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.cancelled(entry, filled="4")
    assert rig.queries() == [entry]
    absent_until_gone(rig, entry)
    assert (rig.state_of(entry), rig.order(entry).code) == (OrderState.CANCELED, LOST)
    assert rig.engine.state.safety.halt_code == LOST
    (trip,) = rig.recorded(Trip)
    assert trip.code == LOST
    assert "4 of it filled by its word" in trip.text
    assert rig.is_flat
    rig.candle("100", say=ENTER)
    assert rig.veto() == "HALTED"


def with_unseen_trades() -> tuple[Rig, str]:
    """An entry that was cancelled when 4 of it had filled, by the exchange's word, of which it shows no trades."""
    rig = Rig.started()
    entry = rig.entered()
    rig.cancelled(entry, filled="4")
    for _ in range(400):
        rig.found(entry, OrderState.CANCELED, "4")
        rig.tick(2_000)
        if "ORDER_NEEDS_PERSON" in rig.notes():
            return rig, entry
    raise AssertionError("nobody was told")


def test_trades_that_are_never_shown_are_told_and_a_person_ends_the_waiting() -> None:
    rig, entry = with_unseen_trades()
    rig.candle("100", say=ENTER)
    assert rig.submitted() == []
    rig.command(CommandKind.RESOLVE, entry, "ignore")
    assert rig.notes() == ["ORDER_RESOLVED"]
    assert (rig.order(entry).is_settled, rig.order(entry).code) == (True, RESOLVED)
    assert rig.is_flat
    rig.found(entry, OrderState.CANCELED, "4")
    rig.cancelled(entry, filled="4")
    assert (rig.actions, rig.order(entry).is_settled) == ([], True), "what was known when it was ignored is no news"
    assert rig.entered() != entry


def test_trades_that_are_shown_after_they_were_ignored_are_booked_and_sold() -> None:
    rig, entry = with_unseen_trades()
    rig.command(CommandKind.RESOLVE, entry, "ignore")
    rig.found(entry, OrderState.CANCELED, "4", rig.a_fill(entry, "4", "100"))
    assert (rig.position.quantity, rig.position.exit_reason) == (4, "late fill")
    assert rig.order(entry).is_settled


@pytest.mark.parametrize("choice", ["adopt", "close"])
def test_of_an_order_that_has_ended_there_is_nothing_to_adopt(choice: str) -> None:
    rig, entry = with_unseen_trades()
    rig.command(CommandKind.RESOLVE, entry, choice)
    assert rig.notes() == ["CANNOT_RESOLVE"]
    assert rig.order(entry).has_unseen_fills


def test_a_sale_whose_trades_are_ignored_is_booked_at_the_last_price() -> None:
    rig = Rig.holding()
    rig.command(CommandKind.CLOSE_ALL)
    rig.cancelled(rig.cancels()[0])
    rig.snapshot()
    exit_ = rig.one(Purpose.EXIT)
    rig.accept(exit_)
    rig.cancelled(exit_, filled="10")
    rig.snapshot_again(rig.report(exit_, OrderState.CANCELED, "10"), USDT="10000", BTC="0")
    rig.tick(600_001)
    rig.command(CommandKind.RESOLVE, exit_, "ignore")
    assert rig.is_flat
    assert [(c.quantity, c.cash) for c in rig.corrections()] == [(-10, 1_000)], "at the last price, 100"
    assert (rig.cash, rig.engine.equity(), rig.engine.state.safety.halted) == (10_000, 10_000, "")


@pytest.mark.parametrize("is_lost", [True, False])
def test_the_owners_coins_are_not_sold_for_a_sale_whose_trades_do_not_show(is_lost: bool) -> None:
    """25 of the coins are the owner's, and the bot's 10 are sold: lost by the exchange, or ignored by a person."""
    rig = Rig.started(USDT="10000", BTC="25")
    rig.fill(rig.entered(), "10", "100")
    rig.accept(rig.one(Purpose.STOP))
    rig.command(CommandKind.CLOSE_ALL)
    rig.cancelled(rig.cancels()[0])
    rig.snapshot(USDT="9000", BTC="35")
    exit_ = rig.one(Purpose.EXIT)
    rig.accept(exit_)
    rig.cancelled(exit_, filled="10")
    if is_lost:
        absent_until_gone(rig, exit_)
    else:
        rig.tick(600_001)
        rig.command(CommandKind.RESOLVE, exit_, "ignore")
    assert rig.is_flat
    for _ in range(4):
        rig.snapshot_again(USDT="10000", BTC="25")
        assert rig.submitted() == []
        rig.tick(rig.engine.config.timing.missing_ms)
        assert rig.submitted() == []


def test_what_a_stop_left_is_sold_though_the_trades_of_what_it_sold_never_show() -> None:
    """It was cancelled to be moved when 2 of it had just filled. 8 are held, and nothing protects them."""
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.cancelled(stop, filled="2")
    assert rig.position.exit_reason == "stop"
    rig.snapshot_again(rig.report(stop, OrderState.CANCELED, "2"), USDT="9000", BTC="8")
    (exit_,) = rig.submitted()
    assert (exit_.purpose, exit_.quantity) == (Purpose.EXIT, 8)
    rig.fill(exit_.client_order_id, "8", "100")
    assert rig.position.quantity == 2, "not over before the rest is booked"
    rig.found(stop, OrderState.CANCELED, "2", rig.a_fill(stop, "2", "100"))
    assert rig.is_flat
    assert rig.corrections() == []


def test_a_shutdown_protects_what_a_stop_left() -> None:
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.command(CommandKind.PROTECT)
    rig.cancelled(stop, filled="2")
    (again,) = rig.submitted()
    assert (again.purpose, again.quantity) == (Purpose.STOP, 8)


@pytest.mark.parametrize(("state", "filled"), [(OrderState.FILLED, "10"), (OrderState.PARTIALLY_FILLED, "4")])
def test_what_was_bought_without_a_trade_that_shows_it_is_told_as_soon_as_a_bare_position(
    state: OrderState, filled: str
) -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.found(entry, state, filled)
    since, told = rig.now, ""
    while not told and rig.now - since < 60_000:
        rig.tick(1_000)
        told = next((note.text for note in rig.asked(Notify) if note.code == "ORDER_NEEDS_PERSON"), "")
        if rig.queries():
            rig.found(entry, state, filled)
    assert rig.now - since <= rig.engine.config.timing.protect_ms + 2_000
    assert "it is in no position, and has no stop" in told


def test_an_ended_order_of_a_lost_database_that_is_ignored_is_never_booked() -> None:
    rig = Rig.started()
    order_id = f"{bot_tag(BOT)}{'0' * 26}"
    shown = OrderReport(
        client_order_id=order_id,
        exchange_order_id="x9",
        symbol="BTC/USDT",
        state=OrderState.OPEN,
        filled_quantity=D(0),
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=D(10),
        price=D(90),
    )
    rig.snapshot_again(shown, USDT="10000")
    rig.command(CommandKind.KILL)
    rig.cancelled(order_id, filled="4")
    trade = rig.a_fill(order_id, "4", "90")
    rig.command(CommandKind.RESOLVE, order_id, "ignore")
    ended = replace(shown, state=OrderState.CANCELED, filled_quantity=D(4), fills=(trade,))
    rig.snapshot_again(ended, USDT="10000")
    assert (rig.is_flat, rig.cash) == (True, 10_000)


@pytest.mark.parametrize("kind", [CommandKind.KILL, CommandKind.PAUSE])
def test_a_lost_cancel_of_an_entry_is_asked_for_again_while_entries_are_stopped(kind: CommandKind) -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.command(kind)
    assert rig.cancels() == [entry]
    rig.cancel_unknown(entry)
    for _ in range(30):
        rig.tick(1_000)
        if entry in rig.cancels():
            return
        if rig.queries():
            rig.found(entry, OrderState.OPEN)
            if entry in rig.cancels():
                return
    raise AssertionError("it may still fill, and nothing is done about it")


def test_a_restart_asks_about_a_stop_and_replaces_a_lost_one_after_the_account_is_read() -> None:
    before = Rig.holding()
    lost = stop_of(before)
    rig = Rig(state=before.engine.state)
    rig.now = before.now
    rig.send(Started(time_ms=rig.now, bot_id="bot"))
    assert lost in rig.queries()
    account = rig.actions
    rig.absent(lost)
    rig.absent(lost)
    assert rig.state_of(lost) is OrderState.OPEN, "nothing follows before the account has been read"
    rig.actions = account
    rig.snapshot(rig.filled_entry(), USDT="9000", BTC="10")
    rig.absent(lost)
    assert rig.one(Purpose.STOP)
