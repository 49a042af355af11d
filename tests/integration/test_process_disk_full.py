"""A real bot whose disk is full for a while: it opens nothing, lives on, and loses nothing."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.support.processes import BotProcess, books, rows
from trading.exit_codes import ExitCode

FAST = ("--data-dir", "data", "--speed", "60", "--seed", "3", "--symbols", "BTC/USDT,ETH/USDT,SOL/USDT")
NO_CACHE = {"PYTHONDONTWRITEBYTECODE": "1"}
"""Python leaves the part of a compiled module that there was room for, and takes it for the whole next time."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """`data` on a disk of its own of 8 MB, where this machine lets us make one; else nothing."""
    data = tmp_path / "data"
    data.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(data)], check=False, capture_output=True
    )
    yield data
    if not mount.returncode:
        subprocess.run(["umount", str(data)], check=True)


def fill_by_limit(bot: BotProcess, data: Path) -> Callable[[], None]:
    """No file of the bot may grow any more (as with a quota)."""
    largest = max(file.stat().st_size for file in data.iterdir())
    _, hard = resource.prlimit(bot.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (min(largest, 4096), hard))
    return lambda: resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (hard, hard)) and None


def fill_by_file(_bot: BotProcess, data: Path) -> Callable[[], None]:
    """Another file takes all the space that is left."""
    filler = data / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    return filler.unlink


def ways() -> list[Callable[[BotProcess, Path], Callable[[], None]]]:
    """By a limit everywhere; by a full disk where root may mount one."""
    return [fill_by_limit, *([fill_by_file] if os.geteuid() == 0 and _can_mount() else [])]


def _can_mount() -> bool:
    probe = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return not subprocess.run(probe, check=False, capture_output=True).returncode


@pytest.mark.parametrize("fill", ways())
def test_row_09_a_full_disk_stops_entries_and_loses_nothing(
    tmp_path: Path, small_disk: Path, fill: Callable[[BotProcess, Path], Callable[[], None]]
) -> None:
    with BotProcess(tmp_path, *FAST, **NO_CACHE) as bot:
        bot.wait_for("fill")
        for _ in range(20):
            free = fill(bot, small_disk)
            if bot.wait_for("journal.failed", "paper.failed")["event"] == "journal.failed":
                break
            # The exchange's own file was the first to have no room: the market stands still, nothing is to be saved.
            free()
            bot.wait_for("notify", code="EXCHANGE_DISCONNECTED_ENDED")
        assert bot.lines[-1]["event"] == "journal.failed"
        before = len(bot.lines)
        free()
        bot.wait_for("journal.recovered")
        sent = [line for line in bot.lines[before:] if line["event"] == "order.send" and line["purpose"] == "entry"]
        assert sent == []
        bot.wait_for("fill", side="buy")
        bot.signal(signal.SIGTERM)
        assert bot.end() == ExitCode.OK, bot.tail()
    assert bot.texts() == []
    check_books(small_disk)


def check_books(data: Path) -> None:
    """The bot's books are the exchange's: no coin is held, the cash is the same, each fill is in both once."""
    found = books(data)
    assert found["open"] == []
    ((_, _quote, start, cash, *_rest),) = found["account"]
    coins = {coin["coin"]: coin for coin in (msgspec.json.decode(body) for (body,) in found["balances"])}
    assert Decimal(coins["USDT"]["free"]) == Decimal(cash)
    assert Decimal(coins["USDT"]["locked"]) == 0
    assert Decimal(start) == 10_000
    trades = [trade_id for (trade_id,) in rows(data / "paper-exchange.db", "SELECT trade_id FROM trades ORDER BY 1")]
    assert [int(fill[1]) for fill in found["fills"]][-len(trades) :] == trades
    for name in ("tradebot.db", "paper-exchange.db"):
        assert rows(data / name, "PRAGMA integrity_check") == [("ok",)]


def test_a_disk_without_space_at_the_start_is_named(tmp_path: Path) -> None:
    """No file may be larger than 2 KB, which is less than a database needs."""
    command = f'ulimit -f 2; exec "{sys.executable}" -m trading.cli run --data-dir data --log-level CRITICAL'
    with BotProcess(tmp_path, command=["bash", "-c", command], **NO_CACHE) as bot:
        assert bot.end() in (ExitCode.FAILED, ExitCode.USAGE), bot.tail()
    (said,) = bot.texts()
    assert said.startswith("error: ")
    assert str(tmp_path / "data") in said
    with BotProcess(tmp_path, "--data-dir", "data") as again:
        again.wait_for("bot.reconciled")
        again.signal(signal.SIGTERM)
        assert again.end() == ExitCode.OK, again.tail()
