"""A folder whose writes cost no disk, for tests that run hundreds of bots; and which database a bot is on."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bots import ON_SERVER
from tests.support.processes import environment
from tests.support.terminal import Terminal

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - where there is one; a folder of our own is made in it


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """A new folder in memory where the machine has one for that, else on disk. What is in it is gone afterwards."""
    if not os.access(IN_MEMORY, os.W_OK):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(prefix="tradebot-test-", dir=IN_MEMORY))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def database_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the bots of `tmp_path` have their database: `sqlite`, unless the test is marked `both_databases`."""
    kind = getattr(request, "param", "sqlite")
    if kind == "sqlite":
        yield kind
        return
    folder = request.getfixturevalue("tmp_path")
    ON_SERVER[folder] = request.getfixturevalue("postgres").create_made_database()
    yield kind
    del ON_SERVER[folder]


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    """A terminal to type `tradebot` commands into."""
    with Terminal(environment()) as opened:
        yield opened
