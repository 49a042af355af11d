"""The circuit breaker's rules: what it counts, and the value at which it warns, pauses or halts. Pure."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from trading.domain.errors import InvalidInput
from trading.domain.instruments import ZERO

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
# 1970-01-01 was a Thursday: weeks begin on the Monday three days before it.
_MONDAY_DAYS = 3
HUNDRED = Decimal(100)


class TripLevel(StrEnum):
    """WARN tells. PAUSE stops entries and clears itself. HALT stops entries until a person clears it."""

    WARN = "warn"
    PAUSE = "pause"
    HALT = "halt"


class BreakerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Where the breaker trips.

    daily, weekly and total_drawdown_pct: fall of the equity from its highest value since the day's or the week's
    beginning (UTC, weeks begin on Monday) or ever, in percent of it; the first value beyond halts, `warn_share` of it
    warns. losing_streak: so many losing trades in a row halt; losses_per_hour: so many within an hour;
    order_failures: so many refused orders in a row. api_errors_per_minute: so many answers lost in a minute pause.
    stale_intervals: a candle older than so many intervals pauses. A pause clears after `healthy_ms` without its cause,
    with a reconciliation since. daily_clears: a daily halt ends by itself with the next UTC day.
    """

    daily_drawdown_pct: Decimal = Decimal(5)
    weekly_drawdown_pct: Decimal = Decimal(10)
    total_drawdown_pct: Decimal = Decimal(20)
    losing_streak: int = 10
    losses_per_hour: int = 5
    order_failures: int = 5
    api_errors_per_minute: int = 3
    stale_intervals: int = 3
    healthy_ms: int = MINUTE_MS
    warn_share: Decimal = Decimal("0.8")
    daily_clears: bool = False

    def __post_init__(self) -> None:
        for name in ("daily_drawdown_pct", "weekly_drawdown_pct", "total_drawdown_pct"):
            percent: Decimal = getattr(self, name)
            if not percent.is_finite() or not 0 < percent <= HUNDRED:
                raise InvalidInput(name, percent, "a percentage above 0, up to 100")
        counts = ("losing_streak", "losses_per_hour", "order_failures", "api_errors_per_minute", "stale_intervals")
        for name in counts:
            if getattr(self, name) < 1:
                raise InvalidInput(name, getattr(self, name), "1 or more")


NO_BREAKER = BreakerLimits(
    daily_drawdown_pct=HUNDRED,
    weekly_drawdown_pct=HUNDRED,
    total_drawdown_pct=HUNDRED,
    losing_streak=1_000_000_000,
    losses_per_hour=1_000_000_000,
    order_failures=1_000_000_000,
    api_errors_per_minute=1_000_000_000,
    warn_share=Decimal(1),
)
"""Limits that nothing passes: for looking at a strategy alone in a backtest. `run` has no such setting."""


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """One trip of the breaker, as it was found (see `Finding`). `id` is unique within a bot."""

    id: str
    time_ms: int
    level: TripLevel
    code: str
    value: str
    limit: str
    text: str


class BreakerState(msgspec.Struct, frozen=True, kw_only=True):
    """What the breaker remembers. Equity in quote; times UTC ms.

    *_peak: highest equity since the day's (`day_ms`) or week's (`week_ms`) beginning, or ever. loss_times: of losing
    trades within the last hour. api_error_times: of lost answers within the last minute. warned: codes of the warnings
    given and not taken back. cause_ms: when the cause of a pause was last there.
    """

    day_ms: int = 0
    day_peak: Decimal = ZERO
    week_ms: int = 0
    week_peak: Decimal = ZERO
    total_peak: Decimal = ZERO
    loss_times: tuple[int, ...] = ()
    api_error_times: tuple[int, ...] = ()
    warned: tuple[str, ...] = ()
    cause_ms: int = 0
    trips: int = 0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What stops entries or is worth a warning, before anything is done about it.

    value and limit: of the threshold that was passed; empty where none was, but something broke.
    """

    level: TripLevel
    code: str
    value: str
    limit: str
    text: str

    def as_trip(self, number: int, time_ms: int) -> Trip:
        """Its record as the bot's trip of this number."""
        return Trip(
            id=f"{number:08d}",
            time_ms=time_ms,
            level=self.level,
            code=self.code,
            value=self.value,
            limit=self.limit,
            text=self.text,
        )


def day_of(time_ms: int) -> int:
    """The UTC midnight at or before `time_ms`."""
    return time_ms // DAY_MS * DAY_MS


