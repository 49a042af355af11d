"""An entry that was recorded and, as the bot died, certainly never sent: its decision is finished while it is fresh."""

from __future__ import annotations

from tests.support.builders import BOT, BTC, ENTER
from tests.support.rig import Rig
from trading.domain.events import CommandKind, Started
from trading.domain.orders import OrderState, Purpose


def restarted(rig: Rig) -> Rig:
    """Another engine with what the first one recorded, whose account has been read."""
    again = Rig(state=rig.engine.state)
    again.now = rig.now
    again.send(Started(time_ms=again.now, bot_id=BOT))
    again.snapshot(USDT="10000")
    return again


def interrupted() -> tuple[Rig, str]:
    """An entry was recorded when the bot died; a new one has asked about it once: the exchange does not know it."""
    rig = Rig.started()
    rig.candle("100", say=ENTER)
    order_id = rig.one(Purpose.ENTRY)
    rig = restarted(rig)
    rig.absent(order_id)
    assert rig.submitted() == []
    return rig, order_id


def test_a_fresh_one_is_placed_anew_under_an_id_of_its_own() -> None:
    rig, order_id = interrupted()
    rig.tick(2_000)
    rig.absent(order_id)
    assert rig.state_of(order_id) is OrderState.REJECTED
    (again,) = rig.submitted()
    first = rig.order(order_id).intent
    assert again.client_order_id != order_id
    assert (again.purpose, again.position_id, again.quantity) == (Purpose.ENTRY, first.position_id, first.quantity)
    assert (again.revision, again.created_ms) == (first.revision + 1, first.created_ms)
    rig.fill(again.client_order_id, str(again.quantity), "100")
    assert rig.position.quantity == again.quantity


def test_a_stale_one_is_given_up() -> None:
    rig, order_id = interrupted()
    rig.tick(5_001)
    rig.absent(order_id)
    assert rig.submitted() == []
    assert rig.is_flat


def test_none_is_placed_anew_when_the_kill_switch_was_set_meanwhile() -> None:
    rig, order_id = interrupted()
    rig.command(CommandKind.KILL, reason="enough")
    rig.absent(order_id)
    assert rig.submitted() == []
    assert "KILL_SWITCH" in rig.notes()
    assert rig.is_flat


def test_an_answer_lost_while_the_bot_lives_is_never_followed_by_a_second_order() -> None:
    rig = Rig.started()
    rig.candle("100", say=ENTER)
    order_id = rig.one(Purpose.ENTRY)
    rig.unknown(order_id)
    rig.absent(order_id)
    rig.absent(order_id)
    assert rig.state_of(order_id) is OrderState.REJECTED
    assert rig.submitted() == []
    assert rig.engine.is_idle(BTC.symbol)


def test_it_is_not_forgotten_that_it_was_tried_when_the_bot_dies_again() -> None:
    rig, order_id = interrupted()
    rig.tick(2_000)
    rig.absent(order_id)
    second = rig.one(Purpose.ENTRY)
    rig = restarted(rig)
    rig.absent(second)
    rig.tick(2_000)
    rig.absent(second)
    third = rig.one(Purpose.ENTRY)
    assert len({order_id, second, third}) == 3
    rig = restarted(rig)
    rig.absent(third)
    rig.tick(2_000)
    rig.absent(third)
    assert rig.submitted() == []
    assert rig.is_flat
