"""Every halt is the same thing, whatever found its cause: latched, a trip in the history, told, entries cancelled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.support.builders import BOT, ENTER, ETH, MINUTE, D, config
from tests.support.rig import Rig
from trading.domain.actions import Level, Notify
from trading.domain.events import CommandKind, OrderFilled
from trading.engine import entries
from trading.engine.state import EngineState
from trading.safety import breaker
from trading.safety.approval import CHECK_FAILED, RiskCheck
from trading.safety.breaker import BreakerLimits, Trip, TripLevel
from trading.safety.checks import Check, Limits, entry_checks


def fails(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a bug")


class Broken:
    """A check of orders, and a decision path, with a bug in it."""

    validate = on_candle = staticmethod(fails)


def a_check_of_the_order_breaks(rig: Rig, _: pytest.MonkeyPatch) -> None:
    rig.engine._desk.risk = RiskCheck(Limits(), (Broken(),))
    rig.candle("100", say=ENTER)


def a_look_of_the_breaker_breaks(rig: Rig, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(breaker, "look_at_data", fails)
    rig.tick(1)


def the_decision_breaks(rig: Rig, _: pytest.MonkeyPatch) -> None:
    rig.engine._signals = Broken()
    rig.candle("100")


def sizing_breaks(rig: Rig, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(entries, "size_entry", fails)
    rig.candle("100", say=ENTER)


def a_trade_contradicts(rig: Rig, _: pytest.MonkeyPatch) -> None:
    entry = rig.entered()
    impossible = replace(rig.a_fill(entry, "4", "100", trade="t7"), price=D(-1))
    rig.send(OrderFilled(time_ms=rig.now, fill=impossible))


def the_breaker_trips(rig: Rig, _: pytest.MonkeyPatch) -> None:
    rig.candle("100", say=ENTER)
    rig.reject(rig.submitted()[0].client_order_id)


BUG = "ZeroDivisionError: a bug"
CAUSES = [
    (a_check_of_the_order_breaks, CHECK_FAILED, f"a safety check broke: Broken: {BUG}"),
    (a_look_of_the_breaker_breaks, CHECK_FAILED, f"watch_time broke: {BUG}"),
    (the_decision_breaks, "DECISION_FAILED", f"the decision on BTC/USDT broke: {BUG}"),
    (sizing_breaks, "DECISION_FAILED", f"the sizing of BTC/USDT broke: {BUG}"),
    (a_trade_contradicts, "FILL_CONTRADICTS", "trade t7 of BTC/USDT contradicts what is known"),
    (the_breaker_trips, "ORDER_FAILURES", "1 orders refused in a row; 1 trip"),
]


@pytest.mark.parametrize(("cause", "code", "text"), CAUSES, ids=[cause[0].__name__ for cause in CAUSES])
def test_a_halt_is_latched_recorded_and_told_and_cancels_what_may_still_buy(
    cause: Callable[[Rig, pytest.MonkeyPatch], None], code: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig.started(config(stale_after_interval_ms=MINUTE, breaker=BreakerLimits(order_failures=1)))
    resting = rig.entered(symbol=ETH.symbol)
    cause(rig, monkeypatch)

    (trip,) = rig.recorded(Trip)
    assert (trip.level, trip.code, trip.text) == (TripLevel.HALT, code, text)
    assert trip.time_ms == rig.engine.state.now_ms
    assert (rig.engine.state.safety.halt_code, rig.engine.state.safety.halted) == (code, text)
    (told,) = (note for note in rig.asked(Notify) if note.code == "BREAKER_HALT")
    assert told.level is Level.CRITICAL
    assert told.text == f"{code}: {text}; no entries until `tradebot resume`"
    assert resting in rig.cancels()

    again = EngineState(BOT)
    again.restore(rig.engine.state.records())
    assert again.safety == rig.engine.state.safety


@pytest.mark.parametrize("check", entry_checks(Limits()), ids=lambda check: type(check).__name__)
def test_an_error_in_any_check_of_an_order_refuses_it_and_halts(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig.started()
    monkeypatch.setattr(type(check), "validate", fails)
    rig.candle("100", say=ENTER)
    assert rig.submitted() == []
    assert rig.veto() == CHECK_FAILED
    assert rig.engine.state.safety.halted == f"a safety check broke: {type(check).__name__}: {BUG}"
    assert "BREAKER_HALT" in rig.notes()


def test_a_cause_that_stays_is_one_halt_until_a_person_has_cleared_it() -> None:
    rig = Rig.started()
    rig.engine._signals = Broken()
    for _ in range(3):
        rig.candle("100")
    assert [trip.id for trip in rig.recorded(Trip)] == ["00000001"]
    rig.command(CommandKind.RESUME)
    rig.candle("100")
    assert [trip.id for trip in rig.recorded(Trip)] == ["00000001", "00000002"]


def test_a_second_cause_is_a_trip_of_its_own_and_both_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig.started()
    a_trade_contradicts(rig, monkeypatch)
    the_decision_breaks(rig, monkeypatch)
    assert [trip.code for trip in rig.recorded(Trip)] == ["FILL_CONTRADICTS", "DECISION_FAILED"]
    assert rig.engine.state.safety.halt_codes == ("FILL_CONTRADICTS", "DECISION_FAILED")
    assert rig.engine.state.safety.halted == "; ".join(trip.text for trip in rig.recorded(Trip))
