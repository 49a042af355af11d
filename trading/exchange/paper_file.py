"""The paper exchange's own SQLite file: made whole or not at all, and changed in transactions that reach the disk."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from trading.domain.errors import InvalidInput, TradingError
from trading.exchange.records import Changes, Coin, MarketState, SimOrder, SimState, Trade
from trading.store.errors import StoreError
from trading.store.lock import FileLock, lock_holder

APPLICATION_ID = 0x54425045
"""Marks the file as a paper exchange (`TBPE`), in the header field that SQLite keeps for this."""
FORMAT_VERSION = 1
BUSY_TIMEOUT_MS = 2_000
WAL_BYTES_KEPT_MAX = 4_194_304

_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
_FIELD = "paper exchange file"
_ALLOWED = "a file that this process may write and no other process has open"
_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE coins (coin TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE markets (symbol TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE orders (order_id INTEGER PRIMARY KEY, client_order_id TEXT, state TEXT, body TEXT NOT NULL)",
    "CREATE TABLE trades (trade_id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, body TEXT NOT NULL)",
    "CREATE INDEX trades_of_order ON trades (order_id)",
)

T = TypeVar("T")


class PaperFileError(TradingError):
    """The paper exchange's file cannot be read or written just now. Nothing that was not saved has been answered."""


class PaperFile:
    """An open file. As long as it is open no other process may trade on it; to read it, for a backup, is allowed."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: FileLock) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock

    @classmethod
    def create(cls, path: Path, state: SimState, quotes: list[str]) -> PaperFile:
        """Make the file with this state, and open it. A crash on the way leaves either nothing under `path`, or all.

        Raises:
            InvalidInput: the folder is missing or cannot be written, or remains of a deleted file lie in the way.
        """
        if not path.parent.is_dir():
            raise InvalidInput(_FIELD, str(path), "a file in a folder that exists")
        for suffix in ("-wal", "-journal"):
            # SQLite would replay it into the new file.
            if path.with_name(path.name + suffix).exists():
                raise InvalidInput(_FIELD, str(path), f"no '{path.name}{suffix}' without its file; move it away")
        draft = path.with_name(path.name + ".new")
        try:
            draft.unlink(missing_ok=True)
            connection = sqlite3.connect(draft, isolation_level=None)
            try:
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={FORMAT_VERSION}")
                connection.execute("BEGIN IMMEDIATE")
                for statement in _SCHEMA:
                    connection.execute(statement)
                _write_meta(connection, "quotes", msgspec.json.encode(quotes).decode())
                _write_state(connection, state)
                connection.execute("COMMIT")
            finally:
                connection.close()
            os.replace(draft, path)
            _sync_folder(path.parent)
        except (OSError, sqlite3.Error) as error:
            raise InvalidInput(_FIELD, str(path), f"a file that can be made and written ({error})") from error
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> PaperFile:
        """Open an existing file. A file that is not one of ours is not written to.

        Raises:
            InvalidInput: foreign, damaged, of a newer version, in use, or not writable; the message names the file.
        """
        _check_header(path)
        lock = _locked(path)
        try:
            return cls(path, _connected(path), lock)
        except BaseException:
            lock.release()
            raise

    def quotes(self) -> list[str]:
        """The quote coins that the account was made for.

        Raises:
            InvalidInput: the file is damaged.
        """
        return self._decoded(self._meta("quotes"), list[str])

    def load(self) -> SimState:
        """The saved state.

        Raises:
            InvalidInput: the file is damaged.
            PaperFileError: it cannot be read.
        """
        return SimState(
            orders=self._bodies("SELECT body FROM orders ORDER BY order_id", SimOrder),
            trades=self._bodies("SELECT body FROM trades ORDER BY trade_id", Trade),
            coins=self._bodies("SELECT body FROM coins ORDER BY coin", Coin),
            markets=self._bodies("SELECT body FROM markets ORDER BY symbol", MarketState),
            next_order_id=self._decoded(self._meta("next_order_id"), int),
            next_trade_id=self._decoded(self._meta("next_trade_id"), int),
        )

    def save(self, changes: Changes, markets: Iterable[MarketState], next_order_id: int, next_trade_id: int) -> None:
        """Commit these changes. When it returns they are on disk.

        Raises:
            PaperFileError: they could not be written; the file is as it was.
        """
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            _write_orders(connection, changes.orders.values())
            _write_trades(connection, changes.trades)
            _write_coins(connection, changes.coins.values())
            _write_markets(connection, markets)
            if changes.dropped:
                gone = [(order_id,) for order_id in changes.dropped]
                connection.executemany("DELETE FROM trades WHERE order_id = ?", gone)
                connection.executemany("DELETE FROM orders WHERE order_id = ?", gone)
            _write_counters(connection, next_order_id, next_trade_id)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise PaperFileError(f"{self.path} could not be written: {error}") from error
        finally:
            self._roll_back()

    def close(self) -> None:
        """Close the file and let go of its lock."""
        self._connection.close()
        self._lock.release()

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise PaperFileError(f"{self.path} could not be rolled back: {error}") from error

    def _meta(self, key: str) -> str:
        row = self._rows("SELECT value FROM meta WHERE key = ?", (key,))
        if not row:
            raise _damaged(self.path, f"'{key}' is missing")
        return row[0]

    def _bodies(self, query: str, kind: type[T]) -> list[T]:
        return [self._decoded(body, kind) for body in self._rows(query, ())]

    def _rows(self, query: str, values: tuple[str, ...]) -> list[str]:
        try:
            return [row[0] for row in self._connection.execute(query, values)]
        except sqlite3.OperationalError as error:
            raise PaperFileError(f"{self.path} could not be read: {error}") from error
        except sqlite3.DatabaseError as error:
            raise _damaged(self.path, str(error)) from error

    def _decoded(self, text: str, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(text, type=kind)
        except msgspec.DecodeError as error:
            raise _damaged(self.path, str(error)) from error


def _locked(path: Path) -> FileLock:
    """The lock beside the file, taken."""
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        if lock.acquire(wait_s=BUSY_TIMEOUT_MS / 1000):
            return lock
        holder = lock_holder(lock.path)
    except StoreError as error:
        raise InvalidInput(_FIELD, str(path), f"{_ALLOWED} ({error})") from error
    who = f"process {holder.pid} on {holder.host}" if holder and holder.pid else "another process"
    raise InvalidInput(_FIELD, str(path), f"{_ALLOWED} (locked by {who})")


def _connected(path: Path) -> sqlite3.Connection:
    """A connection to the whole file, for writing."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
    except sqlite3.Error as error:
        raise InvalidInput(_FIELD, str(path), f"a file that can be opened ({error})") from error
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA journal_size_limit={WAL_BYTES_KEPT_MAX}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        connection.close()
        raise InvalidInput(_FIELD, str(path), f"{_ALLOWED} ({error})") from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _damaged(path, str(error)) from error
    return connection


