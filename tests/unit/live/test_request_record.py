"""How the exchange answers, from the requests that ended."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.live.test_requests import CANCEL, QUERY, SlowExchange, entry, requests
from trading.domain.actions import Action, FetchAccount
from trading.live.request_record import DISCONNECTED_LOST, LATENCIES_KEPT, LOST_WINDOW_MS, SLOW_MS, RequestRecord
from trading.monitoring.report import ApiStatus


class Clocked:
    """A record and its clock."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self.observed: list[tuple[str, float, bool]] = []
        self.record = RequestRecord(lambda *seen: self.observed.append(seen), lambda: self.now)

    def status(self) -> ApiStatus:
        return self.record.report().status


def test_before_the_first_answer_nothing_is_connected() -> None:
    record = Clocked()
    assert record.record.report().last_check_ms is None
    assert record.status() is ApiStatus.DISCONNECTED
    record.record.note("account", 0.02, answered=True)
    assert record.status() is ApiStatus.CONNECTED
    assert record.record.report().latency_ms == 20.0
    assert record.observed == [("account", 0.02, True)]


def test_a_lost_answer_degrades_for_a_minute() -> None:
    record = Clocked()
    record.record.note("account", 0.02, answered=True)
    record.record.note("query", 10.0, answered=False)
    assert record.status() is ApiStatus.DEGRADED
    record.record.note("query", 0.02, answered=True)
    assert (record.status(), record.record.report().lost_last_minute) == (ApiStatus.DEGRADED, 1)
    record.now += LOST_WINDOW_MS
    assert (record.status(), record.record.report().lost_last_minute) == (ApiStatus.CONNECTED, 0)


def test_several_lost_in_a_row_are_a_lost_connection_until_one_is_answered() -> None:
    record = Clocked()
    record.record.note("account", 0.02, answered=True)
    for _ in range(DISCONNECTED_LOST):
        record.record.note("query", 10.0, answered=False)
    began = record.now
    assert record.status() is ApiStatus.DISCONNECTED
    record.now += 3_600_000
    assert record.record.report().since_ms == began
    assert record.status() is ApiStatus.DISCONNECTED
    record.record.note("query", 0.02, answered=True)
    assert record.status() is ApiStatus.CONNECTED


def test_slow_answers_degrade() -> None:
    record = Clocked()
    for _ in range(LATENCIES_KEPT):
        record.record.note("account", 2 * SLOW_MS / 1000, answered=True)
    assert record.status() is ApiStatus.DEGRADED
    for _ in range(LATENCIES_KEPT):
        record.record.note("account", 0.05, answered=True)
    assert record.status() is ApiStatus.CONNECTED


@pytest.mark.parametrize(("kind", "action"), [("cancel", CANCEL), ("account", FetchAccount(1))])
def test_requests_note_what_they_took_and_whether_they_were_answered(kind: str, action: Action) -> None:
    answered, lost = requests(SlowExchange()), requests(SlowExchange(**{kind: None}), timeout_s=0.05)
    for sender in (answered, lost):
        asyncio.run(sender.carry_out([action], 1))
    assert answered.record.report().status is ApiStatus.CONNECTED
    assert lost.record.report().lost_last_minute == 1
    assert lost.record.report().latency_ms is None


def test_an_exchange_that_answers_that_it_does_not_know_has_lost_the_answer() -> None:
    sender = requests(SlowExchange())  # its answer to a query is that it failed
    asyncio.run(sender.carry_out([QUERY], 1))
    assert sender.record.report().lost_last_minute == 1


def test_what_is_not_sent_is_no_request() -> None:
    sender = requests(SlowExchange(), stopped="kill switch")
    asyncio.run(sender.carry_out([entry()], 1))
    assert sender.record.report().last_check_ms is None
