"""What all tests share: how many cases a property test tries, where the recorded candles are, and what was left out."""

from __future__ import annotations

import logging
import os
import secrets
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from tests.support.new_databases import copies_of_one

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer

RECORDED_CANDLES = "TRADEBOT_RECORDED_CANDLES"

# Hypothesis also tries numbers and texts that occur in a project's code. Which these are depends on every edit and on
# what has been imported so far: without them a seed says by itself what is tried.
if hasattr(providers, "_get_local_constants"):
    providers._get_local_constants = lambda: providers._local_constants  # none are ever added

# The same cases in every run, so that a failure is a failure of the change and not of the day.
settings.register_profile("fixed", derandomize=True, max_examples=50, deadline=None, print_blob=True)
settings.register_profile(
    "soak",
    max_examples=2_000,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fixed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fail-on-left-out",
        action="store_true",
        help="end with 1 if any test was skipped (for CI, where everything that a test needs must be there)",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Settle what a soak run needs before the plugins and the worker processes read it: a seed, and all the time."""
    if config.getoption("--hypothesis-profile") == "soak":
        config.option.timeout = 0
        if config.getoption("--hypothesis-seed") is None:
            config.option.hypothesis_seed = str(secrets.randbelow(2**32))


def pytest_report_header(config: pytest.Config) -> list[str]:
    candles = os.environ.get(RECORDED_CANDLES)
    lines = [f"recorded candles: {candles if candles else f'none ({RECORDED_CANDLES} is not set)'}"]
    if config.getoption("--hypothesis-profile") == "soak":
        lines.append(f"soak: again with the same cases: make soak SEED={config.getoption('--hypothesis-seed')}")
    return lines


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not os.environ.get(RECORDED_CANDLES):
        left_out = pytest.mark.skip(reason=f"the recorded candles are not here: {RECORDED_CANDLES} is not set")
        for item in items:
            if item.get_closest_marker("recorded"):
                item.add_marker(left_out)
    _spread(items)


def _spread(items: list[pytest.Item]) -> None:
    """Deal the files of container tests out among the others: they mostly wait, and each worker shall have some."""
    containers: dict[Path, list[pytest.Item]] = {}
    others: dict[Path, list[pytest.Item]] = {}
    for item in items:
        (containers if item.path.parent.name == "docker" else others).setdefault(item.path, []).append(item)
    count, every = 0, sum(map(len, others.values())) / max(len(containers), 1)
    dealt: list[pytest.Item] = []
    waiting = list(containers.values())
    for file in others.values():
        if waiting and count >= every * (len(containers) - len(waiting)):
            dealt += waiting.pop(0)
        dealt += file
        count += len(file)
    items[:] = [*dealt, *(item for file in waiting for item in file)]


@pytest.fixture(scope="module", autouse=True)
def new_databases(request: pytest.FixtureRequest) -> Iterator[None]:
    """Those of this process are copies of one, but in a module that is marked `migrated`."""
    with nullcontext() if request.node.get_closest_marker("migrated") else copies_of_one():
        yield


@pytest.fixture(autouse=True)
def process_as_before() -> Iterator[None]:
    """What a process has only one of, its log and the handlers of its signals, is after a test what it was before.

    A test that starts a bot here, by the command's function, sets both up.
    """
    handlers, level = logging.root.handlers[:], logging.root.level
    signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    for number, handler in signals.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def recorded_candles() -> Path:
    """The folder of recorded candles. A test that asks for it is also marked `recorded`."""
    folder = os.environ.get(RECORDED_CANDLES)
    if not folder:
        pytest.skip(f"the recorded candles are not here: {RECORDED_CANDLES} is not set")
    path = Path(folder)
    if not path.is_dir():
        pytest.fail(f"{RECORDED_CANDLES}: {folder!r} is not a folder")
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this worker's own."""
    from tests.support.postgres import NOT_HERE, PostgresServer, programs  # many runs need no database at all

    folder = programs()
    if folder is None:
        pytest.skip(NOT_HERE)
    server = PostgresServer(folder)
    server.start()
    yield server
    server.stop()


def _left_out(config: pytest.Config) -> Counter[str]:
    """How many tests were skipped, by reason."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reasons: Counter[str] = Counter()
    for report in reporter.stats.get("skipped", []) if reporter else []:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] += 1
    return reasons


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if (
        session.config.getoption("--fail-on-left-out")
        and exitstatus == pytest.ExitCode.OK
        and _left_out(session.config)
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    reasons = _left_out(config)
    if not reasons:
        return
    terminalreporter.section("left out")
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"{count} test{'s' if count > 1 else ''}: {reason}")
    if config.getoption("--fail-on-left-out"):
        terminalreporter.line("Nothing may be left out in this run (--fail-on-left-out), so it has failed.", red=True)
