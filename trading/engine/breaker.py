"""The circuit breaker at work: looks at equity on every event, at trades, refusals, lost answers, old data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import wraps
from typing import Concatenate, ParamSpec

from msgspec.structs import replace

from trading.domain.actions import Level
from trading.engine.desk import Desk
from trading.engine.portfolio import equity
from trading.safety import breaker
from trading.safety.approval import CHECK_FAILED
from trading.safety.breaker import DAY_MS, Finding

P = ParamSpec("P")


def _halts_on_error(look: Callable[Concatenate[Desk, P], None]) -> Callable[Concatenate[Desk, P], None]:
    """A safety check that breaks stops entries, and the rest of the engine goes on: positions need it."""

    @wraps(look)
    def guarded(desk: Desk, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            look(desk, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever broke in it
            desk.halt(CHECK_FAILED, f"{look.__name__.strip('_')} broke: {type(error).__name__}: {error}")

    return guarded


def may_be_worth_other(desk: Desk) -> bool:
    """Whether it has to be looked at after news of an order, or of the time: neither brings another price.

    What a fill brings goes through the account's sums; with a new day the peak begins anew.
    """
    return desk.state.account is not desk.watched_account or desk.state.now_ms // DAY_MS != desk.watched_day


def watch_equity(desk: Desk) -> None:
    """Look at the bot's worth, open profit and loss included. Costs little where nothing has moved."""
    state = desk.state
    account = state.account
    if account is None or not (state.positions or may_be_worth_other(desk)):
        return
    day = state.now_ms // DAY_MS
    is_first = desk.watched_day < 0
    new_day = day != (state.breaker.day_ms // DAY_MS if is_first else desk.watched_day)
    desk.watched_account, desk.watched_day = account, day
    _look_at_equity(desk, new_day=new_day, is_first=is_first)


@_halts_on_error
def _look_at_equity(desk: Desk, *, new_day: bool, is_first: bool) -> None:
    state = desk.state
    worth = equity(state)
    known = state.breaker
    if not new_day and not is_first and desk.breaker_floor <= worth <= known.day_peak:
        return
    seen = breaker.with_equity(known, state.now_ms, worth)
    if seen != known:
        state.put(seen)
    # A clock that was ahead is set right: that is no new day.
    is_later = state.now_ms // DAY_MS > known.day_ms // DAY_MS
    if new_day and is_later and desk.config.breaker.daily_clears and state.safety.halt_codes == ("DRAWDOWN_DAILY",):
        state.put(replace(state.safety, halted="", halt_code=""))
        desk.notify(Level.INFO, "HALT_CLEARED", "a new UTC day has begun: the daily halt is over")
    _act_on(desk, breaker.look_at_equity(seen, desk.config.breaker, worth))
    desk.breaker_floor = breaker.equity_floor(state.breaker, desk.config.breaker)


def note_peak(desk: Desk, worth: Decimal, now_ms: int) -> None:
    """Take in an equity above the day's peak, and above all that the breaker has something to say about."""
    desk.state.put(breaker.with_equity(desk.state.breaker, now_ms, worth))
    desk.breaker_floor = breaker.equity_floor(desk.state.breaker, desk.config.breaker)


@_halts_on_error
def after_trade(desk: Desk, *, lost: bool) -> None:
    """A position was closed, with a loss or without."""
    state = desk.state
    streak = state.safety.losing_streak + 1 if lost else 0
    if streak != state.safety.losing_streak:
        state.put(replace(state.safety, losing_streak=streak))
    if lost:
        state.put(breaker.with_loss(state.breaker, state.now_ms))
        _act_on(desk, breaker.look_at_trades(state.breaker, desk.config.breaker, streak))


@_halts_on_error
def after_refusal(desk: Desk) -> None:
    """The exchange refused an order."""
    safety = replace(desk.state.safety, order_failures=desk.state.safety.order_failures + 1)
    desk.state.put(safety)
    _act_on(desk, breaker.look_at_orders(safety.order_failures, desk.config.breaker))


@_halts_on_error
def after_lost_answer(desk: Desk) -> None:
    """A request got no answer."""
    state = desk.state
    state.put(replace(breaker.with_api_error(state.breaker, state.now_ms), cause_ms=state.now_ms))
    _act_on(desk, breaker.look_at_api(state.breaker, desk.config.breaker))


@_halts_on_error
def watch_time(desk: Desk) -> None:
    """What the clock alone brings: data that grows old, a pause that may end."""
    state, config = desk.state, desk.config
    if config.stale_after_interval_ms:
        for symbol in config.instruments:
            known = state.symbols.get(symbol)
            if known is None:
                continue
            age = state.now_ms - known.last_close_ms
            found = breaker.look_at_data(symbol, age, config.stale_after_interval_ms, config.breaker)
            if found:
                state.put(replace(state.breaker, cause_ms=state.now_ms))
                _act_on(desk, found)
    if state.safety.paused and state.safety.pause_code:
        _end_pause(desk)


def _act_on(desk: Desk, findings: Iterable[Finding]) -> None:
    for finding in findings:
        desk.trip(finding)


def _end_pause(desk: Desk) -> None:
    """A pause ends after a healthy time, with the account read since."""
    state = desk.state
    healthy_since = state.breaker.cause_ms + desk.config.breaker.healthy_ms
    if state.now_ms < healthy_since:
        return
    if desk.reconciled_ms <= state.breaker.cause_ms:
        desk.fetch_account()
        return
    code = state.safety.pause_code
    state.put(replace(state.safety, paused="", pause_code=""))
    desk.notify(Level.INFO, "PAUSE_ENDED", f"{code} has been gone for {desk.config.breaker.healthy_ms / 1000:.0f} s")
