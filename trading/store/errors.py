"""What can go wrong with the database, each with a text that says what happened and what to do."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from trading.domain.errors import TradingError
from trading.store.server_errors import explain_server

_DEFAULT = "see the error above; if it stays, restore a backup"
_ADVICE = {
    "SQLITE_FULL": ("the disk is full", "free some space; a running bot goes on by itself"),
    "SQLITE_BUSY": ("another process keeps it locked", "close other programs that have the file open"),
    "SQLITE_LOCKED": ("another process keeps it locked", "close other programs that have the file open"),
    "SQLITE_READONLY": ("it is read-only", "make the file and its folder writable for this user"),
    "SQLITE_CANTOPEN": ("it cannot be opened", "check that the folder exists and is writable for this user"),
    "SQLITE_PERM": ("access is denied", "make the file and its folder writable for this user"),
    "SQLITE_IOERR": ("reading or writing the disk failed", "check the disk and its free space"),
    "SQLITE_NOTADB": ("it is not an SQLite database", "move the file away or restore a backup"),
    "SQLITE_CORRUPT": (
        "it is damaged",
        "keep a copy of it and restore a backup, or save what `.recover` of sqlite3 finds",
    ),
    "SQLITE_CONSTRAINT": (
        "a record is in it already, or is not complete",
        "the last commit stands; nothing was written",
    ),
}


class StoreError(TradingError):
    """Base of every error of the database."""


class DatabaseUnusable(StoreError):
    """The database cannot be used as it is. Nothing in it was changed."""


class ForeignDatabase(DatabaseUnusable):
    """The database belongs to another program, or to another bot."""


class NewerSchema(DatabaseUnusable):
    """The database was written by a newer version of this program."""


class OlderSchema(DatabaseUnusable):
    """A reader met a database that its bot has not yet brought up to date."""


class NoDatabaseYet(StoreError):
    """There is no database at this place: no bot has run here."""


class DatabaseBusy(StoreError):
    """Another process is at work on the database, and did not finish in time."""


class JournalError(StoreError):
    """A commit or a read failed. Nothing of it was written; the last commit stands."""


class KillLatched(StoreError):
    """The kill switch is set, so that an opening order was not written, nor anything else of its batch."""

    def __init__(self, by: str, reason: str, set_ms: int) -> None:
        self.by = by
        self.reason = reason
        self.set_ms = set_ms
        super().__init__(f"the kill switch is set (by {by}: {reason}); no opening order is recorded")


class BotAlreadyRunning(StoreError):
    """Another process holds the bot's lock."""


def explain(error: Exception, where: object) -> str:
    """One line about a database error: what happened to which database, and what to do. Holds no password."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if type(original).__module__.startswith("psycopg") or isinstance(error, PoolTimeout):
        return explain_server(original or error, where)
    name = str(getattr(original, "sqlite_errorname", ""))
    for start, (what, advice) in _ADVICE.items():
        if name.startswith(start):
            return f"database {where}: {what} ({original}); {advice}"
    return f"database {where}: {original}; {_DEFAULT}"
