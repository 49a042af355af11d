"""What our Prometheus files and docs/HEALTH.md name is told by a bot or its dashboard, and the page leaves out none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.processes import BotProcess, until
from tests.support.prometheus import FILES
from tests.support.web import serving, web_app

NAME = re.compile(r"\b(?:tradebot|process|python)_[a-z0-9_]+\b")
PAGE = Path(__file__).parents[2] / "docs" / "HEALTH.md"
PART_OF_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")


def told(text: str) -> set[str]:
    """The names of all metrics of an answer of `/metrics`, also of those that have no value at present."""
    families = text_string_to_metric_families(text)
    names = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    return {name for name in names if not name.endswith("_created")}


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[set[str], set[str]]]:
    """What a bot that trades tells, and what the dashboard beside it does."""
    folder = tmp_path_factory.mktemp("bot")
    with (
        BotProcess(folder, "--data-dir", "data", "--seed", "3", "--speed", "20") as bot,
        serving(web_app(folder / "data")) as served,
        served.owner() as owner,
    ):
        bot.wait_for("fill")
        until(lambda: "tradebot_journal_up" in owner.get("/metrics").text, "the bot's report is read")
        of_bot = httpx.get(f"http://127.0.0.1:{bot.health_port}/metrics", timeout=10).text
        yield told(of_bot), told(owner.get("/metrics").text)


def named_in_files() -> set[str]:
    grafana = json.loads((FILES / "grafana.json").read_text())
    texts = [target["expr"] for panel in grafana["panels"] for target in panel["targets"]]
    rules = yaml.safe_load((FILES / "rules.yml").read_text())
    texts += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    tests = yaml.safe_load((FILES / "rules-test.yml").read_text())
    texts += [line["series"] for test in tests["tests"] for line in test["input_series"]]
    return {PART_OF_HISTOGRAM.sub("", name) for text in texts for name in NAME.findall(text)}


def test_grafana_and_the_rules_name_only_what_is_told(metrics: tuple[set[str], set[str]]) -> None:
    of_bot, of_dashboard = metrics
    assert len(named_in_files()) > 20
    assert named_in_files() - of_bot - of_dashboard == set()


def test_the_page_names_all_that_is_told_and_by_whom(metrics: tuple[set[str], set[str]]) -> None:
    section = PAGE.read_text().split("## Prometheus")[1]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    of_bot, of_dashboard = ({name for name in names if name.startswith("tradebot_")} for names in metrics)
    page = {name: by.split(",")[0].strip() for names, by in rows for name in NAME.findall(names)}
    assert {name for name, by in page.items() if by in ("both", "the bot")} == of_bot
    assert {name for name, by in page.items() if by in ("both", "the dashboard")} == of_dashboard
