"""One process at a time, handed on when its holder ends, dies, or had a clock that was wrong."""

from __future__ import annotations

import pytest

from tests.unit.store.store_helpers import T0
from trading.store.journal import Journal
from trading.store.leases import LeaseLost, keep_data, release_lease, take_lease

FOR_MS = 15_000


def test_one_holder_at_a_time_until_it_is_over(journal: Journal) -> None:
    mine = take_lease(journal.engine, "alerts", "bot", T0, FOR_MS)
    assert mine is not None
    assert mine.until_ms == T0 + FOR_MS
    assert take_lease(journal.engine, "alerts", "dashboard", T0 + FOR_MS - 1, FOR_MS) is None
    theirs = take_lease(journal.engine, "alerts", "dashboard", T0 + FOR_MS, FOR_MS)
    assert theirs is not None
    assert take_lease(journal.engine, "alerts", "bot", T0 + FOR_MS, FOR_MS) is None


def test_its_holder_keeps_it_up(journal: Journal) -> None:
    for second in range(0, 60, 5):
        assert take_lease(journal.engine, "alerts", "bot", T0 + second * 1000, FOR_MS) is not None
    assert take_lease(journal.engine, "alerts", "dashboard", T0 + 60_000, FOR_MS) is None


def test_one_that_is_given_back_is_free_at_once(journal: Journal) -> None:
    mine = take_lease(journal.engine, "alerts", "bot", T0, FOR_MS)
    assert mine is not None
    release_lease(journal.engine, mine)
    theirs = take_lease(journal.engine, "alerts", "dashboard", T0, FOR_MS)
    assert theirs is not None
    release_lease(journal.engine, mine)
    assert take_lease(journal.engine, "alerts", "bot", T0, FOR_MS) is None


def test_what_the_holder_leaves_the_next_one_finds(journal: Journal) -> None:
    mine = take_lease(journal.engine, "telegram", "bot", T0, FOR_MS)
    assert mine is not None
    assert mine.data == ""
    assert keep_data(journal.engine, mine, "42").data == "42"
    theirs = take_lease(journal.engine, "telegram", "dashboard", T0 + FOR_MS, FOR_MS)
    assert theirs is not None
    assert theirs.data == "42"
    with pytest.raises(LeaseLost):
        keep_data(journal.engine, mine, "41")


def test_a_clock_that_was_ahead_keeps_nobody_out(journal: Journal) -> None:
    year_ms = 365 * 86_400_000
    assert take_lease(journal.engine, "alerts", "bot", T0 + year_ms, FOR_MS) is not None
    assert take_lease(journal.engine, "alerts", "dashboard", T0, FOR_MS) is not None


def test_each_work_has_its_own(journal: Journal) -> None:
    assert take_lease(journal.engine, "alerts", "bot", T0, FOR_MS) is not None
    assert take_lease(journal.engine, "telegram", "dashboard", T0, FOR_MS) is not None
