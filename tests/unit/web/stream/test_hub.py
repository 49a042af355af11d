"""The hub: everybody gets everything in order, and nobody is waited for."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.store.errors import StoreError
from trading.web.stream import hub as hub_module
from trading.web.stream.board import Draft, Kind
from trading.web.stream.client import LOGIN_ENDED, TOO_SLOW, Client
from trading.web.stream.hub import Hub, HubFull, Look

PATIENCE_S = 30.0
NOW_MS = 1_764_000_000_000


class Script:
    """A source that gives what it was told to, one look after the other, and then nothing."""

    def __init__(self) -> None:
        self._looks: list[Look | Exception] = []
        self._lock = threading.Lock()
        self.count = 0

    def add(self, *looks: Look | Exception) -> None:
        with self._lock:
            self._looks += looks

    def look(self) -> Look:
        with self._lock:
            self.count += 1
            found = self._looks.pop(0) if self._looks else Look([])
        if isinstance(found, Exception):
            raise found
        return found


def orders(*numbers: int) -> Look:
    return Look([Draft(Kind.ORDER, str(n), json.dumps(n)) for n in numbers])


def nobody(_who: set[str]) -> set[str]:
    return set()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "LOOK_SECONDS", 0.001)


def run(test: Callable[[Hub[str], Script], Awaitable[None]], **options: Any) -> None:
    """Run the test beside a hub with a scripted source."""

    async def both() -> None:
        script = Script()
        hub: Hub[str] = Hub(script, now_ms=lambda: NOW_MS, **{"gone": nobody, **options})
        running = asyncio.create_task(hub.run())
        try:
            async with asyncio.timeout(PATIENCE_S):
                await test(hub, script)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(both())


async def take(client: Client, count: int) -> list[dict[str, Any]]:
    texts = [await client.next() for _ in range(count)]
    return [json.loads(text) for text in texts if text is not None]


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - looked at in every turn
        await asyncio.sleep(0.001)


def test_everybody_gets_a_snapshot_and_then_everything_in_order() -> None:
    async def test(hub: Hub[str], script: Script) -> None:
        clients = [hub.join(None, "owner") for _ in range(40)]
        script.add(orders(1), orders(), orders(2, 3))
        for client in clients:
            snapshot, *messages = await take(client, 4)
            assert snapshot["type"] == "snapshot"
            assert [m["data"] for m in messages] == [1, 2, 3]
            assert [m["seq"] for m in messages] == [snapshot["seq"] + n for n in (1, 2, 3)]

    run(test)


def test_a_message_is_encoded_once_for_all() -> None:
    async def test(hub: Hub[str], script: Script) -> None:
        clients = [hub.join(hub.board.last, "owner") for _ in range(3)]
        script.add(orders(1))
        texts = [await client.next() for client in clients]
        assert texts[0] is texts[1] is texts[2]

    run(test)


@given(cuts=st.lists(st.integers(0, 6), min_size=1, max_size=6), sizes=st.lists(st.integers(0, 4), max_size=12))
def test_who_comes_back_again_and_again_misses_nothing(cuts: list[int], sizes: list[int]) -> None:
    """Whatever a client had received when its connection broke: with the next one it has everything."""

    async def test(hub: Hub[str], script: Script) -> None:
        numbers = iter(range(100))
        script.add(*(orders(*(next(numbers) for _ in range(size))) for size in sizes))
        start, total = hub.board.last, sum(sizes)
        got: list[dict[str, Any]] = []
        for cut in cuts:
            client = hub.join(got[-1]["seq"] if got else start, "owner")
            got += await take(client, min(cut, total - len(got)))
            hub.leave(client)
        got += await take(hub.join(got[-1]["seq"] if got else start, "owner"), total - len(got))
        assert [message["seq"] for message in got] == [start + n for n in range(1, total + 1)]
        assert [message["data"] for message in got] == list(range(total))

    run(test)


def test_too_old_or_foreign_a_number_gets_a_snapshot() -> None:
    async def test(hub: Hub[str], script: Script) -> None:
        for since in (None, 0, hub.board.last - 1, hub.board.last + 1):
            client = hub.join(since, "owner")
            assert [m["type"] for m in await take(client, 1)] == ["snapshot"]

    run(test)


def test_who_does_not_keep_up_is_sent_away_and_the_others_are_not() -> None:
    async def test(hub: Hub[str], script: Script) -> None:
        slow, quick = hub.join(None, "a"), hub.join(None, "b")
        script.add(*(orders(n) for n in range(6)))
        assert len(await take(quick, 7)) == 7
        await asyncio.wait_for(slow.dismissed.wait(), PATIENCE_S)
        assert slow.farewell == TOO_SLOW
        assert await slow.next() is None
        assert quick.farewell is None

    run(test, waiting_max=5)


def test_what_was_missed_may_be_more_than_may_wait() -> None:
    async def test(hub: Hub[str], script: Script) -> None:
        start = hub.board.last
        script.add(orders(*range(50)))
        hub.join(None, "wakes it")
        await until(lambda: hub.board.last == start + 50)
        client = hub.join(start, "owner")
        assert [m["data"] for m in await take(client, 50)] == list(range(50))
        assert client.farewell is None

    run(test, waiting_max=5)


def test_whose_login_has_ended_is_sent_away() -> None:
    over: set[str] = set()

    async def test(hub: Hub[str], script: Script) -> None:
        one, other = hub.join(None, "one"), hub.join(None, "other")
        over.add("one")
        await asyncio.wait_for(one.dismissed.wait(), PATIENCE_S)
        assert (one.farewell, other.farewell) == (LOGIN_ENDED, None)

    run(test, gone=lambda who: who & over)


def test_logins_that_cannot_be_read_send_nobody_away() -> None:
    asked: list[int] = []

    def unreadable(who: set[str]) -> set[str]:
        asked.append(len(who))
        raise StoreError("locked")

    async def test(hub: Hub[str], script: Script) -> None:
        client = hub.join(None, "owner")
        await until(lambda: bool(asked))
        script.add(orders(1))
        assert len(await take(client, 2)) == 2

    run(test, gone=unreadable)


def test_no_more_listen_than_may() -> None:
    async def test(hub: Hub[str], script: Script) -> None:
        first, _ = hub.join(None, "a"), hub.join(None, "b")
        with pytest.raises(HubFull):
            hub.join(None, "c")
        hub.leave(first)
        hub.leave(first)
        hub.join(None, "c")
        assert len(hub) == 2

    run(test, clients_max=2)


def test_a_look_that_fails_is_repeated_and_the_stream_goes_on() -> None:
    async def test(hub: Hub[str], script: Script) -> None:
        client = hub.join(None, "owner")
        script.add(RuntimeError("a fault"), Look([], failed=True), Look([], failed=True), orders(1))
        assert [m["type"] for m in await take(client, 2)] == ["snapshot", "order_update"]

    run(test)


def test_a_renewal_is_told_to_all_as_a_snapshot() -> None:
    async def test(hub: Hub[str], script: Script) -> None:
        client = hub.join(hub.board.last, "owner")
        script.add(orders(1), Look(orders(2).drafts, renews=True), orders(3))
        found = await take(client, 3)
        assert [m["type"] for m in found] == ["order_update", "snapshot", "order_update"]
        assert found[1]["data"]["orders"] == [2]

    run(test)


def test_with_nobody_there_it_hardly_looks_and_at_once_when_somebody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "UNHEARD_SECONDS", 10 * PATIENCE_S)

    async def test(hub: Hub[str], script: Script) -> None:
        await until(lambda: script.count == 1)
        script.add(orders(1))
        assert [m["type"] for m in await take(hub.join(None, "owner"), 2)] == ["snapshot", "order_update"]

    run(test)
