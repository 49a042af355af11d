"""A database that the first version filled is brought up to date revision by revision, and the bot goes on from it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from msgspec.structs import replace

from tests.support.bots import ON_SERVER, PAPER, Bot, ListFeed, Signals, calm_batches, make_bot, resting, url_of
from tests.support.builders import BOT, BTC, ENTER, ETH, EXIT, MINUTE, T0
from trading.domain.orders import Fill, Purpose
from trading.domain.positions import Position
from trading.engine.state import Record
from trading.exchange.costs import BINANCE_SPOT
from trading.store.columns import ExactDecimal, metadata
from trading.store.database import open_database
from trading.store.journal import Journal
from trading.store.migrate import check_readable
from trading.store.schema import HEAD_REVISION

pytestmark = pytest.mark.migrated

BOTH = [BTC.symbol, ETH.symbol]
Rows = dict[str, list[dict[str, Any]]]


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", "trading.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


REVISIONS = [script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()][::-1]


def upgrade(engine: sa.Engine, revision: str) -> None:
    """One step, as a program of that revision made it."""
    config = alembic_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def tables_of(engine: sa.Engine) -> dict[str, list[str]]:
    """The columns that there are, by table."""
    inspector = sa.inspect(engine)
    return {name: [c["name"] for c in inspector.get_columns(name)] for name in inspector.get_table_names()}


def read(engine: sa.Engine, columns: dict[str, list[str]]) -> Rows:
    """The rows of our tables, as far as these columns go, in the order of their keys."""
    found: Rows = {}
    with engine.connect() as connection:
        for name, wanted in columns.items():
            if name in metadata.tables:
                table = metadata.tables[name]
                query = sa.select(*(table.c[column] for column in wanted)).order_by(*table.primary_key.columns)
                found[name] = [dict(row) for row in connection.execute(query).mappings()]
    return found


def made_up(table: sa.Table, columns: list[str]) -> dict[str, Any]:
    """A row of what nothing was written to yet."""
    row: dict[str, Any] = {}
    for name in columns:
        kind = table.c[name].type
        if isinstance(kind, sa.Boolean):
            row[name] = True
        elif isinstance(kind, sa.Text | ExactDecimal):
            row[name] = "1.50" if isinstance(kind, ExactDecimal) else f"{table.name} {name}"
        else:
            row[name] = 1
    return row


def run_bot(folder: Path, minutes: int) -> Bot:
    """Buys BTC and ETH, sells ETH, and ends after so many minutes with BTC held and its stop at the exchange."""
    script = {(BTC.symbol, T0): ENTER, (ETH.symbol, T0): ENTER, (ETH.symbol, T0 + 2 * MINUTE): EXIT}
    feed = ListFeed(calm_batches(minutes, BOTH))
    bot = make_bot(folder, feed, Signals(script), costs=BINANCE_SPOT, stop_at_end=True, policy="keep")
    assert bot.run() == 0
    return bot


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The folder of a bot whose database is empty."""
    folder = tmp_path / "bot"
    folder.mkdir()
    if request.param == "postgresql":
        ON_SERVER[folder] = request.getfixturevalue("postgres").create_database()
    yield folder
    ON_SERVER.pop(folder, None)


@pytest.fixture
def engine(place: Path) -> Iterator[sa.Engine]:
    """Of that database, without anything that this version would do to it."""
    url = sa.make_url(url_of(place))
    driver = "postgresql+psycopg" if url.drivername == "postgresql" else url.drivername
    engine = sa.create_engine(url.set(drivername=driver))
    yield engine
    engine.dispose()


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """A bot that has traded and stopped."""
    folder = tmp_path / "original"
    folder.mkdir()
    run_bot(folder, 6)
    return folder


def fill(engine: sa.Engine, rows: Rows) -> None:
    """Put rows into tables that hold none but what making them put there."""
    with engine.begin() as connection:
        for name, some in rows.items():
            table = metadata.tables[name]
            connection.execute(sa.delete(table))
            connection.execute(sa.insert(table), some)
            if engine.dialect.name == "postgresql":
                _number_on(connection, table)


