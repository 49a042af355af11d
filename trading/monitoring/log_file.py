"""The bot's log as a file of JSON lines beside its database, for the dashboard: rotated by size, written by a thread.

Whoever logs only puts a line into a queue. A disk that is full or slow costs lines, never the bot's time.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

FOLDER = "logs"
NAME = "bot.jsonl"
FILE_BYTES = 4 * 1024 * 1024
FILES_KEPT = 5
LINES_WAITING = 10_000
AT_ONCE = 1_000
CLOSE_SECONDS = 2.0
READ_BYTES_MAX = 4 * 1024 * 1024
_BLOCK = 64 * 1024


class LogFile:
    """Appends lines to a file.

    Args:
        path: of the newest file; older ones beside it are `NAME.1`, `NAME.2`, …
        lost_line: makes the line that says how many lines were lost.
        file_bytes: a file that is larger is put aside.
        files_kept: how many files there are at most.
        lines_waiting: how many lines may wait for the disk; more are lost.
    """

    def __init__(
        self,
        path: Path,
        lost_line: Callable[[int], str],
        *,
        file_bytes: int = FILE_BYTES,
        files_kept: int = FILES_KEPT,
        lines_waiting: int = LINES_WAITING,
    ) -> None:
        self._path = path
        self._lost_line = lost_line
        self._file_bytes = file_bytes
        self._files_kept = files_kept
        self._waiting: queue.Queue[str | None] = queue.Queue(lines_waiting)
        self._lost = 0
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="log-file", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Have a line written; returns at once."""
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._count_lost(1)

    def close(self) -> None:
        """Write what waits, for `CLOSE_SECONDS` at most."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:  # the disk does not take what is there
            return
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        is_over = False
        while not is_over:
            lines = [self._waiting.get()]
            while len(lines) < AT_ONCE and not self._waiting.empty():
                lines.append(self._waiting.get_nowait())
            is_over = None in lines
            self._append([line for line in lines if line is not None])

    def _append(self, lines: list[str]) -> None:
        lost = self._lost
        told = [self._lost_line(lost)] if lost else []
        text = "".join(f"{line}\n" for line in [*told, *lines])
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                # A process that was killed may have left half a line, which must not swallow the next one.
                file.write(text if _ends_whole(self._path) else f"\n{text}")
                size = file.tell()
        except OSError:
            self._count_lost(len(lines))
            return
        self._count_lost(-lost)
        if size >= self._file_bytes:
            with suppress(OSError):  # tried again with the next lines
                self._rotate()

    def _count_lost(self, count: int) -> None:
        with self._guard:
            self._lost += count

    def _rotate(self) -> None:
        files = [_numbered(self._path, number) for number in range(self._files_kept)]
        for older, newer in zip(files[:0:-1], files[-2::-1], strict=True):
            if newer.exists():
                newer.replace(older)


def read_newest(path: Path, limit: int, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """The newest `limit` lines of a log that are wanted, oldest first; at most `READ_BYTES_MAX` of it are read.

    Lines that are no JSON object, as a killed process may leave one, are passed over.

    Raises:
        OSError: there is a file, and it cannot be read.
    """
    found: list[dict[str, Any]] = []
    left = READ_BYTES_MAX
    for number in range(FILES_KEPT):
        if left <= 0 or len(found) >= limit:
            break
        try:
            for text in _lines_backwards(_numbered(path, number), left):
                left -= len(text) + 1
                line = _parsed(text)
                if line is not None and wanted(line):
                    found.append(line)
                    if len(found) >= limit:
                        break
        except FileNotFoundError:  # there are fewer, or the newest was put aside a moment ago
            continue
    return found[::-1]


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if not size:
            return True
        file.seek(size - 1)
        return file.read(1) == b"\n"


def _lines_backwards(path: Path, bytes_max: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        at = file.seek(0, 2)
        stop, rest = max(0, at - bytes_max), b""
        while at > stop:
            start = max(stop, at - _BLOCK)
            file.seek(start)
            first, *lines = (file.read(at - start) + rest).split(b"\n")
            yield from reversed(lines)
            at, rest = start, first
        if not stop:
            yield rest


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None
