"""Orders with our tag that the database does not know: recognised by their ids, or left to a person."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.builders import BOT, BTC, ENTER, D, config
from tests.support.rig import Rig
from trading.domain.events import CommandKind, OrderFound, OrderReport, Started
from trading.domain.orders import OrderState, OrderType, Purpose, Side
from trading.engine.adoption import LEGS_AHEAD, NOT_REMEMBERED
from trading.engine.ids import bot_tag, client_order_id
from trading.engine.state import EngineState

LOST = bot_tag(BOT) + "0" * 26


def restarted(rig: Rig, records_before: list[object]) -> Rig:
    """The same bot, started again from an older commit."""
    state = EngineState(BOT)
    state.restore(records_before)  # type: ignore[arg-type]
    again = Rig(state=state)
    again.send(Started(time_ms=again.now, bot_id=BOT))
    return again


def report(order_id: str = LOST, state: OrderState = OrderState.OPEN, side: Side = Side.BUY) -> OrderReport:
    return OrderReport(
        client_order_id=order_id,
        exchange_order_id="77",
        symbol=BTC.symbol,
        state=state,
        filled_quantity=D(0),
        side=side,
        type=OrderType.LIMIT,
        quantity=D(2),
        price=D(90),
    )


def test_a_stop_that_was_sent_while_nothing_could_be_stored_is_recognised_and_not_sent_again() -> None:
    rig = Rig.started()
    entry = rig.entered()
    before = rig.engine.state.records()
    rig.fill(entry, "10", "100")
    stop = rig.one(Purpose.STOP)
    entry_shown = rig.report(entry, OrderState.FILLED, "10", rig.recorded_fill(entry))
    stop_shown = rig.report(stop, OrderState.OPEN)

    again = restarted(rig, before)
    again.snapshot(entry_shown, stop_shown, BTC="10", USDT="9000")

    assert again.submitted() == []
    assert again.state_of(stop) is OrderState.OPEN
    assert again.order(stop).intent.purpose is Purpose.STOP
    assert again.position.quantity == D(10)
    assert again.position.orders_placed == 1


def test_an_id_that_was_refused_as_a_duplicate_is_asked_about() -> None:
    rig = Rig.started()
    rig.fill(rig.entered(), "10", "100")
    stop = rig.one(Purpose.STOP)
    rig.reject(stop, duplicate=True)
    assert rig.state_of(stop) is OrderState.UNKNOWN
    rig.tick(rig.engine.config.timing.query_ms)
    assert rig.queries() == [stop]


def test_an_order_of_a_lost_database_blocks_its_symbol_and_is_not_touched() -> None:
    rig = Rig(config())
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
    rig.snapshot(report(), USDT="10000")
    assert rig.notes() == [NOT_REMEMBERED]
    assert rig.cancels() == []
    rig.tick(60_000)
    assert rig.cancels() == [] and rig.queries() == []
    with pytest.raises(ValueError, match="not enough values"):
        rig.entered()
    assert rig.veto() == "ORDERS_UNRESOLVED"


def test_a_finished_order_of_a_lost_database_is_noted_and_blocks_nothing() -> None:
    rig = Rig(config())
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
    rig.snapshot(replace(report(), state=OrderState.FILLED, filled_quantity=D(2)), USDT="10000", BTC="2")
    assert rig.notes() == [NOT_REMEMBERED]
    assert rig.is_flat
    again = rig.restarted()
    again.snapshot(replace(report(), state=OrderState.FILLED, filled_quantity=D(2)), USDT="10000", BTC="2")
    assert again.notes() == [], "told once"
    again.entered()


@pytest.mark.parametrize("choice", ["adopt", "close"])
def test_a_person_gives_a_lost_entry_to_the_bot(choice: str) -> None:
    rig = Rig(config())
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
    rig.candle("100")
    rig.snapshot_again(report(), USDT="10000")
    rig.command(CommandKind.RESOLVE, LOST, choice)
    assert rig.queries() == [LOST]
    assert (rig.cancels() == [LOST]) is (choice == "close")
    fill = rig.a_fill(LOST, "2", "90")
    rig.send(
        OrderFound(
            time_ms=rig.now,
            report=replace(report(), state=OrderState.FILLED, filled_quantity=D(2), fills=(fill,)),
        )
    )
    assert rig.position.quantity == D(2)
    if choice == "adopt":
        assert rig.one(Purpose.STOP)
        assert rig.position.stop_price == D("85.5")
    else:
        rig.snapshot(BTC="2", USDT="9820")
        assert rig.one(Purpose.EXIT)


def test_a_person_says_that_an_order_is_none_of_the_bots() -> None:
    rig = Rig(config())
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
    rig.snapshot(report(), USDT="10000")
    rig.command(CommandKind.RESOLVE, LOST, "ignore")
    assert rig.state_of(LOST) is OrderState.REJECTED
    assert rig.cancels() == []
    rig.entered()


def test_an_order_that_is_none_of_the_bots_is_left_alone_whatever_it_does() -> None:
    rig = Rig(config())
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
    rig.snapshot(report(), USDT="10000")
    rig.command(CommandKind.RESOLVE, LOST, "ignore")
    rig.snapshot_again(report(), USDT="10000")
    assert rig.cancels() == []
    rig.accept(LOST)
    assert rig.cancels() == []
    rig.fill(LOST, "2", "90")
    assert (rig.cancels(), rig.queries(), rig.is_flat, rig.cash) == ([], [], True, D(10_000))


def test_an_order_of_ours_that_a_person_did_not_find_is_cancelled_when_it_appears() -> None:
    rig = Rig.started()
    rig.candle("100", say=ENTER)
    order_id = rig.one(Purpose.ENTRY)
    rig.unknown(order_id)
    rig.command(CommandKind.RESOLVE, order_id, "ignore")
    assert rig.is_flat
    rig.send(OrderFound(time_ms=rig.now, report=rig.report(order_id, OrderState.OPEN)))
    assert rig.cancels() == [order_id]


@pytest.mark.parametrize(("target", "choice"), [("nothing", "adopt"), (LOST, "sell"), (LOST, "")])
def test_what_cannot_be_resolved_is_answered(target: str, choice: str) -> None:
    rig = Rig(config())
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
    rig.snapshot(report(), USDT="10000")
    before = rig.engine.state.records()
    rig.command(CommandKind.RESOLVE, target, choice)
    assert rig.notes() == ["CANNOT_RESOLVE"]
    assert rig.engine.state.records() == before


def test_ids_of_other_positions_are_not_mistaken() -> None:
    rig = Rig.holding()
    other = client_order_id(BOT, "another position", Purpose.STOP, rig.position.orders_placed + 1)
    rig.command(CommandKind.RECONCILE)
    rig.snapshot(report(other, side=Side.SELL), USDT="9000", BTC="10")
    assert rig.order(other).code == NOT_REMEMBERED


def test_a_fill_of_an_order_that_is_left_to_a_person_is_not_booked() -> None:
    rig = Rig.started()
    rig.send(OrderFound(time_ms=rig.now, report=report()))
    rig.fill(LOST, "2", "90")
    assert rig.is_flat
    assert rig.cash == 10_000


def test_nothing_is_resolved_before_the_account_has_been_read() -> None:
    rig = Rig()
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
    rig.send(OrderFound(time_ms=rig.now, report=report()))
    rig.command(CommandKind.RESOLVE, LOST, "adopt")
    assert rig.notes() == ["CANNOT_RESOLVE"]
    assert rig.order(LOST).code == NOT_REMEMBERED


def test_a_stop_that_was_moved_very_often_while_nothing_could_be_stored_is_recognised() -> None:
    """Its id lies further ahead than one look; each order before it shows the next ones."""
    rig = Rig.holding()
    position = rig.position
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    again = Rig(rig.engine.config, rig.engine.state)
    again.now = rig.now
    again.send(Started(time_ms=again.now, bot_id=BOT))
    last = position.orders_placed + 2 * LEGS_AHEAD + 10

    def sent(leg: int) -> OrderReport:
        order_id = client_order_id(BOT, position.id, Purpose.STOP, leg)
        state = OrderState.OPEN if leg == last else OrderState.CANCELED
        return replace(rig.report(stop.id, state), client_order_id=order_id)

    later = [sent(leg) for leg in range(last, position.orders_placed, -1)]
    again.snapshot(*later, rig.report(stop.id, OrderState.CANCELED), USDT="9000", BTC="10")
    (live,) = again.engine.state.live_orders(BTC.symbol)
    assert live.id == later[0].client_order_id
    assert live.code == ""
    assert again.submitted() == []


def test_a_purchase_that_is_adopted_beside_a_position_is_kept() -> None:
    rig = Rig.holding()
    rig.command(CommandKind.RECONCILE)
    rig.snapshot(report(), *rig._own_reports())
    rig.command(CommandKind.RESOLVE, LOST, "adopt")
    rig.fill(LOST, "2", "99")
    assert (rig.position.quantity, rig.position.exit_reason) == (12, "")
