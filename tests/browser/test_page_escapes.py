"""Texts from outside that want to be programs: symbols, alerts, reasons of analysts, of orders and of people."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.test_page_shows import PAGES
from tests.support.browser import PASSWORD
from tests.support.web import Served, serving, web_app

pytestmark = pytest.mark.browser

EVIL = '"><img src=x onerror="window.isHacked=1"><script>window.isHacked=1</script>{{7*7}}javascript:alert(1)'
TEXTS = {
    "symbols": ("name",),
    "positions": ("symbol", "exit_reason"),
    "orders": ("symbol", "reason", "message", "code"),
    "decisions": ("symbol", "regime", "veto", "veto_detail"),
    "fills": ("symbol", "fee_coin"),
    "alerts": ("code", "symbol", "text"),
}


@pytest.fixture(scope="module")
def poisoned(finished_bot: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A dashboard on a database that somebody has filled with markup, as far as its tables let him."""
    data = shutil.copytree(finished_bot, tmp_path_factory.mktemp("poisoned") / "data")
    database = sqlite3.connect(data / "tradebot.db")
    with database:
        for table, columns in TEXTS.items():
            for column in columns:
                # Keys stay distinct; a regime, a veto or a symbol that nobody has heard of must not matter.
                text = f"'{EVIL}' || {column}" if column in ("symbol", "name") else f"'{EVIL}'"
                database.execute(f"UPDATE {table} SET {column} = {text}")  # noqa: S608 - constants of this file
        votes = [{"analyst": EVIL, "score": 0.5, "confidence": 0.5, "weight": 0.5, "reason": EVIL}]
        database.execute("UPDATE decisions SET votes = ?", [json.dumps(votes)])
        database.execute(
            'INSERT INTO trips (id, time_ms, level, code, value, "limit", text) VALUES (?, 1, ?, ?, ?, ?, ?)',
            ["t", "halt", EVIL, EVIL, EVIL, EVIL],
        )
        database.execute(
            "INSERT INTO commands (id, kind, target, reason, by, created_ms, result) VALUES (?, ?, ?, ?, ?, 1, ?)",
            ["c" * 32, EVIL, EVIL, EVIL, EVIL, EVIL],
        )
        database.execute("UPDATE latches SET active = true, reason = ?, by = ?, set_ms = 1", [EVIL, EVIL])
        database.execute("UPDATE safety SET halted = ?, paused = ?", [EVIL, EVIL])
    database.close()
    with serving(web_app(data, settings={"DASHBOARD_PASSWORD": PASSWORD})) as server:
        yield server


def test_markup_in_any_text_is_shown_as_text(watch: Open, poisoned: Served) -> None:
    watched = watch(poisoned.address)
    # A symbol that no market has is refused by the routes that ask for one.
    watched.expected += ["422"]
    page = watched.open()
    watched.log_in()
    watched.ready()
    seen = []
    for name in PAGES:
        watched.show(name)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_text("Loading …")).to_have_count(0)
        seen += (
            [name]
            if "<script>window.isHacked=1</script>" in " ".join(page.locator("main table").all_inner_texts())
            else []
        )
        assert page.evaluate("document.querySelectorAll('img, main script').length") == 0, name
        assert page.evaluate("window.isHacked") is None, name
    assert {"overview", "positions", "decisions", "trades", "safety", "alerts"} <= set(seen)


def test_markup_in_the_address_is_shown_as_text(watch: Open, poisoned: Served) -> None:
    watched = watch(poisoned.address)
    watched.expected += ["422", "404"]
    page = watched.open()
    watched.log_in()
    watched.ready()
    for name in (f"chart?symbol={EVIL}", f"decisions?id={EVIL}", f"decisions?symbol={EVIL}", EVIL, "../../etc/passwd"):
        watched.open(name.replace("#", "%23"))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("window.isHacked") is None, name
