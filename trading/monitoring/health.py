"""What is well with a bot and what is not: pure functions from what was seen to checks. docs/HEALTH.md explains each.

The dashboard and the bot's own port give the same answers, by these functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from trading.monitoring.disk import FREE_MIN_MB, MB
from trading.monitoring.report import ApiStatus, BotReport, FeedState
from trading.store.queries import Status

HEARTBEAT_MAX_MS = 15_000


class Level(StrEnum):
    """UNKNOWN: cannot be told, because something that fails hides it. A bot's level is the worst of its checks'."""

    HEALTHY = "healthy"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    CRITICAL = "critical"


_ORDER = {level: place for place, level in enumerate(Level)}


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at. since_ms: since when it is not well (UTC ms). detail: what was found.

    action: what a person can do about it; empty while it is well. detail may tell of positions and of what people
    wrote, and is for those who may see these; name, since_ms and action are for everybody.
    """

    name: str
    level: Level
    since_ms: int | None = None
    detail: str = ""
    action: str = ""

    @property
    def is_failing(self) -> bool:
        """Whether it was looked at and is not well."""
        return self.level in (Level.DEGRADED, Level.CRITICAL)


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """All checks at one moment (UTC ms)."""

    now_ms: int
    checks: tuple[Check, ...]

    @property
    def level(self) -> Level:
        """The worst of what fails; healthy where nothing does."""
        return max((check.level for check in self.failing), key=_ORDER.__getitem__, default=Level.HEALTHY)

    @property
    def failing(self) -> tuple[Check, ...]:
        """What is not well."""
        return tuple(check for check in self.checks if check.is_failing)

    def check(self, name: str) -> Check:
        """The check of this name."""
        return next(check for check in self.checks if check.name == name)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to judge by, at `now_ms` (UTC ms).

    status: None while the database cannot be read, and `database_error` says why. report: None where the bot gives
    none. is_running: whether a process holds the bot's lock, None where that cannot be told. disk_free: bytes that are
    free where the database is, None where that cannot be told.
    """

    now_ms: int
    status: Status | None = None
    report: BotReport | None = None
    database_error: str = ""
    is_running: bool | None = None
    disk_free: int | None = None


class HealthLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Where a check fails. heartbeat_max_ms: age of the last sign of life. disk_free_min: bytes."""

    heartbeat_max_ms: int = HEARTBEAT_MAX_MS
    disk_free_min: int = FREE_MIN_MB * MB


ACTIONS = {
    "database": "see that DATABASE_URL or DATA_DIR is right and that the database or its disk can be reached; "
    "nothing has to be restarted",
    "heartbeat": "look at the bot's log and start it again with `tradebot run`; its stops rest at the exchange",
    "phase": "wait; the bot's log says what it is doing",
    "report": "update the bot to the version of the dashboard",
    "kill_switch": "`tradebot safety` says who set it and why; `tradebot resume --kill --reason TEXT` resets it",
    "circuit_breaker": "`tradebot safety` says what tripped; a pause ends by itself, a halt with `tradebot resume`",
    "journal": "free the disk or the database's lock; the bot goes on by itself, and only reduces risk until then",
    "market_data": "look at the connection to the source of the candles; the bot opens nothing without them",
    "exchange_api": "look at the connection and at the exchange's status page; stops rest at the exchange",
    "models": "put the missing models into MODEL_DIR, or take them out of the strategy, and restart the bot",
    "disk": "free space where DATA_DIR is; HEALTH_DISK_FREE_MIN_MB says how much the bot wants",
    "positions_protected": "look at the position at the exchange; `tradebot close SYMBOL` sells it",
    "orders_in_doubt": "look for the order at the exchange, then say what became of it with `tradebot resolve`",
    "background_jobs": "the bot's log says what failed (job.failed); trading does not depend on it",
    "health_port": "free HEALTH_PORT or give another one; the bot tries again by itself",
}
"""By check: what a person can do when it fails. The order is that in which checks are shown."""

Finding = tuple[Level, str, int | None]
_WELL: Finding = (Level.HEALTHY, "", None)
_HIDDEN: Finding = (Level.UNKNOWN, "not known while the bot gives no sign of life", None)


