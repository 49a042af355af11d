"""What an owner does from the page: close, cancel, pause, resume, kill, reset. On a bot of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.support.browser import PHONE, Watched, why_not
from tests.support.dashboards import Dashboard
from tests.support.deployments import open_orders
from tests.support.processes import tradebot

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A bot that these tests may do with as they like, as long as they leave it trading."""
    if missing := why_not():
        pytest.skip(missing)
    with Dashboard(tmp_path_factory.mktemp("mine"), speed=6) as running:
        running.wait_until_served()
        yield running


@contextmanager
def holding(folder: Path, speed: float) -> Iterator[Dashboard]:
    """A bot that holds something while the market is slow: no stop is moved or hit under a person's hands."""
    if missing := why_not():
        pytest.skip(missing)
    for _ in range(5):
        with Dashboard(folder, speed=20) as quick:
            quick.wait_until_served()
            quick.wait_for("/orders", lambda found: any(one["purpose"] == "stop" for one in found["items"]), live=True)
            ended = tradebot("stop", "--policy", "keep", cwd=folder, DATA_DIR=str(quick.data))
            assert ended.returncode == 0, ended.stderr
        if "stop" in open_orders(quick.data):  # else the market was quicker
            break
    with Dashboard(folder, speed=speed) as running:
        running.wait_until_served()
        yield running


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Dashboard]:
    """One whose market hardly moves."""
    with holding(tmp_path, 0.01) as running:
        yield running


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Dashboard]:
    """One whose market moves, as what is sold needs it, every five seconds."""
    with holding(tmp_path, 0.2) as running:
        yield running


@pytest.fixture
def owner(watch: Open, mine: Dashboard) -> Watched:  # type: ignore[override]
    return logged_in(watch, mine)


def logged_in(watch: Open, dashboard: Dashboard) -> Watched:
    """Its page, with the owner before it."""
    watched = watch(dashboard.address)
    watched.open()
    watched.log_in()
    watched.ready()
    return watched


def answer(page: Page, action: str, **fields: str) -> None:
    """Fill the dialog's fields by their labels, and press its button."""
    dialog = page.get_by_role("dialog")
    for label, text in fields.items():
        dialog.get_by_label(label.replace("_", " ")).fill(text)
    dialog.get_by_role("button", name=action, exact=True).click()


def test_a_position_is_closed_after_it_was_confirmed(slow: Dashboard, watch: Open) -> None:
    owner = logged_in(watch, slow)
    held = slow.wait_for("/positions", lambda found: [one for one in found if one["state"] == "open"])
    position = next(one for one in held if one["state"] == "open")
    page = owner.show("positions")
    close = page.get_by_role("button", name=f"Close {position['symbol']}")
    close.click()
    expect(page.get_by_role("dialog")).to_contain_text("at market")
    page.get_by_role("dialog").get_by_role("button", name="Back").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    close.click()
    answer(page, "Sell at market")
    expect(page.get_by_text(f"Close {position['symbol']}: the bot is doing it.")).to_be_visible()
    closed = slow.wait_for(f"/positions/{position['id']}", lambda found: found["trade"] is not None)
    assert closed["trade"]["exit_reason"] == "closed by operator"


def test_an_order_is_cancelled_and_a_position_gets_its_stop_back(still: Dashboard, watch: Open) -> None:
    owner = logged_in(watch, still)
    page = owner.show("positions")
    page.get_by_role("button", name=re.compile("Cancel the stop order")).first.click()
    expect(page.get_by_role("dialog")).to_contain_text("never left without one")
    answer(page, "Cancel the order")
    expect(page.get_by_text(re.compile("Cancel the stop order in .*: the bot is doing it."))).to_be_visible()
    owner.open("safety")
    asked = page.get_by_role("table", name="Commands, newest first")
    expect(asked.get_by_role("row").nth(1)).to_contain_text("Cancel order")
    expect(asked.get_by_role("row").nth(1)).to_contain_text("done")


