"""A bot whose loop stands still for ever: run as a program by the watchdog's test.

Arguments: a folder, how long the loop may stand still, and what stands still: the feed, or the database (which the test
locks), which is no standstill. A fourth one is the port on which it answers for its health.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tests.support.bots import ListFeed, Signals, calm_batches, make_bot
from tests.support.builders import BTC, ENTER, T0
from trading.domain.candles import Candle
from trading.domain.orders import Purpose
from trading.live.health_port import HealthPort
from trading.monitoring.health import HealthLimits
from trading.monitoring.logs import configure_logging


class BlockingFeed(ListFeed):
    """Once `is_time` holds it holds up everything, as code that waits for something without giving way would."""

    def is_time(self) -> bool:
        """Replaced by `main`."""
        return False

    async def batches(self, after_close_ms: int | None) -> AsyncIterator[tuple[Candle, ...]]:
        async for batch in super().batches(after_close_ms):
            yield batch
        while not self.is_time():  # noqa: ASYNC110 - looked at in every turn of the loop
            await asyncio.sleep(0)
        time.sleep(3600)  # noqa: ASYNC251 - what must never be done


def main() -> int:
    folder, stalled_after_s, what = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
    configure_logging("INFO", "json")
    batches = calm_batches(3, [BTC.symbol])
    feed = BlockingFeed(batches) if what == "feed" else ListFeed(batches, stays=True)
    signals = Signals({(BTC.symbol, T0): ENTER})
    bot = make_bot(
        folder,
        feed,
        signals,
        stalled_after_s=stalled_after_s,
        health=HealthLimits(heartbeat_max_ms=1_500),
        busy_timeout_ms=500,
        policy="keep",
        end=os._exit,
    )
    if len(sys.argv) > 4:
        HealthPort(bot.manager.reporter, bot.manager.metrics, "127.0.0.1", int(sys.argv[4])).start()
    feed.is_time = lambda: any(sent.purpose is Purpose.STOP for sent in bot.exchange.sent)  # type: ignore[attr-defined]
    return bot.run()


if __name__ == "__main__":
    sys.exit(main())
