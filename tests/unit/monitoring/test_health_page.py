"""docs/HEALTH.md tells of every check, and the Prometheus files name only metrics that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from tests.support.seen import healthy_seen
from trading.monitoring.health import ACTIONS, health_of
from trading.monitoring.prometheus import BotMetrics, HealthCollector

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ACTIONS)
def test_the_page_tells_of_every_check(name: str) -> None:
    assert f"\n| `{name}` | " in (ROOT / "docs" / "HEALTH.md").read_text("utf-8")


def test_the_page_tells_of_no_check_that_is_not_there() -> None:
    page = (ROOT / "docs" / "HEALTH.md").read_text("utf-8")
    table = page[page.index("## The checks") : page.index("## Performance")]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == list(ACTIONS)


def test_metrics_of_a_healthy_bot_can_be_told() -> None:
    metrics, seen = BotMetrics(), healthy_seen()
    metrics.registry.register(HealthCollector(lambda: (seen, health_of(seen)), lambda: 0.5))
    metrics.request("submit", 0.02, answered=False)
    metrics.batch_handled(3, 0.01)
    text = generate_latest(metrics.registry).decode()
    for line in (
        "tradebot_health_level 0.0",
        "tradebot_loop_beat_age_seconds 0.5",
        'tradebot_exchange_requests_lost_total{kind="submit"} 1.0',
        "tradebot_candles_total 3.0",
        'tradebot_health_check{check="disk"} 0.0',
    ):
        assert line in text