def test_entries_are_paused_and_resumed_with_a_reason(owner: Watched) -> None:
    page = owner.show("safety")
    page.get_by_role("button", name="Pause entries …").click()
    button = page.get_by_role("dialog").get_by_role("button", name="Pause", exact=True)
    expect(button).to_be_disabled()
    answer(page, "Pause", Reason="news today")
    expect(page.get_by_test_id("breaker")).to_contain_text("Paused")
    expect(page.get_by_test_id("breaker")).to_contain_text("news today")
    expect(page.get_by_test_id("bot-state")).to_have_text("Paused")
    owner.open()
    expect(page.get_by_test_id("now")).to_contain_text("No positions are opened: paused")
    owner.open("safety")
    page.get_by_role("button", name="Resume entries …").click()
    answer(page, "Resume", Reason="the news was nothing")
    expect(page.get_by_test_id("breaker")).to_contain_text("Closed")
    expect(page.get_by_test_id("bot-state")).to_have_text("Trading")


def test_alerts_are_marked_as_seen_and_tested(owner: Watched, mine: Dashboard) -> None:
    mine.wait_for("/alerts", lambda found: bool(found["items"]))
    page = owner.show("alerts?acknowledged=false")
    page.get_by_role("button", name="Mark as seen").click()
    mine.wait_for("/alerts", lambda found: bool(found["items"]), acknowledged=True)
    page.get_by_label("Seen").select_option("true")
    expect(page.get_by_role("table", name="Alerts")).to_contain_text("Bot started")
    page.get_by_role("button", name="Send a test …").click()
    answer(page, "Send")
    expect(page.get_by_text("No channel is set up, so nothing was sent.")).to_be_visible()


def test_the_kill_switch_is_set_by_keys_alone_and_shown_until_it_is_effective(owner: Watched, mine: Dashboard) -> None:
    page = owner.show("overview")
    page.get_by_test_id("kill").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    go = dialog.get_by_role("button", name="Set the kill switch")
    dialog.get_by_label("Reason").focus()
    page.keyboard.type("it looks odd")
    page.keyboard.press("Enter")
    expect(go).to_be_disabled()
    page.keyboard.press("Tab")
    page.keyboard.type("KILLL")
    expect(go).to_be_disabled()
    page.keyboard.press("Backspace")
    expect(go).to_be_enabled()
    assert not mine.ask("/safety/kill-switch/status")["active"]
    page.keyboard.press("Enter")
    steps = page.get_by_test_id("kill-steps")
    expect(steps).to_contain_text("Latched")
    expect(steps).to_contain_text("No opening order is on its way any more")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("bot-state")).to_have_text("Killed")
    state = mine.ask("/safety/kill-switch/status")
    assert state["effective"] and state["reason"] == "it looks odd"
    page.get_by_test_id("killed").click()
    expect(page.get_by_test_id("kill-switch")).to_contain_text("Effective")
    owner.screenshot("safety-killed")
    page.get_by_role("button", name="Reset …").click()
    answer(page, "Reset", Reason="it was nothing", Type_RESET="RESET")
    expect(page.get_by_test_id("kill-switch")).to_contain_text("Not set")
    expect(page.get_by_test_id("bot-state")).to_have_text("Trading")
    history = page.get_by_test_id("history")
    expect(history).to_contain_text("it looks odd, by owner (dashboard)")
    expect(history).to_contain_text("it was nothing, by owner (dashboard)")


def test_on_a_phone_the_kill_switch_is_at_hand_on_every_page(watch: Open, mine: Dashboard) -> None:
    watched = watch(mine.address, viewport=PHONE, is_mobile=True, has_touch=True)
    watched.open("trades")
    watched.log_in()
    watched.ready()
    button = watched.page.get_by_test_id("kill")
    expect(button).to_be_in_viewport()
    button.tap()
    expect(watched.page.get_by_role("dialog", name="Set the kill switch?")).to_be_in_viewport()
    watched.screenshot("kill-dialog-phone")
