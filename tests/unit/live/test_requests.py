"""Requests to the exchange: all at once, each within its time, entries only where nothing stops them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from decimal import Decimal

import pytest

from tests.support.builders import BTC, T0
from tests.support.rig import Rig
from trading.domain.actions import Action, CancelOrder, FetchAccount, Level, Notify, QueryOrder, SubmitOrder
from trading.domain.events import (
    AccountSnapshot,
    CancelUnknown,
    Event,
    OrderCanceled,
    OrderRejected,
    OrderUnknown,
    QueryFailed,
)
from trading.domain.orders import NOT_SENT
from trading.live import requests as requests_module
from trading.live.requests import Requests


class SlowExchange:
    """Answers after `seconds`, by the kind of request; for ever where it is None."""

    def __init__(self, **seconds: float | None) -> None:
        self._seconds = seconds
        self.asked: list[str] = []

    async def _answer(self, kind: str, event: Event) -> Sequence[Event]:
        self.asked.append(kind)
        seconds = self._seconds.get(kind, 0.0)
        await asyncio.sleep(3600 if seconds is None else seconds)
        return [event]

    async def submit(self, order: object, now_ms: int) -> Sequence[Event]:
        return await self._answer("submit", OrderRejected(time_ms=now_ms, client_order_id="s", code="1", message=""))

    async def cancel(self, client_order_id: str, symbol: str, now_ms: int) -> Sequence[Event]:
        event = OrderCanceled(time_ms=now_ms, client_order_id=client_order_id, filled_quantity=Decimal(0))
        return await self._answer("cancel", event)

    async def query(self, client_order_id: str, symbol: str, now_ms: int) -> Sequence[Event]:
        return await self._answer("query", QueryFailed(time_ms=now_ms, subject="asked", message=""))

    async def account(self, token: int, now_ms: int) -> Sequence[Event]:
        return await self._answer("account", AccountSnapshot(time_ms=now_ms, token=token, balances={}))


def entry() -> SubmitOrder:
    """An approved entry, as an engine asks for it."""
    from tests.support.builders import ENTER

    rig = Rig.started()
    rig.candle("100", say=ENTER)
    (action,) = rig.asked(SubmitOrder)
    return action


def requests(exchange: SlowExchange, stopped: str = "", timeout_s: float = 10.0) -> Requests:
    async def look() -> str:
        return stopped

    return Requests(exchange, look, timeout_s=timeout_s)  # type: ignore[arg-type]


CANCEL = CancelOrder("c", BTC.symbol)
QUERY = QueryOrder("q", BTC.symbol)


def test_all_are_asked_at_once_and_answered_in_the_order_of_the_actions() -> None:
    exchange = SlowExchange(cancel=0.2, query=0.1)
    actions: list[Action] = [CANCEL, Notify(Level.INFO, "X", "no request"), QUERY, FetchAccount(7)]
    began = time.monotonic()
    answers = asyncio.run(requests(exchange).carry_out(actions, T0))
    assert [type(answer) for answer in answers] == [OrderCanceled, QueryFailed, AccountSnapshot]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("kind", "action", "lost"),
    [("cancel", CANCEL, CancelUnknown), ("query", QUERY, QueryFailed), ("account", FetchAccount(1), QueryFailed)],
)
def test_no_answer_in_time_is_doubt(kind: str, action: Action, lost: type[Event]) -> None:
    answers = asyncio.run(requests(SlowExchange(**{kind: None}), timeout_s=0.01).carry_out([action], T0))
    assert [type(answer) for answer in answers] == [lost]


def test_a_submission_without_an_answer_is_no_refusal() -> None:
    order = entry()
    (answer,) = asyncio.run(requests(SlowExchange(submit=None), timeout_s=0.01).carry_out([order], T0))
    assert isinstance(answer, OrderUnknown)
    assert answer.client_order_id == order.order.value.client_order_id


def test_an_entry_is_not_sent_where_something_stops_entries() -> None:
    exchange = SlowExchange()
    (answer,) = asyncio.run(requests(exchange, stopped="kill switch").carry_out([entry()], T0))
    assert isinstance(answer, OrderRejected)
    assert (answer.code, answer.message) == (NOT_SENT, "kill switch")
    assert exchange.asked == []


def test_an_entry_is_not_sent_where_nobody_says_in_time_whether_it_may_be() -> None:
    """Certainly not sent: no doubt about it, and what stands beside it in the round goes its way."""

    async def hangs() -> str:
        await asyncio.Event().wait()
        return ""

    exchange = SlowExchange()
    asking = Requests(exchange, hangs, timeout_s=0.05)  # type: ignore[arg-type]
    refused, cancelled = asyncio.run(asking.carry_out([entry(), CANCEL], T0))
    assert isinstance(refused, OrderRejected)
    assert refused.code == NOT_SENT
    assert isinstance(cancelled, OrderCanceled)
    assert exchange.asked == ["cancel"]


def test_hurrying_shortens_what_is_under_way_and_what_comes() -> None:
    async def hurried() -> tuple[list[Event], list[Event]]:
        slow = requests(SlowExchange(cancel=None), timeout_s=3600)
        under_way = asyncio.create_task(slow.carry_out([CANCEL], T0))
        await asyncio.sleep(0)
        slow.hurry(0.01)
        return await under_way, await slow.carry_out([CANCEL], T0)

    for answers in asyncio.run(hurried()):
        assert [type(answer) for answer in answers] == [CancelUnknown]


def test_a_moment_that_has_passed_leaves_each_request_a_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests_module, "REQUEST_SECONDS_MIN", 20.0)

    async def late() -> list[Event]:
        slow = requests(SlowExchange(cancel=0.05))
        slow.hurry(5.0, until=asyncio.get_running_loop().time() - 1)
        return await slow.carry_out([CANCEL], T0)

    assert [type(answer) for answer in asyncio.run(late())] == [OrderCanceled]
