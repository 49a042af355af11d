"""The database file before SQLite sees it: where it is, whether it can be one of ours, and whether its disk will do."""

from __future__ import annotations

import os
import re
import struct
import threading
from pathlib import Path

from trading.domain.errors import InvalidInput
from trading.store.errors import DatabaseUnusable

HEADER_BYTES = 100
_MAGIC = b"SQLite format 3\x00"
_SCHEME = "sqlite:///"
_MOUNTS = Path("/proc/mounts")
_NETWORK = re.compile(
    r"nfs\d*|cifs|smb\w*|9p|afs|ncpfs|coda|ceph|glusterfs|lustre|beegfs|davfs|"
    r"fuse\.(sshfs|s3fs|rclone|davfs\d?|glusterfs|gcsfuse|cephfs|smbnetfs|curlftpfs|goofys|mount-s3|blobfuse\d?)"
)

OPENED_MAX = 64
"""More databases than this no process has but the tests'."""

_opened: dict[tuple[int, int], int] = {}
_reading = threading.Lock()


def database_path(url: str) -> Path:
    """The file that a database URL names.

    Raises:
        InvalidInput: it is not `sqlite:///` and the path of a file (a fourth slash begins an absolute one).
    """
    scheme = url.partition(":")[0]
    if not url.startswith(_SCHEME):
        raise InvalidInput("DATABASE_URL", f"{scheme}:…", f"{_SCHEME}path/of/tradebot.db")
    name = url.removeprefix(_SCHEME).partition("?")[0]
    if not name or name == ":memory:" or name.endswith("/"):
        raise InvalidInput("DATABASE_URL", url, f"{_SCHEME} and the path of a file")
    return Path(name).absolute()


def check_folder(path: Path) -> None:
    """Make the folder of a new database, and refuse network file systems.

    Raises:
        DatabaseUnusable: the folder cannot be made, or is on a disk on which write-ahead logging is not safe.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnusable(
            f"the folder {path.parent} of the database cannot be made ({error.strerror}); "
            "give a folder that this user may write to (DATA_DIR)"
        ) from error
    kind = network_file_system(path)
    if kind:
        raise DatabaseUnusable(
            f"database {path} would be on a network file system ({kind}), where SQLite can lose data; "
            "put DATA_DIR on a local disk or a Docker volume of the machine that runs the bot"
        )


def check_file(path: Path) -> None:
    """Refuse a file that is no SQLite database, or not a whole one. One that is missing or empty is a new database.

    Raises:
        DatabaseUnusable: naming the file and what to do. The file is only read.
    """
    if not path.exists():
        return
    try:
        # In this order, since its bot may be ending right now: where the header is new and the log has gone, all of the
        # log is in the file.
        header = _start_of(path)
        has_log = _has_log(path)
        size = path.stat().st_size
    except OSError as error:
        raise DatabaseUnusable(
            f"database {path} cannot be read ({error.strerror}); it must be a file that this user may read and write"
        ) from error
    if not header:
        return
    if not header.startswith(_MAGIC[: len(header)]):
        raise DatabaseUnusable(
            f"{path} is not an SQLite database; nothing was changed. "
            "Move it away, or give another place (DATA_DIR or DATABASE_URL)"
        )
    if len(header) < HEADER_BYTES or (size < _size_by_header(header) and not has_log):
        raise DatabaseUnusable(
            f"database {path} is cut off ({size} bytes); nothing was changed. Restore a backup, or keep a copy and "
            "save what `sqlite3 FILE .recover` finds; moving it away lets the bot begin anew and ask the exchange"
        )


def _start_of(path: Path) -> bytes:
    """The first bytes of a file that this process may have open as a database.

    The file is not closed again: closing drops the locks that this process's SQLite connections hold on it, however it
    was opened (POSIX; sqlite.org/howtocorrupt.html, 2.2). The bot's last connection would then delete the write-ahead
    log under ours, and what is written after that, a kill switch too, would be lost.
    """
    with _reading:
        about = path.stat()
        key = about.st_dev, about.st_ino
        for other, handle in list(_opened.items()):
            if os.fstat(handle).st_nlink == 0:  # removed: nobody opens it again
                os.close(_opened.pop(other))
        if key not in _opened:
            _opened[key] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        while len(_opened) > OPENED_MAX:
            os.close(_opened.pop(next(iter(_opened))))
        return os.pread(_opened[key], HEADER_BYTES, 0)


def network_file_system(path: Path, mounts: Path = _MOUNTS) -> str:
    """The type of the network file system that `path` is on, by the kernel's table of mounts; empty if on none."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not Linux: there is no table to ask, and SQLite's own locking check remains
        return ""
    real = path.parent.resolve()
    best, kind = -1, ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))
        if real.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind if _NETWORK.fullmatch(kind) else ""


def _size_by_header(header: bytes) -> int:
    """Bytes that the file must have, or 0 where the header's page count is not to be relied on."""
    (page,) = struct.unpack_from(">H", header, 16)
    changes, pages = struct.unpack_from(">II", header, 24)
    (valid_for,) = struct.unpack_from(">I", header, 92)
    return (65_536 if page == 1 else page) * pages if changes == valid_for else 0


def _has_log(path: Path) -> bool:
    """Whether a log holds pages that the file may still lack: the write-ahead log, or the one of a roll-back."""
    return any(size_of(path.with_name(path.name + ending)) > 0 for ending in ("-wal", "-journal"))


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where it is not, as a log that was there a moment ago."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
