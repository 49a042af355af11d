"""A backup of the journal and the paper account as of one moment, taken while the bot trades; and its way back."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import msgspec
import sqlalchemy as sa

from trading import __version__
from trading.domain.errors import InvalidInput
from trading.store.address import is_server
from trading.store.bot_lock import bot_lock
from trading.store.commit_number import read_commit_number
from trading.store.database import open_database, open_reader, reading
from trading.store.errors import DatabaseBusy, DatabaseUnusable, NoDatabaseYet, StoreError
from trading.store.files import check_file, check_folder, database_path
from trading.store.latch import KILL_FILE
from trading.store.transfer import copy_into, copy_into_server

FORMAT = 1
JOURNAL = "tradebot.db"
PAPER = "paper-exchange.db"
MANIFEST = "manifest.json"
UNFINISHED = ".unfinished"
STAMP = "%Y%m%dT%H%M%SZ"

MOMENT_TRIES = 200
MOMENT_PAUSE_S = 0.013
BUSY_S = 10.0
_CHUNK = 1_048_576
_BESIDE = ("", "-wal", "-shm")


class BackedUp(msgspec.Struct, frozen=True):
    """One file of a backup: its name, its bytes, and their SHA-256."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is: when it was made (UTC ms), by which version, of which kind of database, and its files."""

    format: int
    made_ms: int
    version: str
    source: str
    files: list[BackedUp]


