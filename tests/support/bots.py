"""A whole bot in the test's own process: the live driver, a database file, the paper exchange, and hooks into each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from tests.support.builders import BOT, MINUTE, T0, config
from tests.support.signals import RandomSignals, ScriptedSignals
from trading.domain.actions import Notify
from trading.domain.candles import Candle
from trading.domain.events import Event
from trading.domain.instruments import Instrument
from trading.domain.orders import Approved, OrderIntent, Purpose
from trading.engine.config import EngineConfig
from trading.exchange.costs import NO_COSTS, Costs
from trading.exchange.paper import PaperBook, PaperExchange
from trading.exchange.paper_file import PaperFile
from trading.exchange.records import SimState
from trading.exit_codes import ExitCode
from trading.manager import TradingManager
from trading.monitoring.alerts.outbox import Outbox
from trading.store.bot_lock import AnyBotLock
from trading.store.journal import Journal

PAPER = "paper.db"
Hook = Callable[[str, str], Awaitable[None]]


async def nothing(_what: str, _which: str) -> None:
    """The hook that does nothing."""


class HookedExchange(PaperExchange):
    """A paper exchange that awaits `before(kind, subject)` and `after(kind, subject)` around every request.

    kinds: submit, cancel, query, account. `sent` are the intents in the order in which they arrived.
    """

    def __init__(self, book: PaperBook, before: Hook = nothing, after: Hook = nothing) -> None:
        super().__init__(book)
        self.book = book
        self.before = before
        self.after = after
        self.sent: list[OrderIntent] = []

    async def _hooked(self, kind: str, subject: str, ask: Callable[[], Awaitable[Sequence[Event]]]) -> Sequence[Event]:
        await self.before(kind, subject)
        answer = await ask()
        await self.after(kind, subject)
        return answer

    async def submit(self, order: Approved[OrderIntent], now_ms: int) -> Sequence[Event]:
        async def ask() -> Sequence[Event]:
            self.sent.append(order.value)
            return await PaperExchange.submit(self, order, now_ms)

        return await self._hooked("submit", order.value.client_order_id, ask)

    async def cancel(self, client_order_id: str, symbol: str, now_ms: int) -> Sequence[Event]:
        ask = lambda: PaperExchange.cancel(self, client_order_id, symbol, now_ms)  # noqa: E731
        return await self._hooked("cancel", client_order_id, ask)

    async def query(self, client_order_id: str, symbol: str, now_ms: int) -> Sequence[Event]:
        ask = lambda: PaperExchange.query(self, client_order_id, symbol, now_ms)  # noqa: E731
        return await self._hooked("query", client_order_id, ask)

    async def account(self, token: int, now_ms: int) -> Sequence[Event]:
        return await self._hooked("account", "", lambda: PaperExchange.account(self, token, now_ms))


class ListFeed:
    """Gives the batches it was made with, awaiting `at(index)` before each; then ends, or with `stays` stays."""

    is_real = False
    label = "test"
    batch_seconds = 0.0
    starts_after_ms: int | None = None

    def __init__(
        self,
        batches: Sequence[tuple[Candle, ...]],
        *,
        stays: bool = False,
        at: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        self._batches = batches
        self._stays = stays
        self._at = at
        self.symbols = tuple(sorted({candle.symbol for batch in batches for candle in batch}))
        self.interval_ms = MINUTE
        self.price_decimals: Mapping[str, int] = {}

    async def batches(self, after_close_ms: int | None) -> AsyncIterator[tuple[Candle, ...]]:
        for index, batch in enumerate(self._batches):
            if after_close_ms is not None and batch[0].close_time_ms <= after_close_ms:
                continue
            if self._at is not None:
                await self._at(index)
            yield batch
        if self._stays:
            await asyncio.Event().wait()

    def history(self, symbol: str, before_close_ms: int, count: int) -> list[Candle]:
        found = [c for b in self._batches for c in b if c.symbol == symbol and c.close_time_ms < before_close_ms]
        return found[-count:]


class Signals(ScriptedSignals):
    """Scripted signals that a manager can warm up."""

    def warm_up(self, candles: Iterable[Candle]) -> None:
        """Nothing to learn from history."""

    def expect(self, candles: Sequence[Candle]) -> None:
        """Nothing to work out ahead."""


class LivelySignals(RandomSignals):
    """Random signals that a manager can warm up."""

    def warm_up(self, candles: Iterable[Candle]) -> None:
        """Nothing to learn from history."""

    def expect(self, candles: Sequence[Candle]) -> None:
        """Nothing to work out ahead."""


def calm_batches(count: int, symbols: Sequence[str], price: str = "100") -> list[tuple[Candle, ...]]:
    """Batches of candles that do not move, one a minute."""
    level = Decimal(price)
    return [
        tuple(
            Candle(symbol, T0 + i * MINUTE, MINUTE, level, level + 1, level - 1, level, Decimal(1_000_000))
            for symbol in sorted(symbols)
        )
        for i in range(count)
    ]


class RecordingOutbox(Outbox):
    """The outbox of a bot without channels, which also keeps all that it hears, in order."""

    def __init__(self, engine: sa.Engine, told: list[Notify]) -> None:
        super().__init__(engine)
        self._told = told

    def committed(self, notes: Sequence[Notify]) -> None:
        super().committed(notes)
        self._told.extend(notes)

    def tell(self, note: Notify) -> None:
        super().tell(note)
        self._told.append(note)


@dataclass
class Bot:
    """A manager that has not run yet, what it is made of, and what it told."""

    manager: TradingManager
    exchange: HookedExchange
    journal: Journal
    folder: Path
    told: list[Notify] = field(default_factory=list)

    def run(self) -> int:
        """Run it to its end; the exit code."""
        return asyncio.run(self.manager.run())


ON_SERVER: dict[Path, str] = {}
"""The databases that are not in their bot's folder but on a server, by folder."""

