"""A start after a time in which the machine's clock was ahead: nothing waits for a time that will not come for long."""

from __future__ import annotations

from tests.support.builders import BOT, ENTER, MINUTE, config
from tests.support.rig import Rig
from trading.domain.events import CommandKind, Started
from trading.domain.orders import OrderState, Purpose
from trading.engine.config import EngineConfig
from trading.engine.state import EngineState

MONTH_MS = 30 * 86_400_000


def set_right(rig: Rig, right_ms: int, settings: EngineConfig | None = None, **balances: str) -> Rig:
    """The same bot in a new process, by a clock that is right again; its account has been read."""
    state = EngineState(BOT)
    state.restore(rig.engine.state.records())
    again = Rig(settings, state)
    again.now = right_ms
    again._minute = rig._minute
    again.send(Started(time_ms=right_ms, bot_id=BOT))
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
