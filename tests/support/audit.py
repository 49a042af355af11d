"""Triggers in a bot's database that note what the kill switch is about, in the order of all processes' commits."""

from __future__ import annotations

import sqlite3
from pathlib import Path

_TABLE = "CREATE TABLE audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL, which TEXT NOT NULL)"
_NOTE = "INSERT INTO audit (what, which) VALUES"
_TRIGGERS = (
    f"""CREATE TRIGGER audit_intent AFTER INSERT ON orders
        WHEN NEW.purpose = 'entry' AND NEW.state IN ('intent', 'submitting')
        BEGIN {_NOTE} ('intent', NEW.client_order_id); END""",
    f"""CREATE TRIGGER audit_latched AFTER UPDATE ON latches WHEN NEW.active AND NOT OLD.active
        BEGIN {_NOTE} ('latched', ''); END""",
    f"""CREATE TRIGGER audit_effective AFTER UPDATE ON latches
        WHEN NEW.active AND NEW.effective_ms IS NOT NULL AND OLD.effective_ms IS NULL
        BEGIN {_NOTE} ('effective', (SELECT count(*) FROM orders WHERE purpose = 'entry' AND NOT settled)
                                    || ' entries open at ' || NEW.effective_ms); END""",  # noqa: S608
    f"""CREATE TRIGGER audit_reset AFTER UPDATE ON latches WHEN NOT NEW.active AND OLD.active
        BEGIN {_NOTE} ('reset', ''); END""",
)


def install_audit(database: Path) -> None:
    """Add the table and its triggers to a database that has its tables."""
    connection = sqlite3.connect(database, isolation_level=None)
    for statement in (_TABLE, *_TRIGGERS):
        connection.execute(statement)
    connection.close()


def note(database: Path, what: str, which: str) -> None:
    """Note something that no trigger can see, such as that an order is being sent."""
    connection = sqlite3.connect(database, isolation_level=None, timeout=30)
    connection.execute(f"{_NOTE} (?, ?)", (what, which))
    connection.close()


def audit(database: Path) -> list[tuple[str, str]]:
    """What was noted, in order."""
    connection = sqlite3.connect(database, timeout=30)
    try:
        return connection.execute("SELECT what, which FROM audit ORDER BY seq").fetchall()
    finally:
        connection.close()


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