both_databases = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
"""Marks an integration test that shows the same on either database."""

both_databases_in_soak = pytest.mark.parametrize(
    "database_kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)], indirect=True
)
"""The same for one that takes long, and whose part that PostgreSQL could change is shown there in every run too."""


def url_of(folder: Path) -> str:
    """The database of the bot in `folder`: a file there, or what `ON_SERVER` says."""
    return ON_SERVER.get(folder) or f"sqlite:///{folder / 'tradebot.db'}"


def exchange_state(folder: Path) -> SimState:
    """What the exchange of an ended bot holds, from its file."""
    file = PaperFile.open(folder / PAPER)
    try:
        return file.load()
    finally:
        file.close()


def resting(folder: Path) -> list[Purpose]:
    """The purposes of the orders that are open at the exchange of an ended bot."""
    return [order.intent.purpose for order in exchange_state(folder).orders if not order.state.is_final]


def not_ended(code: int) -> None:
    """In place of the end of a process that is the tests' own. A loop that stands still fails the test."""
    assert code != ExitCode.STALLED


def make_bot(
    folder: Path,
    feed: ListFeed,
    signals: Any,
    *,
    settings: EngineConfig | None = None,
    costs: Costs = NO_COSTS,
    balance: str = "10000",
    busy_timeout_ms: int = 2_000,
    database: str | None = None,
    lock: AnyBotLock | None = None,
    end: Callable[[int], Any] = not_ended,
    **options: Any,
) -> Bot:
    """A bot on a paper exchange in `folder`, with its database there or at a URL; `options` are the manager's.

    end: how its watchdog ends the process; not at all where that is the tests' own.
    """
    settings = settings or config(bot_id=BOT)
    url = database or url_of(folder)
    journal = Journal.open(url, settings.bot_id, busy_timeout_ms=busy_timeout_ms, lock=lock)
    book = PaperBook(folder / PAPER, settings.instruments, {"USDT": Decimal(balance)}, costs)
    exchange = HookedExchange(book)
    told: list[Notify] = []
    manager = TradingManager(
        config=settings,
        exchange=exchange,
        feed=feed,
        journal=journal,
        signals=signals,
        state_file=folder / "state.json",
        kill_file=folder / "KILL",
        alerts=RecordingOutbox(journal.engine, told),
        **options,
    )
    manager.watchdog._end = end
    return Bot(manager, exchange, journal, folder, told)


def many_instruments(like: Instrument, count: int) -> dict[str, Instrument]:
    """`count` instruments with the rules of `like`, A00/USDT and so on."""
    names = [f"A{number:02d}" for number in range(count)]
    return {f"{name}/USDT": replace(like, symbol=f"{name}/USDT", base=name) for name in names}
