"""docs/TESTING.md: every fault that must be shown has a test of its number, and every test that is named exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "TESTING.md").read_text()
SHOWN = {*range(1, 22), *range(29, 33), *range(34, 40)}
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def names_in(file: Path) -> set[str]:
    """The names of a file's tests."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.parse(file.read_text()).body if isinstance(node, functions)}


def number(test: str) -> int:
    """The row that a test's name bears, 0 for none."""
    found = re.match(r"test_row_(\d\d)_", test)
    return int(found[1]) if found else 0


def test_every_named_test_exists() -> None:
    assert [f"{file}::{test}" for file, test in NAMED if test not in names_in(ROOT / file)] == []


def test_every_row_is_named_beside_names_in_its_number() -> None:
    row, seen = 0, set()
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 4 or "::test_row_" not in line:
            continue
        row = int(cells[1] or row)
        seen.add(row)
        assert number(cells[3].strip("`").split("::")[1]) == row, line
    assert seen == SHOWN


def test_every_test_that_bears_a_number_is_on_the_page() -> None:
    bear = {
        (str(file.relative_to(ROOT)), test)
        for file in (ROOT / "tests").rglob("test_*.py")
        if "test_row_" in file.read_text() and file != Path(__file__)
        for test in names_in(file)
        if number(test)
    }
    assert bear - set(NAMED) == set()
