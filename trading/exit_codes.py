"""What the process's exit code says. Scripts and restart policies may rely on these numbers."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """OK: ended as asked, nothing left open beyond the policy. The others say what a person has to look at."""

    OK = 0
    FAILED = 1
    USAGE = 2
    LEFT_OPEN = 3
    FORCED = 4
    STALLED = 5
    ADDRESS = 6


INTERRUPTED = 130
"""Of a command that Ctrl-C ended before it could end by itself (128 + SIGINT, as shells have it)."""

ENDED = "ended with exit code "
"""How a bot answers the command that stopped it; the number follows."""
