"""`tradebot db backup`, `restore` and `holdings`: beside a bot that trades, and on a machine that has nothing."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.test_process_disk_full import check_books
from tests.support.postgres import PostgresServer
from tests.support.processes import BotProcess, rows, until
from tests.support.terminal import Terminal, in_order
from tests.unit.store.store_workers import BotRunning
from trading.exit_codes import ExitCode
from trading.store.backup import JOURNAL, MANIFEST, PAPER, back_up, backups, check_backup, forget_old
from trading.store.errors import DatabaseBusy

FAST = ("--speed", "30", "--seed", "1", "--symbols", "BTC/USDT,ETH/USDT,SOL/USDT", "--policy", "keep")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bot that has bought something and was stopped. Only to be copied."""
    folder = tmp_path_factory.mktemp("ended")
    with BotProcess(folder, *FAST, "--data-dir", "data") as bot:
        bot.wait_for("fill", side="buy")
        bot.signal(signal.SIGTERM)
        assert bot.end() == ExitCode.OK, bot.tail()
    return folder


@pytest.fixture
def stopped(ended: Path, tmp_path: Path) -> Path:
    """The folder of a bot that has bought something and was stopped."""
    return shutil.copytree(ended, tmp_path / "stopped")


def backup_of(folder: Path, terminal: Terminal, **settings: str) -> Path:
    made = in_order(terminal.type("db", "backup", "backups", "--json", cwd=folder, **settings))
    return folder / json.loads(made)["backup"]


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file() and file.suffix != ".lock"}


@pytest.mark.timeout(600)
def test_backups_of_a_trading_bot_are_of_one_moment_and_can_be_gone_on_from(tmp_path: Path, terminal: Terminal) -> None:
    """Each is what a crash would leave: a bot that starts from it reconciles, and ends with books that add up."""
    made = []
    with BotProcess(tmp_path, *FAST, "--data-dir", "data") as bot:
        for side in ("buy", "sell"):
            bot.wait_for("fill", side=side)
            made.append(backup_of(tmp_path, terminal, DATA_DIR="data"))
            assert backups(tmp_path / "backups") == made
            known = {i for (i,) in rows(made[-1] / JOURNAL, "SELECT client_order_id FROM orders")}
            assert {i for (i,) in rows(made[-1] / PAPER, "SELECT client_order_id FROM orders")} <= known
            assert sorted((tmp_path / "backups").iterdir()) == made, "a draft is left"
        bot.signal(signal.SIGTERM)
        assert bot.end() == ExitCode.OK, bot.tail()
    for number, backup in enumerate(made):
        data = f"restored-{number}"
        in_order(terminal.type("db", "restore", str(backup), cwd=tmp_path, DATA_DIR=data))
        with BotProcess(tmp_path, *FAST[:-1], "flatten", "--data-dir", data) as bot:
            bot.wait_for("bot.reconciled")
            bot.wait_for("fill")
            bot.signal(signal.SIGTERM)
            assert bot.end() == ExitCode.OK, bot.tail()
        assert not [line for line in bot.lines if line["event"] == "order.adopted"]
        check_books(tmp_path / data)


def test_what_is_replaced_is_moved_aside_and_a_kill_switch_stays_set(stopped: Path, terminal: Terminal) -> None:
    backup = backup_of(stopped, terminal)
    refused = terminal.type("db", "restore", str(backup), cwd=stopped)
    assert "--replace" in in_order(refused, ExitCode.USAGE)
    in_order(terminal.type("kill", "--reason", "test", cwd=stopped))
    in_order(terminal.type("db", "restore", str(backup), "--replace", cwd=stopped))
    assert (stopped / "data" / "KILL").exists()
    (aside,) = (stopped / "data").glob("replaced-*")
    assert rows(aside / JOURNAL, "SELECT active FROM latches WHERE name = 'kill'") == [(1,)]
    assert (aside / PAPER).exists()
    assert rows(stopped / "data" / JOURNAL, "SELECT active FROM latches WHERE name = 'kill'") == [(0,)]
    safety = json.loads(in_order(terminal.type("safety", "--json", cwd=stopped)))
    assert safety["entries_allowed"] is False


def test_the_paper_account_can_be_left_as_it_is(stopped: Path, terminal: Terminal) -> None:
    backup = backup_of(stopped, terminal)
    paper = stopped / "data" / PAPER
    before = paper.stat().st_ino
    in_order(terminal.type("db", "restore", str(backup), "--replace", "--journal-only", cwd=stopped))
    assert paper.stat().st_ino == before


def test_a_bot_that_runs_is_not_replaced(stopped: Path, terminal: Terminal) -> None:
    backup = backup_of(stopped, terminal)
    with BotRunning(stopped / "data" / JOURNAL):
        refused = terminal.type("db", "restore", str(backup), "--replace", cwd=stopped)
    assert "a bot already runs" in in_order(refused, ExitCode.FAILED)


