"""Every page against a bot that trades the demo market: what it shows, that it is live, and how it looks and reads."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.support.browser import DESKTOP, PHONE, Watched
from tests.support.dashboards import Dashboard
from tests.support.processes import tradebot, until
from trading.web import pages

pytestmark = pytest.mark.browser

PAGES = ("overview", "chart", "positions", "decisions", "trades", "safety", "alerts", "logs", "settings")
SERIOUS = ("serious", "critical")
WEIGHT_MAX = 300_000
"""Bytes of the whole page as it is sent, compressed."""
MARKET_MS = 120_000
"""By when the market has given the bot something to tell, a thousand candles on."""

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": DESKTOP},
    "dark": {"color_scheme": "dark", "viewport": DESKTOP},
    "phone": {"color_scheme": "light", "viewport": PHONE, "has_touch": True, "is_mobile": True},
}


def test_the_overview_says_in_one_look_how_it_stands(owner: Watched, dashboard: Dashboard) -> None:
    page = owner.show()
    expect(page.get_by_test_id("bot-state")).to_have_text("Trading")
    expect(page.get_by_test_id("demo-banner")).to_contain_text("not real")
    expect(page.get_by_role("banner")).to_contain_text("PAPER")
    expect(page.get_by_test_id("now")).to_contain_text("Waiting for the next 5m candle of BTC/USDT")
    status = dashboard.ask("/status")
    figures = page.get_by_label(f"Money in {status['money']['quote']}")
    for name in ("Equity", "Today", "Since the start", "Open risk", "Exposure", "Cash"):
        expect(figures).to_contain_text(name)
    expect(page.get_by_role("img", name=re.compile(r"Curve of the equity from .* to .* UTC"))).to_be_visible()
    expect(page.get_by_role("table", name="The last decision of each symbol")).to_contain_text("ETH/USDT")
    expect(page.get_by_role("table", name="The last fills")).to_contain_text("Bought")


def test_the_overview_tells_how_well_it_did(owner: Watched, dashboard: Dashboard) -> None:
    panel = owner.show().get_by_test_id("performance")
    for name in ("Sharpe ratio", "Sortino ratio", "Drawdown now", "Deepest drawdown", "Exposure, mean", "Win rate"):
        expect(panel.get_by_text(name, exact=True)).to_be_visible()
    for name in ("Profit factor", "Profit of a trade", "Streak", "Fees · slippage"):
        expect(panel.get_by_text(name, exact=True)).to_be_visible()

    # The bot trades on meanwhile: what is shown is what the server tells after the last news.
    def is_told() -> bool:
        trades = dashboard.ask("/metrics/realtime")["trades"]
        return f"{trades['won']} won, {trades['lost']} lost" in panel.inner_text()

    until(is_told, "the panel has what the server tells")


def test_health_tells_each_check(owner: Watched) -> None:
    health = owner.show().get_by_test_id("health")
    for check in ("Database", "Heartbeat", "Market data", "Exchange API", "Kill switch", "Positions protected"):
        expect(health.get_by_text(check, exact=True)).to_be_visible()


def test_the_chart_has_candles_and_says_what_happened_at_them(owner: Watched, dashboard: Dashboard) -> None:
    trade = dashboard.ask("/trades", limit=1)["items"][0]
    page = owner.show(f"chart?symbol={trade['symbol'].replace('/', '%2F')}")
    expect(page.get_by_role("img", name=f"Candles of {trade['symbol']}, 5m: last close")).to_be_visible()
    expect(page.locator(".chart__canvas canvas").first).to_be_visible()
    page.get_by_text("Entries, exits and vetoes as a table").click()
    happened = page.get_by_role("table", name=f"Entries, exits and vetoes in {trade['symbol']}")
    expect(happened).to_contain_text("Entry")
    expect(happened).to_contain_text("Exit:")
    page.get_by_label("Symbol").select_option("ETH/USDT")
    expect(page.get_by_role("img", name="Candles of ETH/USDT")).to_be_visible()


def test_decisions_tell_every_vote_its_weight_and_reason(owner: Watched, dashboard: Dashboard) -> None:
    # Three symbols: of more runs the oldest has ended, and is shown as it stays.
    dashboard.wait_for("/decisions", lambda found: len(found["items"]) > 3, vetoed=True)
    page = owner.show("decisions?vetoed=true")
    page.get_by_role("link", name=re.compile("^Why: ")).last.click()
    detail = page.get_by_test_id("decision")
    expect(detail).to_contain_text(re.compile("Vetoed: |Nothing to do: "))
    expect(detail).to_contain_text("Regime")
    votes = detail.get_by_role("table", name=re.compile("Votes"))
    for analyst in ("trend", "momentum", "mean reversion", "volume"):
        expect(votes.get_by_role("cell", name=analyst, exact=True)).to_be_visible()
    for heading in ("Score", "Confidence", "Weight", "Reason"):
        expect(votes.get_by_role("columnheader", name=heading)).to_be_visible()


def test_runs_of_hold_are_one_line(owner: Watched, dashboard: Dashboard) -> None:
    dashboard.wait_for("/decisions", lambda found: any(run["count"] > 1 for run in found["items"]), verdict="hold")
    page = owner.show("decisions?verdict=hold")
    expect(page.get_by_role("table", name="Decisions")).to_contain_text(re.compile(r"Hold × \d+"))


def test_trades_are_filtered_and_exported_as_the_command_line_does(owner: Watched, dashboard: Dashboard) -> None:
    page = owner.show("trades?outcome=won")
    lost = dashboard.ask("/trades", outcome="lost")["items"]
    table = page.get_by_role("table", name="Finished trades")
    expect(table.or_(page.get_by_text("No finished trade fits."))).to_be_visible()
    expect(table.locator(".loss")).to_have_count(0)
    page.get_by_label("Outcome").select_option("lost")
    expect(page).to_have_url(re.compile("outcome=lost"))
    expect(table.locator(".gain")).to_have_count(0)
    expect(table.locator("tbody tr")).not_to_have_count(0) if lost else None
    page.get_by_label("Outcome").select_option("")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    exported = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8"))))
    by_command = tradebot("history", "--csv", "--data-dir", str(dashboard.data), cwd=dashboard.folder).stdout
    told = list(csv.DictReader(io.StringIO(by_command)))
    assert len(exported) >= 2
    assert told[: len(exported)] == exported


def test_settings_say_where_each_came_from_and_show_no_secret(owner: Watched, dashboard: Dashboard) -> None:
    page = owner.show("settings")
    expect(page.get_by_role("table", name="Settings of the bot: What to trade")).to_contain_text("TRADING_TIMEFRAME")
    own = page.get_by_role("table", name="Settings of the dashboard: The dashboard")
    row = own.get_by_role("row").filter(has_text="DASHBOARD_PASSWORD")
    expect(row).to_contain_text("environment")
    expect(page.locator("body")).not_to_contain_text("battery")
    page.get_by_label("Find").fill("drawdown")
    limits = page.get_by_role("table", name="Settings of the bot: Limits and circuit breaker")
    expect(limits).to_contain_text("TRADING_MAX_DAILY_DRAWDOWN_PCT")
    expect(page.get_by_text("TRADING_TIMEFRAME")).to_have_count(0)


def test_on_a_phone_settings_are_topics_that_open(watch: Open, dashboard: Dashboard, login: Any) -> None:
    page = watch(dashboard.address, state=login, **LOOKS["phone"]).show("settings")
    expect(page.get_by_text("TRADING_MAX_OPEN_POSITIONS")).to_be_hidden()
    page.get_by_test_id("settings of the bot").get_by_role("heading", name="Limits").click()
    expect(page.get_by_text("TRADING_MAX_OPEN_POSITIONS")).to_be_visible()
    page.get_by_label("Find").fill("slack")
    expect(page.get_by_text("SLACK_WEBHOOK")).to_be_visible()


def test_limits_are_gauges_with_their_values(owner: Watched) -> None:
    page = owner.show("safety")
    expect(page.get_by_role("meter", name="Open positions")).to_have_attribute(
        "aria-valuetext", re.compile(r"^\d of 3$")
    )
    expect(page.get_by_test_id("kill-switch")).to_contain_text("Not set")
    expect(page.get_by_test_id("breaker")).to_contain_text("Closed")


def test_alerts_are_told_as_they_come(owner: Watched) -> None:
    page = owner.show("alerts")
    table = page.get_by_role("table", name="Alerts")
    expect(table).to_contain_text("info")
    newest = table.get_by_role("row").nth(1)
    expect(newest).not_to_have_text(newest.inner_text(), use_inner_text=True, timeout=MARKET_MS)
    expect(page.get_by_text("without a channel in the settings")).to_be_visible()
    page.get_by_label("Level").select_option("critical")
    expect(page.get_by_text("There is no such alert.")).to_be_visible()


def test_the_log_is_followed_and_filtered(owner: Watched) -> None:
    page = owner.show("logs?level=debug")
    lines = page.get_by_label("Lines of the log").get_by_role("listitem")
    expect(lines.first).to_be_visible()
    expect(lines.last).not_to_have_text(lines.last.inner_text(), use_inner_text=True, timeout=MARKET_MS)
    page.get_by_label("At least").select_option("critical")
    expect(page.get_by_text("No line fits.")).to_be_visible()


def test_what_is_shown_follows_the_market_without_a_reload(owner: Watched) -> None:
    page = owner.show()
    page.evaluate("window.isTheSamePage = true")
    now = page.get_by_test_id("now")
    expect(now).not_to_have_text(now.inner_text(), use_inner_text=True)
    owner.open("decisions")
    first = page.get_by_role("table", name="Decisions").get_by_role("row").nth(1)
    shown = first.inner_text()
    expect(first).not_to_have_text(shown, use_inner_text=True)
    assert page.evaluate("window.isTheSamePage")


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_reads_well_fits_and_is_kept_as_a_picture(
    look: str, watch: Open, dashboard: Dashboard, login: Any
) -> None:
    watched = watch(dashboard.address, state=login, **LOOKS[look])
    axe = Axe()
    for name in PAGES:
        page = watched.show(name)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_load_state("networkidle" if name == "settings" else "load")
        expect(page.get_by_text("Loading …")).to_have_count(0)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is {wide} px too wide for the window"
        faults = [fault for fault in axe.run(page).response["violations"] if fault["impact"] in SERIOUS]
        assert not faults, f"{name}: {[(fault['id'], fault['nodes'][0]['html']) for fault in faults]}"
        watched.screenshot(f"{name}-{look}")


def test_a_chosen_look_stays(owner: Watched) -> None:
    page = owner.show()
    html = page.locator("html")
    expect(html).to_have_attribute("data-theme", "light")
    page.emulate_media(color_scheme="dark")
    expect(html).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Colours: system").click()
    expect(html).to_have_attribute("data-theme", "light")
    page.reload()
    owner.ready()
    expect(html).to_have_attribute("data-theme", "light")


def test_keys_alone_reach_the_kill_switch_and_everything_else(owner: Watched) -> None:
    page = owner.show()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.reload()
    owner.ready()
    press_until(page, "Tab", lambda: page.get_by_test_id("kill").evaluate("node => node === document.activeElement"))
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Set the kill switch?")
    expect(dialog).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.get_by_test_id("kill")).to_be_focused()


def test_on_a_phone_the_rest_is_under_more(watch: Open, dashboard: Dashboard, login: Any) -> None:
    watched = watch(dashboard.address, state=login, **LOOKS["phone"])
    page = watched.show()
    expect(page.get_by_role("link", name="Settings")).to_have_count(0)
    page.get_by_role("button", name="More").click()
    page.get_by_role("dialog").get_by_role("link", name="Settings").click()
    expect(page.get_by_role("heading", name="Settings in force")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_address_of_no_page_says_so(owner: Watched) -> None:
    page = owner.show("nothing")
    expect(page.get_by_role("heading", name="No such page")).to_be_visible()
    page.get_by_role("link", name="To the overview").click()
    expect(page.get_by_role("heading", level=1, name="Overview")).to_be_visible()


def test_the_whole_page_is_light(owner: Watched) -> None:
    files = [path for path in pages.STATIC.rglob("*") if path.is_file() and path.suffix != ".gz"]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) <= WEIGHT_MAX


def press_until(page: Page, key: str, is_there: Callable[[], Any], most: int = 60) -> None:
    """Press a key until it has led there."""
    for _ in range(most):
        page.keyboard.press(key)
        if is_there():
            return
    raise AssertionError(f"{most} times {key} led nowhere")
