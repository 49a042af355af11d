"""Every kind of alert that the program can give is called something that a person understands."""

from __future__ import annotations

import ast
from pathlib import Path

from trading.domain import orders
from trading.engine import adoption
from trading.live.reporter import ALERTED
from trading.monitoring.alerts.texts import WORDINGS

PACKAGE = Path(__file__).parents[4] / "trading"


def given_codes() -> set[str]:
    """The codes that stand in the source where something is told."""
    found: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and len(node.args) > 2:
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                code = node.args[1]
                if name in {"Notify", "notify"} and isinstance(code, ast.Constant) and isinstance(code.value, str):
                    found.add(code.value)
    return found


def test_every_code_has_its_words() -> None:
    codes = given_codes()
    assert {"KILLED", "POSITION_OPENED", "JOURNAL_DOWN", "STOPPED"} <= codes
    codes |= {code for code, _ in ALERTED.values()} | {f"{code}_ENDED" for code, _ in ALERTED.values()}
    codes |= {adoption.NOT_REMEMBERED, orders.LOST, "BREAKER_WARN", "BREAKER_PAUSE", "BREAKER_HALT", "STOP_HIT"}
    assert codes - WORDINGS.keys() == set()


def test_what_is_urgent_says_what_to_do() -> None:
    for code in ("KILLED", "BREAKER_HALT", "JOURNAL_DOWN", "UNPROTECTED", "NOT_REMEMBERED", "BOT_GONE", "BOT_FAILED"):
        assert WORDINGS[code].advice
