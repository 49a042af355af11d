"""The start of a bot: it and the exchange come to one view, and what is in doubt is asked about, before it trades."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

import structlog

from trading.domain.actions import Level, Notify
from trading.domain.errors import TradingError
from trading.domain.events import Started
from trading.domain.orders import IN_DOUBT
from trading.engine.adoption import is_left_to_a_person
from trading.exchange.protocol import CandleDriven

if TYPE_CHECKING:
    from trading.manager import TradingManager

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
READY_WITHIN_SECONDS = 120.0
DOUBT_QUESTIONS_MAX = 5


async def recover(manager: TradingManager) -> None:
    """Bring the engine and the exchange to one view, before anything else. Bounded.

    Raises:
        TradingError: the exchange did not tell the account's state in time.
    """
    manager.phase = "recovering"
    await manager.database.start()
    if isinstance(manager.exchange, CandleDriven):
        for symbol in sorted(manager.engine.state.symbols.keys() & manager.config.instruments.keys()):
            known = manager.engine.state.symbols[symbol]
            await manager.exchange.observe(symbol, known.last_close_ms, known.price)
    await manager.pump([Started(time_ms=manager.start_ms(), bot_id=manager.config.bot_id)])
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while not manager.engine.ready and not manager.shutdown.requested:
        if time.monotonic() > deadline:
            raise TradingError(
                f"the exchange has not told the account's state within {READY_WITHIN_SECONDS:g} s; "
                "check the connection and the exchange's status page"
            )
        await manager.poll()
        await manager.wait(RETRY_SECONDS)
        await manager.tick(RETRY_SECONDS)
    await _resolve_doubts(manager)
    log.info(
        "bot.reconciled",
        positions=len(manager.engine.state.positions),
        orders=len(manager.engine.state.all_live_orders()),
        equity=str(manager.engine.equity()),
    )
    manager.notify(_start_note(manager))


def _start_note(manager: TradingManager) -> Notify:
    """That the bot has started; after an end that was not in order, that it has recovered from it."""
    state, before = manager.engine.state, manager.database.crashed
    orders = len(state.all_live_orders())
    held = f"{len(state.positions)} positions, {orders} open orders, equity {manager.engine.equity():.2f}"
    if before is None:
        return Notify(Level.INFO, "STARTED", f"{manager.feed.label}: {', '.join(manager.feed.symbols)}; {held}")
    seen = datetime.fromtimestamp(before.beat_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    text = f"process {before.pid} ended without a word, last seen {seen}; compared with the exchange: {held}"
    return Notify(Level.WARNING, "RECOVERED", text)


async def _resolve_doubts(manager: TradingManager) -> None:
    """Ask about orders in doubt until they are resolved, for a bounded time: what they wait for is late already.

    So it is for those that the exchange had and does not show any more. On paper the time is the candles', which
    stand still: nothing has to be waited for.
    """
    seconds = manager.config.timing.query_ms / 1000
    deadline = time.monotonic() + DOUBT_QUESTIONS_MAX * seconds
    for question in count():
        live = manager.engine.state.all_live_orders()
        doubtful = (order for order in live if order.state in IN_DOUBT or order.absences)
        if all(map(is_left_to_a_person, doubtful)) or manager.shutdown.requested:
            return
        if question >= DOUBT_QUESTIONS_MAX if manager.on_candle_time else time.monotonic() > deadline:
            return
        if not manager.on_candle_time:
            await manager.wait(seconds)
        await manager.tick(seconds)
