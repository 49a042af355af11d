"""Ports for servers of the tests."""

from __future__ import annotations

import os
import socket
from itertools import count, islice

FIRST = 10_000
"""Below the range from which a system hands out ports to whoever asks for any: nobody gets one of these by chance."""
COUNT = 22_000
FAR_APART = 131
_numbers = count(os.getpid() * FAR_APART)


def free_port() -> int:
    """A port on loopback that nobody has now, and that is given out once in many; each process begins elsewhere."""
    for number in islice(_numbers, COUNT):
        port = FIRST + number % COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError(f"no port from {FIRST} to {FIRST + COUNT - 1} is free")
