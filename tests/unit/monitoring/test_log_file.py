"""The bot's log beside its database: rotated, read back newest first, and never in the bot's way."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import until
from trading.monitoring import log_file
from trading.monitoring.log_file import LogFile, read_newest


def lost(count: int) -> str:
    return json.dumps({"event": "log_lines_lost", "count": count})


def line(number: int, **more: Any) -> str:
    return json.dumps({"n": number, **more})


def numbers(path: Path, limit: int = 1_000, wanted: Callable[[dict[str, Any]], bool] = lambda _: True) -> list[int]:
    return [found.get("n", -1) for found in read_newest(path, limit, wanted)]


def test_lines_come_back_in_order_over_rotated_files(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "bot.jsonl"
    for start in range(0, 60, 10):
        file = LogFile(path, lost, file_bytes=100, files_kept=3)
        for number in range(start, start + 10):
            file.write(line(number))
        file.close()
    assert sorted(p.name for p in path.parent.iterdir()) == ["bot.jsonl.1", "bot.jsonl.2"]
    assert numbers(path) == list(range(40, 60))
    assert numbers(path, limit=3) == [57, 58, 59]
    assert numbers(path, wanted=lambda found: found["n"] % 10 == 0) == [40, 50]


def test_files_that_are_put_aside_meanwhile_are_no_error(tmp_path: Path) -> None:
    """The dashboard reads while the bot writes."""
    path = tmp_path / "bot.jsonl"
    is_over = threading.Event()

    def write_much() -> None:
        for number in range(2_000):
            path.write_text(line(number))
            path.replace(tmp_path / "bot.jsonl.1")
        is_over.set()

    bot = threading.Thread(target=write_much)
    bot.start()
    while not is_over.is_set():
        assert len(numbers(path)) <= 2
    bot.join()
    assert numbers(path) == [1_999]


def test_half_a_line_of_a_killed_process_swallows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bot.jsonl"
    path.write_text(f'{line(1)}\n{{"n": 2, "te')
    file = LogFile(path, lost)
    file.write(line(3))
    file.close()
    assert numbers(path) == [1, 3]


@pytest.mark.parametrize("text", ["", "\n\n", "no json\n", "[1]\n7\nnull\n", "\x00\xff\n"])
def test_what_is_no_log_is_passed_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bot.jsonl"
    path.write_bytes(text.encode("latin-1"))
    assert numbers(path) == []
    assert numbers(tmp_path / "none") == []


def test_lines_longer_than_a_block_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "bot.jsonl"
    file = LogFile(path, lost)
    for number in range(5):
        file.write(line(number, text="é" * 100_000))
    file.close()
    assert numbers(path) == [0, 1, 2, 3, 4]


def test_only_so_much_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bot.jsonl"
    path.write_text("".join(f"{line(number)}\n" for number in range(1_000)))
    monkeypatch.setattr(log_file, "READ_BYTES_MAX", 100)
    assert numbers(path) == list(range(991, 1_000))


def test_a_disk_that_fails_costs_lines_and_says_how_many(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.write_text("a file in the way")
    file = LogFile(folder / "bot.jsonl", lost)
    for number in range(7):
        file.write(line(number))
    until(lambda: file._lost == 7, "seven lines are lost")
    folder.unlink()
    file.write(line(8))
    file.close()
    first, second = read_newest(folder / "bot.jsonl", 10, lambda _: True)
    assert (first["event"], first["count"], second["n"]) == ("log_lines_lost", 7, 8)


def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    """A pipe that nobody reads stands for a disk that does not answer."""
    pipe = tmp_path / "bot.jsonl"
    os.mkfifo(pipe)
    file = LogFile(pipe, lost, lines_waiting=5)
    done = threading.Event()

    def write() -> None:
        for number in range(5 * log_file.AT_ONCE):
            file.write(line(number))
        done.set()

    threading.Thread(target=write, daemon=True).start()
    assert done.wait(30)
    assert file._lost >= 4 * log_file.AT_ONCE - 5, "all but one batch and what may wait"
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # lets the thread go
    os.close(reader)
