"""A bot whose time is the wall clock's, on the exchange of `exchange_server`: run as a program by its tests.

Arguments: a folder, the exchange's port, and a policy; DATABASE_URL where the database is not in the folder. Every
candle says 'enter'.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.bots import ON_SERVER, Signals, not_ended, url_of
from tests.support.builders import BOT, BTC, ENTER, NO_BREAKER, D, config
from tests.support.exchange_server import SocketExchange
from trading.clock import wall_ms
from trading.domain.candles import Candle
from trading.domain.decisions import Signal
from trading.engine.config import Timing
from trading.exchange.protocol import Exchange
from trading.manager import TradingManager
from trading.monitoring.logs import configure_logging
from trading.store.bot_lock import bot_lock
from trading.store.journal import Journal

INTERVAL_MS = 200
REQUEST_SECONDS = 0.5
QUICK = Timing(answer_ms=1_000, query_ms=300, exit_retry_ms=300, account_ms=1_000, reconcile_ms=5_000)


class WallFeed:
    """Candles of a fifth of a second that close now, at 100; for ever, or `candles` of them and then silence."""

    is_real = False
    label = "test"
    starts_after_ms: int | None = None
    symbols = (BTC.symbol,)
    interval_ms = INTERVAL_MS
    batch_seconds = INTERVAL_MS / 1000
    price_decimals: Mapping[str, int] = {}

    def __init__(self, candles: int | None = None) -> None:
        self._left = candles

    async def batches(self, after_close_ms: int | None) -> AsyncIterator[tuple[Candle, ...]]:
        price = D(100)
        while self._left is None or self._left > 0:
            await asyncio.sleep(INTERVAL_MS / 1000)
            if self._left is not None:
                self._left -= 1
            opened_ms = wall_ms() // INTERVAL_MS * INTERVAL_MS - INTERVAL_MS
            yield (Candle(BTC.symbol, opened_ms, INTERVAL_MS, price, price, price, price, D(1_000)),)
        await asyncio.Event().wait()

    def history(self, symbol: str, before_close_ms: int, count: int) -> list[Candle]:
        return []


class Eager(Signals):
    """Says 'enter' on every candle."""

    def on_candle(self, candle: Candle) -> Signal | None:
        return ENTER


def wall_manager(
    folder: Path,
    exchange: Exchange,
    feed: WallFeed,
    signals: Any,
    *,
    stale_ms: int = 0,
    end: Callable[[int], Any] = not_ended,
    **options: Any,
) -> TradingManager:
    """A bot on the wall clock, its database in `folder`; `options` are the manager's.

    stale_ms: how long a candle lasts where late ones must not be entered on; 0 where any may. end: how its watchdog
    ends the process; not at all where that is the tests' own.
    """
    settings = config(instruments={BTC.symbol: BTC}, breaker=NO_BREAKER, timing=QUICK, stale_after_interval_ms=stale_ms)
    journal = Journal.open(url_of(folder), BOT, lock=bot_lock(url_of(folder)).acquire())
    manager = TradingManager(
        config=settings,
        exchange=exchange,
        feed=feed,
        journal=journal,
        signals=signals,
        state_file=folder / "state.json",
        kill_file=folder / "KILL",
        **options,
    )
    manager.requests._timeout_s = REQUEST_SECONDS
    manager.watchdog._end = end
    return manager


def main(arguments: Sequence[str]) -> int:
    folder, port, policy = Path(arguments[0]), int(arguments[1]), arguments[2]
    configure_logging("INFO", "json")
    if "DATABASE_URL" in os.environ:
        ON_SERVER[folder] = os.environ["DATABASE_URL"]
    exchange = SocketExchange({BTC.symbol: BTC}, port)
    return asyncio.run(wall_manager(folder, exchange, WallFeed(), Eager(), policy=policy, end=os._exit).run())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
