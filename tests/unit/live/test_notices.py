"""Alerts in a thread of their own: in order, each tried, none waited for longer than was agreed."""

from __future__ import annotations

import threading

import pytest

from trading.domain.actions import Level, Notify
from trading.live import notices
from trading.live.notices import Notices


def note(code: str) -> Notify:
    return Notify(Level.INFO, code, "text")


def test_each_is_delivered_once_and_in_order() -> None:
    delivered: list[str] = []
    told = Notices(lambda n: delivered.append(n.code))
    for number in range(50):
        told.tell(note(str(number)))
    assert told.close(30)
    assert delivered == [str(number) for number in range(50)]


def test_a_channel_that_fails_is_tried_with_the_next_one() -> None:
    delivered: list[str] = []

    def deliver(n: Notify) -> None:
        if n.code == "bad":
            raise ConnectionError("no route")
        delivered.append(n.code)

    told = Notices(deliver)
    for code in ("one", "bad", "two"):
        told.tell(note(code))
    assert told.close(30)
    assert delivered == ["one", "two"]


def test_one_that_hangs_holds_nobody_up() -> None:
    released = threading.Event()
    told = Notices(lambda _n: released.wait(60) and None)
    told.tell(note("hangs"))
    told.tell(note("waits"))
    assert not told.close(0.05)
    released.set()


def test_more_than_can_wait_are_in_the_log_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "WAITING_MAX", 2)
    begun, released = threading.Event(), threading.Event()
    delivered: list[str] = []

    def deliver(n: Notify) -> None:
        begun.set()
        released.wait(60)
        delivered.append(n.code)

    told = Notices(deliver)
    told.tell(note("0"))
    assert begun.wait(60)
    for number in range(1, 5):
        told.tell(note(str(number)))
    released.set()
    assert told.close(30)
    assert delivered == ["0", "1", "2"]


def test_without_a_channel_there_is_nothing_to_wait_for() -> None:
    told = Notices()
    told.tell(note("logged"))
    assert told.close(0)