def week_of(time_ms: int) -> int:
    """The UTC midnight of the Monday at or before `time_ms`."""
    days = time_ms // DAY_MS
    return ((days + _MONDAY_DAYS) // 7 * 7 - _MONDAY_DAYS) * DAY_MS


def with_equity(state: BreakerState, now_ms: int, equity: Decimal) -> BreakerState:
    """The peaks after looking at `equity`: begun anew with each day and week, raised where it is higher."""
    day, week = day_of(now_ms), week_of(now_ms)
    warned = state.warned
    day_peak, week_peak = max(state.day_peak, equity), max(state.week_peak, equity)
    if day != state.day_ms:
        day_peak, warned = equity, tuple(code for code in warned if code != "DRAWDOWN_DAILY")
    if week != state.week_ms:
        week_peak, warned = equity, tuple(code for code in warned if code != "DRAWDOWN_WEEKLY")
    return replace(
        state,
        day_ms=day,
        day_peak=day_peak,
        week_ms=week,
        week_peak=week_peak,
        total_peak=max(state.total_peak, equity),
        warned=warned,
    )


def begun_anew(state: BreakerState, codes: Collection[str], equity: Decimal) -> BreakerState:
    """After a person cleared what these codes had tripped: their measures start anew, or they would trip again at once.

    The others keep what they have counted: whoever lifts a pause has not said that a loss was none.
    """
    return replace(
        state,
        day_peak=equity if "DRAWDOWN_DAILY" in codes else state.day_peak,
        week_peak=equity if "DRAWDOWN_WEEKLY" in codes else state.week_peak,
        total_peak=equity if "DRAWDOWN_TOTAL" in codes else state.total_peak,
        loss_times=() if "LOSSES_PER_HOUR" in codes else state.loss_times,
        api_error_times=() if "API_ERRORS" in codes else state.api_error_times,
        warned=tuple(code for code in state.warned if code not in codes),
    )


def drawdowns(state: BreakerState, limits: BreakerLimits) -> tuple[tuple[str, Decimal, Decimal], ...]:
    """Code, peak and limit (percent) of each drawdown that is watched."""
    return (
        ("DRAWDOWN_DAILY", state.day_peak, limits.daily_drawdown_pct),
        ("DRAWDOWN_WEEKLY", state.week_peak, limits.weekly_drawdown_pct),
        ("DRAWDOWN_TOTAL", state.total_peak, limits.total_drawdown_pct),
    )


def equity_floor(state: BreakerState, limits: BreakerLimits) -> Decimal:
    """The equity below which some drawdown has something to say that was not said yet."""
    floor = ZERO
    for code, peak, limit in drawdowns(state, limits):
        floor = max(floor, peak * _share(code, limit, state, limits))
    return floor


def largest_share(state: BreakerState, limits: BreakerLimits) -> Decimal:
    """The share of a new peak of all that is the floor from then on, if it is above the one before."""
    return max(_share(code, limit, state, limits) for code, _, limit in drawdowns(state, limits))


def _share(code: str, limit: Decimal, state: BreakerState, limits: BreakerLimits) -> Decimal:
    """The share of its peak below which a drawdown has something to say that was not said yet."""
    return 1 - limit * (1 if code in state.warned else limits.warn_share) / HUNDRED


def look_at_equity(state: BreakerState, limits: BreakerLimits, equity: Decimal) -> list[Finding]:
    """The drawdowns that have passed their limit, or come near it for the first time."""
    found: list[Finding] = []
    for code, peak, limit in drawdowns(state, limits):
        fallen = (peak - equity) * HUNDRED
        if fallen > limit * peak:
            level = TripLevel.HALT
        elif fallen > limit * limits.warn_share * peak and code not in state.warned:
            level = TripLevel.WARN
        else:
            continue
        shown = f"{fallen / peak:.2f}" if peak else "0"
        text = f"equity {equity:.2f} is {shown} % under its peak of {peak:.2f}; the limit is {limit} %"
        found.append(Finding(level=level, code=code, value=shown, limit=str(limit), text=text))
    return found


def with_loss(state: BreakerState, now_ms: int) -> BreakerState:
    """After a losing trade."""
    return replace(state, loss_times=(*(t for t in state.loss_times if t > now_ms - HOUR_MS), now_ms))


def with_api_error(state: BreakerState, now_ms: int) -> BreakerState:
    """After an answer was lost."""
    recent = tuple(t for t in state.api_error_times if t > now_ms - MINUTE_MS)
    return replace(state, api_error_times=(*recent, now_ms))


def look_at_trades(state: BreakerState, limits: BreakerLimits, losing_streak: int) -> list[Finding]:
    """Losing trades in a row, and within an hour."""
    return [
        *_counted("LOSING_STREAK", losing_streak, limits.losing_streak, "losing trades in a row"),
        *_counted("LOSSES_PER_HOUR", len(state.loss_times), limits.losses_per_hour, "losing trades within an hour"),
    ]


def look_at_orders(failures: int, limits: BreakerLimits) -> list[Finding]:
    """Refused orders in a row."""
    return _counted("ORDER_FAILURES", failures, limits.order_failures, "orders refused in a row")


def look_at_api(state: BreakerState, limits: BreakerLimits) -> list[Finding]:
    """Lost answers within a minute."""
    count = len(state.api_error_times)
    return _counted("API_ERRORS", count, limits.api_errors_per_minute, "answers lost within a minute", TripLevel.PAUSE)


def look_at_data(symbol: str, age_ms: int, interval_ms: int, limits: BreakerLimits) -> list[Finding]:
    """A symbol whose last candle closed `age_ms` ago."""
    if age_ms <= limits.stale_intervals * interval_ms:
        return []
    text = f"the last candle of {symbol} closed {age_ms / 1000:.0f} s ago; allowed: {limits.stale_intervals} intervals"
    return [
        Finding(
            level=TripLevel.PAUSE,
            code="STALE_DATA",
            value=f"{symbol} {age_ms} ms",
            limit=f"{limits.stale_intervals * interval_ms} ms",
            text=text,
        )
    ]


def _counted(code: str, count: int, limit: int, what: str, level: TripLevel = TripLevel.HALT) -> list[Finding]:
    if count < limit:
        return []
    return [Finding(level=level, code=code, value=str(count), limit=str(limit), text=f"{count} {what}; {limit} trip")]
