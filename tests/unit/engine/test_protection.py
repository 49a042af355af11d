"""The stop of every position: placed, grown, trailed, and what happens when it cannot rest."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.builders import BTC, INSTRUMENTS, D, config
from tests.support.rig import Rig
from trading.domain.events import CommandKind, OrderFilled
from trading.domain.orders import OrderState, OrderType, Purpose, Side
from trading.engine.config import Timing


def bought(rig: Rig, quantity: str = "10", price: str = "100") -> str:
    """Fill a new entry; the id of the stop sent for it."""
    rig.fill(rig.entered("100"), quantity, price)
    return rig.one(Purpose.STOP)


# -- placing and growing


def test_the_first_fill_is_protected_at_once() -> None:
    rig = Rig.started()
    rig.fill(rig.entered(), "4", "100.5")
    (stop,) = rig.submitted()
    assert stop.purpose is Purpose.STOP
    assert stop.side is Side.SELL
    assert stop.type is OrderType.STOP_MARKET
    assert stop.reduces
    assert stop.quantity == 4
    assert stop.stop_price == D("98.5")
    assert rig.position.target_price == D("106.5")
    assert rig.position.unprotected_since_ms == rig.now


def test_an_acknowledged_stop_ends_the_bare_time() -> None:
    rig = Rig.started()
    stop = bought(rig)
    rig.accept(stop)
    assert rig.position.unprotected_since_ms is None


def test_a_further_fill_grows_the_stop_once_the_smaller_one_is_gone() -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.fill(entry, "4", "100")
    small = rig.one(Purpose.STOP)
    rig.accept(small)
    rig.fill(entry, "6", "100")
    assert rig.cancels() == [small]
    assert rig.submitted() == []
    rig.cancelled(small)
    (grown,) = rig.submitted()
    assert grown.quantity == 10
    assert grown.stop_price == D(98)
    rig.accept(grown.client_order_id)
    assert rig.position.unprotected_since_ms is None


def test_a_stop_that_is_not_acknowledged_yet_is_grown_after_it_is() -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.fill(entry, "4", "100")
    small = rig.one(Purpose.STOP)
    rig.fill(entry, "6", "100")
    assert rig.notes() == ["POSITION_OPENED"]
    assert len(rig.actions) == 1
    rig.accept(small)
    assert rig.cancels() == [small]


def test_the_levels_follow_the_average_price_of_the_entry() -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.fill(entry, "5", "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.fill(entry, "5", "101")
    rig.cancelled(stop)
    (grown,) = rig.submitted()
    assert grown.stop_price == D("98.5")
    assert rig.position.target_price == D("106.5")


def test_what_a_base_fee_took_is_not_in_the_stop() -> None:
    rig = Rig.started()
    rig.fill(rig.entered(), "10", "100", "0.0105", "BTC")
    (stop,) = rig.submitted()
    assert rig.position.quantity == D("9.9895")
    assert stop.quantity == D("9.989")


def test_a_stop_larger_than_what_is_held_is_made_smaller() -> None:
    """After a shortfall was booked, the stop would sell coins that are the owner's."""
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.command(CommandKind.RECONCILE)
    rig.snapshot(rig.filled_entry(), USDT="9000", BTC="8")
    rig.tick(rig.engine.config.timing.missing_ms)
    rig.command(CommandKind.RECONCILE)
    rig.snapshot(rig.filled_entry(), USDT="9000", BTC="8")
    assert rig.position.quantity == 8
    assert rig.cancels() == [stop.id]
    rig.cancelled(stop.id)
    (smaller,) = rig.submitted()
    assert smaller.quantity == 8


def test_more_than_the_largest_order_is_protected_by_the_largest_and_closed_after_the_bound() -> None:
    rig = Rig.started(config(instruments={**INSTRUMENTS, BTC.symbol: replace(BTC, max_quantity=D(10))}))
    entry = rig.entered()
    rig.fill(entry, "25", "100")
    (stop,) = rig.submitted()
    assert stop.quantity == 10
    rig.accept(stop.client_order_id)
    assert rig.actions == []
    rig.tick(10_001)
    assert "UNPROTECTED" in rig.notes()
    assert rig.cancels() == [stop.client_order_id]


# -- trailing


def test_the_stop_trails_the_high_and_never_falls() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.candle("104", high="105")
    assert rig.position.high_water == 105
    assert rig.position.stop_price == 101
    assert rig.cancels() == [stop.id]
    rig.cancelled(stop.id)
    (trailed,) = rig.submitted()
    assert trailed.stop_price == 101
    assert trailed.quantity == 10
    rig.accept(trailed.client_order_id)
    rig.candle("102", low="101.5")
    assert rig.position.stop_price == 101
    assert rig.actions == []


def test_small_rises_move_no_stop() -> None:
    """Every move leaves the position bare for a round trip: a tenth of the distance is worth one, less is not."""
    rig = Rig.holding()
    rig.candle("102", high="102.39")
    assert rig.position.stop_price == 98
    assert rig.actions == []
    rig.candle("102.2", high="102.4")
    assert rig.position.stop_price == D("98.4")
    assert len(rig.cancels()) == 1


