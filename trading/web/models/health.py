"""The bot's health and its safety state, under the names of the design."""

from __future__ import annotations

from pydantic import Field

from trading.monitoring.health import Check, Level, Seen, iso
from trading.monitoring.overview import waiting_for
from trading.monitoring.report import ApiStatus, BotReport
from trading.safety.breaker import HOUR_MS, MINUTE_MS
from trading.store.status import Status
from trading.web.models.base import Model, Time, maybe_moment, moment
from trading.web.watching import Look


class CheckView(Model):
    """One check. since: since when it is not well. action: what a person can do."""

    name: str = Field(examples=["market_data"])
    state: Level = Field(examples=["degraded"])
    since: Time | None = Field(examples=[None])
    detail: str = Field(examples=["the last candle is 90 s old; more than 15 s is too old"])
    action: str = Field(examples=["look at the connection to the source of the candles"])

    @classmethod
    def of(cls, check: Check) -> CheckView:
        """The check."""
        since = maybe_moment(check.since_ms)
        return cls(name=check.name, state=check.level, since=since, detail=check.detail, action=check.action)


class ModelsLoaded(Model):
    """Trained models that the bot has and needs."""

    loaded: list[str]
    required: list[str]


class HealthDetails(Model):
    """All checks, and what the bot tells of itself; null or empty where it does not."""

    checks: list[CheckView]
    waiting_for: str | None = Field(description="null while the database cannot be read")
    phase: str | None = Field(examples=["trading"])
    feed: str | None = Field(examples=["DEMO MARKET - made-up prices, not real"])
    feed_state: str | None = Field(examples=["live"])
    data_age_s: float | None
    journal: str | None = Field(description="why the journal cannot be written", examples=[None])
    disk_free_bytes: int | None
    unprotected: list[str] = Field(description="symbols of positions without a stop at the exchange")
    orders_in_doubt: list[str]
    failing_jobs: list[str]
    loop_beat_age_s: float | None = Field(description="as of the last report")
    reported_at: Time | None


class HealthStatusView(Model):
    """How the bot is."""

    level: Level
    timestamp: Time
    kill_switch_active: bool
    kill_switch_reason: str | None
    circuit_breaker_open: bool
    circuit_breaker_reason: str | None
    current_positions: int
    max_positions: int | None
    position_utilization_pct: float | None
    api_status: ApiStatus
    api_latency_ms: float | None
    last_api_check: Time | None
    database: str = Field(examples=["connected"])
    models: ModelsLoaded
    heartbeat_age_s: float | None
    details: HealthDetails

    @classmethod
    def of(cls, look: Look, status: Status) -> HealthStatusView:
        """What was seen; the database was read."""
        seen, health = look.seen, look.health
        report = None if health.check("heartbeat").is_failing else seen.report
        kill, safety, facts = status.kill, status.safety, status.facts
        current = positions_of(status)
        most = facts.max_open_positions if facts else None
        api = report.api if report else None
        return cls(
            level=health.level,
            timestamp=moment(seen.now_ms),
            kill_switch_active=kill.active,
            kill_switch_reason=kill.reason if kill.active else None,
            circuit_breaker_open=bool(safety.halted or safety.paused),
            circuit_breaker_reason=safety.halted or safety.paused or None,
            current_positions=current,
            max_positions=most,
            position_utilization_pct=round(100 * current / most, 2) if most else None,
            api_status=api.status if api else ApiStatus.DISCONNECTED,
            api_latency_ms=api.latency_ms if api else None,
            last_api_check=maybe_moment(api.last_check_ms if api else None),
            database="connected",
            models=ModelsLoaded(
                loaded=list(report.models_loaded) if report else [],
                required=list(facts.required_models) if facts else [],
            ),
            heartbeat_age_s=(seen.now_ms - status.process.beat_ms) / 1000 if status.process else None,
            details=_details(look, report),
        )


def _waiting_for(seen: Seen) -> str | None:
    if seen.status is None:
        return None
    return waiting_for(seen.status, is_running=seen.is_running, now_ms=seen.now_ms)


def _details(look: Look, report: BotReport | None) -> HealthDetails:
    return HealthDetails(
        checks=[CheckView.of(check) for check in look.health.checks],
        waiting_for=_waiting_for(look.seen),
        phase=report.phase if report else None,
        feed=report.feed.label if report else None,
        feed_state=report.feed.state if report else None,
        data_age_s=report.feed.age_s if report else None,
        journal=report.journal.error if report and report.journal else None,
        disk_free_bytes=look.seen.disk_free,
        unprotected=[bare.symbol for bare in report.unprotected] if report else [],
        orders_in_doubt=list(report.in_doubt) if report else [],
        failing_jobs=[job.name for job in report.jobs] if report else [],
        loop_beat_age_s=report.beat_age_s if report else None,
        reported_at=maybe_moment(report.made_ms if report else None),
    )


class KillSwitchState(Model):
    """The kill switch."""

    active: bool
    effective: bool
    triggered_at: Time | None
    triggered_by: str | None
    reason: str | None


class CircuitBreakerState(Model):
    """The circuit breaker; its counters are as of the market's time."""

    state: str = Field(description="closed, pause or halt", examples=["closed"])
    is_open: bool
    tripped_at: Time | None = Field(description="in the market's time; null where a person paused")
    trip_reason: str | None
    consecutive_losses: int
    api_errors_last_minute: int
    order_failures: int
    failed_trades_last_hour: int


class PositionLimits(Model):
    """How many positions are open, and may be."""

    current: int
    max: int | None


class HealthSafetyView(Model):
    """What stops the bot from opening positions."""

    kill_switch: KillSwitchState
    circuit_breaker: CircuitBreakerState
    position_limits: PositionLimits
    timestamp: Time

    @classmethod
    def of(cls, look: Look, status: Status) -> HealthSafetyView:
        """What was seen; the database was read."""
        kill, safety, breaker = status.kill, status.safety, status.breaker
        now_ms = max((known.last_close_ms for known in status.symbols), default=0)
        is_open = bool(safety.halted or safety.paused)
        has_tripped = bool(safety.halt_code if safety.halted else safety.pause_code)
        return cls(
            kill_switch=KillSwitchState(
                active=kill.active,
                effective=kill.active and kill.effective_ms is not None,
                triggered_at=maybe_moment(kill.set_ms if kill.active else None),
                triggered_by=kill.by if kill.active else None,
                reason=kill.reason if kill.active else None,
            ),
            circuit_breaker=CircuitBreakerState(
                state="halt" if safety.halted else "pause" if safety.paused else "closed",
                is_open=is_open,
                tripped_at=moment(look.trip.time_ms) if look.trip and has_tripped else None,
                trip_reason=safety.halted or safety.paused or None,
                consecutive_losses=safety.losing_streak,
                api_errors_last_minute=sum(t > now_ms - MINUTE_MS for t in breaker.api_error_times),
                order_failures=safety.order_failures,
                failed_trades_last_hour=sum(t > now_ms - HOUR_MS for t in breaker.loss_times),
            ),
            position_limits=PositionLimits(
                current=positions_of(status), max=status.facts.max_open_positions if status.facts else None
            ),
            timestamp=moment(look.seen.now_ms),
        )


def positions_of(status: Status) -> int:
    """How many positions hold something, or did."""
    return sum(1 for position in status.positions if position.bought)


class ProbeView(Model):
    """The answer of a probe; checks: what fails, without what only the owner may see."""

    status: str = Field(examples=["healthy"])
    timestamp: str = Field(examples=[iso(0)])
    checks: list[dict[str, str | None]] | None = None
