"""Coins of the owner beside the bot's: they prove nothing, and are not sold."""

from __future__ import annotations

from tests.support.builders import D
from tests.support.rig import Rig
from trading.domain.actions import CancelOrder, FetchAccount, QueryOrder, SubmitOrder
from trading.domain.events import AccountSnapshot
from trading.domain.orders import Purpose
from trading.domain.positions import Balance


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