@pytest.mark.parametrize(("after_ms", "is_news"), [(5_000, True), (5_001, False)])
def test_of_a_candle_in_which_it_was_filled_only_the_close_is_known_to_be_later(after_ms: int, is_news: bool) -> None:
    """Its high may have been before the fill: it moves no stop. Right after the open, the whole candle counts."""
    rig = Rig.started()
    entry = rig.entered()
    rig.tick(after_ms)
    rig.fill(entry, "10", "100")
    rig.accept(rig.one(Purpose.STOP))
    rig.candle("100", high="105")
    assert rig.position.high_water == (105 if is_news else 100)
    assert rig.position.stop_price == (101 if is_news else 98)
    rig.candle("100", high="105")
    assert rig.position.stop_price == 101


def test_a_fill_that_is_dated_far_ahead_hides_no_later_candle() -> None:
    rig = Rig.started()
    entry = rig.entered()
    fill = replace(rig.a_fill(entry, "10", "100"), time_ms=rig.now + 3_600_000)
    rig.send(OrderFilled(time_ms=rig.now, fill=fill))
    rig.accept(rig.one(Purpose.STOP))
    rig.candle("100", high="106")
    assert rig.position.exit_reason == "target"


def test_a_target_that_was_touched_before_the_fill_is_not_taken() -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.tick(20_000)
    rig.fill(entry, "10", "100")
    rig.accept(rig.one(Purpose.STOP))
    rig.candle("100", high="106")
    assert not rig.position.exit_reason
    rig.candle("106")
    assert rig.position.exit_reason == "target"


def test_the_target_is_taken_when_the_high_reaches_it() -> None:
    rig = Rig.holding()
    rig.candle("103", high="105.99")
    assert not rig.position.exit_reason
    rig.candle("104", high="106")
    assert rig.position.exit_reason == "target"


def test_without_protection_the_engine_watches_the_stop_itself() -> None:
    rig = Rig.started(config(protect=False))
    rig.fill(rig.entered(), "10", "100")
    assert rig.notes() == ["POSITION_OPENED"]
    assert len(rig.actions) == 1
    rig.candle("99", low="98.01")
    assert not rig.position.exit_reason
    rig.candle("99", low="98")
    assert rig.position.exit_reason == "stop"


# -- when it cannot rest


def test_a_refused_stop_means_sell() -> None:
    rig = Rig.started()
    stop = bought(rig)
    rig.reject(stop)
    assert rig.position.exit_reason == "stop refused"
    assert rig.fetched()
    rig.snapshot()
    (exit_,) = rig.submitted()
    assert exit_.purpose is Purpose.EXIT
    assert exit_.type is OrderType.MARKET
    assert exit_.quantity == 10


def test_a_stop_that_ends_by_itself_is_placed_again_but_not_in_the_same_instant() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.cancelled(stop.id, expired=True)
    assert rig.submitted() == []
    assert rig.position.unprotected_since_ms == rig.now
    rig.tick(2_000)
    (again,) = rig.submitted()
    assert again.quantity == 10
    assert again.client_order_id != stop.id


def test_where_stops_end_again_and_again_the_position_is_sold() -> None:
    """As on an exchange that accepts first and refuses later. Each end is told."""
    rig = Rig.started()
    stop = bought(rig)
    for _ in range(2):
        rig.accept(stop)
        rig.cancelled(stop, expired=True)
        assert "STOP_ENDED" in rig.notes()
        assert not rig.position.exit_reason
        rig.tick(2_000)
        stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.cancelled(stop, expired=True)
    assert rig.position.exit_reason == "stops do not rest"
    rig.snapshot()
    assert rig.one(Purpose.EXIT)


def test_stops_that_end_now_and_then_are_placed_again() -> None:
    rig = Rig.started()
    stop = bought(rig)
    for _ in range(10):
        rig.accept(stop)
        rig.tick(1_801_000)
        rig.found(stop, OrderState.EXPIRED)
        assert not rig.position.exit_reason
        rig.tick(2_000)
        stop = rig.one(Purpose.STOP)


def test_a_stop_whose_cancelling_stays_in_doubt_is_told() -> None:
    """It was to be moved up, and the exchange has not answered since: it may be gone."""
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.candle("105")
    assert rig.cancels() == [stop.id]
    rig.cancel_unknown(stop.id)
    told: list[tuple[int, str]] = []
    began = rig.now
    while rig.now - began < 300_000:
        rig.tick(1_000)
        told += [(rig.now - began, code) for code in rig.notes()]
    ((after_ms, code),) = [entry for entry in told if not entry[1].startswith("BREAKER")]
    assert (code, after_ms <= 70_000) == ("STOP_IN_DOUBT", True)
    assert not rig.position.exit_reason, "it may as well rest"


@pytest.mark.parametrize("state", [OrderState.CANCELED, OrderState.EXPIRED])
def test_a_stop_found_ended_is_placed_again_but_not_in_the_same_instant(state: OrderState) -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.found(stop.id, state)
    assert rig.submitted() == []
    rig.tick(2_000)
    assert rig.one(Purpose.STOP)


