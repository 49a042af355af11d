"""A database file in a folder of its own, and an open journal on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.store.store_helpers import open_journal
from trading.store.journal import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tradebot.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    journal = open_journal(path)
    yield journal
    journal.close()