@pytest.mark.parametrize("damage", ["changed", "missing", "no manifest"])
def test_a_damaged_backup_is_refused_and_nothing_is_touched(stopped: Path, terminal: Terminal, damage: str) -> None:
    backup = backup_of(stopped, terminal)
    if damage == "changed":
        with (backup / PAPER).open("r+b") as file:
            file.seek(200)
            file.write(b"x")
    else:
        (backup / (JOURNAL if damage == "missing" else MANIFEST)).unlink()
    before = contents(stopped / "data")
    refused = terminal.type("db", "restore", str(backup), "--replace", cwd=stopped)
    assert str(backup) in in_order(refused, ExitCode.USAGE)
    assert contents(stopped / "data") == before


def test_old_backups_are_removed_and_unfinished_ones_do_not_count(stopped: Path) -> None:
    folder = stopped / "backups"
    for second in range(4):
        back_up(f"sqlite:///{stopped}/data/tradebot.db", stopped / "data", folder, now_ms=lambda s=second: s * 1000)  # type: ignore[misc]
    (folder / "19700102T000000000Z.unfinished").mkdir()
    (folder / "19700103T000000000Z").mkdir()
    assert [backup.name for backup in forget_old(folder, 2)] == ["19700101T000000000Z", "19700101T000001000Z"]
    assert [backup.name for backup in backups(folder)] == ["19700101T000002000Z", "19700101T000003000Z"]
    assert {file.name for file in check_backup(backups(folder)[-1]).files} == {JOURNAL, PAPER}
    assert (folder / "19700101T000003000Z").stat().st_mode & 0o077 == 0


def test_a_moment_in_which_the_journal_changes_is_not_taken(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two snapshots another process commits, each time."""
    journal = stopped / "data" / JOURNAL
    original = Path.exists

    def exists(path: Path) -> bool:
        if path.name == PAPER:
            with closing(sqlite3.connect(journal)) as other, other:
                other.execute("UPDATE commits SET number = number + 1")
        return original(path)

    monkeypatch.setattr(Path, "exists", exists)
    monkeypatch.setattr("trading.store.backup.MOMENT_PAUSE_S", 0)
    with pytest.raises(DatabaseBusy, match="no moment"):
        back_up(f"sqlite:///{journal}", stopped / "data", stopped / "backups", now_ms=lambda: 0)
    assert list((stopped / "backups").iterdir()) == []


def test_every_so_often_until_it_is_stopped(stopped: Path) -> None:
    command = ["-m", "trading.cli", "db", "backup", "backups", "--every", "1s", "--keep", "2"]
    with BotProcess(stopped, command=[sys.executable, *command]) as loop:
        until(lambda: len(backups(stopped / "backups")) == 2, "there are two")
        oldest = backups(stopped / "backups")[0]
        until(lambda: not oldest.exists(), "the oldest goes")
        loop.signal(signal.SIGTERM)
        assert loop.end() == 0
    assert len(backups(stopped / "backups")) == 2


def test_from_a_server_to_a_file_and_to_a_server_again(
    tmp_path: Path, postgres: PostgresServer, terminal: Terminal
) -> None:
    first, second = postgres.create_database(), postgres.create_database()
    with BotProcess(tmp_path, *FAST, "--data-dir", "data", DATABASE_URL=first) as bot:
        bot.wait_for("fill", side="buy")
        backup = backup_of(tmp_path, terminal, DATABASE_URL=first)
        bot.signal(signal.SIGTERM)
        assert bot.end() == ExitCode.OK, bot.tail()
    assert sorted(file.name for file in backup.iterdir()) == [MANIFEST, PAPER, JOURNAL]
    shutil.rmtree(tmp_path / "data")
    for settings in ({"DATABASE_URL": second}, {}):
        data = f"data-{len(settings)}"
        in_order(terminal.type("db", "restore", str(backup), cwd=tmp_path, DATA_DIR=data, **settings))
        with BotProcess(tmp_path, *FAST, "--data-dir", data, **settings) as bot:
            bot.wait_for("bot.reconciled")
            bot.signal(signal.SIGTERM)
            assert bot.end() == ExitCode.OK, bot.tail()
    again = terminal.type(
        "db", "restore", str(backup), "--replace", cwd=tmp_path, DATA_DIR="data-1", DATABASE_URL=second
    )
    assert "what was there is in the schema replaced_" in in_order(again)


def test_what_a_sale_at_the_stop_looks_like_in_a_comparison(stopped: Path, terminal: Terminal) -> None:
    before = in_order(terminal.type("db", "holdings", "--json", cwd=stopped))
    (stopped / "before.json").write_text(before)
    assert json.loads(before)["positions"]
    assert "nothing lost" in in_order(terminal.type("db", "holdings", "--compare", "before.json", cwd=stopped))
    with BotProcess(stopped, *FAST[:-1], "flatten", "--data-dir", "data") as bot:
        bot.wait_for("bot.reconciled")
        bot.signal(signal.SIGTERM)
        assert bot.end() == ExitCode.OK, bot.tail()
    sold = terminal.type("db", "holdings", "--compare", "before.json", cwd=stopped)
    assert "was sold because the bot was stopped" in in_order(sold, ExitCode.FAILED)
