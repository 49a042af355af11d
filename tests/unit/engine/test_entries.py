"""From a signal to an entry, or to the recorded reason why there is none."""

from __future__ import annotations

import pytest

from tests.support.builders import BOT, BTC, ENTER, ETH, EXIT, HOLD, MINUTE, T0, D, candle, config, signal
from tests.support.rig import Rig
from trading.domain.decisions import Decision, Verdict
from trading.domain.events import CandleClosed, Started
from trading.domain.orders import OrderType, Purpose, Side
from trading.engine.ids import bot_tag, client_order_id, decision_id
from trading.safety.checks import Limits


def test_an_entry_is_sized_recorded_and_sent_under_the_decisions_id() -> None:
    rig = Rig.started()
    rig.candle("100", say=ENTER)
    (intent,) = rig.submitted()
    # 1,000 quote at 100; 5 % of 10,000 would be lost by 227 units at a stop 2 away, so the size limit decides.
    assert intent.quantity == 10
    assert intent.side is Side.BUY
    assert intent.type is OrderType.MARKET
    assert not intent.reduces
    decided = decision_id(BOT, BTC.symbol, T0 + 60_000)
    assert intent.position_id == decided
    assert intent.client_order_id == client_order_id(BOT, decided, Purpose.ENTRY, 0)
    assert intent.client_order_id.startswith(bot_tag(BOT))
    assert len(intent.client_order_id) == 32
    (decision,) = rig.recorded(Decision)
    assert decision.id == decided
    assert decision.verdict is Verdict.ENTER_LONG
    assert decision.veto == ""
    assert decision.quantity == 10
    assert decision.price == 100
    assert rig.position.id == decided
    assert rig.position.stop_distance == 2
    assert rig.position.target_distance == 6
    assert rig.position.trail_distance == 4


def test_the_size_follows_from_what_the_stop_would_lose() -> None:
    """5 % of 10,000 are 500: over 80 of stop distance and 2 x 0.1 % of 100 for fees, 6.234 units."""
    rig = Rig.started()
    rig.candle("100", say=signal(Verdict.ENTER_LONG, 80.0))
    (intent,) = rig.submitted()
    assert intent.quantity == D("6.234")


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(max_position_notional=D(5_000)), "30"),
        (Limits(max_position_notional=D(5_000), max_symbol_pct=D(7)), "7"),
        (Limits(max_position_notional=D(5_000), max_gross_pct=D(12)), "12"),
    ],
)
def test_the_size_fits_every_limit(limits: Limits, expected: str) -> None:
    """Of 10,000 at a price of 100, each percent of a limit is one unit."""
    rig = Rig.started(config(limits=limits))
    rig.candle("100", say=ENTER)
    (intent,) = rig.submitted()
    assert intent.quantity == D(expected)


def test_what_is_held_already_leaves_less_for_the_next() -> None:
    rig = Rig.started(config(limits=Limits(max_position_notional=D(5_000), max_gross_pct=D(40))))
    rig.fill(rig.entered(), "30", "100")
    rig.candle("100", say=ENTER, symbol=ETH.symbol)
    (intent,) = rig.submitted()
    assert intent.quantity == 10


def test_with_no_exposure_left_the_limit_refuses_by_its_name() -> None:
    rig = Rig.started(config(limits=Limits(max_position_notional=D(5_000), max_gross_pct=D(30))))
    rig.fill(rig.entered(), "30", "100")
    rig.candle("100", say=ENTER, symbol=ETH.symbol)
    assert rig.submitted() == []
    assert rig.veto() == "LIMIT_GROSS_EXPOSURE"


def test_a_fixed_quantity_takes_the_place_of_sizing() -> None:
    rig = Rig.started(config(fixed_quantity=D("1.5"), protect=False))
    rig.candle("100", say=signal(Verdict.ENTER_LONG, 0.0))
    (intent,) = rig.submitted()
    assert intent.quantity == D("1.5")
    assert rig.position.stop_distance is None


# -- vetoes


@pytest.mark.parametrize(
    ("atr", "veto"), [(0.0, "SIZE_INPUT_UNKNOWN"), (float("nan"), "SIZE_INPUT_UNKNOWN"), (200.0, "SIZE_STOP_TOO_FAR")]
)
def test_an_entry_that_cannot_be_sized_is_vetoed(atr: float, veto: str) -> None:
    rig = Rig.started()
    rig.candle("100", say=signal(Verdict.ENTER_LONG, atr))
    assert rig.submitted() == []
    assert rig.veto() == veto
    assert rig.is_flat


def test_an_entry_is_vetoed_while_one_is_held_or_open() -> None:
    rig = Rig.holding()
    rig.candle("100", say=ENTER)
    assert rig.submitted() == []
    assert rig.veto() == "POSITION_OPEN"


