"""A market that takes no order any more, as one that was halted or delisted."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.support.builders import BTC, D
from tests.support.rig import Rig
from trading.domain.actions import FetchAccount, SubmitOrder
from trading.domain.events import AccountSnapshot
from trading.domain.orders import Purpose
from trading.domain.positions import Balance

HOUR_S = 3_600


def tried_in_an_hour(rig: Rig) -> dict[Purpose, list[int]]:
    """The exchange has cancelled the stop, if there was one, and refuses all that comes: in which seconds what came."""
    for stop in rig.engine.state.live_orders(BTC.symbol):
        rig.cancelled(stop.id)
    tried: dict[Purpose, list[int]] = {Purpose.STOP: [], Purpose.EXIT: []}
    held = {"BTC": Balance(rig.position.quantity), "USDT": Balance(rig.cash)}
    waiting = list(rig.actions)
    for second in range(HOUR_S):
        while waiting:
            action = waiting.pop(0)
            if isinstance(action, SubmitOrder):
                tried[action.order.value.purpose].append(second)
                waiting += rig.reject(action.order.value.client_order_id, "-1013")
            elif isinstance(action, FetchAccount):
                waiting += rig.send(AccountSnapshot(time_ms=rig.now, token=action.token, balances=held))
        waiting += rig.tick(1_000)
    return tried


def too_small_for_a_stop() -> Rig:
    """0.051 are worth 5.1 now, and 4.998 at the stop's price: the exchange would not take the stop."""
    rig = Rig.started()
    entry = rig.entered()
    rig.fill(entry, "0.051", "100")
    rig.cancelled(entry, "0.051", expired=True)
    assert rig.position.quantity == D("0.051")
    return rig


@pytest.mark.parametrize("is_small", [False, True])
def test_a_sale_is_tried_every_ten_seconds_for_ever_where_no_stop_can_rest(is_small: bool) -> None:
    rig = too_small_for_a_stop() if is_small else Rig.holding()
    bound_s = rig.engine.config.timing.protect_ms // 1_000
    sales = tried_in_an_hour(rig)[Purpose.EXIT]
    assert max(b - a for a, b in pairwise([0, *sales, HOUR_S])) <= bound_s


def test_a_market_that_refuses_everything_is_not_hammered() -> None:
    tried = tried_in_an_hour(Rig.holding())
    assert len(tried[Purpose.EXIT]) <= HOUR_S // 10 + 5
    assert 20 < len(tried[Purpose.STOP]) <= 40


def test_no_stop_is_tried_where_the_exchange_would_take_none() -> None:
    assert tried_in_an_hour(too_small_for_a_stop())[Purpose.STOP] == []