def back_up(database_url: str, data_dir: Path, folder: Path, *, now_ms: Callable[[], int]) -> Path:
    """Make a backup in a new folder within `folder`, named after the time; that folder.

    The journal and the paper account are of one moment, such as a crash would leave behind: every order that the
    account knows is in the journal. The bot may go on trading; it is not held up. A backup that does not come to its
    end leaves nothing that looks like one.

    Raises:
        NoDatabaseYet: there is nothing to back up.
        DatabaseBusy: the bot commits so often that no moment between two commits was found.
        StoreError, InvalidInput: the source cannot be read, or the folder not be written.
    """
    made_ms = now_ms()
    # To the millisecond: two in one second must not stand in each other's way.
    name = datetime.fromtimestamp(made_ms / 1000, UTC).strftime("%Y%m%dT%H%M%S") + f"{made_ms % 1000:03d}Z"
    target, draft = folder / name, folder / f"{name}{UNFINISHED}"
    if target.exists():
        raise InvalidInput("FOLDER", str(target), "one without a backup of this very millisecond")
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True, mode=0o700)
        _copy_both(database_url, data_dir / PAPER, draft)
        files = [_described(draft / name) for name in (JOURNAL, PAPER) if (draft / name).exists()]
        source = "PostgreSQL" if is_server(database_url) else "SQLite"
        manifest = Manifest(format=FORMAT, made_ms=made_ms, version=__version__, source=source, files=files)
        (draft / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        for file in draft.iterdir():
            _sync(file)
        draft.rename(target)
        _sync(folder)
    except (OSError, sqlite3.Error) as error:
        raise DatabaseUnusable(f"no backup was made in {folder}: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def backups(folder: Path) -> list[Path]:
    """The finished backups in a folder, oldest first."""
    return sorted(manifest.parent for manifest in folder.glob(f"*Z/{MANIFEST}"))


def forget_old(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest `keep` backups; those that were removed."""
    old = backups(folder)[:-keep] if keep else []
    for backup in old:
        shutil.rmtree(backup)
    return old


def check_backup(backup: Path) -> Manifest:
    """The manifest of a backup whose files are all there and as they were made.

    Raises:
        InvalidInput: naming the file that is not.
    """
    try:
        manifest = msgspec.json.decode((backup / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidInput("BACKUP", str(backup), f"the folder of a backup, with its {MANIFEST} ({error})") from error
    if manifest.format != FORMAT:
        raise InvalidInput("BACKUP", str(backup), f"a backup of format {FORMAT}; this one is of {manifest.format}")
    for file in manifest.files:
        try:
            found = _described(backup / file.name)
        except OSError as error:
            raise InvalidInput("BACKUP", str(backup / file.name), f"a file that can be read ({error})") from error
        if found != file:
            raise InvalidInput("BACKUP", str(backup / file.name), "the file as it was made; its checksum is another")
    return manifest


def restore(
    backup: Path,
    database_url: str,
    data_dir: Path,
    *,
    replace: bool,
    with_paper: bool = True,
    now_ms: Callable[[], int],
) -> list[str]:
    """Put a backup in the place of the database and the paper account; what was done, a sentence each.

    What was there is moved aside, never removed. A kill switch that was set in it stays set.

    Args:
        replace: whether there may be something in the place.
        with_paper: also the paper account. Without it the account goes on as it is, as a real exchange's would.

    Raises:
        BotAlreadyRunning: a bot runs on this database.
        InvalidInput, StoreError: the backup or the place cannot be used. The place is as it was.
    """
    manifest = check_backup(backup)
    names = {file.name for file in manifest.files}
    stamp = datetime.fromtimestamp(now_ms() / 1000, UTC).strftime(STAMP)
    to_server = is_server(database_url)
    if not to_server:
        check_folder(database_path(database_url))
    data_dir.mkdir(parents=True, exist_ok=True)
    places = {} if to_server else {JOURNAL: database_path(database_url)}
    if with_paper:
        places[PAPER] = data_dir / PAPER
    taken = [path for path in places.values() if path.exists()]
    if taken and not replace:
        raise InvalidInput("BACKUP", str(backup), f"a place without {taken[0]}; --replace moves that aside first")
    done: list[str] = []
    with ExitStack() as held:
        lock = bot_lock(database_url).acquire()
        held.callback(lock.release)
        if _was_killed(database_url):
            (data_dir / KILL_FILE).touch()
            done.append(f"the kill switch was set and stays so: remove {data_dir / KILL_FILE} when that is over")
        aside = data_dir / f"replaced-{stamp}"
        done.extend(_moved_aside(path, aside) for path in taken)
        for name, path in places.items():
            if name in names:
                _put(backup / name, path)
                done.append(f"{path}: as of the backup")
        if to_server:
            done.extend(_to_server(backup / JOURNAL, database_url, stamp, replace=replace))
    return done


# -- making one


def _copy_both(database_url: str, paper: Path, draft: Path) -> None:
    with _one_moment(database_url, paper) as (journal, account):
        if isinstance(journal, sqlite3.Connection):
            _copy_file(journal, draft / JOURNAL)
        else:
            target = open_database(f"sqlite:///{draft / JOURNAL}")
            try:
                copy_into(journal, target)
            finally:
                target.dispose()
            _without_log(draft)
        if account is not None:
            _copy_file(account, draft / PAPER)


@contextmanager
def _one_moment(
    database_url: str, paper: Path
) -> Iterator[tuple[sqlite3.Connection | sa.Connection, sqlite3.Connection | None]]:
    """Both in read transactions between which the journal did not change. The account is None where there is none."""
    for _ in range(MOMENT_TRIES):
        with ExitStack() as opened:
            journal: sqlite3.Connection | sa.Connection
            if is_server(database_url):
                journal, is_unchanged = _server_moment(database_url, opened)
            else:
                journal, is_unchanged = _file_moment(database_path(database_url), opened)
            account = None
            if paper.exists():
                account = opened.enter_context(_read_only(paper))
                account.execute("BEGIN")
                account.execute("SELECT count(*) FROM meta").fetchone()
            if is_unchanged():
                yield journal, account
                return
        time.sleep(MOMENT_PAUSE_S)
    raise DatabaseBusy(f"the bot commits so often that {MOMENT_TRIES} tries found no moment between; try again")


def _file_moment(path: Path, opened: ExitStack) -> tuple[sqlite3.Connection, Callable[[], bool]]:
    check_file(path)
    if not path.exists() or not path.stat().st_size:
        raise NoDatabaseYet(f"no database yet at {path}: there is nothing to back up")
    watch = opened.enter_context(_read_only(path))
    version = watch.execute("PRAGMA data_version").fetchone()
    journal = opened.enter_context(_read_only(path))
    journal.execute("BEGIN")
    journal.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return journal, lambda: watch.execute("PRAGMA data_version").fetchone() == version


def _server_moment(database_url: str, opened: ExitStack) -> tuple[sa.Connection, Callable[[], bool]]:
    engine = open_reader(database_url)
    opened.callback(engine.dispose)
    journal = opened.enter_context(reading(engine))
    number = read_commit_number(journal)

    def is_unchanged() -> bool:
        with reading(engine) as later:
            return read_commit_number(later) == number

    return journal, is_unchanged


@contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    # mode=rw, since the log of a database that is open elsewhere is shared through a file that readers write to.
    address = f"file:{quote(str(path))}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only=ON")
        yield connection


def _copy_file(source: sqlite3.Connection, target: Path) -> None:
    """The database as the source's transaction sees it, whole and checked, in one file."""
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        source.backup(connection)
        connection.execute("PRAGMA journal_mode=DELETE")
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        why = " ".join(found.split())
        raise DatabaseUnusable(
            f"the database is damaged ({why}), and a backup of it would be too; restore an older one"
        )
    target.chmod(0o600)


def _without_log(draft: Path) -> None:
    with closing(sqlite3.connect(draft / JOURNAL, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    (draft / JOURNAL).chmod(0o600)
    for lock in draft.glob("*.lock"):
        lock.unlink()


def _described(file: Path) -> BackedUp:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return BackedUp(file.name, file.stat().st_size, digest.hexdigest())


# -- putting one back


def _was_killed(database_url: str) -> bool:
    """Whether the kill switch is set in what is about to be replaced. What cannot be read says nothing."""
    try:
        engine = open_reader(database_url)
    except StoreError:
        return False
    try:
        with reading(engine) as connection:
            return bool(connection.execute(sa.text("SELECT active FROM latches WHERE name = 'kill'")).scalar())
    except StoreError:
        return False
    finally:
        engine.dispose()


def _moved_aside(path: Path, aside: Path) -> str:
    aside.mkdir(exist_ok=True)
    for suffix in _BESIDE:
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(aside / file.name)
    return f"{path}: what was there is in {aside}"


def _put(source: Path, path: Path) -> None:
    """The file in its place, whole or not at all."""
    draft = path.with_name(path.name + ".restored")
    shutil.copyfile(source, draft)
    draft.chmod(0o600)
    _sync(draft)
    draft.rename(path)
    _sync(path.parent)


def _to_server(journal: Path, database_url: str, stamp: str, *, replace: bool) -> list[str]:
    """The backup's journal into the server's database, checked row by row."""
    draft = journal.with_name(f"{journal.name}{UNFINISHED}")
    try:
        shutil.copyfile(journal, draft)
        source = open_database(f"sqlite:///{draft}")  # brings an older one up to date
        try:
            return copy_into_server(source, database_url, aside=f"replaced_{stamp.lower()}" if replace else None)
        finally:
            source.dispose()
    finally:
        for suffix in (*_BESIDE, ".migrate.lock"):
            draft.with_name(draft.name + suffix).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
