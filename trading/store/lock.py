"""Locks between processes, by flock: free the moment their holder dies. One bot a database; one migration at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from pathlib import Path
from types import TracebackType

import msgspec

from trading.store.errors import BotAlreadyRunning, DatabaseBusy, DatabaseUnusable

POLL_S = 0.02
PROBE_S = 1.0
FOLDER_LOCK = "bot.lock"
_NOTE_BYTES = 4096


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock: process id and host name, as it wrote them."""

    pid: int
    host: str


class FileLock:
    """An exclusive lock on a file beside the database. The file stays; only the lock on it counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self, wait_s: float) -> bool:
        """Take the lock, waiting at most `wait_s` seconds; whether it was got.

        Raises:
            DatabaseUnusable: the file cannot be made or written.
        """
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        until = time.monotonic() + wait_s
        while not _try_lock(fd, fcntl.LOCK_EX):
            if time.monotonic() >= until:
                os.close(fd)
                return False
            time.sleep(POLL_S)
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, msgspec.json.encode(Holder(os.getpid(), socket.gethostname())), 0)
        except OSError as error:
            os.close(fd)
            raise _unwritable(self.path, error) from error
        self._fd = fd
        return True

    def release(self) -> None:
        """Let go, if held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def lock_holder(path: Path) -> Holder | None:
    """Who holds the lock file at `path`, or None. Only reads; pid 0 where the holder has not written its name."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DatabaseUnusable(f"lock file {path} cannot be read ({error.strerror})") from error
    try:
        if _try_lock(fd, fcntl.LOCK_SH):
            return None
        try:
            return msgspec.json.decode(os.pread(fd, _NOTE_BYTES, 0), type=Holder)
        except msgspec.DecodeError:
            return Holder(0, "unknown")
    finally:
        os.close(fd)


def bot_lock_path(database: Path) -> Path:
    """The lock file of the bot that owns a database."""
    return database.with_name(database.name + ".lock")


class BotLock:
    """One bot per database. Held for the life of the process; a context manager for tests and short tools."""

    def __init__(self, database: Path) -> None:
        self._lock = FileLock(bot_lock_path(database))
        self._database = database

    def acquire(self, wait_s: float = PROBE_S) -> BotLock:
        """Take the lock. The short wait is for those who only look (`lock_holder`), which takes a moment.

        Raises:
            BotAlreadyRunning: naming the process that holds it.
        """
        if not self._lock.acquire(wait_s):
            raise BotAlreadyRunning(
                f"a bot already runs on the database {self._database}: {_holder(self._lock.path)}. "
                "Stop it first, or give this one another DATA_DIR"
            )
        return self

    def ensure(self) -> None:
        """Nothing to see to: the file's lock lasts as long as this process holds it."""

    def release(self) -> None:
        """Let go, if held."""
        self._lock.release()

    def __enter__(self) -> BotLock:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class FolderLock:
    """One bot in a data folder, whatever its database: paper account, state file and kill file there are one bot's."""

    def __init__(self, folder: Path) -> None:
        self._lock = FileLock(folder / FOLDER_LOCK)
        self._folder = folder.absolute()

    def acquire(self) -> FolderLock:
        """Take the lock.

        Raises:
            BotAlreadyRunning: naming the process that holds it.
        """
        if not self._lock.acquire(PROBE_S):
            raise BotAlreadyRunning(
                f"a bot already runs in the data folder {self._folder}: {_holder(self._lock.path)}, "
                "on another database. Stop it first, or give this one another DATA_DIR"
            )
        return self

    def release(self) -> None:
        """Let go, if held."""
        self._lock.release()


class MigrationLock:
    """Held by the one process that makes or changes the tables; the others wait for it."""

    def __init__(self, database: Path, wait_s: float) -> None:
        self._lock = FileLock(database.with_name(database.name + ".migrate.lock"))
        self._wait_s = wait_s

    def __enter__(self) -> None:
        if not self._lock.acquire(self._wait_s):
            raise DatabaseBusy(
                f"another process has been bringing the database up to date for {self._wait_s:g} s "
                f"(it holds {self._lock.path}); wait for it, or stop it, and start again"
            )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


def _holder(path: Path) -> str:
    """Who holds a lock, for people."""
    holder = lock_holder(path)
    return f"process {holder.pid} on {holder.host}" if holder and holder.pid else "another process"


def _try_lock(fd: int, mode: int) -> bool:
    try:
        fcntl.flock(fd, mode | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EINTR):
            return False
        raise
    return True


def _unwritable(path: Path, error: OSError) -> DatabaseUnusable:
    return DatabaseUnusable(
        f"the folder {path.parent} cannot be written to ({path.name}: {error.strerror}); "
        "make it writable for this user, free some space, or give another DATA_DIR"
    )
