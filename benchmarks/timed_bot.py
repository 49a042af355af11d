"""`tradebot run` that puts down when it committed what, and how long its batches took. For `dashboard_load`.

Run as `python -m benchmarks.timed_bot FILE [ARGUMENTS OF run]`; at its end FILE holds JSON:
commits: for each fill and each decision other than HOLD `[key, wall clock (s) when the events that led to it were taken
up]`; batches: seconds from a batch of closed candles until its commit, one a batch, with the wall clock at its end.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from trading.cli import main
from trading.domain.actions import Action
from trading.domain.decisions import Decision, Verdict
from trading.domain.events import CandleClosed, Event
from trading.domain.orders import Fill
from trading.live.commit_line import CommitLine

commits: list[tuple[str, float]] = []
batches: list[tuple[float, float]] = []


def measure() -> None:
    """Watch the one way from events to actions."""
    take, commit = CommitLine.take, CommitLine._commit  # noqa: SLF001 - measured from inside

    async def timed(line: CommitLine, events: Sequence[Event], *, may_wait: bool = False) -> list[Action]:
        is_batch = any(type(event) is CandleClosed for event in events)
        line.began = time.time()  # type: ignore[attr-defined]
        began = time.perf_counter()
        actions = await take(line, events, may_wait=False)
        if is_batch:
            batches.append((time.perf_counter() - began, time.time()))
        return actions

    async def noted(line: CommitLine, actions: list[Action]) -> list[Action]:
        keys = [key for key in map(key_of, line.engine.state.changes) if key]
        done = await commit(line, actions)
        commits.extend((key, line.began) for key in keys)  # type: ignore[attr-defined]
        return done

    CommitLine.take = timed  # type: ignore[method-assign]
    CommitLine._commit = noted  # type: ignore[method-assign] # noqa: SLF001


def key_of(record: object) -> str:
    """What a message about it can be recognised by; empty where nothing is measured by it."""
    match record:
        case Fill():
            return f"{record.symbol} {record.trade_id}"
        case Decision() if record.verdict is not Verdict.HOLD:
            return record.id
        case _:
            return ""


if __name__ == "__main__":
    file = Path(sys.argv[1])
    measure()
    sys.argv = ["tradebot", "run", *sys.argv[2:]]
    try:
        code = main()
    finally:
        file.write_text(json.dumps({"commits": commits, "batches": batches}))
    sys.exit(code)
