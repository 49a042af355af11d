"""The dashboard's page: how much of it a browser loads, and how soon it shows something of use."""

from __future__ import annotations

import gzip
import importlib.util
import math
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.dashboard_rig import PASSWORD, Dashboard, dashboard, timed_bot
from benchmarks.rows import Row
from trading.web.pages import INDEX, STATIC

WEIGHT_GOAL_KB = 300
PAINT_GOAL_S = 1.0
# The page says so itself: status and the first snapshot of the stream are on it.
READY = '[data-testid="shell"][data-ready="true"]'
PATIENCE_MS = 30_000


def measure(times: int) -> list[Row]:
    """Weight of the built page and, where there is a Chromium with its driver, the time until it is of use."""
    if not (STATIC / INDEX).is_file():
        why = "the page has not been built"
        return [Row("page weight, gzipped", math.nan, "kB", beside=why), Row("first useful paint", math.nan, "s", why)]
    return [_weight(), _paint(times)]


def _weight() -> Row:
    """Everything that the built page consists of, also what only some of its views load."""
    files = [path for path in STATIC.rglob("*") if path.is_file()]
    plain = sum(path.stat().st_size for path in files) / 1e3
    packed = sum(len(gzip.compress(path.read_bytes(), 9)) for path in files) / 1e3
    beside = f"{plain:.0f} kB in {len(files)} files"
    met = packed <= WEIGHT_GOAL_KB
    return Row("page weight, gzipped", packed, "kB", beside=beside, goal=f"≤ {WEIGHT_GOAL_KB} kB", met=met)


def _paint(times: int) -> Row:
    """From the call of the address until status and snapshot are shown: the median of new browsers, logged in."""
    name, goal = "first useful paint, Chromium on loopback", f"≤ {PAINT_GOAL_S:g} s"
    chromium = shutil.which("chromium")
    if chromium is None or importlib.util.find_spec("playwright") is None:
        return Row(name, math.nan, "s", beside="Chromium or its driver (playwright) is not here", goal=goal)
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        with timed_bot(folder) as bot, dashboard(folder) as server:
            useful, bare = _load(server, chromium, times)
            bot.stop()
    seconds = median(useful)
    beside = f"{median(bare):.2f} s until the document is loaded; median of {times}"
    return Row(name, seconds, "s", beside=beside, goal=goal, met=seconds <= PAINT_GOAL_S)


def _load(server: Dashboard, chromium: str, times: int) -> tuple[list[float], list[float]]:
    from playwright.sync_api import sync_playwright

    useful: list[float] = []
    bare: list[float] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        first = browser.new_context()
        page = first.new_page()
        page.goto(server.address)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_selector(READY, state="attached", timeout=PATIENCE_MS)
        login = first.storage_state()
        first.close()
        for _ in range(times):
            context = browser.new_context(storage_state=login)
            page = context.new_page()
            began = time.perf_counter()
            page.goto(server.address, wait_until="domcontentloaded")
            bare.append(time.perf_counter() - began)
            page.wait_for_selector(READY, state="attached", timeout=PATIENCE_MS)
            useful.append(time.perf_counter() - began)
            context.close()
        browser.close()
    return useful, bare
