"""Metrics for Prometheus: how a bot stands and what its checks say, from bot and dashboard alike; and the bot's own.

Names end in their unit. Labels have few values: names of checks, jobs and kinds of request are the code's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trading.monitoring.health import Health, Level, Seen
from trading.monitoring.overview import money_of
from trading.monitoring.report import ApiStatus, BotReport
from trading.safety.breaker import BreakerState
from trading.store.status import Status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REQUEST_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
WORK_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LEVELS = {Level.HEALTHY: 0, Level.DEGRADED: 1, Level.CRITICAL: 2}


def new_registry() -> CollectorRegistry:
    """A registry of this product's own; the library's common one belongs to whoever else uses it."""
    return CollectorRegistry(auto_describe=False)


def add_process(registry: CollectorRegistry) -> None:
    """Tell of the process and of the Python that runs it, too."""
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)


class BotMetrics:
    """What the bot counts while it works; told on its own port alone."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self._requests = Histogram(
            "tradebot_exchange_request_seconds",
            "Time from a request to the exchange to its answer, or until it was given up.",
            ["kind"],
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
        )
        self._lost = Counter(
            "tradebot_exchange_requests_lost_total",
            "Requests to the exchange that got no answer.",
            ["kind"],
            registry=self.registry,
        )
        for kind in ("submit", "cancel", "query", "account"):
            self._requests.labels(kind)
            self._lost.labels(kind)
        self.commit = Histogram(
            "tradebot_commit_seconds",
            "Time of a commit of the journal.",
            buckets=WORK_BUCKETS,
            registry=self.registry,
        )
        self._batches = Histogram(
            "tradebot_batch_seconds",
            "Time from a batch of candles to the last answer to what it led to.",
            buckets=WORK_BUCKETS,
            registry=self.registry,
        )
        self._candles = Counter("tradebot_candles_total", "Candles that were handled.", registry=self.registry)

    def batch_handled(self, candles: int, seconds: float) -> None:
        """A batch of so many candles was handled."""
        self._batches.observe(seconds)
        self._candles.inc(candles)

    def request(self, kind: str, seconds: float, answered: bool) -> None:
        """A request to the exchange has ended."""
        self._requests.labels(kind).observe(seconds)
        if not answered:
            self._lost.labels(kind).inc()


class HealthCollector(Collector):
    """How the bot stands, asked for when it is scraped.

    Args:
        look: what there is to see, and the health that follows from it; None: nothing yet.
        beat_age_s: since the loop of this process last went on; None where it is not the bot's.
    """

    def __init__(
        self, look: Callable[[], tuple[Seen, Health] | None], beat_age_s: Callable[[], float] | None = None
    ) -> None:
        self._look = look
        self._beat_age_s = beat_age_s

    def collect(self) -> Iterator[Metric]:
        """All of it, of one moment."""
        if self._beat_age_s is not None:
            yield _gauge("loop_beat_age_seconds", "Time since the bot's loop last went on.", self._beat_age_s())
        found = self._look()
        if found is None:
            return
        seen, health = found
        yield from _of_health(health)
        if seen.disk_free is not None:
            yield _gauge("disk_free_bytes", "Free space where DATA_DIR is.", seen.disk_free)
        if seen.status is not None:
            yield from _of_process(seen.status, seen.now_ms)
            yield from _of_safety(seen.status)
            yield from _of_money(seen.status)
            if seen.report is not None and not health.check("heartbeat").is_failing:
                yield from _of_report(seen.report)


def _of_health(health: Health) -> Iterator[Metric]:
    yield _gauge("health_level", "0 healthy, 1 degraded, 2 critical.", _LEVELS[health.level])
    checks = GaugeMetricFamily(
        "tradebot_health_check", "0 healthy, 1 degraded, 2 critical; absent while it cannot be told.", labels=["check"]
    )
    for check in health.checks:
        if check.level in _LEVELS:
            checks.add_metric([check.name], _LEVELS[check.level])
    yield checks
    yield _gauge("database_up", "1 while the database can be read.", not health.check("database").is_failing)


