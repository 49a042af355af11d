"""A start after a time in which the machine's clock was ahead: nothing waits for a time that will not come for long."""

from __future__ import annotations

from tests.support.builders import ENTER, MINUTE, config
from tests.support.rig import Rig
from trading.domain.events import CommandKind
from trading.domain.orders import OrderState, Purpose
from trading.engine.config import EngineConfig
from trading.safety.breaker import BreakerLimits

MONTH_MS = 30 * 86_400_000


def set_right(rig: Rig, right_ms: int, settings: EngineConfig | None = None, **balances: str) -> Rig:
    """The same bot in a new process, by a clock that is right again; its account has been read."""
    again = rig.restarted(settings, at_ms=right_ms)
    assert again.engine.state.now_ms == right_ms
    again.snapshot(**balances)
    return again


def test_a_pause_for_data_that_only_seemed_old_ends() -> None:
    settings = config(stale_after_interval_ms=MINUTE)
    rig = Rig.started(settings)
    rig.candle("100")
    right_ms = rig.now + 1_000
    rig.tick(MONTH_MS)
    assert rig.engine.state.safety.pause_code == "STALE_DATA"
    again = set_right(rig, right_ms, settings, USDT="10000")
    for _ in range(20):
        again.candle("100")
        again.tick(1_000)
        if again.fetched():
            again.snapshot(USDT="10000")
    assert not again.engine.state.safety.paused


def test_an_exit_that_was_to_be_tried_again_is() -> None:
    rig = Rig.holding()
    right_ms = rig.now + 1_000
    rig.tick(MONTH_MS)
    rig.command(CommandKind.CLOSE_ALL)
    rig.cancelled(rig.cancels()[0])
    rig.snapshot(USDT="9000", BTC="0")
    assert rig.position.exit_retry_ms > right_ms + MONTH_MS / 2
    again = set_right(rig, right_ms, USDT="9000", BTC="10")
    assert again.one(Purpose.EXIT)


def test_a_stop_that_triggered_and_did_not_fill_is_followed_by_a_market_exit() -> None:
    rig = Rig.holding()
    right_ms = rig.now + 1_000
    (stop,) = rig.engine.state.live_orders("BTC/USDT")
    rig.tick(MONTH_MS)
    rig.triggered(stop.id)
    again = set_right(rig, right_ms, USDT="9000", BTC="10")
    again.found(stop.id, OrderState.OPEN)
    again.tick(again.engine.config.timing.stop_fill_ms + 1)
    assert stop.id in again.cancels()


def test_the_bot_trades_on() -> None:
    rig = Rig.started()
    right_ms = rig.now + 1_000
    rig.tick(MONTH_MS)
    again = set_right(rig, right_ms, USDT="10000")
    again.candle("100", say=ENTER)
    assert again.one(Purpose.ENTRY)


def test_a_late_order_whose_cancel_was_asked_for_in_the_future_is_cancelled() -> None:
    rig = Rig.started()
    right_ms = rig.now + 60_000
    rig.tick(MONTH_MS)
    rig.candle("100", say=ENTER)
    entry = rig.one(Purpose.ENTRY)
    rig.unknown(entry)
    while not rig.order(entry).is_settled:
        rig.tick(2_000)
        if entry in rig.queries():
            rig.absent(entry)
    rig.found(entry, OrderState.OPEN)
    assert rig.cancels() == [entry]
    again = set_right(rig, right_ms, USDT="10000")
    again.found(entry, OrderState.OPEN)
    assert again.cancels() == [entry]


def test_entries_of_the_future_do_not_count_against_their_rate() -> None:
    rig = Rig.started()
    right_ms = rig.now + 60_000
    rig.tick(MONTH_MS)
    rig.fill(rig.entered(), "10", "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.fill(stop, "10", "100")
    again = set_right(rig, right_ms, USDT="10000")
    assert again.engine._desk.risk_view(rig.order(stop).intent).orders_last_minute == 0


def test_a_clock_set_back_is_no_new_day_that_ends_a_halt() -> None:
    settings = config(breaker=BreakerLimits(daily_clears=True))
    rig = Rig.started(settings)
    right_ms = rig.now + 60_000
    rig.tick(MONTH_MS)
    rig.engine._desk.halt("DRAWDOWN_DAILY", "for the test")
    again = set_right(rig, right_ms, settings, USDT="10000")
    assert again.engine.state.safety.halt_codes == ("DRAWDOWN_DAILY",)
    again.tick(86_400_000)
    assert not again.engine.state.safety.halted, "but the next day is"
