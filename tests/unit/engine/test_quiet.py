"""What the engine says of candles that would change nothing: exact bounds, and none while anything is under way."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.builders import BTC, HOLD, MINUTE, T0, D, candle, config
from tests.support.rig import Rig
from trading.domain.orders import Purpose
from trading.engine.config import EngineConfig, Timing
from trading.engine.quiet import QuietRange
from trading.safety.breaker import DAY_MS

NO_HOLDS = config(record_holds=False, timing=Timing(reconcile_ms=0))


def quiet(rig: Rig) -> QuietRange | None:
    return rig.engine.quiet_range(BTC.symbol)


def test_a_flat_symbol_has_no_quiet_range() -> None:
    assert quiet(Rig.started(NO_HOLDS)) is None


def test_a_position_is_quiet_below_its_target_and_below_what_moves_its_stop() -> None:
    rig = Rig.holding(settings=NO_HOLDS)
    assert quiet(rig) is None  # no candle has shown a highest price yet
    rig.candle("101", high="101.5")
    # The stop at 98 rests at the exchange, which says itself what touches it. It follows the highest price at a
    # distance of 4, in steps of a tenth of that; the target is at 106.
    assert quiet(rig) == QuietRange(above=D(0), below=D("102.4"))


@pytest.mark.parametrize(("high", "moves"), [("102.39", False), ("102.4", True)])
def test_a_price_at_the_bound_moves_the_stop_and_one_below_does_not(high: str, moves: bool) -> None:
    rig = Rig.holding(settings=NO_HOLDS)
    rig.candle("101", high="101.5")
    rig.candle("102", high=high)
    assert bool(rig.cancels()) is moves


def test_a_quiet_candle_does_what_passing_over_it_does() -> None:
    handled, passed = Rig.holding(settings=NO_HOLDS), Rig.holding(settings=NO_HOLDS)
    for rig in (handled, passed):
        rig.candle("101", high="101.5")
    handled.candle("98.5", high="102", low="98.01", say=HOLD)
    assert handled.actions == []
    minutes = (handled.now - T0) // MINUTE
    passed.engine.pass_over(candle(minutes - 1, "98.5", high="102", low="98.01"), D(102))
    assert passed.engine.state.records() == handled.engine.state.records()
    assert passed.engine.state.now_ms == handled.engine.state.now_ms
    assert quiet(passed) == quiet(handled) == QuietRange(above=D(0), below=D("102.4"))


def test_nothing_is_quiet_where_holds_are_recorded() -> None:
    rig = Rig.holding(settings=config(timing=Timing(reconcile_ms=0)))
    rig.candle("101")
    assert quiet(rig) is None


def test_nothing_is_quiet_while_a_stop_is_being_moved() -> None:
    rig = Rig.holding(settings=NO_HOLDS)
    rig.candle("104", high="105")
    (cancel,) = rig.cancels()
    assert quiet(rig) is None
    rig.cancelled(cancel)
    assert quiet(rig) is None
    rig.accept(rig.one(Purpose.STOP))
    assert quiet(rig) == QuietRange(above=D(0), below=D("105.4"))


def bare(quantity: str) -> EngineConfig:
    return config(record_holds=False, timing=Timing(reconcile_ms=0), protect=False, fixed_quantity=D(quantity))


@pytest.mark.parametrize(("quantity", "dust_below"), [("10", "0.5"), ("0.06", "83.33333333333333333333333333")])
def test_a_position_without_stop_is_quiet_until_it_is_dust(quantity: str, dust_below: str) -> None:
    rig = Rig.started(bare(quantity))
    rig.fill(rig.entered(), quantity, "100")
    rig.candle("101")
    assert quiet(rig) == QuietRange(above=Decimal(dust_below), below=D("Infinity"))


def test_dust_is_booked_below_that_price() -> None:
    rig = Rig.started(bare("0.06"))
    rig.fill(rig.entered(), "0.06", "100")
    rig.candle("83.34")
    assert not rig.is_flat
    rig.candle("83.33")
    assert rig.is_flat


def test_the_breaker_has_no_news_between_its_floor_and_the_day_s_peak_before_midnight() -> None:
    rig = Rig.holding(settings=NO_HOLDS)
    rig.candle("104", high="104")
    worth = rig.engine.quiet_worth()
    assert worth is not None
    assert worth.peak == rig.engine.equity() == 10_040
    # A daily fall of 5 % of the peak trips it; it warns at four fifths of that.
    assert worth.least == D(10_040) * D("0.96")
    assert worth.until_ms == (T0 // DAY_MS + 1) * DAY_MS


def test_noting_a_peak_does_what_a_candle_at_a_new_peak_does() -> None:
    handled, noted = Rig.holding(settings=NO_HOLDS), Rig.holding(settings=NO_HOLDS)
    for rig in (handled, noted):
        rig.candle("104", high="104")
    handled.candle("104.1", high="104.1", say=HOLD)
    noted.engine.note_peak(D(10_041), handled.now)
    after = noted.engine.quiet_worth()
    assert after is not None
    assert (after.least, after.peak) == (D(10_041) * D("0.96"), 10_041)
    assert handled.engine.quiet_worth() == after
    assert noted.engine.state.breaker == handled.engine.state.breaker


def test_a_new_day_is_news_to_the_breaker() -> None:
    rig = Rig.holding(settings=NO_HOLDS)
    rig.candle("104", high="104")
    rig.candle("100")
    worth = rig.engine.quiet_worth()
    assert worth is not None
    rig.tick(worth.until_ms - rig.now - MINUTE)
    assert rig.engine.state.breaker.day_peak == 10_040
    rig.tick(MINUTE)
    assert rig.engine.state.breaker.day_peak == 10_000


def test_before_the_account_is_read_nothing_is_quiet() -> None:
    assert Rig(NO_HOLDS).engine.quiet_worth() is None


def test_periodic_reconciliation_leaves_nothing_quiet() -> None:
    assert Rig.holding(settings=config(record_holds=False)).engine.quiet_worth() is None