def test_an_entry_is_vetoed_while_fills_of_an_old_order_are_missing() -> None:
    rig = Rig.started()
    order_id = rig.entered()
    rig.fill(order_id, "10", "100")
    stop = rig.one(Purpose.STOP)
    rig.fill(stop, "10", "98")
    assert rig.is_flat
    rig.cancelled(order_id, "11")
    rig.candle("100", say=ENTER)
    assert rig.submitted() == []
    assert rig.veto() == "ORDERS_UNRESOLVED"


def test_an_entry_is_vetoed_before_the_account_has_been_read() -> None:
    rig = Rig()
    rig.candle("100", say=ENTER)
    assert rig.veto() == "NOT_RECONCILED"
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
    rig.candle("100", say=ENTER)
    assert rig.veto() == "NOT_RECONCILED"


def test_the_risk_check_vetoes_with_its_code_and_values() -> None:
    rig = Rig.started(config(limits=Limits(max_open_positions=1)))
    rig.entered()
    rig.candle("100", say=ENTER, symbol=ETH.symbol)
    decision = rig.recorded(Decision)[-1]
    assert decision.veto == "LIMIT_OPEN_POSITIONS"
    assert decision.veto_detail == "1 positions are open, 1 allowed"
    assert rig.submitted() == []


def test_entries_per_minute_are_bounded_and_the_minute_passes() -> None:
    rig = Rig.started(config(limits=Limits(max_orders_per_minute=1)))
    rig.candle("100", say=ENTER)
    rig.reject(rig.one(Purpose.ENTRY))
    rig.signals.coming = ENTER
    same_time = candle(0, "100", symbol=ETH.symbol)
    rig.send(CandleClosed(time_ms=rig.now, candle=same_time))
    assert rig.veto() == "ORDER_RATE"
    rig.candle("100", say=ENTER)
    assert rig.one(Purpose.ENTRY)


# -- other verdicts


def test_an_exit_signal_without_a_position_is_recorded_as_that() -> None:
    rig = Rig.started()
    rig.candle("100", say=EXIT)
    assert rig.veto() == "NOTHING_TO_EXIT"
    assert rig.actions == []


def test_an_exit_signal_during_an_exit_is_recorded_as_that() -> None:
    rig = Rig.holding()
    rig.candle("100", say=EXIT)
    rig.candle("100", say=EXIT)
    assert rig.veto() == "EXIT_UNDER_WAY"


def test_holds_are_recorded_only_where_that_is_asked_for() -> None:
    for record in (True, False):
        rig = Rig.started(config(record_holds=record))
        rig.candle("100", say=HOLD)
        rig.candle("100", say=EXIT)
        assert len(rig.recorded(Decision)) == (2 if record else 0)


def test_no_signal_no_decision() -> None:
    rig = Rig.started()
    assert rig.candle("100") == []
    assert rig.recorded(Decision) == []


# -- candles


def test_a_candle_is_handled_once() -> None:
    rig = Rig.started()
    shown = candle(0, "100")
    rig.signals.coming = HOLD
    rig.send(CandleClosed(time_ms=shown.close_time_ms, candle=shown))
    rig.signals.coming = ENTER
    assert rig.send(CandleClosed(time_ms=shown.close_time_ms, candle=shown)) == []
    assert [d.verdict for d in rig.recorded(Decision)] == [Verdict.HOLD]


def test_an_older_candle_is_ignored() -> None:
    rig = Rig.started()
    rig.candle("100")
    rig.candle("101")
    rig.send(CandleClosed(time_ms=T0 + 60_000, candle=candle(0, "7")))
    assert rig.engine.state.symbols[BTC.symbol].price == 101


def test_a_candle_that_is_old_when_it_comes_opens_no_position() -> None:
    """After a while away the missed candles come one after the other; the market has gone on since."""
    rig = Rig.started(config(stale_after_interval_ms=MINUTE))
    old, fresh = candle(0, "100"), candle(1, "100")
    bound_ms = rig.engine.config.timing.entry_fresh_ms
    for shown, age_ms, veto in ((old, bound_ms + 1, "CANDLE_TOO_OLD"), (fresh, bound_ms, "")):
        rig.tick(shown.close_time_ms + age_ms - rig.now)
        rig.signals.coming = ENTER
        rig.send(CandleClosed(time_ms=shown.close_time_ms, candle=shown))
        assert rig.veto() == veto
        assert len(rig.submitted()) == (0 if veto else 1)


def test_where_time_is_the_candles_own_no_candle_is_old() -> None:
    """A replay goes on where it stopped: its clock may have been told on while doubts were resolved."""
    rig = Rig.started()
    shown = candle(0, "100")
    rig.tick(shown.close_time_ms + rig.engine.config.timing.entry_fresh_ms + 1 - rig.now)
    rig.signals.coming = ENTER
    rig.send(CandleClosed(time_ms=shown.close_time_ms, candle=shown))
    assert len(rig.submitted()) == 1
