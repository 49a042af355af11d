"""The circuit breaker in the engine: each threshold at its value and beyond it, over midnight and restarts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.support.builders import BOT, BTC, ENTER, ETH, MINUTE, T0, config
from tests.support.rig import Rig
from trading.domain.actions import Level, Notify
from trading.domain.events import CommandKind, QueryFailed, Started
from trading.domain.orders import Purpose
from trading.engine.state import EngineState
from trading.safety.breaker import DAY_MS, BreakerLimits, BreakerState, Trip, TripLevel, day_of, week_of

ONE_POSITION = BreakerLimits()


def rig_holding(limits: BreakerLimits = ONE_POSITION) -> Rig:
    """10 units at 100 of 10,000 quote: each unit of price is 0.1 % of the equity."""
    return Rig.holding("10", "100", config(breaker=limits))


def trips(rig: Rig) -> list[tuple[TripLevel, str]]:
    return [(trip.level, trip.code) for trip in rig.recorded(Trip)]


@pytest.mark.parametrize(
    ("limit", "price", "tripped"),
    [("5", "50", False), ("5", "49.99", True), ("5", "49.9", True), ("7", "30", False), ("7", "29.9", True)],
)
def test_a_drawdown_halts_at_the_first_value_beyond_the_limit(limit: str, price: str, tripped: bool) -> None:
    rig = rig_holding(BreakerLimits(daily_drawdown_pct=Decimal(limit)))
    rig.candle(price)
    assert bool(rig.engine.state.safety.halted) is tripped
    assert ((TripLevel.HALT, "DRAWDOWN_DAILY") in trips(rig)) is tripped


def test_the_drawdown_counts_open_profit_from_its_peak() -> None:
    rig = rig_holding()
    rig.candle("300")  # equity 12,000
    rig.candle("241")
    assert not rig.engine.state.safety.halted
    rig.candle("239.9")  # 11,399 is 5.008 % under 12,000
    assert rig.engine.state.safety.halt_code == "DRAWDOWN_DAILY"


def test_a_warning_comes_once_before_the_halt() -> None:
    rig = rig_holding()
    rig.candle("60")
    assert trips(rig) == []
    for price in ("59.9", "58", "59.9", "55"):
        rig.candle(price)
    assert trips(rig) == [(TripLevel.WARN, "DRAWDOWN_DAILY")]


def breaker_alerts(rig: Rig) -> list[tuple[Level, str]]:
    return [(note.level, note.code) for note in rig.asked(Notify) if note.code.startswith("BREAKER_")]


def test_each_trip_is_told_by_its_level_and_with_its_values() -> None:
    rig = rig_holding()
    rig.candle("59.9")
    assert breaker_alerts(rig) == [(Level.WARNING, "BREAKER_WARN")]
    rig.candle("49.9")
    assert breaker_alerts(rig) == [(Level.CRITICAL, "BREAKER_HALT")]
    (text,) = [note.text for note in rig.asked(Notify) if note.code == "BREAKER_HALT"]
    assert text.startswith("DRAWDOWN_DAILY: ")
    assert "the limit is 5 %" in text and "`tradebot resume`" in text
    other = Rig.started()
    lost_answers(other, 3)
    assert breaker_alerts(other) == [(Level.CRITICAL, "BREAKER_PAUSE")]


def test_the_day_ends_at_midnight_utc_and_its_peak_with_it() -> None:
    rig = rig_holding()
    rig.candle("52")
    rig.tick(day_of(rig.now) + DAY_MS - rig.now)
    rig.candle("49")
    assert "DRAWDOWN_DAILY" not in {code for level, code in trips(rig) if level is TripLevel.HALT}


@pytest.mark.parametrize(("limit", "code"), [("weekly", "DRAWDOWN_WEEKLY"), ("total", "DRAWDOWN_TOTAL")])
def test_longer_drawdowns_outlive_the_day(limit: str, code: str) -> None:
    rig = rig_holding(BreakerLimits(**{f"{limit}_drawdown_pct": Decimal(6)}))  # type: ignore[arg-type]
    rig.candle("52")
    rig.tick(day_of(rig.now) + DAY_MS - rig.now)
    rig.candle("39")
    same_week = week_of(rig.now) == week_of(T0)
    assert (rig.engine.state.safety.halt_code == code) is (limit == "total" or same_week)


@pytest.mark.parametrize(
    ("day", "monday"), [(0, -3), (3, -3), (4, 4), (10, 4), (11, 11)]
)  # day 4 of the epoch, 1970-01-05, was a Monday
def test_weeks_begin_on_monday(day: int, monday: int) -> None:
    assert week_of(day * DAY_MS + 5) == monday * DAY_MS


def test_a_halt_stops_entries_lets_exits_out_and_survives_a_restart() -> None:
    rig = rig_holding()
    rig.candle("40")
    rig.candle("40", say=ENTER, symbol=ETH.symbol)
    assert rig.veto() == "HALTED"
    state = EngineState(BOT)
    state.restore(rig.engine.state.records())
    again = Rig(config(), state)
    again.send(Started(time_ms=again.now, bot_id=BOT))
    again.snapshot()
    again._minute = rig._minute
    again.candle("41", say=ENTER, symbol=ETH.symbol)
    assert again.veto() == "HALTED"
    again.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    stop = again.cancels()
    assert len(stop) == 1
    again.cancelled(stop[0])
    again.snapshot()
    assert again.one(Purpose.EXIT)


def test_a_person_clears_a_halt_and_the_measures_begin_anew() -> None:
    rig = rig_holding()
    rig.candle("40")
    rig.command(CommandKind.RESUME, reason="looked at it")
    assert not rig.engine.state.safety.halted
    rig.candle("39.9")
    assert not rig.engine.state.safety.halted
    assert rig.engine.state.breaker.day_peak == Decimal(9400)
    assert rig.engine.state.breaker.total_peak == Decimal(10_000), "what had not tripped keeps what it has counted"


@pytest.mark.parametrize("clears", [False, True])
def test_a_daily_halt_ends_with_the_day_only_if_so_set(clears: bool) -> None:
    rig = rig_holding(BreakerLimits(daily_clears=clears))
    rig.candle("40")
    assert rig.engine.state.safety.halt_code == "DRAWDOWN_DAILY"
    rig.tick(day_of(rig.now) + DAY_MS - rig.now - 1)
    assert rig.engine.state.safety.halted
    rig.tick(1)
    assert bool(rig.engine.state.safety.halted) is not clears


def test_lifting_a_pause_makes_no_loss_undone() -> None:
    rig = rig_holding()
    rig.candle("60")  # 4 % under the peak
    rig.command(CommandKind.PAUSE, reason="lunch")
    rig.command(CommandKind.RESUME, reason="back")
    rig.candle("49")
    assert rig.engine.state.safety.halt_code == "DRAWDOWN_DAILY", "5.1 % in the day"


def test_a_daily_halt_that_would_clear_itself_does_not_take_a_graver_one_with_it() -> None:
    rig = rig_holding(BreakerLimits(daily_clears=True, weekly_drawdown_pct=Decimal("5.5")))
    rig.candle("49")
    assert rig.engine.state.safety.halt_codes == ("DRAWDOWN_DAILY",)
    rig.candle("40")
    assert rig.engine.state.safety.halt_codes == ("DRAWDOWN_DAILY", "DRAWDOWN_WEEKLY")
    assert trips(rig)[-1] == (TripLevel.HALT, "DRAWDOWN_WEEKLY")
    rig.tick(day_of(rig.now) + DAY_MS - rig.now)
    assert rig.engine.state.safety.halted
    rig.command(CommandKind.RESUME, reason="both looked at")
    assert not rig.engine.state.safety.halted
    rig.candle("39.9")
    assert not rig.engine.state.safety.halted


def test_a_restart_is_no_new_day() -> None:
    rig = rig_holding(BreakerLimits(daily_clears=True))
    rig.candle("40")
    rig.candle("100")  # inside the limit again
    again = Rig(config(breaker=BreakerLimits(daily_clears=True)), state=rig.engine.state)
    again.now = rig.now
    again.send(Started(time_ms=again.now, bot_id=BOT))
    again.candle("100")
    assert again.engine.state.safety.halt_codes == ("DRAWDOWN_DAILY",)


def lose_a_trade(rig: Rig) -> None:
    entry = rig.entered("100")
    quantity = str(rig.order(entry).intent.quantity)
    rig.fill(entry, quantity, "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.fill(stop, quantity, "99")
    assert rig.is_flat


@pytest.mark.parametrize(("limit", "losses"), [("losing_streak", 4), ("losses_per_hour", 3)])
def test_losing_trades_halt_when_there_are_as_many(limit: str, losses: int) -> None:
    chosen = {"losing_streak": 100, "losses_per_hour": 100, limit: losses}
    rig = Rig.started(config(breaker=BreakerLimits(**chosen)))  # type: ignore[arg-type]
    for _ in range(losses - 1):
        lose_a_trade(rig)
    assert not rig.engine.state.safety.halted
    lose_a_trade(rig)
    assert rig.engine.state.safety.halt_code == limit.upper()


def test_losses_longer_ago_than_an_hour_do_not_count() -> None:
    rig = Rig.started(config(breaker=BreakerLimits(losses_per_hour=2, losing_streak=100)))
    lose_a_trade(rig)
    rig.tick(60 * MINUTE)
    lose_a_trade(rig)
    assert not rig.engine.state.safety.halted


def test_refused_orders_in_a_row_halt() -> None:
    rig = Rig.started(config(breaker=BreakerLimits(order_failures=3)))
    for number in range(3):
        assert not rig.engine.state.safety.halted, number
        rig.candle("100", say=ENTER)
        rig.reject(rig.one(Purpose.ENTRY))
    assert rig.engine.state.safety.halt_code == "ORDER_FAILURES"


def lost_answers(rig: Rig, count: int) -> None:
    for _ in range(count):
        rig.send(QueryFailed(time_ms=rig.now, subject="account", message="time-out"))


def test_lost_answers_pause_and_the_pause_ends_after_a_healthy_minute_and_a_reconciliation() -> None:
    rig = Rig.started()
    lost_answers(rig, 2)
    assert not rig.engine.state.safety.paused
    lost_answers(rig, 1)
    assert rig.engine.state.safety.pause_code == "API_ERRORS"
    rig.candle("100", say=ENTER)
    assert rig.veto() == "PAUSED"
    rig.tick(MINUTE)
    assert rig.engine.state.safety.paused
    assert rig.fetched()
    rig.snapshot()
    rig.tick(1)
    assert not rig.engine.state.safety.paused


def test_old_data_pauses_where_the_clock_is_the_markets() -> None:
    rig = Rig.started(config(stale_after_interval_ms=MINUTE))
    rig.candle("100")
    rig.tick(3 * MINUTE)
    assert not rig.engine.state.safety.paused
    rig.tick(1)
    assert rig.engine.state.safety.pause_code == "STALE_DATA"


def test_an_operators_pause_does_not_end_by_itself() -> None:
    rig = Rig.started()
    rig.command(CommandKind.PAUSE, reason="holiday")
    rig.tick(DAY_MS)
    assert rig.engine.state.safety.paused == "holiday"


def test_what_the_breaker_remembers_is_rolled_back_with_the_rest() -> None:
    rig = rig_holding()
    before = rig.engine.state.records()
    state = rig.engine.state
    state.put(replace(state.breaker, day_peak=Decimal(99)))
    state.put(replace(state.safety, halted="x"))
    state.rollback()
    assert state.records() == before
    assert state.breaker != BreakerState()
