"""What the engine says of candles that would change nothing: exact bounds, and none while anything is under way."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.builders import BTC, HOLD, MINUTE, T0, D, config
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


def test_a_position_is_quiet_up_to_its_highest_price_and_below_its_target() -> None:
    rig = Rig.holding(settings=NO_HOLDS)
    assert quiet(rig) is None  # no candle has shown a highest price yet
    rig.candle("101", high="101.5")
    # The stop at 98 rests at the exchange, which says itself what touches it.
    assert quiet(rig) == QuietRange(above=D(0), below=D(106), up_to=D("101.5"))


def test_a_quiet_candle_changes_the_last_price_and_nothing_else() -> None:
    rig = Rig.holding(settings=NO_HOLDS)
    rig.candle("101", high="101.5")
    before = [record for record in rig.engine.state.records() if record not in rig.engine.state.symbols.values()]
    rig.candle("98.5", high="101.5", low="98.01", say=HOLD)
    assert rig.actions == []
    after = [record for record in rig.engine.state.records() if record not in rig.engine.state.symbols.values()]
    assert after == before


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
    assert quiet(rig) == QuietRange(above=D(0), below=D(106), up_to=D(105))


def bare(quantity: str) -> EngineConfig:
    return config(record_holds=False, timing=Timing(reconcile_ms=0), protect=False, fixed_quantity=D(quantity))


@pytest.mark.parametrize(("quantity", "dust_below"), [("10", "0.5"), ("0.06", "83.33333333333333333333333333")])
def test_a_position_without_stop_is_quiet_until_it_is_dust(quantity: str, dust_below: str) -> None:
    rig = Rig.started(bare(quantity))
    rig.fill(rig.entered(), quantity, "100")
    rig.candle("101")
    assert quiet(rig) == QuietRange(above=Decimal(dust_below), below=D("Infinity"), up_to=D("Infinity"))


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
    assert worth.most == rig.engine.equity() == 10_040
    # A daily fall of 5 % of the peak trips it; it warns at four fifths of that.
    assert worth.least == D(10_040) * D("0.96")
    assert worth.until_ms == (T0 // DAY_MS + 1) * DAY_MS


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
