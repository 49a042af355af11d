"""What the bot tells of itself: made by its loop, read by whoever asks, also while the loop stands still."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

import structlog
from msgspec.structs import replace

from trading import __version__
from trading.clock import wall_ms
from trading.domain.actions import Level as NoticeLevel
from trading.domain.actions import Notify
from trading.engine.adoption import is_left_to_a_person
from trading.exchange.protocol import CandleDriven
from trading.monitoring.disk import free_bytes
from trading.monitoring.health import Health, HealthLimits, Level, Seen, Since, health_of
from trading.monitoring.jobs import Jobs
from trading.monitoring.report import Bare, BotReport, Fault, FeedReport, FeedState
from trading.store.facts import BotFacts
from trading.store.process import ProcessState
from trading.store.status import Status

if TYPE_CHECKING:
    from trading.manager import TradingManager

log = structlog.get_logger(__name__)

STALE_SECONDS_MIN = 15.0
"""Candles that should come more often are not called stale before."""

REPORT_JOB = "report"
ALERT_SECONDS = 2.0
ALERTED = {
    "market_data": ("DATA_STALE", Level.DEGRADED),
    "exchange_api": ("EXCHANGE_DISCONNECTED", Level.CRITICAL),
    "models": ("MODEL_MISSING", Level.CRITICAL),
    "disk": ("DISK_LOW", Level.CRITICAL),
    "background_jobs": ("JOB_FAILED", Level.DEGRADED),
    "health_port": ("HEALTH_PORT", Level.DEGRADED),
}
"""By check: the code of the alert, and from which level on it is given. What the engine tells of itself is not here."""


class Reporter:
    """Makes one bot's reports.

    Args:
        manager: the bot.
        facts: what it told of itself at its start.
        limits: where its checks fail.

    Attributes:
        jobs: what runs beside trading and may fail.
        health_port: why the bot does not answer on its own port; None while it does, or is not meant to.
    """

    def __init__(self, manager: TradingManager, facts: BotFacts | None, limits: HealthLimits) -> None:
        self.jobs = Jobs()
        self.limits = limits
        self.health_port: Fault | None = None
        self._manager = manager
        self._facts = facts
        self._host, self._started_ms = socket.gethostname(), wall_ms()
        self._candle_at = time.monotonic()
        self._since = Since()
        self._alerted: dict[str, Level] = {}
        self._next_alerts = 0.0
        self._told: tuple[Status, BotReport] | None = None

    def candle_handled(self) -> None:
        """A batch of candles was handled, or the first one is awaited from now on."""
        self._candle_at = time.monotonic()

    def look(self) -> BotReport | None:
        """The report of now, by the bot's own loop; tells alerts of what has begun or ceased to be wrong.

        A fault in it is told as that of a background job: it must not end the bot.
        """
        try:
            report = self._look()
        except Exception as error:  # noqa: BLE001 - see above
            self.jobs.failed(REPORT_JOB, repr(error))
            return None
        self.jobs.done(REPORT_JOB)
        return report

    def _look(self) -> BotReport:
        status, report = self._status(), self._report()
        self._told = status, report
        if time.monotonic() >= self._next_alerts:
            self._next_alerts = time.monotonic() + ALERT_SECONDS
            self._alert(self._since.stamp(health_of(self._seen(status, report), self.limits)))
        return report

    def seen(self) -> Seen | None:
        """What there is to judge the bot by, from any thread; None before its first look at itself."""
        if self._told is None:
            return None
        status, report = self._told
        disk_free = free_bytes(self._manager.kill_file.parent)
        return replace(self._seen(status, report), disk_free=disk_free)

    @property
    def beat_age_s(self) -> float:
        """Since the loop last went on. From any thread."""
        return time.monotonic() - self._manager.beat_at

    def _seen(self, status: Status, report: BotReport) -> Seen:
        """The last report, with the age of the loop's beat and the phase as they are now."""
        now, age_s, phase = wall_ms(), self.beat_age_s, self._manager.phase
        process = ProcessState(
            pid=os.getpid(),
            host=self._host,
            version=__version__,
            started_ms=self._started_ms,
            beat_ms=now - round(age_s * 1000),
            state=phase,
        )
        return Seen(
            now_ms=now,
            status=replace(status, process=process),
            report=replace(report, phase=phase, beat_age_s=age_s, health_port=self.health_port),
            database_error=report.database.error if report.database else "",
            is_running=True,
            disk_free=report.disk_free,
        )

    def _status(self) -> Status:
        """The bot's state as others read it from the database, of the same moment as the report."""
        manager = self._manager
        state = manager.engine.state
        return Status(
            bot_id=state.bot_id,
            created_ms=0,
            account=state.account,
            safety=state.safety,
            breaker=state.breaker,
            kill=manager.database.kill,
            process=None,
            facts=self._facts,
            symbols=list(state.symbols.values()),
            positions=list(state.positions.values()),
            live_orders=state.all_live_orders(),
            equity=None,
        )

    def _report(self) -> BotReport:
        manager = self._manager
        state, timing = manager.engine.state, manager.config.timing
        return BotReport(
            made_ms=wall_ms(),
            version=__version__,
            phase=manager.phase,
            engine_ms=state.now_ms,
            beat_age_s=self.beat_age_s,
            api=manager.requests.record.report(),
            feed=self._feed(),
            journal=manager.line.fault,
            database=manager.database.fault,
            unprotected=tuple(
                Bare(position.symbol, state.now_ms - position.unprotected_since_ms, timing.protect_ms)
                for position in state.positions.values()
                if position.unprotected_since_ms is not None
            ),
            in_doubt=tuple(order.id for order in state.all_live_orders() if is_left_to_a_person(order)),
            models_required=self._facts.required_models if self._facts else (),
            jobs=self.jobs.failing(),
            health_port=self.health_port,
            disk_free=manager.database.disk_free,
        )

    def _feed(self) -> FeedReport:
        manager = self._manager
        config, feed = manager.config, manager.feed
        closes = [known.last_close_ms for known in manager.engine.state.symbols.values()]
        age_s, seconds = time.monotonic() - self._candle_at, feed.batch_seconds
        if config.stale_after_interval_ms and closes:
            # The feed's clock is the world's: the symbol that is furthest behind counts.
            age_s, seconds = (wall_ms() - min(closes)) / 1000, config.stale_after_interval_ms / 1000
        stale_after_s = max(config.breaker.stale_intervals * seconds, STALE_SECONDS_MIN)
        return FeedReport(
            label=feed.label,
            symbols=tuple(feed.symbols),
            state=self._feed_state(is_stale=age_s > stale_after_s),
            age_s=round(age_s, 3),
            stale_after_s=stale_after_s,
            interval_ms=feed.interval_ms,
            last_close_ms=max(closes, default=None),
        )

    def _feed_state(self, *, is_stale: bool) -> FeedState:
        manager = self._manager
        if manager.phase == "idle":
            return FeedState.ENDED
        if manager.phase != "trading":
            return FeedState.WAITING
        if manager.line.is_down and isinstance(manager.exchange, CandleDriven):
            return FeedState.HELD
        return FeedState.STALE if is_stale else FeedState.LIVE

    def _alert(self, health: Health) -> None:
        """Tell of each check that began to fail, grew worse, or is well again."""
        for name, (code, least) in ALERTED.items():
            check, before = health.check(name), self._alerted.get(name)
            is_bad = check.is_failing and check.level in (least, Level.CRITICAL)
            if is_bad and check.level is not before:
                level = NoticeLevel.CRITICAL if check.level is Level.CRITICAL else NoticeLevel.WARNING
                self._alerted[name] = check.level
                self._manager.notify(Notify(level, code, f"{check.detail}: {check.action}"))
            elif before is not None and not check.is_failing:
                del self._alerted[name]
                self._manager.notify(Notify(NoticeLevel.INFO, f"{code}_ENDED", f"{name} is well again"))
