"""The wall clock, for whatever is not pure."""

from __future__ import annotations

import time


def wall_ms() -> int:
    """Now, UTC milliseconds."""
    return time.time_ns() // 1_000_000
