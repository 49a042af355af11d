"""Chromium for the tests of the page: found, started with nothing of its own to say to the network, and watched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect, sync_playwright

from trading.web import pages

NOT_HERE = "Chromium is not here: install Debian's package chromium"
NOT_BUILT = "the page has not been built: make page"
SCREENSHOTS = "TRADEBOT_SCREENSHOTS"
"""The variable that names the folder for screenshots; without it none are kept."""

PASSWORD = "correct horse battery staple"
PATIENCE_MS = 45_000
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 360, "height": 740}
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def program() -> str | None:
    """Where the browser is, None where there is none."""
    return next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)


def why_not() -> str | None:
    """What is missing for tests of the page, None where nothing is."""
    if program() is None:
        return NOT_HERE
    return None if (pages.STATIC / pages.INDEX).is_file() else NOT_BUILT


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser. While it runs, this thread has an event loop that hinders other tests: end it with the module."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=_FLAGS, timeout=PATIENCE_MS)
        yield browser
        browser.close()


NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"
"""Chromium gives up what it was loading when the machine's network changes, as it does with every container test."""

TRIES = 5


class Watched:
    """A page, and what it must not do: complain, fail, or ask anybody but the server that it came from.

    Args:
        address: the dashboard's.
        state: cookies and storage of a login, as `storage_state` gives them.
        options: more for the browser's context.
    """

    def __init__(self, browser: Browser, address: str, *, state: Any = None, **options: Any) -> None:
        self.address = address
        self.faults: list[str] = []
        self.expected: list[str] = [NETWORK_CHANGED]
        """Parts of complaints that are not the page's fault, or that the test brings about itself."""
        options = {"viewport": DESKTOP, "color_scheme": "light", "timezone_id": "UTC", **options}
        self.context: BrowserContext = browser.new_context(storage_state=state, **options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self._on_request(request.url))
        self.page.on("websocket", lambda socket: self._on_request(socket.url))

    def open(self, page: str = "overview") -> Page:
        """Go to a page of the dashboard by the part after `#/`; again, where loading it was given up."""
        for _ in range(TRIES):
            known = len(self.faults)
            try:
                self.page.goto(f"{self.address}/#/{page}")
            except Error as error:
                if NETWORK_CHANGED not in error.message:
                    raise
            else:
                if not any(NETWORK_CHANGED in fault for fault in self.faults[known:]):
                    return self.page
            self.page.goto("about:blank")
        raise AssertionError(f"loading {page} was given up {TRIES} times: {NETWORK_CHANGED}")

    def show(self, page: str = "overview") -> Page:
        """As `open`, and wait until there is something to see."""
        self.open(page)
        self.ready()
        expect(self.page.get_by_role("main")).to_have_attribute("data-page", page.partition("?")[0])
        return self.page

    def ready(self) -> None:
        """Wait until the first data are shown."""
        expect(self.page.get_by_test_id("shell")).to_have_attribute("data-ready", "true")

    def log_in(self, password: str = PASSWORD) -> None:
        """Through the form; again, where asking was given up."""
        for _ in range(TRIES):
            self.page.get_by_label("Password").fill(password)
            with self.page.expect_request("**/api/v1/login") as asked:
                self.page.get_by_role("button", name="Log in").click()
            if asked.value.response() is not None:
                return
        raise AssertionError(f"the login got no answer {TRIES} times")

    def close(self) -> None:
        """Close it, and fail if it did what it must not do."""
        self.context.close()
        faults = [fault for fault in self.faults if not any(part in fault for part in self.expected)]
        assert not faults, "\n".join(faults)

    def screenshot(self, name: str) -> None:
        """Keep a picture of the whole page, if pictures are kept."""
        folder = os.environ.get(SCREENSHOTS)
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.faults.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, url: str) -> None:
        if urlsplit(url).netloc != urlsplit(self.address).netloc and urlsplit(url).scheme not in ("data", "about"):
            self.faults.append(f"asked a stranger: {url}")
