"""The page has words for every code that can stand against a decision."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from trading.web import gauges

ROOT = Path(__file__).parents[3]
WORDS = ROOT / "frontend/src/decisions/vetoes.ts"
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
        found |= codes(ast.parse((ROOT / "trading" / name).read_text()))
    desk = ast.parse((ROOT / "trading/engine/desk.py").read_text())
    blocked = [node for node in ast.walk(desk) if isinstance(node, ast.FunctionDef) and node.name == "entries_blocked"]
    assert len(blocked) == 1
    return found | codes(blocked[0])


def words() -> dict[str, str]:
    return dict(re.findall(r'^  ([A-Z_]+): "(.+)",$', WORDS.read_text("utf-8"), re.MULTILINE))


def test_every_veto_has_words_and_no_words_are_left_over() -> None:
    assert vetoes() == words().keys()
    assert {"KILL_SWITCH", "POSITION_OPEN", "LIMIT_CASH", "SIZE_STOP_TOO_FAR", "CHECK_FAILED"} <= vetoes()


def test_limits_have_the_names_of_their_gauges() -> None:
    source = ast.parse(Path(gauges.__file__).read_text())
    texts = [node for node in ast.walk(source) if isinstance(node, (ast.Tuple, ast.Call))]
    named: dict[str, str] = {}
    for node in texts:
        parts = [
            part.value
            for part in (node.elts if isinstance(node, ast.Tuple) else node.args)[:2]
            if isinstance(part, ast.Constant)
        ]
        if len(parts) == 2 and str(parts[0]).startswith("LIMIT_"):
            named[str(parts[0])] = str(parts[1])
    assert len(named) >= 5
    for code, name in named.items():
        assert words()[code] == f"limit: {name}"
