"""The locks hold what pyproject.toml asks for; the check sees each way in which they could not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts.check_locks import LOCKS, faults, main, read_lock

ROOT = Path(__file__).resolve().parents[2]
SHA = "--hash=sha256:" + "0" * 64


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's own pyproject.toml and locks, to be damaged."""
    for name in ("pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def test_the_locks_are_in_order() -> None:
    assert faults(ROOT) == []


def test_a_dependency_that_is_not_locked_is_found(copy: Path) -> None:
    replace(copy / "pyproject.toml", '"click>=8.2",', '"click>=8.2", "flask>=3",')
    found = faults(copy)
    assert "requirements.txt: flask>=3 is asked for, None is locked (Python 3.11)" in found
    assert main([str(copy)]) == 1


def test_a_pin_that_pyproject_does_not_allow_is_found(copy: Path) -> None:
    replace(copy / "pyproject.toml", '"click>=8.2"', '"click>=99"')
    assert any("click>=99 is asked for" in fault for fault in faults(copy))


def test_locks_that_disagree_are_found(copy: Path) -> None:
    replace(copy / "requirements-dev.txt", "pygments==", "pygments==0.")
    assert any(fault.startswith("requirements-dev.txt: pygments is 0.") for fault in faults(copy))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("click==8.1.0", "has no hash"),
        (f"click>=8.1.0 {SHA}", "is not pinned"),
        (f"click==8.* {SHA}", "is not pinned"),
        ("--index-url https://registry.example/simple", "only pins"),
        (f"click @ https://registry.example/click.whl {SHA}", "only pins"),
        ("-e .", "only pins"),
    ],
)
def test_a_line_that_is_no_hashed_pin_is_found(line: str, what: str) -> None:
    (entry,) = read_lock(line)
    assert isinstance(entry, str)
    assert what in entry
