"""A browser for each module, and for the whole run one bot with a dashboard that tests may look at but not change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Watched, chromium, why_not
from tests.support.dashboards import Dashboard, traded_and_stopped

Open = Callable[..., Watched]
PAGES = ("watch", "owner")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Open pages after whatever serves them, so that they are closed before it ends, and never miss it."""
    for item in items:
        if isinstance(item, pytest.Function):
            item.fixturenames.sort(key=lambda name: name in PAGES)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, for one module: while it runs, asyncio cannot be used in this thread."""
    missing = why_not()
    if missing:
        pytest.skip(missing)
    with chromium() as started:
        yield started


@pytest.fixture
def watch(browser: Browser) -> Iterator[Open]:
    """Makes `Watched` pages, which are closed and judged at the test's end."""
    watched: list[Watched] = []

    def make(address: str, **options: Any) -> Watched:
        watched.append(Watched(browser, address, **options))
        return watched[-1]

    yield make
    for page in watched:
        page.close()


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """`tradebot run --dashboard` on the demo market, with trades and a position to show. To look at only."""
    if missing := why_not():
        pytest.skip(missing)
    with Dashboard(tmp_path_factory.mktemp("dashboard")) as running:
        running.wait_until_served()
        running.wait_for("/trades", lambda found: len(found["items"]) >= 2)
        yield running


@pytest.fixture(scope="session")
def finished_bot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a bot that has traded and was stopped. To be copied, not changed."""
    return traded_and_stopped(tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="module")
def login(browser: Browser, dashboard: Dashboard) -> Any:
    """The state of a browser that has logged in through the form."""
    page = Watched(browser, dashboard.address)
    page.open()
    page.log_in()
    page.ready()
    state = page.context.storage_state()
    page.close()
    return state


@pytest.fixture
def owner(watch: Open, dashboard: Dashboard, login: Any) -> Watched:
    """A page of the shared dashboard's owner, logged in."""
    return watch(dashboard.address, state=login)