def test_a_stop_that_is_never_acknowledged_is_given_up_after_the_bound() -> None:
    rig = Rig.started()
    stop = bought(rig)
    rig.unknown(stop)
    since = rig.position.unprotected_since_ms
    assert since is not None
    rig.tick(10_000 - (rig.now - since))
    assert not rig.position.exit_reason
    rig.tick(1)
    assert "UNPROTECTED" in rig.notes()
    assert rig.position.exit_reason == "unprotected"
    assert rig.cancels() == [stop]
    rig.cancelled(stop)
    rig.snapshot()
    assert rig.one(Purpose.EXIT)


def test_a_stop_that_is_heard_of_after_the_bound_is_kept() -> None:
    """As by the first look after a death: nothing told the time while the bot was away."""
    rig = Rig.started()
    stop = bought(rig)
    rig.now += 60_000
    rig.accept(stop)
    assert not rig.position.exit_reason
    assert rig.position.unprotected_since_ms is None
    assert "UNPROTECTED" not in rig.notes()
    rig.tick(60_000)
    assert rig.cancels() == []
    assert not rig.position.exit_reason


def test_a_stop_that_is_heard_of_after_the_bound_and_covers_too_little_is_not() -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.fill(entry, "4", "100")
    stop = rig.one(Purpose.STOP)
    rig.fill(entry, "6", "100")
    rig.now += 60_000
    rig.accept(stop)
    assert rig.position.exit_reason == "unprotected"


def test_a_stop_that_never_was_is_placed_again() -> None:
    rig = Rig.started()
    stop = bought(rig)
    rig.unknown(stop)
    rig.absent(stop)
    rig.absent(stop)
    assert rig.state_of(stop) is OrderState.REJECTED
    assert rig.one(Purpose.STOP) != stop


def test_the_bound_on_the_bare_time_is_a_setting() -> None:
    rig = Rig.started(config(timing=Timing(protect_ms=3_000)))
    stop = bought(rig)
    rig.unknown(stop)
    rig.tick(3_001)
    assert rig.position.exit_reason == "unprotected"


# -- the stop works


def test_a_stop_that_the_market_has_passed_unheard_of_is_asked_about_and_placed_again_if_gone() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.candle("99")
    rig.candle("98.5")
    assert rig.queries() == [], "the market is above it"
    rig.candle("97")
    assert rig.queries() == [stop.id]
    rig.absent(stop.id)
    rig.tick(rig.engine.config.timing.query_ms)
    rig.absent(stop.id)
    assert rig.one(Purpose.STOP) != stop.id


def test_a_stop_that_came_to_rest_within_the_candle_is_not_asked_about_for_what_was_before() -> None:
    rig = Rig.started()
    stop = bought(rig)
    rig.tick(5_000)
    rig.accept(stop)
    rig.candle("100", low="97")
    assert rig.queries() == []


def test_a_filled_stop_closes_the_position() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.triggered(stop.id)
    rig.fill(stop.id, "10", "97.9", "0.979")
    assert rig.is_flat
    assert rig.closed().exit_reason == "stop"
    assert rig.cash == D("10000") - D("21") - D("0.979")
    assert rig.notes() == ["STOP_HIT"]


def test_a_triggered_stop_is_left_to_fill_for_its_bound_then_sold_at_market() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.triggered(stop.id)
    assert rig.position.exit_reason == "stop"
    assert rig.actions == []
    rig.tick(5_000)
    assert rig.cancels() == []
    rig.tick(1)
    assert rig.cancels() == [stop.id]
    rig.cancelled(stop.id)
    assert rig.fetched()
    rig.snapshot()
    (exit_,) = rig.submitted()
    assert exit_.purpose is Purpose.EXIT
    assert exit_.quantity == 10


def test_a_stop_that_fills_in_part_is_followed_by_a_sale_of_the_rest() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.triggered(stop.id)
    rig.fill(stop.id, "4", "97.9")
    rig.tick(5_001)
    assert rig.cancels() == [stop.id]
    rig.cancelled(stop.id, "4")
    rig.snapshot()
    (exit_,) = rig.submitted()
    assert exit_.quantity == 6
    rig.fill(exit_.client_order_id, "6", "97")
    assert rig.is_flat
    assert rig.closed().exit_reason == "stop"


# -- dust


def test_an_entry_that_leaves_dust_is_booked_off_with_its_cost() -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.fill(entry, "0.04", "100")
    assert rig.actions == []
    rig.cancelled(entry, "0.04", expired=True)
    assert rig.is_flat
    assert rig.cash == 9_996
    assert rig.closed().net_profit(D(0)) == -4


def test_what_can_be_sold_but_not_protected_is_sold() -> None:
    """0.051 are worth 5.1 now, and 4.998 at the stop's price: the exchange would not take the stop."""
    rig = Rig.started()
    entry = rig.entered()
    rig.fill(entry, "0.051", "100")
    rig.cancelled(entry, "0.051", expired=True)
    assert rig.position.exit_reason == "too small to protect"
    rig.snapshot()
    (exit_,) = rig.submitted()
    assert exit_.quantity == D("0.051")
