"""One line of the benchmark's table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Row:
    """A figure, what it is beside, and whether it is what was asked for.

    goal: in words; met: None where there is none, or where it could not be judged.
    """

    name: str
    value: float
    unit: str
    beside: str = ""
    goal: str = ""
    met: bool | None = None


def fastest(act: Callable[[], T], times: int = 3) -> tuple[float, T]:
    """The shortest of several runs in seconds of this process's CPU, and the last result."""
    best = float("inf")
    for _ in range(times):
        began = time.process_time()
        result = act()
        best = min(best, time.process_time() - began)
    return best, result


def quantile(values: Sequence[float], share: float) -> float:
    """Of sorted values the one below which this share of them lies."""
    return values[min(int(len(values) * share), len(values) - 1)]
