"""A bot whose database goes away in the midst of trading: no entry, no loss, the loop goes on, then all is well."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support.bots import ListFeed, LivelySignals, calm_batches, exchange_state, make_bot, url_of
from tests.support.builders import BOT, BTC, ETH, NO_BREAKER, config
from tests.support.postgres import PostgresServer
from tests.unit.store.store_workers import WriteLockHeld
from trading.engine.state import EngineState
from trading.exit_codes import ExitCode
from trading.store.bot_lock import bot_lock
from trading.store.database import open_reader
from trading.store.journal import Journal
from trading.store.queries import Queries

SYMBOLS = [BTC.symbol, ETH.symbol]
CANDLES = 60
BEATS = 2

Outage = Callable[[str], AbstractContextManager[None]]
"""For as long as it is entered, the database at a URL is of no use."""


@pytest.fixture
def dies(postgres: PostgresServer) -> Outage:
    """The server is killed, and started again."""

    @contextmanager
    def outage(_url: str) -> Iterator[None]:
        postgres.kill()
        try:
            yield
        finally:
            postgres.start()

    return outage


@pytest.fixture
def has_no_connection_left(postgres: PostgresServer) -> Outage:
    """The bot's connections break, and the server lets it have no others."""

    @contextmanager
    def outage(url: str) -> Iterator[None]:
        name = url.rsplit("/", 1)[1]
        postgres.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
        with psycopg.connect(postgres.admin, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            postgres.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")

    return outage


@pytest.fixture
def is_locked() -> Outage:
    """Another process holds the file's write lock."""

    @contextmanager
    def outage(url: str) -> Iterator[None]:
        with WriteLockHeld(Path(url.removeprefix("sqlite:///"))):
            yield

    return outage


class Disturbed:
    """A bot in the midst of whose candles an outage begins, which lasts for some beats of its loop."""

    def __init__(self, folder: Path, url: str, outage: Outage, seconds_min: float) -> None:
        feed = ListFeed(calm_batches(CANDLES, SYMBOLS), at=self._at)
        settings = config(breaker=NO_BREAKER)
        self.bot = make_bot(
            folder, feed, LivelySignals(7), settings=settings, database=url, stop_at_end=True, busy_timeout_ms=200
        )
        self.entries: list[int] = []
        self._outage = outage(url)
        self._begun = asyncio.Event()
        self._seconds_min = seconds_min

    def run(self) -> int:
        """Its exit code. `entries` has the entries that were sent before and after the outage."""

        async def both() -> int:
            code, _ = await asyncio.gather(self.bot.manager.run(), self._look_on())
            return code

        return asyncio.run(both())

    def entries_sent(self) -> int:
        """How many entries have gone to the exchange."""
        return sum(not intent.reduces for intent in self.bot.exchange.sent)

    async def _at(self, index: int) -> None:
        if index == CANDLES // 2:
            await asyncio.to_thread(self._outage.__enter__)
            self._begun.set()

    async def _look_on(self) -> None:
        manager = self.bot.manager
        await self._begun.wait()
        try:
            while not manager.line.is_down:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
            self.entries.append(self.entries_sent())
            since, beats = time.monotonic(), 0
            while beats < BEATS or time.monotonic() - since < self._seconds_min:
                before = manager.beat_at
                async with asyncio.timeout(20):
                    while manager.beat_at == before:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                beats += 1
            self.entries.append(self.entries_sent())
        finally:
            await asyncio.to_thread(self._outage.__exit__, None, None, None)


def check_nothing_lost(url: str, folder: Path) -> None:
    """The books hold each of the exchange's trades once, nothing is held, and the cash is the exchange's."""
    queries = Queries(open_reader(url))
    fills = queries.fills(limit=10_000)
    trades = len(queries.history(limit=1000))
    queries.close()
    at_exchange = [(trade.fill.symbol, trade.fill.trade_id) for trade in exchange_state(folder).trades]
    assert sorted((fill.symbol, fill.trade_id) for fill in fills) == sorted(at_exchange)
    assert trades > 3
    journal = Journal.open(url, BOT)
    state = EngineState(journal.bot_id)
    state.restore(journal.load())
    journal.close()
    assert not any(position.quantity for position in state.positions.values())
    assert state.account is not None
    (quote,) = [coin for coin in exchange_state(folder).coins if coin.coin == "USDT"]
    assert state.account.cash == quote.free + quote.locked


@contextmanager
def database(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of the bot's database, locked as by `run`."""
    url = request.getfixturevalue("postgres").create_database() if kind == "postgresql" else url_of(folder)
    lock = bot_lock(url).acquire()
    yield url
    lock.release()


@pytest.mark.parametrize(
    ("kind", "outage", "seconds_min"),
    [
        ("postgresql", "dies", 0),
        ("postgresql", "has_no_connection_left", 0),
        ("sqlite", "is_locked", 0),
        pytest.param("sqlite", "is_locked", 60, marks=pytest.mark.soak),
    ],
)
def test_a_database_that_goes_away_in_the_midst_of_trading(
    kind: str, outage: str, seconds_min: float, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with database(kind, tmp_path, request) as url:
        run = Disturbed(tmp_path, url, request.getfixturevalue(outage), seconds_min)
        assert run.run() == ExitCode.OK
    before, after = run.entries
    assert before == after
    assert 0 < before < run.entries_sent(), "it traded before, and after"
    check_nothing_lost(url, tmp_path)
