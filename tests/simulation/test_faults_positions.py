"""Rows of the fault list (docs/TESTING.md) about positions: stops that do not fill, dust, fees, and halts."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.simulation.chaos.story import Story, settings
from tests.support.builders import BTC, ENTER, ETH, EXIT, D, candle
from tests.support.rig import Rig
from trading.domain.events import CommandKind
from trading.domain.orders import OrderState, Purpose
from trading.engine.entries import DECISION_FAILED
from trading.exchange.costs import BINANCE_SPOT, NO_COSTS
from trading.safety import approval, breaker
from trading.safety.approval import CHECK_FAILED
from trading.safety.checks import EntriesOpen, Limits, SymbolExposure

SHARED = replace(NO_COSTS, max_volume_share=D("0.5"))


@pytest.mark.parametrize("broken", ["a limit", "the switch's own check", "the circuit breaker"])
def test_row_16_an_error_in_a_safety_check_halts_entries_and_is_told(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    if broken == "the circuit breaker":
        monkeypatch.setattr(breaker, "look_at_equity", fails)
    else:
        monkeypatch.setattr(SymbolExposure if broken == "a limit" else EntriesOpen, "validate", fails)
    with Story(say={0: ENTER, 2: ENTER}) as story:
        story.until(130)
        assert story.state.safety.halt_code == CHECK_FAILED
        assert "BREAKER_HALT" in story.codes()
        story.until(190)
        assert "HALTED" in story.vetoes()
        assert story.requests("submit entry") == 0
        story.ends_well()


def test_row_18_a_stop_that_triggers_and_does_not_fill_is_followed_by_a_market_exit() -> None:
    """Nobody buys while the price is beyond the stop; when somebody does, it is the market order that sells."""
    fall = {3: candle(3, "97", open_="100", low="96", volume="0")}
    with Story(say={0: ENTER}, candles=fall, costs=SHARED) as story:
        story.until(211)
        assert story.known(Purpose.STOP)[0].triggered
        assert story.sold() == 0
        bound_s = story.bot.engine.config.timing.stop_fill_ms // 1000
        story.until(211 + bound_s + 3)
        assert story.at_exchange(Purpose.STOP)[0].state is OrderState.CANCELED
        assert len(story.resting(Purpose.EXIT)) == 1
        story.ends_well()
        assert story.position is None
        assert story.at_exchange(Purpose.EXIT)[0].state is OrderState.FILLED


def test_row_19_after_a_stop_that_filled_in_part_the_exit_sells_what_is_held() -> None:
    fall = {3: candle(3, "97", open_="100", low="96", volume="8")}
    with Story(say={0: ENTER}, candles=fall, costs=SHARED) as story:
        story.ends_well(240)
        (stop,), (exit_,) = story.at_exchange(Purpose.STOP), story.at_exchange(Purpose.EXIT)
        assert (stop.state, stop.filled) == (OrderState.CANCELED, 4)
        assert exit_.intent.quantity == exit_.filled == stop.intent.quantity - 4
        assert story.position is None


def test_row_20_a_rest_below_the_minimum_is_booked_as_dust_and_frees_the_slot() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.triggered(stop.id)
    rig.fill(stop.id, "9.96", "98")
    rig.cancelled(stop.id, "9.96", expired=True)
    assert rig.is_flat
    (dust,) = rig.corrections()
    assert dust.kind == "dust"
    assert dust.quantity == D("-0.04")
    assert rig.engine.is_idle(BTC.symbol)
    rig.candle("98", say=ENTER)
    assert rig.one(Purpose.ENTRY)


def test_row_21_with_the_fee_taken_in_the_bought_coin_stop_and_exit_are_of_the_net_balance() -> None:
    with Story(say={0: ENTER, 2: EXIT}, costs=BINANCE_SPOT) as story:
        story.until(70)
        (entry,) = story.at_exchange(Purpose.ENTRY)
        net = BTC.quantity_down(entry.filled * (1 - BINANCE_SPOT.taker_fee))
        assert net < entry.filled
        assert [stop.intent.quantity for stop in story.resting(Purpose.STOP)] == [net]
        story.ends_well(240)
        assert [exit_.filled for exit_ in story.at_exchange(Purpose.EXIT)] == [net]
        assert story.position is None, "what is left of the fee's rounding is dust"
        assert "ORDER_REJECTED" not in story.codes()


def test_row_29_risk_reducing_orders_pass_every_size_minimum_and_limit_of_ours() -> None:
    """The limits were lowered under what is held; the rest of a stop that filled in part is tiny."""
    tight = Limits(max_position_notional=D(1), max_symbol_pct=D("0.01"), max_orders_per_minute=1)
    rig = Rig.holding()
    rig.engine._desk.risk = approval.RiskCheck(tight)
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.triggered(stop.id)
    rig.fill(stop.id, "9.94", "98")
    rig.cancelled(stop.id, "9.94", expired=True)
    rig.snapshot()
    (exit_,) = rig.submitted()
    assert exit_.quantity == D("0.06")


@pytest.mark.parametrize("halt", ["kill", "pause", "halt", "all of them"])
def test_row_31_every_halt_lets_reducing_orders_out(halt: str) -> None:
    rig = Rig.started()
    entry = rig.entered()
    if halt in ("pause", "all of them"):
        rig.command(CommandKind.PAUSE)
    if halt in ("kill", "all of them"):
        rig.command(CommandKind.KILL)
    if halt in ("halt", "all of them"):
        rig.engine._desk.halt("TEST", "for the test")
    rig.fill(entry, "10", "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.command(CommandKind.CLOSE_ALL)
    rig.cancelled(stop)
    rig.snapshot()
    rig.fill(rig.one(Purpose.EXIT), "10", "100")
    assert rig.is_flat
    rig.candle("100", say=ENTER)
    assert rig.submitted() == []


def test_row_32_a_limit_that_cannot_be_evaluated_refuses() -> None:
    """A position without a price leaves the exposure unknown: nothing else is bought, in any symbol."""
    rig = Rig.holding()
    del rig.engine.state.symbols[BTC.symbol]
    rig.candle("100", say=ENTER, symbol=ETH.symbol)
    assert rig.submitted() == []
    assert rig.veto() == "NO_PRICE"


@pytest.mark.parametrize("limit", ["max_position_notional", "max_symbol_pct", "max_strategy_pct", "max_gross_pct"])
def test_row_32_a_limit_that_is_no_number_refuses_and_halts(limit: str) -> None:
    rig = Rig.started(settings(limits=replace(Limits(), **{limit: D("NaN")})))
    rig.candle("100", say=ENTER)
    assert rig.submitted() == []
    assert rig.engine.state.safety.halt_code == rig.veto() in (CHECK_FAILED, DECISION_FAILED)
