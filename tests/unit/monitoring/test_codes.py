"""Every code that can stand against a decision has words, and every limit a name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import trading
from trading.monitoring.codes import BREAKER, LIMITS, VETOES, veto_words

PACKAGE = Path(trading.__file__).parent
REFUSING = (
    "domain/decisions.py",
    "engine/entries.py",
    "decision/sizing.py",
    "safety/approval.py",
    "safety/checks.py",
)
"""Where vetoes come from: each code in these files is one."""

CODE = re.compile(r"[A-Z]+(_[A-Z]+)*")


def codes(tree: ast.AST) -> set[str]:
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {text for text in texts if CODE.fullmatch(text)}


def vetoes() -> set[str]:
    found: set[str] = set()
    for name in REFUSING:
        found |= codes(ast.parse((PACKAGE / name).read_text()))
    desk = ast.parse((PACKAGE / "engine/desk.py").read_text())
    blocked = [node for node in ast.walk(desk) if isinstance(node, ast.FunctionDef) and node.name == "entries_blocked"]
    assert len(blocked) == 1
    return found | codes(blocked[0])


def test_every_veto_has_words_and_no_words_are_left_over() -> None:
    assert vetoes() == VETOES.keys()
    assert {"KILL_SWITCH", "POSITION_OPEN", "LIMIT_CASH", "SIZE_STOP_TOO_FAR", "CHECK_FAILED"} <= vetoes()


def test_a_limit_is_called_the_same_where_it_refuses_and_where_its_gauge_stands() -> None:
    assert LIMITS.keys() == {code for code in VETOES if code.startswith("LIMIT_")} - {"LIMIT_CASH"}
    assert veto_words("LIMIT_OPEN_POSITIONS") == f"limit: {LIMITS['LIMIT_OPEN_POSITIONS']}"
    assert not BREAKER.keys() & LIMITS.keys()


def test_a_code_of_another_version_is_told_as_it_is() -> None:
    assert (veto_words("LIMIT_OF_TOMORROW"), veto_words("")) == ("LIMIT_OF_TOMORROW", "")
