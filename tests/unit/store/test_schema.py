"""The tables hold what the domain has, exactly; the migrations make the tables that the program expects."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from tests.unit.store.store_helpers import batch, candle, open_journal, rows, url_of
from trading.domain.candles import Candle
from trading.domain.decisions import Decision
from trading.domain.orders import Fill, Order, OrderIntent
from trading.domain.positions import Account, Correction, Position
from trading.engine.state import SafetyState
from trading.safety.breaker import Trip
from trading.store import schema
from trading.store.batch import EquityPoint
from trading.store.columns import ExactDecimal
from trading.store.commands import QueuedCommand
from trading.store.database import open_database
from trading.store.latch import KillState
from trading.store.process import ProcessState
from trading.store.statements import Statements

pytestmark = pytest.mark.migrated

OWN_COLUMNS = {
    "account": {"id"},
    "safety": {"id"},
    "trips": set(),
    "positions": {"place", "traded"},
    "orders": {"place", "settled"},
    "fills": set(),
    "corrections": set(),
    "decisions": {"seq", "first_ms", "count"},
    "equity": set(),
    "commands": set(),
    "latches": {"name"},
    "processes": {"name"},
}


@pytest.mark.parametrize(
    ("table", "kinds"),
    [
        (schema.account, [Account]),
        (schema.safety, [SafetyState]),
        (schema.trips, [Trip]),
        (schema.positions, [Position]),
        (schema.orders, [Order, OrderIntent]),
        (schema.fills, [Fill]),
        (schema.corrections, [Correction]),
        (schema.decisions, [Decision]),
        (schema.equity, [EquityPoint]),
        (schema.commands, [QueuedCommand]),
        (schema.latches, [KillState]),
        (schema.processes, [ProcessState]),
    ],
    ids=lambda value: value.name if isinstance(value, sa.Table) else "",
)
def test_every_field_has_its_column(table: sa.Table, kinds: list[type[msgspec.Struct]]) -> None:
    fields = {field.name for kind in kinds for field in msgspec.structs.fields(kind)} - {"intent"}
    assert {column.name for column in table.c} - OWN_COLUMNS[table.name] == fields


def test_candles_are_stored_whole() -> None:
    fields = {field.name for field in msgspec.structs.fields(Candle)}
    assert {column.name for column in schema.candles.c} - {"symbol_id"} == fields - {"symbol"}


def test_migrations_lead_to_the_schema_and_its_revision(path: Path) -> None:
    engine = open_database(url_of(path))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.meta.metadata) == []
        assert context.get_current_revision() == schema.HEAD_REVISION
    engine.dispose()
    config = Config()
    config.set_main_option("script_location", "trading.store:migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD_REVISION]


def test_partial_index_and_compact_key_are_in_the_file(path: Path) -> None:
    engine = open_database(url_of(path))
    with engine.connect() as connection:
        made = "".join(connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").scalars())
    engine.dispose()
    assert "WHERE settled = 0" in made
    assert made.count("WITHOUT ROWID") == 2


def test_a_year_of_candles_is_small(path: Path) -> None:
    """Ten symbols, one minute, 365 days: a quarter of the 2 GB that the whole database may take."""
    journal = open_journal(path)
    minutes, symbols = 200, 10
    for minute in range(minutes):
        made = [candle(minute, symbol=f"S{n}/USDT", close="100.123456") for n in range(symbols)]
        journal.commit(batch(candles=made))
    journal.close()
    ((pages,),) = rows(path, "SELECT sum(pgsize) FROM dbstat WHERE name = 'candles'")
    bytes_per_candle = int(str(pages)) / (minutes * symbols)
    assert bytes_per_candle * 365 * 1_440 * symbols < 500_000_000


def test_postgresql_takes_tables_and_statements() -> None:
    dialect = postgresql.dialect()
    made = "".join(
        str(part.compile(dialect=dialect))
        for table in schema.meta.metadata.tables.values()
        for part in [CreateTable(table), *map(CreateIndex, table.indexes)]
    )
    assert "NUMERIC" in made
    assert "WITHOUT ROWID" not in made
    statements = Statements(dialect)
    assert "ON CONFLICT" in statements.by_table["orders"].text


@given(value=st.decimals(allow_nan=False, allow_infinity=False) | st.decimals(-1000, 1000, places=8))
def test_decimals_come_back_digit_for_digit(value: Decimal) -> None:
    engine = sa.create_engine("sqlite://")
    table = sa.Table("money", sa.MetaData(), sa.Column("amount", ExactDecimal))
    with engine.begin() as connection:
        table.create(connection)
        connection.execute(sa.insert(table), [{"amount": value}, {"amount": None}])
        found, nothing = connection.execute(sa.select(table.c.amount)).scalars()
        kind = connection.exec_driver_sql("SELECT typeof(amount) FROM money").scalar()
    engine.dispose()
    assert found.as_tuple() == value.as_tuple()
    assert nothing is None
    assert kind == "text"
