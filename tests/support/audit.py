"""Triggers in a bot's database that note what the kill switch is about, in the order of all processes' commits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.support.bots import ON_SERVER
from tests.support.postgres import PostgresServer

_COLUMNS = "what TEXT NOT NULL, which TEXT NOT NULL"
_NOTE = "INSERT INTO audit (what, which) VALUES"
_OPEN = "(SELECT count(*) FROM orders WHERE purpose = 'entry' AND NOT settled) || ' entries open at '"
_IS_INTENT = "NEW.purpose = 'entry' AND NEW.state IN ('intent', 'submitting')"
_IS_LATCHED = "NEW.active AND NOT OLD.active"
_IS_EFFECTIVE = "NEW.active AND NEW.effective_ms IS NOT NULL AND OLD.effective_ms IS NULL"
_IS_RESET = "NOT NEW.active AND OLD.active"
_IN_A_FILE = (
    f"CREATE TABLE audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, {_COLUMNS})",
    f"""CREATE TRIGGER audit_intent AFTER INSERT ON orders WHEN {_IS_INTENT}
        BEGIN {_NOTE} ('intent', NEW.client_order_id); END""",
    f"""CREATE TRIGGER audit_latched AFTER UPDATE ON latches WHEN {_IS_LATCHED} BEGIN {_NOTE} ('latched', ''); END""",
    f"""CREATE TRIGGER audit_effective AFTER UPDATE ON latches WHEN {_IS_EFFECTIVE}
        BEGIN {_NOTE} ('effective', {_OPEN} || NEW.effective_ms); END""",
    f"""CREATE TRIGGER audit_reset AFTER UPDATE ON latches WHEN {_IS_RESET} BEGIN {_NOTE} ('reset', ''); END""",
)
# A file has one writer at a time. On a server a note is made at the end of its transaction, under a lock that is held
# until the others can see what was committed.
_ON_A_SERVER = (
    f"CREATE TABLE audit (seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {_COLUMNS})",
    f"""CREATE FUNCTION audit_note(what TEXT, which TEXT) RETURNS void LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock(6174); {_NOTE} ($1, $2); END $$""",
    f"""CREATE FUNCTION audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_ARGV[0] = 'intent' THEN PERFORM audit_note('intent', NEW.client_order_id);
            ELSIF TG_ARGV[0] = 'effective' THEN PERFORM audit_note('effective', {_OPEN} || NEW.effective_ms);
            ELSE PERFORM audit_note(TG_ARGV[0], '');
            END IF;
            RETURN NULL;
        END $$""",
    *(
        f"""CREATE CONSTRAINT TRIGGER audit_{number}_{what} AFTER {change} DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION audit_change('{what}')"""
        for number, (what, change, condition) in enumerate(
            (
                ("intent", "INSERT ON orders", _IS_INTENT),
                ("latched", "UPDATE ON latches", _IS_LATCHED),
                ("effective", "UPDATE ON latches", _IS_EFFECTIVE),
                ("reset", "UPDATE ON latches", _IS_RESET),
            )
        )
    ),
)


def install_audit(url: str) -> None:
    """Add the table and its triggers to the database of that address, which has its tables."""
    with _connected(url) as connection:
        for statement in _IN_A_FILE if _is_file(url) else _ON_A_SERVER:
            connection.execute(statement)


@contextmanager
def audited_on_server(postgres: PostgresServer, folder: Path) -> Iterator[None]:
    """A new folder, whose bot has a database with the audit on the server for so long."""
    folder.mkdir()
    ON_SERVER[folder] = url = postgres.create_made_database()
    try:
        install_audit(url)
        yield
    finally:
        del ON_SERVER[folder]
        postgres.drop_database(url)


def note(url: str, what: str, which: str) -> None:
    """Note something that no trigger can see, such as that an order is being sent."""
    with _connected(url) as connection:
        connection.execute(f"{_NOTE} (?, ?)" if _is_file(url) else "SELECT audit_note(%s, %s)", (what, which))


def audit(url: str) -> list[tuple[str, str]]:
    """What was noted, in order."""
    with _connected(url) as connection:
        return list(connection.execute("SELECT what, which FROM audit ORDER BY seq").fetchall())


@contextmanager
def _connected(url: str) -> Iterator[Any]:
    if _is_file(url):
        connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=30)
    else:
        connection = psycopg.connect(url, autocommit=True)
    try:
        yield connection
    finally:
        connection.close()


def _is_file(url: str) -> bool:
    return url.startswith("sqlite:")


def check_audit(found: list[tuple[str, str]]) -> None:
    """No intent to open between `latched` and `reset`; no opening order sent between `effective` and `reset`.

    And none is sent without a look at the switch after its intent was recorded, which found it not set.
    """
    latched = effective = False
    looks = 0
    for place, (what, which) in enumerate(found):
        assert what != "intent" or not latched, f"{which} was recorded after the switch was set: {found[: place + 1]}"
        assert what != "send" or not effective, f"{which} was sent after it was effective: {found[: place + 1]}"
        if what == "look" and not latched:
            looks += 1
        elif what == "send":
            assert looks, f"{which} was sent without a last look: {found[: place + 1]}"
            looks -= 1
        elif what == "latched":
            latched = True
        elif what == "effective":
            assert latched, found[: place + 1]
            effective = True
        elif what == "reset":
            latched = effective = False
