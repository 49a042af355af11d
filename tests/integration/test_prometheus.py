"""Our Prometheus files with Debian's Prometheus: valid, and about metrics that bot and dashboard really give."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from tests.support.processes import BotProcess, until
from tests.support.prometheus import FILES, NOT_HERE, PrometheusServer, programs, promtool
from tests.support.web import serving, web_app

pytestmark = pytest.mark.skipif(programs() is None, reason=NOT_HERE)


@pytest.mark.parametrize(
    "command",
    [
        ("check", "rules", "rules.yml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),
        ("test", "rules", "rules-test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_accepts_our_files(command: tuple[str, ...]) -> None:
    done = promtool(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def expressions() -> list[str]:
    """Every expression of the Grafana dashboard."""
    dashboard = json.loads((FILES / "grafana.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_a_real_prometheus_scrapes_bot_and_dashboard_and_answers_every_panel(tmp_path: Path) -> None:
    (tmp_path / "prometheus").mkdir()
    with (
        BotProcess(tmp_path, "--data-dir", "data", "--seed", "3", "--speed", "20") as bot,
        serving(web_app(tmp_path / "data")) as served,
        served.owner() as owner,
    ):
        bot.wait_for("fill")
        token = owner.post("/api/v1/tokens", json={"name": "prometheus", "scope": "read"}).json()["token"]
        targets = {"tradebot": f"127.0.0.1:{bot.health_port}", "tradebot-dashboard": f"127.0.0.1:{served.port}"}
        for address in targets.values():
            answer = httpx.get(f"http://{address}/metrics", headers={"Authorization": f"Bearer {token}"}, timeout=10)
            assert answer.status_code == 200
        with PrometheusServer(tmp_path / "prometheus", targets, token) as prometheus:
            until(lambda: is_up(prometheus), "both are scraped")
            rules = prometheus.get("rules")["groups"][0]["rules"]
            assert {rule["name"] for rule in rules} >= {"TradebotDown", "TradebotStalled", "TradebotKilled"}
            for expression in expressions():
                until(lambda e=expression: prometheus.get("query", query=e)["result"], f"an answer to {expression}")


def is_up(prometheus: PrometheusServer) -> bool:
    found = prometheus.get("query", query="up")["result"]
    return {(one["metric"]["job"], one["value"][1]) for one in found} == {
        ("tradebot", "1"),
        ("tradebot-dashboard", "1"),
    }
