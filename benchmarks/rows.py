"""One line of the benchmark's table."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
    return fastest_in_turns({"": act}, times)[""]


def fastest_in_turns(acts: Mapping[str, Callable[[], T]], times: int = 3) -> dict[str, tuple[float, T]]:
    """Of each act what `fastest` finds. They take turns: a slow spell of the machine meets all, not one of them."""
    found: dict[str, tuple[float, T]] = {}
    for _ in range(times):
        for name, act in acts.items():
            began = time.process_time()
            result = act()
            took = time.process_time() - began
            found[name] = min(took, found[name][0] if name in found else took), result
    return found


def quantile(values: Sequence[float], share: float) -> float:
    """Of sorted values the one below which this share of them lies."""
    return values[min(int(len(values) * share), len(values) - 1)]
