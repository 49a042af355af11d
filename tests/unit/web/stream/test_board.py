"""Numbers without a gap, what is kept for those who come back, and how things stand for those who are new."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.web.stream.board import PARTS, RECENT_KEPT, Board, Draft, Kind

NOW_MS = 1_764_000_000_000
SAFE_IN_JAVASCRIPT = 2**53 - 1


def read(text: str) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(text)
    return message


def draft(number: int, kind: Kind = Kind.ORDER, *, key: str = "", ends: bool = False) -> Draft:
    return Draft(kind, key or str(number), json.dumps({"id": key or str(number), "n": number}), ends)


def test_messages_are_numbered_without_a_gap_and_say_what_they_are() -> None:
    board = Board(NOW_MS)
    first, second = (read(board.post(draft(n), NOW_MS + 5)) for n in (1, 2))
    assert first == {
        "seq": NOW_MS * 1000 + 1,
        "type": "order_update",
        "data": {"id": "1", "n": 1},
        "timestamp": "2025-11-24T16:00:00.005Z",
    }
    assert second["seq"] == first["seq"] + 1


def test_a_later_server_has_higher_numbers_that_javascript_can_hold() -> None:
    board = Board(NOW_MS)
    for number in range(900):
        board.post(draft(number), NOW_MS)
    later = Board(NOW_MS + 1)
    assert later.last > board.last
    assert later.since(board.last) is None
    assert Board(7_000_000_000_000).last < SAFE_IN_JAVASCRIPT


@given(kept=st.integers(1, 20), posted=st.integers(0, 40), missing=st.integers(-3, 45))
def test_who_comes_back_gets_all_that_it_missed_or_is_told_that_it_cannot(kept: int, posted: int, missing: int) -> None:
    board = Board(NOW_MS, kept=kept)
    texts = [board.post(draft(n), NOW_MS) for n in range(posted)]
    found = board.since(board.last - missing)
    if 0 <= missing <= min(kept, posted):
        assert found == texts[posted - missing :]
    else:
        assert found is None


def test_a_snapshot_tells_how_things_stand_under_the_last_number() -> None:
    board = Board(NOW_MS)
    for one in (
        draft(1, Kind.POSITION, key="p1"),
        draft(2, Kind.ORDER, key="o1"),
        draft(3, Kind.ORDER, key="o2"),
        draft(4, Kind.ORDER, key="o1", ends=True),
        draft(5, Kind.EQUITY, key="now"),
        draft(6, Kind.EQUITY, key="later"),
    ):
        board.post(one, NOW_MS)
    snapshot = read(board.snapshot(NOW_MS))
    assert (snapshot["seq"], snapshot["type"]) == (board.last, "snapshot")
    data = snapshot["data"]
    assert [position["id"] for position in data["positions"]] == ["p1"]
    assert [order["id"] for order in data["orders"]] == ["o2"]
    assert data["equity"]["id"] == "later"
    assert data["health"] is None
    assert data.keys() == {part.name for part in PARTS.values()}


def test_a_snapshot_is_made_anew_after_every_message() -> None:
    board = Board(NOW_MS)
    assert board.snapshot(NOW_MS) is board.snapshot(NOW_MS)
    board.post(draft(1), NOW_MS)
    assert read(board.snapshot(NOW_MS))["data"]["orders"][0]["n"] == 1


@pytest.mark.parametrize("kind", [Kind.TRADE, Kind.ALERT])
def test_of_what_happens_once_a_snapshot_has_the_last(kind: Kind) -> None:
    board = Board(NOW_MS)
    for number in range(RECENT_KEPT + 10):
        board.post(draft(number, kind), NOW_MS)
    told = read(board.snapshot(NOW_MS))["data"][PARTS[kind].name]
    assert [one["n"] for one in told] == list(range(10, RECENT_KEPT + 10))


def test_after_a_renewal_only_the_new_things_stand_and_those_who_listen_are_told() -> None:
    board = Board(NOW_MS)
    board.post(draft(1), NOW_MS)
    seen = board.last
    told = board.renew([draft(2), draft(3, Kind.CANDLE)], NOW_MS)
    assert board.since(seen) == [told]
    message = read(told)
    assert (message["type"], message["seq"]) == ("snapshot", seen + 1)
    assert message["data"] == read(board.snapshot(NOW_MS))["data"]
    assert [order["n"] for order in message["data"]["orders"]] == [2]


@given(
    st.lists(
        st.tuples(st.sampled_from([Kind.ORDER, Kind.POSITION]), st.sampled_from("abc"), st.booleans()), max_size=30
    ),
    st.integers(0, 30),
)
def test_a_snapshot_and_what_follows_come_to_the_same_as_all_messages(
    drafts: list[tuple[Kind, str, bool]], cut: int
) -> None:
    """Who gets a snapshot in the middle ends with the same picture as who heard everything."""
    board, snapshot = Board(NOW_MS), None
    heard: list[dict[str, Any]] = []
    ends = {}
    for number, (kind, key, end) in enumerate(drafts):
        if number == cut:
            snapshot = read(board.snapshot(NOW_MS))
        heard.append(read(board.post(draft(number, kind, key=key, ends=end), NOW_MS)))
        ends[heard[-1]["seq"]] = end
    snapshot = snapshot or read(board.snapshot(NOW_MS))

    def picture(start: dict[str, list[Any]], messages: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
        found = {(name, one["id"]): one["n"] for name in ("orders", "positions") for one in start.get(name, [])}
        for message in messages:
            name = PARTS[Kind(message["type"])].name
            found.pop((name, message["data"]["id"]), None)
            if not ends[message["seq"]]:
                found[name, message["data"]["id"]] = message["data"]["n"]
        return found

    later = [message for message in heard if message["seq"] > snapshot["seq"]]
    assert picture(snapshot["data"], later) == picture({}, heard)
