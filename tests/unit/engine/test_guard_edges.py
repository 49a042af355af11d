"""Each threshold at its value and one tick beyond, over midnight and restarts, with orders in doubt, without price."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.support.builders import BOT, BTC, DOGE, ENTER, ETH, MINUTE, T0, D, candle, config
from tests.support.rig import Rig
from trading.domain.actions import Level, Notify
from trading.domain.events import CandleClosed, CommandKind, QueryFailed, Started
from trading.domain.orders import OrderState, Purpose
from trading.engine import breaker as engine_breaker
from trading.engine.config import EngineConfig
from trading.engine.state import EngineState
from trading.safety import breaker
from trading.safety.approval import CHECK_FAILED
from trading.safety.breaker import DAY_MS, BreakerLimits, Trip, TripLevel, day_of, week_of
from trading.safety.checks import Limits

HIGH = 1_000


def limits(**chosen: object) -> BreakerLimits:
    """Counts that nothing reaches, but for those that are chosen."""
    return BreakerLimits(**{"losing_streak": HIGH, "losses_per_hour": HIGH, "order_failures": HIGH, **chosen})  # type: ignore[arg-type]


def restarted(rig: Rig, settings: EngineConfig | None = None) -> Rig:
    """The same bot in a new process: what the journal has, and nothing else. Its account has been read again."""
    again = rig.restarted(settings)
    again.snapshot()
    return again


def as_it_is(rig: Rig) -> Rig:
    return rig


def with_an_order_in_doubt(rig: Rig) -> Rig:
    """An entry in another symbol whose answer is lost, found again by nobody."""
    rig.candle("100", say=ENTER, symbol=ETH.symbol)
    rig.unknown(rig.one(Purpose.ENTRY))
    return rig


CIRCUMSTANCES = [as_it_is, restarted, with_an_order_in_doubt]
circumstances = pytest.mark.parametrize("circumstance", CIRCUMSTANCES, ids=lambda c: c.__name__)
Circumstance = Callable[[Rig], Rig]


def holding(chosen: BreakerLimits) -> Rig:
    """10 units at 100 of 10,000 quote: one tick of the price is 0.001 % of the equity."""
    return Rig.holding("10", "100", config(breaker=chosen))


def halts(rig: Rig) -> list[str]:
    return [trip.code for trip in rig.recorded(Trip) if trip.level is TripLevel.HALT]


# -- drawdowns

DRAWDOWNS = ["daily", "weekly", "total"]


@circumstances
@pytest.mark.parametrize("which", DRAWDOWNS)
def test_a_drawdown_trips_one_tick_beyond_its_limit_and_not_at_it(which: str, circumstance: Circumstance) -> None:
    wide = {f"{name}_drawdown_pct": D(50) for name in DRAWDOWNS}
    rig = circumstance(holding(limits(**{**wide, f"{which}_drawdown_pct": D(2)})))
    rig.candle("80")  # 10,000 - 10 * 20: a fall of exactly 2 %
    assert not rig.engine.state.safety.halted
    rig.candle("79.99")
    assert rig.engine.state.safety.halt_code == f"DRAWDOWN_{which.upper()}"
    assert halts(rig) == [f"DRAWDOWN_{which.upper()}"]
    assert restarted(rig).engine.state.safety.halt_code == f"DRAWDOWN_{which.upper()}"


def at(rig: Rig, time_ms: int) -> None:
    """The clock stands there."""
    rig.tick(time_ms - rig.now)


@pytest.mark.parametrize("again", [as_it_is, restarted], ids=["the same process", "restarted"])
@pytest.mark.parametrize(
    ("which", "end_of", "length"), [("daily", day_of, DAY_MS), ("weekly", week_of, 7 * DAY_MS)], ids=DRAWDOWNS[:2]
)
def test_a_drawdown_is_measured_within_its_day_or_week_utc(
    which: str, end_of: Callable[[int], int], length: int, again: Circumstance
) -> None:
    """A fall of 1.5 % before the end and one of 1.5 % after it are not one of 3 %; within it they are."""
    wide = {f"{name}_drawdown_pct": D(50) for name in DRAWDOWNS}
    chosen = limits(**{**wide, f"{which}_drawdown_pct": D(2)})
    end = end_of(T0) + length
    for last, tripped in ((end - 1, True), (end, False)):
        rig = holding(chosen)
        rig.candle("85")
        rig = again(rig)
        at(rig, last)
        rig.candle("70")
        assert bool(rig.engine.state.safety.halted) is tripped, last


def test_a_weekly_halt_outlives_the_week_and_a_daily_one_its_day() -> None:
    for which, length in (("daily", DAY_MS), ("weekly", 7 * DAY_MS)):
        rig = holding(limits(**{f"{which}_drawdown_pct": D(2)}))
        rig.candle("75")
        at(rig, week_of(T0) + 7 * DAY_MS + length)
        assert rig.engine.state.safety.halt_code.startswith("DRAWDOWN"), which


def test_without_a_price_a_position_is_worth_what_it_was_decided_at_and_no_entry_is_sized() -> None:
    """A symbol that has shown no candle since the start of a new database: valued, watched, not entered."""
    rig = holding(limits(total_drawdown_pct=D(2)))
    records = [
        r for r in rig.engine.state.records() if getattr(r, "price", None) is None or not hasattr(r, "last_close_ms")
    ]
    state = EngineState(BOT)
    state.restore(records)
    again = Rig(rig.engine.config, state)
    again._minute = rig._minute
    again.send(Started(time_ms=rig.now, bot_id=BOT))
    again.snapshot()
    assert again.engine._desk.price(BTC.symbol) is None
    assert again.engine.equity() == D(10_000)
    again.candle("100", say=ENTER, symbol=ETH.symbol)
    assert again.veto() == "NO_PRICE"
    again.candle("79.99")
    assert again.engine.state.safety.halt_code == "DRAWDOWN_TOTAL"


# -- counts


def lose(rig: Rig) -> None:
    """One losing trade in BTC/USDT."""
    rig.candle("100", say=ENTER)
    entry = rig.one(Purpose.ENTRY)
    quantity = str(rig.order(entry).intent.quantity)
    rig.fill(entry, quantity, "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.fill(stop, quantity, "99.9")


def refuse(rig: Rig) -> None:
    """One refused entry."""
    rig.candle("100", say=ENTER)
    rig.reject(rig.one(Purpose.ENTRY))


@circumstances
@pytest.mark.parametrize(
    ("name", "happens"), [("losing_streak", lose), ("losses_per_hour", lose), ("order_failures", refuse)]
)
@pytest.mark.parametrize("count", [2, 5])
def test_a_count_halts_when_it_is_reached_and_not_one_before(
    name: str, happens: Callable[[Rig], None], count: int, circumstance: Circumstance
) -> None:
    rig = Rig.started(config(breaker=limits(**{name: count})))
    for _ in range(count - 1):
        happens(rig)
    rig = circumstance(rig)
    assert not rig.engine.state.safety.halted
    happens(rig)
    assert rig.engine.state.safety.halt_code == name.upper()
    rig.candle("100", say=ENTER)
    assert rig.submitted() == []


@pytest.mark.parametrize("again", [as_it_is, restarted], ids=["the same process", "restarted"])
@pytest.mark.parametrize(("before_ms", "tripped"), [(1, True), (0, False)])
def test_the_hour_of_losses_ends_to_the_millisecond(before_ms: int, tripped: bool, again: Circumstance) -> None:
    rig = Rig.started(config(breaker=limits(losses_per_hour=2)))
    lose(rig)
    first = rig.now
    rig = again(rig)
    rig.candle("100", say=ENTER)
    entry = rig.one(Purpose.ENTRY)
    quantity = str(rig.order(entry).intent.quantity)
    rig.fill(entry, quantity, "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    at(rig, first + 60 * MINUTE - before_ms)
    rig.fill(stop, quantity, "99.9")
    assert bool(rig.engine.state.safety.halted) is tripped


def lost_answer(rig: Rig) -> None:
    rig.send(QueryFailed(time_ms=rig.now, subject="account", message="time-out"))


@pytest.mark.parametrize("again", [as_it_is, restarted], ids=["the same process", "restarted"])
@pytest.mark.parametrize(("before_ms", "tripped"), [(1, True), (0, False)])
def test_the_minute_of_lost_answers_ends_to_the_millisecond(before_ms: int, tripped: bool, again: Circumstance) -> None:
    rig = Rig.started()
    lost_answer(rig)
    first = rig.now
    rig = again(rig)
    lost_answer(rig)
    at(rig, first + MINUTE - before_ms)
    lost_answer(rig)
    assert (rig.engine.state.safety.pause_code == "API_ERRORS") is tripped


@pytest.mark.parametrize("again", [as_it_is, restarted], ids=["the same process", "restarted"])
@pytest.mark.parametrize(
    ("name", "happens", "before_ms"),
    [
        ("losing_streak", lose, 5 * MINUTE),
        ("losses_per_hour", lose, 5 * MINUTE),
        ("order_failures", refuse, 5 * MINUTE),
        ("api_errors_per_minute", lost_answer, 2),
    ],
)
def test_what_is_counted_goes_on_over_midnight_and_the_weeks_end(
    name: str, happens: Callable[[Rig], None], before_ms: int, again: Circumstance
) -> None:
    end = week_of(T0) + 7 * DAY_MS
    rig = Rig.started(config(breaker=limits(**{name: 3})))
    at(rig, end - before_ms)
    happens(rig)
    happens(rig)
    assert rig.now < end
    rig = again(rig)
    at(rig, end)
    safety = rig.engine.state.safety
    assert not (safety.halted or safety.paused)
    happens(rig)
    safety = rig.engine.state.safety
    assert safety.halt_code == name.upper() or safety.pause_code == "API_ERRORS"


def test_a_pause_goes_on_over_a_restart_and_ends_as_it_would_have() -> None:
    rig = Rig.started()
    for _ in range(3):
        lost_answer(rig)
    again = restarted(rig)
    assert again.engine.state.safety.pause_code == "API_ERRORS"
    again.tick(MINUTE - 1)
    assert again.engine.state.safety.paused
    again.tick(1)
    again.snapshot_again()
    again.tick(1)
    assert not again.engine.state.safety.paused


def test_an_operators_pause_on_top_of_a_pause_of_the_breaker_does_not_end_by_itself() -> None:
    rig = Rig.started()
    for _ in range(3):
        lost_answer(rig)
    rig.command(CommandKind.PAUSE, reason="on holiday")
    rig.tick(DAY_MS)
    rig.snapshot_again()
    rig.tick(DAY_MS)
    assert rig.engine.state.safety.paused == "on holiday"


@pytest.mark.parametrize("again", [as_it_is, restarted], ids=["the same process", "restarted"])
def test_data_are_old_one_millisecond_after_the_last_interval_allowed(again: Circumstance) -> None:
    rig = Rig.started(config(stale_after_interval_ms=MINUTE))
    rig.candle("100")
    rig = again(rig)
    at(rig, rig.engine.state.symbols[BTC.symbol].last_close_ms + 3 * MINUTE)
    assert not rig.engine.state.safety.paused
    rig.tick(1)
    assert rig.engine.state.safety.pause_code == "STALE_DATA"
    rig.candle("100", say=ENTER)
    assert rig.veto() == "PAUSED"


# -- limits, counted with orders that are open or in doubt


@circumstances
def test_the_number_of_positions_counts_entries_in_doubt(circumstance: Circumstance) -> None:
    rig = Rig.started(config(limits=Limits(max_open_positions=2)))
    rig.candle("100", say=ENTER)
    rig.unknown(rig.one(Purpose.ENTRY))
    rig = circumstance(rig)
    if circumstance is not with_an_order_in_doubt:
        rig.candle("100", say=ENTER, symbol=ETH.symbol)
        assert rig.one(Purpose.ENTRY)
    rig.candle("100", say=ENTER, symbol=DOGE.symbol)
    assert rig.veto() == "LIMIT_OPEN_POSITIONS"


@circumstances
def test_gross_exposure_counts_entries_in_doubt(circumstance: Circumstance) -> None:
    rig = Rig.started(config(limits=Limits(max_gross_pct=D(10), max_open_positions=9)))
    rig.candle("100", say=ENTER)
    rig.unknown(rig.one(Purpose.ENTRY))
    (order,) = rig.engine.state.live_orders(BTC.symbol)
    assert order.intent.quantity * 100 == D(1_000)
    if circumstance is restarted:
        rig = restarted(rig)
    rig.candle("100", say=ENTER, symbol=ETH.symbol)
    assert rig.veto() == "LIMIT_GROSS_EXPOSURE"


@pytest.mark.parametrize("again", [as_it_is, restarted], ids=["the same process", "restarted"])
@pytest.mark.parametrize(("before_ms", "refused"), [(1, True), (0, False)])
def test_the_rate_of_entries_is_kept_over_a_restart(before_ms: int, refused: bool, again: Circumstance) -> None:
    rig = Rig.started(config(limits=Limits(max_orders_per_minute=1)))
    rig.candle("100", say=ENTER)
    first = rig.now
    rig.reject(rig.one(Purpose.ENTRY))
    rig = again(rig)
    rig.signals.coming = ENTER
    now = first + MINUTE - before_ms
    rig.send(CandleClosed(time_ms=now, candle=replace(candle(0, "100", symbol=ETH.symbol), open_time_ms=now - MINUTE)))
    assert (rig.veto() == "ORDER_RATE") is refused


# -- checks that break


@pytest.mark.parametrize(
    ("broken", "provoke"),
    [
        ("look_at_equity", lambda rig: rig.candle("55")),
        ("with_equity", lambda rig: rig.candle("55")),
        ("look_at_trades", lambda rig: rig.fill(rig.engine.state.live_orders(BTC.symbol)[0].id, "10", "90")),
        ("with_api_error", lost_answer),
        ("look_at_api", lost_answer),
        ("look_at_data", lambda rig: rig.tick(MINUTE)),
    ],
)
def test_an_error_inside_a_look_of_the_breaker_halts_and_is_told(
    broken: str, provoke: Callable[[Rig], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    rig = Rig.holding("10", "100", config(stale_after_interval_ms=MINUTE))
    monkeypatch.setattr(breaker, broken, fails)
    provoke(rig)
    assert rig.engine.state.safety.halt_code == CHECK_FAILED
    told = [note for note in rig.asked(Notify) if note.code == "BREAKER_HALT"]
    assert [note.level for note in told] == [Level.CRITICAL]
    assert "ZeroDivisionError: a bug" in told[0].text
    rig.candle("100", say=ENTER, symbol=ETH.symbol)
    assert rig.veto() == "HALTED"


def test_an_error_in_counting_refusals_halts(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig.started()
    rig.candle("100", say=ENTER)
    entry = rig.one(Purpose.ENTRY)
    monkeypatch.setattr(breaker, "look_at_orders", lambda *_: 1 // 0)
    rig.reject(entry)
    assert rig.engine.state.safety.halt_code == CHECK_FAILED


def test_an_error_of_the_decision_path_halts_entries_and_leaves_the_stop_at_work() -> None:
    rig = Rig.holding()
    rig.engine._signals = Broken()
    rig.candle("110", high="112")
    assert rig.engine.state.safety.halt_code == "DECISION_FAILED"
    assert [note.level for note in rig.asked(Notify) if note.code == "BREAKER_HALT"] == [Level.CRITICAL]
    rig.command(CommandKind.CLOSE_ALL)
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    assert stop.intent.purpose is Purpose.STOP
    assert stop.state in (OrderState.OPEN, OrderState.SUBMITTING)
    assert stop.cancel_requested_ms is not None


class Broken:
    """A decision path with a bug."""

    def on_candle(self, candle: object) -> None:
        raise ZeroDivisionError("a bug")


def test_every_look_of_the_breaker_is_guarded() -> None:
    """Whatever is added there must not bring the engine down either."""
    looks = ["_look_at_equity", "after_trade", "after_refusal", "after_lost_answer", "watch_time"]
    assert all(hasattr(getattr(engine_breaker, look), "__wrapped__") for look in looks)
    assert Decimal(limits().daily_drawdown_pct) == 5
