"""What follows from the whole state and from the time, and not from one change: health, safety, metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from trading.store.errors import StoreError
from trading.web.stream.board import Draft, Kind
from trading.web.stream.compose import draft

REPEAT_SECONDS = 5.0
"""An unchanged health is told all the same, so that whoever hears nothing knows that the connection is lost."""


class Gauge(NamedTuple):
    """One such view. passing: the fields whose change alone is no news, such as the time at which it was read."""

    kind: Kind
    read: Callable[[], BaseModel]
    passing: frozenset[str]


class Vitals:
    """Reads the gauges, and tells those that have changed.

    Args:
        gauges: each of its own kind. One that raises a `StoreError` has nothing to tell.
        monotonic: seconds that never run backwards.
    """

    def __init__(self, gauges: Sequence[Gauge], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._gauges = gauges
        self._monotonic = monotonic
        self._told: dict[Kind, dict[str, Any]] = {}
        self._health_due = 0.0

    def all(self) -> list[Draft]:
        """How they are, told before or not."""
        self._told.clear()
        return self.changed()

    def changed(self, kinds: Sequence[Kind] = tuple(Kind)) -> list[Draft]:
        """Those of these kinds that are not as they were last told."""
        found: list[Draft] = []
        for gauge in self._gauges:
            if gauge.kind not in kinds:
                continue
            try:
                view = gauge.read()
            except StoreError:  # health says so
                continue
            told = view.model_dump(exclude=set(gauge.passing))
            if told != self._told.get(gauge.kind) or self._is_to_repeat(gauge.kind):
                self._told[gauge.kind] = told
                found.append(draft(gauge.kind, "", view))
        return found

    def _is_to_repeat(self, kind: Kind) -> bool:
        if kind is not Kind.HEALTH or self._monotonic() < self._health_due:
            return False
        self._health_due = self._monotonic() + REPEAT_SECONDS
        return True
