"""Runs `tradebot run` and says when the engine has made its first decision; then has it stop. For `processes.start`."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from trading.cli import main
from trading.engine.state import EngineState


def report_first() -> None:
    """Watch what is put into the engine's state, until the first decision."""
    put = EngineState.put

    def watched(state: EngineState, record: Any) -> None:
        put(state, record)
        if type(record).__name__ == "Decision":
            EngineState.put = put  # type: ignore[method-assign]
            print("decided", flush=True)
            os.kill(os.getpid(), signal.SIGTERM)

    EngineState.put = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    report_first()
    sys.argv = ["tradebot", "run"]
    sys.exit(main())