def _number_on(connection: sa.Connection, table: sa.Table) -> None:
    """A server numbers its own rows after those that were put there with their numbers, as after our `db copy`."""
    key = table.primary_key.columns[0]
    sequence = connection.execute(sa.select(sa.func.pg_get_serial_sequence(table.name, key.name))).scalar()
    if sequence is not None:
        connection.execute(sa.select(sa.func.setval(sequence, sa.select(sa.func.max(key)).scalar_subquery())))


def fill_first_version(engine: sa.Engine, original: Path) -> Rows:
    """What the bot wrote into what the first version had; a row made up where it had nothing to write."""
    columns = tables_of(engine)
    columns.pop("alembic_version")
    source = open_database(url_of(original))
    rows = read(source, columns)
    source.dispose()
    for name in ("positions", "orders", "fills", "corrections", "decisions", "events", "candles", "equity", "symbols"):
        assert rows[name], name
    for name, some in rows.items():
        if not some:
            some.append(made_up(metadata.tables[name], columns[name]))
    fill(engine, rows)
    return read(engine, columns)


def test_every_revision_keeps_all_rows_and_the_bot_goes_on(place: Path, engine: sa.Engine, original: Path) -> None:
    journal = Journal.open(url_of(original), BOT)
    wanted = as_the_first_version(journal)
    journal.close()
    assert wanted
    upgrade(engine, REVISIONS[0])
    kept = fill_first_version(engine, original)
    for revision in REVISIONS[1:]:
        upgrade(engine, revision)
        columns = {name: list(some[0]) for name, some in kept.items()}
        assert read(engine, columns) == kept, revision
        columns = {name: c for name, c in tables_of(engine).items() if name in metadata.tables}
        now = read(engine, columns)
        empty = {name: [made_up(metadata.tables[name], columns[name])] for name, some in now.items() if not some}
        fill(engine, empty)
        kept = read(engine, columns)
    assert {name: set(table.columns.keys()) for name, table in metadata.tables.items()} == {
        name: set(columns) for name, columns in tables_of(engine).items() if name != "alembic_version"
    }
    check_readable(engine)
    engine.dispose()
    goes_on(place, original, wanted)


def test_the_first_version_is_brought_up_to_date_by_a_start(place: Path, engine: sa.Engine, original: Path) -> None:
    journal = Journal.open(url_of(original), BOT)
    wanted = as_the_first_version(journal)
    journal.close()
    upgrade(engine, REVISIONS[0])
    kept = fill_first_version(engine, original)
    engine.dispose()
    open_database(url_of(place)).dispose()
    assert read(engine, {name: list(some[0]) for name, some in kept.items()}) == kept
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD_REVISION
    engine.dispose()
    goes_on(place, original, wanted)


def as_the_first_version(journal: Journal) -> list[Record]:
    """What is in a journal, without what the first version did not write."""
    return [
        replace(r, first_fill_ms=None, foreign_quantity=None) if isinstance(r, Position) else r for r in journal.load()
    ]


def goes_on(place: Path, original: Path, wanted: list[Any]) -> None:
    """The journal tells the state that the bot had, and a bot that starts from it trades on and reconciles."""
    journal = Journal.open(url_of(place), BOT)
    found = journal.load()
    journal.close()
    # Fills have no order of their own: a database tells them in whichever it likes.
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))
    assert [r for r in found if not isinstance(r, Fill)] == [r for r in wanted if not isinstance(r, Fill)]
    for file in original.glob(f"{PAPER}*"):
        shutil.copy(file, place)
    bot = run_bot(place, 9)
    state = bot.manager.engine.state
    assert [p.symbol for p in state.positions.values()] == [BTC.symbol]
    assert max(s.last_close_ms for s in state.symbols.values()) == T0 + 9 * MINUTE
    assert resting(place) == [Purpose.STOP]
    assert bot.manager.engine.ready
    assert "JOURNAL_DOWN" not in [note.code for note in bot.told]