def _of_process(status: Status, now_ms: int) -> Iterator[Metric]:
    process = status.process
    if process is None:
        return
    build = GaugeMetricFamily("tradebot_build_info", "1; the bot's version is a label.", labels=["version"])
    build.add_metric([process.version], 1)
    yield build
    yield _gauge("start_time_seconds", "When the bot was started.", process.started_ms / 1000)
    yield _gauge("heartbeat_age_seconds", "Age of the last sign of life.", (now_ms - process.beat_ms) / 1000)


def _of_safety(status: Status) -> Iterator[Metric]:
    kill, safety = status.kill, status.safety
    yield _gauge("kill_switch_active", "1 while the kill switch is set.", kill.active)
    is_effective = kill.active and kill.effective_ms is not None
    yield _gauge("kill_switch_effective", "1 once no opening order can be on its way any more.", is_effective)
    now = "halt" if safety.halted else "pause" if safety.paused else "closed"
    states = GaugeMetricFamily("tradebot_circuit_breaker_state", "1 for the state that it is in.", labels=["state"])
    for state in ("closed", "pause", "halt"):
        states.add_metric([state], now == state)
    yield states
    yield _gauge("consecutive_losses", "Losing trades in a row.", safety.losing_streak)
    yield _gauge("consecutive_order_failures", "Refused orders in a row.", safety.order_failures)


def _of_money(status: Status) -> Iterator[Metric]:
    held = sum(1 for position in status.positions if position.bought)
    yield _gauge("positions_open", "Open positions.", held)
    if status.facts is not None:
        yield _gauge("positions_max", "How many positions may be open at once.", status.facts.max_open_positions)
    yield _gauge("orders_live", "Orders that may rest at the exchange, stops included.", len(status.live_orders))
    account, money = status.account, money_of(status)
    if account is None or money is None:
        return
    for name, text, value in (
        ("equity", "What the bot is worth at the last prices, in the quote coin.", money.equity),
        ("cash", "Quote coin in no position.", money.cash),
        ("exposure", "Worth of the open positions, in the quote coin.", money.exposure),
        ("closed_profit", "Profit of closed positions after fees, in the quote coin.", money.realised),
    ):
        yield _gauge(name, text, float(value), quote=money.quote)
    fees = CounterMetricFamily("tradebot_closed_fees", "Fees of closed positions, in the quote coin.", labels=["quote"])
    fees.add_metric([account.quote], float(account.closed_fees))
    yield fees
    yield CounterMetricFamily("tradebot_closed_positions", "Positions that were closed.", account.closed_positions)
    yield _drawdown(status.breaker, float(money.equity))


def _drawdown(breaker: BreakerState, equity: float) -> Metric:
    falls = GaugeMetricFamily(
        "tradebot_drawdown_ratio", "Fall of the equity from its highest value of the window.", labels=["window"]
    )
    peaks = {"day": breaker.day_peak, "week": breaker.week_peak, "total": breaker.total_peak}
    for window, peak in peaks.items():
        if peak > 0:
            falls.add_metric([window], max(0.0, 1 - equity / float(peak)))
    return falls


def _of_report(report: BotReport) -> Iterator[Metric]:
    yield _gauge("data_age_seconds", "Age of the last candle.", report.feed.age_s)
    yield _gauge("data_stale_after_seconds", "Age from which the last candle is too old.", report.feed.stale_after_s)
    states = GaugeMetricFamily("tradebot_exchange_state", "1 for the state that it is in.", labels=["state"])
    for state in ApiStatus:
        states.add_metric([state], state is report.api.status)
    yield states
    if report.api.latency_ms is not None:
        text = "Median of the last answers of the exchange."
        yield _gauge("exchange_latency_seconds", text, report.api.latency_ms / 1000)
    bare = len(report.unprotected)
    yield _gauge("positions_unprotected", "Open positions without an acknowledged stop.", bare)
    yield _gauge("orders_in_doubt", "Orders that wait for a person.", len(report.in_doubt))
    yield _gauge("journal_up", "1 while the journal can be written.", report.journal is None)
    jobs = GaugeMetricFamily("tradebot_job_failures", "Failures in a row of a background job.", labels=["job"])
    for job in report.jobs:
        jobs.add_metric([job.name], job.count)
    yield jobs


def _gauge(name: str, text: str, value: float, **labels: str) -> Metric:
    family = GaugeMetricFamily(f"tradebot_{name}", text, labels=list(labels))
    family.add_metric(list(labels.values()), float(value))
    return family
