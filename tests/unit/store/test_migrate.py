"""Databases are made and brought up to date once, by one process, wholly or not at all."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forking import forking
from tests.unit.store.store_helpers import ACCOUNT, batch, open_journal, rows, tables, url_of
from tests.unit.store.store_workers import is_whole, migrate_at_once
from trading.store.database import open_database, open_reader
from trading.store.errors import DatabaseBusy, DatabaseUnusable, ForeignDatabase, NewerSchema, OlderSchema
from trading.store.lock import MigrationLock
from trading.store.migrate import migrate
from trading.store.schema import HEAD_REVISION

pytestmark = pytest.mark.migrated

FORKING = forking()


def test_a_new_database_is_in_wal_mode_with_one_row_for_the_kill_switch(path: Path) -> None:
    open_database(url_of(path)).dispose()
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]
    assert rows(path, "SELECT name, active FROM latches") == [("kill", 0)]
    assert rows(path, "SELECT app, bot_id FROM meta") == [("llm-tradebot", None)]
    assert rows(path, "SELECT version_num FROM alembic_version") == [(HEAD_REVISION,)]


def test_connections_write_through_to_the_disk(path: Path) -> None:
    engine = open_database(url_of(path))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    engine.dispose()


def test_the_second_time_there_is_nothing_to_do(path: Path) -> None:
    engine = open_database(url_of(path))
    before = tables(path)
    assert migrate(engine) is False
    engine.dispose()
    assert tables(path) == before


def test_alembic_is_not_loaded_where_there_is_nothing_to_do(path: Path) -> None:
    open_database(url_of(path)).dispose()
    code = (
        "import sys; from trading.store.database import open_database; "
        f"open_database({url_of(path)!r}); print('alembic' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


def test_processes_that_start_together_make_one_database(path: Path) -> None:
    barrier = FORKING.Barrier(3)
    done = FORKING.Value("i", 0)
    others = [FORKING.Process(target=migrate_at_once, args=(path, barrier, done)) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join(60)
    assert [other.exitcode for other in others] == [0, 0, 0]
    assert done.value == 1
    assert is_whole(path)
    assert rows(path, "SELECT count(*) FROM meta") == [(1,)]


def test_waiting_for_another_process_is_bounded(path: Path) -> None:
    engine = open_database(url_of(path))
    engine.dispose()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=DELETE").close()
    connection.close()
    with MigrationLock(path, 0), pytest.raises(DatabaseBusy, match=r"migrate\.lock.*start again"):
        migrate(engine, wait_s=0)
    assert migrate(engine, wait_s=0) is False
    engine.dispose()
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


def test_a_migration_that_fails_leaves_nothing_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the machine stopped")

    monkeypatch.setattr("alembic.op.bulk_insert", fail)
    with pytest.raises(RuntimeError, match="the machine stopped"):
        open_database(url_of(path))
    assert tables(path) == {}
    monkeypatch.undo()
    open_database(url_of(path)).dispose()
    assert rows(path, "SELECT count(*) FROM latches") == [(1,)]


def _set_revision(path: Path, revision: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
    connection.commit()
    connection.close()


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    journal = open_journal(path)
    journal.commit(batch(ACCOUNT))
    journal.close()
    _set_revision(path, "9001")
    before = tables(path)
    for opener in (open_database, open_reader):
        with pytest.raises(NewerSchema, match=rf"schema 9001, this one knows {HEAD_REVISION}.*newer version"):
            opener(url_of(path))
    assert tables(path) == before


def test_a_reader_does_not_bring_an_older_schema_up_to_date(path: Path) -> None:
    open_database(url_of(path)).dispose()
    _set_revision(path, "0000")
    with pytest.raises(OlderSchema, match=r"schema 0000.*start the bot"):
        open_reader(url_of(path))
    with pytest.raises(DatabaseUnusable, match=r"cannot be brought up to date.*0000"):
        open_database(url_of(path))


def test_a_schema_without_a_number_is_refused(path: Path) -> None:
    open_database(url_of(path)).dispose()
    _set_revision(path, "mine")
    with pytest.raises(DatabaseUnusable, match=r"no usable schema version \('mine'\)"):
        open_database(url_of(path))


def test_the_database_of_another_bot_is_refused(path: Path) -> None:
    from trading.store.journal import Journal

    open_journal(path).close()
    with pytest.raises(ForeignDatabase, match=r"belongs to the bot 'bot-1', and this is 'bot-2'.*DATA_DIR"):
        Journal.open(url_of(path), "bot-2")
    open_journal(path).close()
