"""Getting in and being put out, and what is said where no bot runs: on a server without one."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.test_page_shows import SERIOUS
from tests.support.browser import PASSWORD, Watched
from tests.support.web import Served, serving, web_app
from trading.clock import wall_ms
from trading.web.attempts import Attempts

pytestmark = pytest.mark.browser

HOUR_MS = 3_600_000


@pytest.fixture
def later_ms() -> list[int]:
    """By how much the server's clock is ahead; a test may move it on."""
    return [0]


@pytest.fixture
def served(finished_bot: Path, tmp_path: Path, later_ms: list[int]) -> Iterator[Served]:
    """A dashboard on what a bot has left that was stopped."""
    data = shutil.copytree(finished_bot, tmp_path / "data")
    app = web_app(data, settings={"DASHBOARD_PASSWORD": PASSWORD}, now_ms=lambda: wall_ms() + later_ms[0])
    with serving(app) as server:
        yield server


def logged_in(watch: Open, served: Served, page: str = "overview") -> Watched:
    watched = watch(served.address)
    watched.open(page)
    watched.log_in()
    watched.ready()
    return watched


def test_a_wrong_password_is_told_and_the_right_one_gets_in(watch: Open, served: Served) -> None:
    watched = watch(served.address)
    watched.expected += ["401"]
    page = watched.open("trades?outcome=won")
    watched.log_in("not the password at all")
    expect(page.get_by_role("alert")).to_contain_text("this is not the password")
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.get_by_label("Password")).to_have_value("")
    watched.screenshot("login-refused")
    watched.log_in()
    watched.ready()
    expect(page.get_by_role("heading", level=1, name="Trades")).to_be_visible()
    expect(page).to_have_url(re.compile(r"#/trades\?outcome=won$"))


def test_too_many_tries_are_refused_and_told(watch: Open, served: Served) -> None:
    served.context.attempts = Attempts(monotonic=lambda: 0.0)  # else each 12 s give one back
    watched = watch(served.address)
    watched.expected += ["401", "429"]
    page = watched.open()
    for _ in range(6):
        watched.log_in("not the password at all")
        expect(page.get_by_role("button", name="Log in")).to_be_disabled()
        expect(page.get_by_role("alert")).not_to_be_empty()
    expect(page.get_by_role("alert")).to_contain_text("too many")


@pytest.mark.parametrize("how", ["expired", "ended elsewhere"])
def test_a_login_that_ends_leads_to_the_form_and_back(
    how: str, watch: Open, served: Served, later_ms: list[int]
) -> None:
    watched = logged_in(watch, served, "settings")
    watched.expected += ["401"]
    page = watched.page
    if how == "expired":
        later_ms[0] = served.context.settings.dashboard_session_max_hours * HOUR_MS
    else:
        with served.owner() as elsewhere:
            assert elsewhere.post("/api/v1/logout", params={"everywhere": True}).is_success
    expect(page.get_by_label("Password")).to_be_visible()
    watched.log_in()
    watched.ready()
    expect(page.get_by_role("heading", name="Settings in force")).to_be_visible()


def test_logging_out_shows_nothing_any_more(watch: Open, served: Served) -> None:
    watched = logged_in(watch, served)
    watched.expected += ["401"]  # of what was asked in the moment when the login ended
    page = watched.page
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()
    expect(page.get_by_text("Equity")).to_have_count(0)


def test_a_stranger_makes_the_page_ask_for_nothing(watch: Open, served: Served) -> None:
    watched = watch(served.address)
    asked: list[str] = []
    watched.page.on("request", lambda request: asked.append(request.url))
    expect(watched.open().get_by_label("Password")).to_be_visible()
    assert not [url for url in asked if "/api/" in url or "/ws" in url]


def test_a_bot_that_does_not_run_is_told_on_every_page(watch: Open, served: Served) -> None:
    watched = logged_in(watch, served)
    for name in ("overview", "positions", "trades"):
        page = watched.show(name)
        expect(page.get_by_test_id("bot-state")).to_have_text("Not running")
        expect(page.get_by_test_id("not-running")).to_contain_text("The bot is not running")
        expect(page.get_by_test_id("not-running")).to_contain_text("tradebot run")
        expect(page.get_by_test_id("shell")).to_have_class(re.compile("is-stale"))
        expect(page.get_by_text("Loading …")).to_have_count(0)
        faults = [fault for fault in Axe().run(page).response["violations"] if fault["impact"] in SERIOUS]
        assert not faults, f"{name}: {[(fault['id'], fault['nodes'][0]['html']) for fault in faults]}"
        watched.screenshot(f"not-running-{name}")


def test_the_kill_switch_works_while_no_bot_runs(watch: Open, served: Served) -> None:
    page = logged_in(watch, served).page
    page.get_by_test_id("kill").click()
    page.get_by_label("Reason").fill("before the holidays")
    page.get_by_label("Type KILL").fill("KILL")
    page.get_by_role("dialog").get_by_role("button", name="Set the kill switch").click()
    expect(page.get_by_test_id("kill-steps")).to_contain_text("No opening order is on its way any more")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.get_by_test_id("killed").click()
    page.get_by_role("button", name="Reset …").click()
    page.get_by_label("Reason").fill("back again")
    page.get_by_label("Type RESET").fill("RESET")
    page.get_by_role("dialog").get_by_role("button", name="Reset", exact=True).click()
    expect(page.get_by_test_id("kill-switch")).to_contain_text("Not set")
    expect(page.get_by_test_id("kill-switch")).to_contain_text("back again")


@pytest.fixture
def without_database(tmp_path: Path) -> Iterator[Served]:
    """A dashboard where no bot has run yet."""
    with serving(web_app(tmp_path, settings={"DASHBOARD_PASSWORD": PASSWORD})) as server:
        yield server


def test_without_a_database_the_page_says_so(watch: Open, without_database: Served) -> None:
    watched = watch(without_database.address)
    watched.expected += ["503"]
    page = watched.open()
    watched.log_in()
    expect(page.get_by_test_id("no-status")).to_contain_text("there is no database")
    expect(page.get_by_test_id("bot-state")).to_have_text("Not known")
