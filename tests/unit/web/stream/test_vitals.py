"""Health, safety and metrics are told when they change; health also when it does not: silence must mean something."""

from __future__ import annotations

import json

from pydantic import BaseModel

from trading.store.errors import StoreError
from trading.web.stream.board import Kind
from trading.web.stream.vitals import REPEAT_SECONDS, Gauge, Vitals


class View(BaseModel):
    level: str
    age: int


class Instrument:
    """A gauge whose view is set by hand."""

    def __init__(self) -> None:
        self.level = "healthy"
        self.age = 0
        self.fails = False

    def read(self) -> View:
        if self.fails:
            raise StoreError("locked")
        self.age += 1
        return View(level=self.level, age=self.age)


def gauge(kind: Kind, instrument: Instrument) -> Gauge:
    return Gauge(kind, instrument.read, frozenset({"age"}))


def test_what_has_changed_is_told_and_what_only_grows_older_is_not() -> None:
    safety = Instrument()
    vitals = Vitals([gauge(Kind.SAFETY, safety)], monotonic=lambda: 0.0)
    assert [draft.kind for draft in vitals.changed()] == [Kind.SAFETY]
    assert vitals.changed() == []
    safety.level = "critical"
    assert [json.loads(draft.data)["level"] for draft in vitals.changed()] == ["critical"]
    assert [draft.kind for draft in vitals.all()] == [Kind.SAFETY]
    assert vitals.changed() == []


def test_health_is_repeated() -> None:
    now = [1_000.0]
    vitals = Vitals([gauge(Kind.HEALTH, Instrument())], monotonic=lambda: now[0])
    assert len(vitals.changed()) == 1
    assert len(vitals.changed()) <= 1
    assert vitals.changed() == []
    now[0] += REPEAT_SECONDS
    assert len(vitals.changed()) == 1
    assert vitals.changed() == []


def test_one_that_cannot_be_read_leaves_the_others() -> None:
    broken, fine = Instrument(), Instrument()
    vitals = Vitals([gauge(Kind.METRICS, broken), gauge(Kind.SAFETY, fine)], monotonic=lambda: 0.0)
    broken.fails = True
    assert [draft.kind for draft in vitals.all()] == [Kind.SAFETY]
    broken.fails = False
    assert [draft.kind for draft in vitals.changed()] == [Kind.METRICS]


def test_some_may_be_asked_for_alone() -> None:
    vitals = Vitals([gauge(Kind.METRICS, Instrument()), gauge(Kind.SAFETY, Instrument())], monotonic=lambda: 0.0)
    assert [draft.kind for draft in vitals.changed([Kind.SAFETY])] == [Kind.SAFETY]
