"""A run says which tests were left out and why, and fails for it where it was asked to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SUITE = """
import pytest

@pytest.mark.recorded
def test_over_candles(recorded_candles):
    assert recorded_candles.is_dir()

def test_of_itself():
    assert True
"""


def run_suite(folder: Path, *arguments: str, candles: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run SUITE in `folder` with this project's conftest as a plugin."""
    (folder / "test_suite.py").write_text(SUITE, "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = recorded\n", "utf-8")
    # Only the plugins that are needed here: loading all of them takes longer than the run.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("TRADEBOT_RECORDED_CANDLES", None)
    environment.pop("PYTEST_ADDOPTS", None)
    if candles is not None:
        environment["TRADEBOT_RECORDED_CANDLES"] = candles
    plugins = ("xdist.plugin", "_hypothesis_pytestplugin", "tests.conftest", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *(part for name in plugins for part in ("-p", name)), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_without_candles_the_run_passes_and_says_what_is_missing(tmp_path: Path) -> None:
    done = run_suite(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 test: the recorded candles are not here: TRADEBOT_RECORDED_CANDLES is not set" in done.stdout
    assert "1 passed, 1 skipped" in done.stdout


def test_where_nothing_may_be_left_out_the_run_fails(tmp_path: Path) -> None:
    """Also where it was a worker that left it out."""
    done = run_suite(tmp_path, "-n1", "--fail-on-left-out")
    assert done.returncode == 1, done.stdout


def test_with_candles_nothing_is_left_out(tmp_path: Path) -> None:
    done = run_suite(tmp_path, "--fail-on-left-out", candles=str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert "left out" not in done.stdout
    assert "2 passed" in done.stdout


def test_a_folder_of_candles_that_is_not_there_fails_the_test_that_needs_it(tmp_path: Path) -> None:
    done = run_suite(tmp_path, candles=str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "is not a folder" in done.stdout
