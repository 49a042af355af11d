"""A market that takes no order any more, as one that was halted or delisted."""

from __future__ import annotations

from itertools import pairwise

import pytest
from msgspec.structs import replace

from tests.support.builders import BTC, D
from tests.support.rig import Rig
from trading.domain.actions import FetchAccount, QueryOrder, SubmitOrder
from trading.domain.events import AccountSnapshot, CommandKind
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


def refused_often(rig: Rig) -> None:
    """A sale has been refused so often, a stop resting each time, that the next one waits for two minutes."""
    rig.refused(9)
    assert rig.position.exit_retry_ms - rig.now > 120_000


def seconds_until_sold(rig: Rig) -> int:
    """How long it takes until a sale is tried while no stop arrives at the exchange, and none is found there."""
    began, waiting = rig.now, list(rig.actions)
    while rig.now - began < 200_000:
        while waiting:
            action = waiting.pop(0)
            if isinstance(action, SubmitOrder):
                if action.order.value.purpose is Purpose.EXIT:
                    return (rig.now - began) // 1_000
                waiting += rig.unknown(action.order.value.client_order_id)
            elif isinstance(action, QueryOrder):
                waiting += rig.absent(action.client_order_id)
            elif isinstance(action, FetchAccount):
                held = {"BTC": Balance(rig.position.quantity), "USDT": Balance(rig.cash)}
                waiting += rig.send(AccountSnapshot(time_ms=rig.now, token=action.token, balances=held))
        waiting += rig.tick(1_000)
    raise AssertionError("never sold")


def test_a_sale_does_not_wait_for_long_where_the_stop_that_was_to_rest_meanwhile_never_arrives() -> None:
    rig = Rig.holding()
    refused_often(rig)
    timing = rig.engine.config.timing
    assert seconds_until_sold(rig) <= (2 * timing.protect_ms + timing.answer_ms) // 1_000


def test_a_wait_that_a_clock_which_was_ahead_has_left_is_shortened_where_no_stop_rests() -> None:
    rig = Rig.holding()
    refused_often(rig)
    rig.reject(rig.one(Purpose.STOP), "-1013")
    far_ms = rig.now + 100_000
    rig.engine.state.put(replace(rig.position, exit_retry_ms=far_ms, stop_retry_ms=far_ms))
    again = rig.restarted()
    assert seconds_until_sold(again) <= 2 * rig.engine.config.timing.protect_ms // 1_000 + 1


def test_in_the_last_seconds_of_a_stop_what_can_have_no_stop_is_still_sold() -> None:
    """Its entry is still being cancelled when everything is to be closed, and the sale is refused until then."""
    rig = Rig.started()
    entry = rig.entered()
    rig.fill(entry, "0.051", "100")
    rig.command(CommandKind.CLOSE_ALL, reason="shutdown")
    rig.cancelled(entry, "0.051")
    rig.snapshot()
    rig.reject(rig.one(Purpose.EXIT), "-1013")
    rig.command(CommandKind.PROTECT, reason="shutdown")
    assert seconds_until_sold(rig) <= 1


def test_a_market_that_refuses_everything_is_not_hammered() -> None:
    tried = tried_in_an_hour(Rig.holding())
    assert len(tried[Purpose.EXIT]) <= HOUR_S // 10 + 5
    assert 20 < len(tried[Purpose.STOP]) <= 40


def test_no_stop_is_tried_where_the_exchange_would_take_none() -> None:
    assert tried_in_an_hour(too_small_for_a_stop())[Purpose.STOP] == []
