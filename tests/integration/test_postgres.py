"""A whole bot on PostgreSQL: the same account as on SQLite, also where the server dies in the midst of trading."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.support.bots import Bot, ListFeed, LivelySignals, calm_batches, make_bot, url_of
from tests.support.builders import BOT, BTC, ETH
from tests.support.postgres import PASSWORD, URL_PASSWORD, PostgresServer
from tests.support.processes import until
from trading.domain.positions import Account
from trading.engine.state import EngineState
from trading.exit_codes import ExitCode
from trading.store.bot_lock import bot_holder, bot_lock
from trading.store.database import open_database, open_reader, reading, writing
from trading.store.errors import BotAlreadyRunning, DatabaseUnusable, JournalError
from trading.store.journal import Journal
from trading.store.latch import latch_kill, mark_effective_without_bot
from trading.store.queries import Queries

SYMBOLS = [BTC.symbol, ETH.symbol]
CANDLES = 60


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.create_database()


def bot_on(folder: Path, database: str, at: Callable[[int], Awaitable[None]] | None = None, **options: object) -> Bot:
    folder.mkdir(exist_ok=True)
    feed = ListFeed(calm_batches(CANDLES, SYMBOLS), at=at)
    return make_bot(folder, feed, LivelySignals(7), database=database, stop_at_end=True, **options)


def state_in(database: str) -> EngineState:
    """What a new process would begin with."""
    journal = Journal.open(database, BOT)
    state = EngineState(journal.bot_id)
    state.restore(journal.load())
    journal.close()
    return state


def contents(database: str) -> tuple[object, ...]:
    queries = Queries(open_reader(database))
    found = queries.status().account, queries.history(limit=1000), queries.orders(limit=1000), queries.fills(limit=1000)
    decisions = [run.decision for run in queries.decisions(limit=1000)]
    queries.close()
    return *found, decisions


def test_the_same_account_as_on_sqlite(url: str, tmp_path: Path) -> None:
    found = {}
    for name, database in (("sqlite", url_of(tmp_path)), ("postgresql", url)):
        assert bot_on(tmp_path / name, database).run() == ExitCode.OK
        found[name] = contents(database)
    assert found["postgresql"] == found["sqlite"]
    account, trades, _, fills, _ = found["postgresql"]
    assert isinstance(account, Account)
    assert len(trades) > 5  # type: ignore[arg-type]
    assert len(fills) > 10  # type: ignore[arg-type]


def test_the_indexes_of_what_is_open_are_partial_there_too(url: str) -> None:
    open_database(url).dispose()
    with psycopg.connect(url) as server:
        found = dict(server.execute("SELECT indexname, indexdef FROM pg_indexes").fetchall())
    assert found["orders_live"].endswith("WHERE (NOT settled)")
    assert found["alert_deliveries_waiting"].endswith("WHERE (sent_ms IS NULL)")


def test_a_reader_on_a_busy_machine_may_be_held_up_longer_than_a_writer(url: str) -> None:
    """A writer holds rows that others wait for. A start was refused because three seconds passed between two reads."""
    Journal.open(url, BOT).close()
    engine = open_database(url)
    asked = "SHOW idle_in_transaction_session_timeout"
    with writing(engine) as connection:
        assert connection.exec_driver_sql(asked).scalar() == "3s"
    with reading(engine) as connection:
        assert connection.exec_driver_sql(asked).scalar() == "1min"
    with writing(engine) as connection:
        assert connection.exec_driver_sql(asked).scalar() == "3s"
    engine.dispose()


def test_the_lock_is_one_bot_s_and_names_it(url: str) -> None:
    engine = open_database(url)
    assert bot_holder(engine) is None
    first = bot_lock(url).acquire()
    holder = bot_holder(engine)
    assert holder is not None
    with pytest.raises(BotAlreadyRunning, match=rf"process {holder.pid} on") as caught:
        bot_lock(url).acquire(wait_s=0)
    assert PASSWORD not in str(caught.value)
    latch_kill(engine, "owner", "why", 1)
    assert mark_effective_without_bot(engine, 2).effective_ms is None
    first.release()
    until(lambda: bot_holder(engine) is None, "the server has noticed the end of the connection")
    assert mark_effective_without_bot(engine, 3).effective_ms == 3
    engine.dispose()


def test_a_lock_that_the_server_lost_is_taken_again_or_nothing_is_written(postgres: PostgresServer, url: str) -> None:
    lock = bot_lock(url).acquire()
    lock.ensure()
    postgres.kill()
    with pytest.raises(JournalError, match="server cannot be reached"):
        lock.ensure()
    postgres.start()
    other = bot_lock(url).acquire()
    with pytest.raises(JournalError, match=r"lock was lost, and process \d+ on .* has it"):
        lock.ensure()
    other.release()
    lock.ensure()
    with pytest.raises(BotAlreadyRunning):
        bot_lock(url).acquire(wait_s=0)
    lock.release()


def test_a_server_without_a_connection_left(postgres: PostgresServer, url: str) -> None:
    """Who has connections goes on; who has none is told so, and can come when there are some again."""
    open_database(url).dispose()
    journal = Journal.open(url, BOT)
    taken: list[psycopg.Connection] = []
    with suppress(psycopg.OperationalError):
        while len(taken) < 100:
            taken.append(psycopg.connect(url))
    assert 10 < len(taken) < 100
    with pytest.raises(DatabaseUnusable, match=r"no connection left .*max_connections") as caught:
        open_database(url)
    assert PASSWORD not in str(caught.value)
    assert URL_PASSWORD not in str(caught.value)
    assert journal.load() == []
    for connection in taken:
        connection.close()
    journal.close()
    assert state_in(url).account is None


def test_a_server_that_stands_still_holds_nobody_up_for_long(postgres: PostgresServer, url: str) -> None:
    """Its sockets stay open and take what is sent: only a limit on our side ends the wait."""
    engine = open_database(url, busy_timeout_ms=0)
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.answer_within_s = 0.3
        started = time.monotonic()
        with pytest.raises(Exception, match=r"no answer within 0\.3 s"):
            connection.exec_driver_sql("SELECT pg_sleep(60)")
        assert time.monotonic() - started < 30
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    engine.dispose()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("/bot_", "/no_such_"), "no such database .*createdb"),
        (("tester:", "nobody:"), "does not accept the user or password"),
    ],
)
def test_an_address_that_does_not_work_is_told_without_its_password(
    url: str, change: tuple[str, str], said: str
) -> None:
    with pytest.raises(DatabaseUnusable, match=said) as caught:
        open_database(url.replace(*change))
    assert PASSWORD not in str(caught.value)
    assert URL_PASSWORD not in str(caught.value)
