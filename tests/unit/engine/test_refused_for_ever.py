"""A market that takes no order any more, as one that was halted or delisted."""

from __future__ import annotations

from tests.support.builders import BTC
from tests.support.rig import Rig


def refused_for_an_hour(rig: Rig) -> int:
    """The exchange has cancelled the stop (halted, delisted) and refuses all that comes; how many orders came."""
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.cancelled(stop.id)
    sent = 0
    for _ in range(3_600):
        rig.tick(1_000)
        while ids := [intent.client_order_id for intent in rig.submitted()] or rig.fetched():
            if ids is True:
                rig.snapshot()
                continue
            for order_id in ids:
                sent += 1
                rig.reject(order_id, "-1013")
    return sent


def test_a_market_that_refuses_everything_is_not_hammered() -> None:
    assert 20 < refused_for_an_hour(Rig.holding()) < 180


def test_what_is_bare_is_tried_again_within_half_a_minute() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.cancelled(stop.id)
    tried = rig.now
    for _ in range(1_800):
        rig.tick(1_000)
        while rig.submitted() or rig.fetched():
            if rig.fetched():
                rig.snapshot()
            else:
                tried = rig.now
                rig.reject(rig.submitted()[0].client_order_id, "-1013")
        assert rig.now - tried <= 31_000
