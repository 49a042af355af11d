"""One bot a database: the lock names its holder, and is free when the holder dies."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.unit.store.store_workers import BotRunning
from trading.store.errors import BotAlreadyRunning, DatabaseUnusable
from trading.store.lock import BotLock, Holder, bot_lock_path, lock_holder


def test_a_second_bot_is_told_who_runs(path: Path) -> None:
    with BotRunning(path) as other:
        with pytest.raises(BotAlreadyRunning, match=rf"process {other.pid} on {socket.gethostname()}.*DATA_DIR"):
            BotLock(path).acquire(wait_s=0)
        assert lock_holder(bot_lock_path(path)) == Holder(other.pid, socket.gethostname())
    with BotLock(path):
        pass


def test_the_lock_is_free_when_its_holder_is_killed(path: Path) -> None:
    with BotRunning(path) as other:
        other.kill()
        assert lock_holder(bot_lock_path(path)) is None
        with BotLock(path):
            assert lock_holder(bot_lock_path(path)) == Holder(os.getpid(), socket.gethostname())


def test_looking_makes_nothing_and_takes_nothing(path: Path) -> None:
    assert lock_holder(bot_lock_path(path)) is None
    assert not bot_lock_path(path).exists()
    lock = BotLock(path).acquire()
    assert lock_holder(bot_lock_path(path)) is not None
    lock.release()
    lock.release()
    assert lock_holder(bot_lock_path(path)) is None


def test_a_holder_that_has_not_written_its_name(path: Path) -> None:
    lock = BotLock(path).acquire()
    bot_lock_path(path).write_text("")
    assert lock_holder(bot_lock_path(path)) == Holder(0, "unknown")
    with pytest.raises(BotAlreadyRunning, match=r"another process\."):
        BotLock(path).acquire(wait_s=0)
    lock.release()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match=r"cannot be written to .*No such file"):
        BotLock(tmp_path / "missing" / "tradebot.db").acquire()
