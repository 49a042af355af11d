"""A bot that is well, as health sees it: the starting point for what is not."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tests.support.builders import MINUTE
from trading.engine.state import SafetyState
from trading.monitoring.health import Seen
from trading.monitoring.report import ApiReport, ApiStatus, BotReport, FeedReport, FeedState
from trading.safety.breaker import BreakerState
from trading.store.latch import KillState
from trading.store.process import ProcessState
from trading.store.status import Status

NOW = 1_750_000_000_000
GB = 1_000_000_000


def healthy_report() -> BotReport:
    return BotReport(
        made_ms=NOW - 1_000,
        phase="trading",
        api=ApiReport(status=ApiStatus.CONNECTED, latency_ms=2.0, last_check_ms=NOW - 1_000),
        feed=FeedReport(label="test", state=FeedState.LIVE, age_s=1.0, stale_after_s=15.0, interval_ms=MINUTE),
        disk_free=50 * GB,
    )


def healthy_status() -> Status:
    return Status(
        bot_id="bot",
        created_ms=0,
        account=None,
        safety=SafetyState(),
        breaker=BreakerState(),
        kill=KillState(active=False),
        process=ProcessState(
            pid=1, host="here", version="1", started_ms=NOW - 60_000, beat_ms=NOW - 1_000, state="trading"
        ),
        facts=None,
        symbols=[],
        positions=[],
        live_orders=[],
        equity=None,
    )


def healthy_seen(**changes: Any) -> Seen:
    """A bot that is well, but for these changes."""
    seen = Seen(now_ms=NOW, status=healthy_status(), report=healthy_report(), is_running=True, disk_free=60 * GB)
    return replace(seen, **changes)