def _check_header(path: Path) -> None:
    # Looked at as bytes, because SQLite itself may write to what it opens.
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise InvalidInput(_FIELD, str(path), f"a file that can be read ({error})") from error
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        raise _damaged(path, "not a SQLite database")
    version, application = int.from_bytes(header[60:64], "big"), int.from_bytes(header[68:72], "big")
    if application != APPLICATION_ID:
        raise InvalidInput(_FIELD, str(path), "a file that a paper exchange made; this database is something else")
    if version > FORMAT_VERSION:
        raise InvalidInput(
            _FIELD,
            str(path),
            f"a file of format {FORMAT_VERSION}; this one is of format {version}, from a newer release",
        )


def _damaged(path: Path, detail: str) -> InvalidInput:
    return InvalidInput(_FIELD, str(path), f"a whole paper exchange file, or none; this one is damaged ({detail})")


def _write_state(connection: sqlite3.Connection, state: SimState) -> None:
    _write_orders(connection, state.orders)
    _write_trades(connection, state.trades)
    _write_coins(connection, state.coins)
    _write_markets(connection, state.markets)
    _write_counters(connection, state.next_order_id, state.next_trade_id)


def _write_orders(connection: sqlite3.Connection, orders: Iterable[SimOrder]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?)",
        [(o.order_id, o.intent.client_order_id, str(o.state), _encoded(o)) for o in orders],
    )


def _write_trades(connection: sqlite3.Connection, trades: Iterable[Trade]) -> None:
    connection.executemany(
        "INSERT INTO trades VALUES (?, ?, ?)", [(t.trade_id, t.order_id, _encoded(t)) for t in trades]
    )


def _write_coins(connection: sqlite3.Connection, coins: Iterable[Coin]) -> None:
    connection.executemany("INSERT OR REPLACE INTO coins VALUES (?, ?)", [(c.coin, _encoded(c)) for c in coins])


def _write_markets(connection: sqlite3.Connection, markets: Iterable[MarketState]) -> None:
    connection.executemany("INSERT OR REPLACE INTO markets VALUES (?, ?)", [(m.symbol, _encoded(m)) for m in markets])


def _write_counters(connection: sqlite3.Connection, next_order_id: int, next_trade_id: int) -> None:
    _write_meta(connection, "next_order_id", str(next_order_id))
    _write_meta(connection, "next_trade_id", str(next_trade_id))


def _write_meta(connection: sqlite3.Connection, key: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def _encoded(record: msgspec.Struct) -> str:
    return msgspec.json.encode(record).decode()


def _sync_folder(folder: Path) -> None:
    # The new name must survive a power cut too. Windows cannot open folders, and needs no such call.
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