def health_of(seen: Seen, limits: HealthLimits | None = None) -> Health:
    """Every check, in the order of `ACTIONS`."""
    limits = limits or HealthLimits()
    found: dict[str, Finding] = {
        "database": (Level.CRITICAL, seen.database_error, None) if seen.database_error else _WELL,
        "disk": _disk(seen, limits),
    }
    if seen.status is not None:
        found["heartbeat"] = _heartbeat(seen, seen.status, limits)
        found["kill_switch"] = _kill_switch(seen.status)
        found["circuit_breaker"] = _circuit_breaker(seen.status)
        is_alive = found["heartbeat"][0] is Level.HEALTHY
        found["report"] = _report(seen, limits) if is_alive else _HIDDEN
        if is_alive and seen.report is not None:
            found.update((name, look(seen.report)) for name, look in _OF_REPORT.items())
    hidden: Finding = (Level.UNKNOWN, "not known while the database cannot be read", None)
    if seen.status is not None:
        no_report = found["report"][0] is not Level.UNKNOWN
        hidden = (Level.UNKNOWN, "the bot does not tell", None) if no_report else _HIDDEN
    return Health(
        now_ms=seen.now_ms, checks=tuple(_check(name, found.get(name, hidden), seen.now_ms) for name in ACTIONS)
    )


def _check(name: str, finding: Finding, now_ms: int) -> Check:
    level, detail, since_ms = finding
    is_failing = level in (Level.DEGRADED, Level.CRITICAL)
    since = min(since_ms, now_ms) if is_failing and since_ms is not None else None
    return Check(name=name, level=level, since_ms=since, detail=detail, action=ACTIONS[name] if is_failing else "")


def _disk(seen: Seen, limits: HealthLimits) -> Finding:
    told = (seen.disk_free, seen.report.disk_free if seen.report else None)
    known = [free for free in told if free is not None]
    if not known:
        return Level.DEGRADED, "how much space is free cannot be told", None
    free = min(known)
    if free >= limits.disk_free_min:
        return Level.HEALTHY, f"{free // MB} MB free", None
    return Level.CRITICAL, f"{free / MB:.1f} MB free, less than {limits.disk_free_min / MB:g} MB", None


def _heartbeat(seen: Seen, status: Status, limits: HealthLimits) -> Finding:
    process = status.process
    if process is None:
        return Level.CRITICAL, "no bot has run here yet", None
    if process.state == "stopped":
        return Level.CRITICAL, "the bot was stopped", process.beat_ms
    age_ms = seen.now_ms - process.beat_ms
    if seen.is_running is False:
        text = f"the bot's process has gone without being stopped; last sign of life {age_ms / 1000:.0f} s ago"
        return Level.CRITICAL, text, process.beat_ms
    if age_ms > limits.heartbeat_max_ms:
        return Level.CRITICAL, f"the bot's last sign of life was {age_ms / 1000:.0f} s ago", process.beat_ms
    if age_ms < -limits.heartbeat_max_ms:
        text = f"the bot's last sign of life lies {-age_ms / 1000:.0f} s in the future: the clocks disagree"
        return Level.CRITICAL, text, None
    return _WELL


def _report(seen: Seen, limits: HealthLimits) -> Finding:
    if seen.report is None:
        return Level.DEGRADED, "the bot tells nothing of itself that this version can read", None
    age_ms = seen.now_ms - seen.report.made_ms
    if age_ms > limits.heartbeat_max_ms:
        return Level.DEGRADED, f"what the bot last told of itself is {age_ms / 1000:.0f} s old", seen.report.made_ms
    return _WELL


def _kill_switch(status: Status) -> Finding:
    kill = status.kill
    if kill.active:
        effect = "effective" if kill.effective_ms is not None else "not yet confirmed by the bot"
        return Level.CRITICAL, f"set by {kill.by}: {kill.reason} ({effect})", kill.set_ms
    if status.safety.killed:
        return Level.CRITICAL, f"{status.safety.killed} (its reset has not reached the bot yet)", None
    return _WELL


def _circuit_breaker(status: Status) -> Finding:
    safety = status.safety
    if safety.halted:
        return Level.CRITICAL, f"halted: {safety.halted}", None
    if safety.paused:
        return Level.DEGRADED, f"paused: {safety.paused}", None
    return _WELL


def _phase(report: BotReport) -> Finding:
    if report.phase in ("trading", "idle"):
        return Level.HEALTHY, report.phase, None
    return Level.DEGRADED, report.phase, None


def _journal(report: BotReport) -> Finding:
    fault = report.journal or report.database
    return _WELL if fault is None else (Level.CRITICAL, fault.error, fault.since_ms)


def _market_data(report: BotReport) -> Finding:
    feed = report.feed
    if feed.state is not FeedState.STALE:
        return Level.HEALTHY, str(feed.state), None
    text = f"the last candle is {feed.age_s:.0f} s old; more than {feed.stale_after_s:.0f} s is too old"
    return Level.DEGRADED, text, report.made_ms - round((feed.age_s - feed.stale_after_s) * 1000)


