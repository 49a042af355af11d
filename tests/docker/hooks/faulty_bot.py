"""The bot with faults that a file in the data folder switches on: mounted by tests, and in no image.

`HANG`: the loop stands still for ever, once. `EXCHANGE_HANGS`: no request is answered while the file is there.
`EXCHANGE_TAKES_S`: each request takes as many seconds more as the file says. `ANSWERS_TAKE_S`: each is carried out at
once, and its answer comes as many seconds later.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from trading.cli import main
from trading.exchange.paper import PaperExchange
from trading.manager import TradingManager

DATA = Path("/app/data")


def seconds(name: str) -> float:
    file = DATA / name
    return float(file.read_text()) if file.exists() else 0


def slow(name: str) -> None:
    original = getattr(PaperExchange, name)

    async def answer(self: PaperExchange, *arguments: Any) -> Any:
        while (DATA / "EXCHANGE_HANGS").exists():  # noqa: ASYNC110 - a test outside looks after it
            await asyncio.sleep(0.1)
        await asyncio.sleep(seconds("EXCHANGE_TAKES_S"))
        found = await original(self, *arguments)
        await asyncio.sleep(seconds("ANSWERS_TAKE_S"))
        return found

    setattr(PaperExchange, name, answer)


def hanging_pump() -> None:
    original = TradingManager.pump

    async def pump(self: TradingManager, *arguments: Any, **options: Any) -> None:
        if (DATA / "HANG").exists():
            (DATA / "HANG").unlink()
            time.sleep(3600)  # noqa: ASYNC251 - what must never be done
        await original(self, *arguments, **options)

    TradingManager.pump = pump  # type: ignore[method-assign]


if __name__ == "__main__":
    for request in ("submit", "cancel", "query", "account"):
        slow(request)
    hanging_pump()
    sys.exit(main(["run"]))
