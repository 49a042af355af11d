"""Processes that start fast: forked from a server that has imported everything, and is no test itself."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext

PRELOADED = ["tests.support.stepped_bot", "tests.unit.store.store_workers"]


def forking() -> ForkServerContext:
    """Makes such processes, with the modules whose functions they run already there."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(PRELOADED)
    return found