def _exchange_api(report: BotReport) -> Finding:
    api = report.api
    if api.status is ApiStatus.CONNECTED:
        return _WELL
    level = Level.CRITICAL if api.status is ApiStatus.DISCONNECTED and api.last_check_ms else Level.DEGRADED
    if api.last_check_ms is None:
        return level, "the exchange has not been asked yet", None
    latency = "" if api.latency_ms is None else f", {api.latency_ms:.0f} ms to an answer"
    return level, f"{api.status}: {api.lost_last_minute} requests lost in the last minute{latency}", api.since_ms


def _models(report: BotReport) -> Finding:
    missing = [name for name in report.models_required if name not in report.models_loaded]
    return (Level.CRITICAL, f"not loaded: {', '.join(missing)}", None) if missing else _WELL


def _positions_protected(report: BotReport) -> Finding:
    late = [bare for bare in report.unprotected if bare.for_ms > bare.allowed_ms]
    if not late:
        return _WELL
    text = ", ".join(f"{bare.symbol} for {bare.for_ms / 1000:.0f} s" for bare in late)
    return Level.CRITICAL, f"without a stop at the exchange: {text}", None


def _orders_in_doubt(report: BotReport) -> Finding:
    if not report.in_doubt:
        return _WELL
    return Level.DEGRADED, f"waiting for a person: {', '.join(report.in_doubt)}", None


def _background_jobs(report: BotReport) -> Finding:
    if not report.jobs:
        return _WELL
    text = "; ".join(f"{job.name} failed {job.count} times: {job.error}" for job in report.jobs)
    return Level.DEGRADED, text, min(job.since_ms for job in report.jobs)


def _health_port(report: BotReport) -> Finding:
    fault = report.health_port
    return _WELL if fault is None else (Level.DEGRADED, fault.error, fault.since_ms)


_OF_REPORT: dict[str, Callable[[BotReport], Finding]] = {
    "phase": _phase,
    "journal": _journal,
    "market_data": _market_data,
    "exchange_api": _exchange_api,
    "models": _models,
    "positions_protected": _positions_protected,
    "orders_in_doubt": _orders_in_doubt,
    "background_jobs": _background_jobs,
    "health_port": _health_port,
}


class Since:
    """Remembers when each check began to fail, where what was seen does not say."""

    def __init__(self) -> None:
        self._since: dict[str, int] = {}

    def stamp(self, health: Health) -> Health:
        """The same, with `since_ms` in every failing check."""
        failing = {check.name for check in health.failing}
        for name in failing - self._since.keys():
            self._since[name] = health.now_ms
        for name in self._since.keys() - failing:
            del self._since[name]
        return replace(health, checks=tuple(self._stamped(check) for check in health.checks))

    def _stamped(self, check: Check) -> Check:
        if check.since_ms is not None or not check.is_failing:
            return check
        return replace(check, since_ms=self._since[check.name])


# -- answers that need no login, the same from bot and dashboard


Answer = tuple[int, dict[str, Any]]
"""An HTTP status, and the body as JSON takes it."""

_OK, _UNAVAILABLE = 200, 503


def health_answer(health: Health) -> Answer:
    """`GET /health`: 200 while nothing fails, else 503 with what does."""
    body: dict[str, Any] = {"status": str(health.level), "timestamp": iso(health.now_ms)}
    if health.level is Level.HEALTHY:
        return _OK, body
    return _UNAVAILABLE, {**body, "checks": _public(health.failing)}


def ready_answer(health: Health) -> Answer:
    """`GET /readyz`: 200 while the database answers, the bot gives signs of life, and has started.

    Whether it trades, is paused, halted or killed, does not matter.
    """
    failing = [check for check in health.failing if check.name in ("database", "heartbeat", "phase")]
    body: dict[str, Any] = {"status": "not ready" if failing else "ready", "timestamp": iso(health.now_ms)}
    return (_UNAVAILABLE, {**body, "checks": _public(failing)}) if failing else (_OK, body)


def alive_answer(beat_age_s: float, now_ms: int, limits: HealthLimits | None = None) -> Answer:
    """`GET /livez` of a process whose loop last went on so long ago."""
    is_alive = beat_age_s * 1000 <= (limits or HealthLimits()).heartbeat_max_ms
    body: dict[str, Any] = {"status": "alive" if is_alive else "stalled", "timestamp": iso(now_ms)}
    return (_OK, body) if is_alive else (_UNAVAILABLE, {**body, "loop_beat_age_s": round(beat_age_s, 1)})


def iso(ms: int | None) -> str | None:
    """UTC milliseconds as ISO 8601, None for None."""
    if ms is None:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _public(checks: Iterable[Check] | Sequence[Check]) -> list[dict[str, Any]]:
    return [
        {"name": check.name, "state": str(check.level), "since": iso(check.since_ms), "action": check.action}
        for check in checks
    ]
