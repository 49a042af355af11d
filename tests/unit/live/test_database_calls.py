"""What the loop asks the database for: nothing that fails there ends the bot."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.unit.store.store_helpers import T0, open_journal
from trading.live.database_calls import DatabaseCalls

TOO_LONG = "x" * 300
"""A name that no file can have: to look for it is an error, as on a disk that fails."""


def test_a_kill_file_that_cannot_be_looked_for_stops_entries_and_not_the_bot(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        (tmp_path / TOO_LONG).exists()
    journal = open_journal(tmp_path / "tradebot.db")
    calls = DatabaseCalls(journal, tmp_path / TOO_LONG)

    async def look() -> tuple[list[object], str]:
        return list(await calls.poll(T0, "trading", killed=False)), await calls.entries_stopped()

    commands, stopped = asyncio.run(look())
    assert commands == []
    assert stopped.startswith("the kill switch cannot be read")
    assert calls.fault is not None
    assert "too long" in calls.fault.error
    asyncio.run(calls.close())
    journal.close()
