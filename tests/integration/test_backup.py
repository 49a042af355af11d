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
from tests.support.processes import BotProcess, rows, tradebot, until
from trading.exit_codes import ExitCode
from trading.store.backup import JOURNAL, MANIFEST, PAPER, back_up, backups, check_backup, forget_old
from trading.store.errors import DatabaseBusy

FAST = ("--speed", "30", "--seed", "3", "--symbols", "BTC/USDT,ETH/USDT,SOL/USDT", "--policy", "keep")


def backup_of(folder: Path, **settings: str) -> Path:
    made = tradebot("db", "backup", "backups", "--json", cwd=folder, **settings)
    assert made.returncode == 0, made.stderr
    return folder / json.loads(made.stdout)["backup"]


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file() and file.suffix != ".lock"}


@pytest.mark.timeout(600)
def test_backups_of_a_trading_bot_are_of_one_moment_and_can_be_gone_on_from(tmp_path: Path) -> None:
    """Each is what a crash would leave: a bot that starts from it reconciles, and ends with books that add up."""
    made = []
    with BotProcess(tmp_path, *FAST, "--data-dir", "data") as bot:
        for side in ("buy", "sell", "buy"):
            bot.wait_for("fill", side=side)
            made.append(backup_of(tmp_path, DATA_DIR="data"))
            until(lambda: len(backups(tmp_path / "backups")) == len(made), "the backup is there")
            known = {i for (i,) in rows(made[-1] / JOURNAL, "SELECT client_order_id FROM orders")}
            assert {i for (i,) in rows(made[-1] / PAPER, "SELECT client_order_id FROM orders")} <= known
            until(lambda: not (tmp_path / "backups" / made[-1].name[:-1]).exists(), "no draft is left")
        bot.signal(signal.SIGTERM)
        assert bot.end() == ExitCode.OK, bot.tail()
    for number, backup in enumerate(made):
        data = f"restored-{number}"
        done = tradebot("db", "restore", str(backup), cwd=tmp_path, DATA_DIR=data)
        assert done.returncode == 0, done.stderr
        with BotProcess(tmp_path, *FAST[:-1], "flatten", "--data-dir", data) as bot:
            bot.wait_for("bot.reconciled")
            bot.wait_for("fill")
            bot.signal(signal.SIGTERM)
            assert bot.end() == ExitCode.OK, bot.tail()
        assert not [line for line in bot.lines if line["event"] == "order.adopted"]
        check_books(tmp_path / data)


def stopped_bot(folder: Path, policy: str = "keep") -> None:
    """A bot that has bought something and was stopped."""
    with BotProcess(folder, *FAST[:-1], policy, "--data-dir", "data") as bot:
        bot.wait_for("fill", side="buy")
        bot.signal(signal.SIGTERM)
        assert bot.end() == ExitCode.OK, bot.tail()


def test_what_is_replaced_is_moved_aside_and_a_kill_switch_stays_set(tmp_path: Path) -> None:
    stopped_bot(tmp_path)
    backup = backup_of(tmp_path)
    refused = tradebot("db", "restore", str(backup), cwd=tmp_path)
    assert refused.returncode == ExitCode.USAGE
    assert "--replace" in refused.stderr
    assert tradebot("kill", "--reason", "test", cwd=tmp_path).returncode == 0
    done = tradebot("db", "restore", str(backup), "--replace", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "KILL").exists()
    (aside,) = (tmp_path / "data").glob("replaced-*")
    assert rows(aside / JOURNAL, "SELECT active FROM latches WHERE name = 'kill'") == [(1,)]
    assert (aside / PAPER).exists()
    assert rows(tmp_path / "data" / JOURNAL, "SELECT active FROM latches WHERE name = 'kill'") == [(0,)]
    safety = json.loads(tradebot("safety", "--json", cwd=tmp_path).stdout)
    assert safety["entries_allowed"] is False


def test_the_paper_account_can_be_left_as_it_is(tmp_path: Path) -> None:
    stopped_bot(tmp_path)
    backup = backup_of(tmp_path)
    paper = tmp_path / "data" / PAPER
    before = paper.stat().st_ino
    done = tradebot("db", "restore", str(backup), "--replace", "--journal-only", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert paper.stat().st_ino == before


def test_a_bot_that_runs_is_not_replaced(tmp_path: Path) -> None:
    with BotProcess(tmp_path, *FAST, "--data-dir", "data") as bot:
        bot.wait_for("bot.reconciled")
        backup = backup_of(tmp_path)
        refused = tradebot("db", "restore", str(backup), "--replace", cwd=tmp_path)
        bot.signal(signal.SIGTERM)
        assert bot.end() == ExitCode.OK, bot.tail()
    assert refused.returncode == ExitCode.FAILED
    assert "a bot already runs" in refused.stderr


@pytest.mark.parametrize("damage", ["changed", "missing", "no manifest"])
def test_a_damaged_backup_is_refused_and_nothing_is_touched(tmp_path: Path, damage: str) -> None:
    stopped_bot(tmp_path)
    backup = backup_of(tmp_path)
    if damage == "changed":
        with (backup / PAPER).open("r+b") as file:
            file.seek(200)
            file.write(b"x")
    else:
        (backup / (JOURNAL if damage == "missing" else MANIFEST)).unlink()
    before = contents(tmp_path / "data")
    refused = tradebot("db", "restore", str(backup), "--replace", cwd=tmp_path)
    assert refused.returncode == ExitCode.USAGE
    assert str(backup) in refused.stderr
    assert contents(tmp_path / "data") == before


def test_old_backups_are_removed_and_unfinished_ones_do_not_count(tmp_path: Path) -> None:
    stopped_bot(tmp_path)
    folder = tmp_path / "backups"
    for second in range(4):
        back_up(f"sqlite:///{tmp_path}/data/tradebot.db", tmp_path / "data", folder, now_ms=lambda s=second: s * 1000)  # type: ignore[misc]
    (folder / "19700102T000000000Z.unfinished").mkdir()
    (folder / "19700103T000000000Z").mkdir()
    assert [backup.name for backup in forget_old(folder, 2)] == ["19700101T000000000Z", "19700101T000001000Z"]
    assert [backup.name for backup in backups(folder)] == ["19700101T000002000Z", "19700101T000003000Z"]
    assert {file.name for file in check_backup(backups(folder)[-1]).files} == {JOURNAL, PAPER}
    assert (folder / "19700101T000003000Z").stat().st_mode & 0o077 == 0


def test_a_moment_in_which_the_journal_changes_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the two snapshots another process commits, each time."""
    stopped_bot(tmp_path)
    journal = tmp_path / "data" / JOURNAL
    original = Path.exists

    def exists(path: Path) -> bool:
        if path.name == PAPER:
            with closing(sqlite3.connect(journal)) as other, other:
                other.execute("UPDATE commits SET number = number + 1")
        return original(path)

    monkeypatch.setattr(Path, "exists", exists)
    monkeypatch.setattr("trading.store.backup.MOMENT_PAUSE_S", 0)
    with pytest.raises(DatabaseBusy, match="no moment"):
        back_up(f"sqlite:///{journal}", tmp_path / "data", tmp_path / "backups", now_ms=lambda: 0)
    assert list((tmp_path / "backups").iterdir()) == []


def test_every_so_often_until_it_is_stopped(tmp_path: Path) -> None:
    stopped_bot(tmp_path)
    command = ["-m", "trading.cli", "db", "backup", "backups", "--every", "1s", "--keep", "2"]
    with BotProcess(tmp_path, command=[sys.executable, *command]) as loop:
        until(lambda: len(backups(tmp_path / "backups")) == 2, "there are two")
        oldest = backups(tmp_path / "backups")[0]
        until(lambda: not oldest.exists(), "the oldest goes")
        loop.signal(signal.SIGTERM)
        assert loop.end() == 0
    assert len(backups(tmp_path / "backups")) == 2


def test_from_a_server_to_a_file_and_to_a_server_again(tmp_path: Path, postgres: PostgresServer) -> None:
    first, second = postgres.create_database(), postgres.create_database()
    with BotProcess(tmp_path, *FAST, "--data-dir", "data", DATABASE_URL=first) as bot:
        bot.wait_for("fill", side="buy")
        backup = backup_of(tmp_path, DATABASE_URL=first)
        bot.signal(signal.SIGTERM)
        assert bot.end() == ExitCode.OK, bot.tail()
    assert sorted(file.name for file in backup.iterdir()) == [MANIFEST, PAPER, JOURNAL]
    shutil.rmtree(tmp_path / "data")
    for settings in ({"DATABASE_URL": second}, {}):
        data = f"data-{len(settings)}"
        done = tradebot("db", "restore", str(backup), cwd=tmp_path, DATA_DIR=data, **settings)
        assert done.returncode == 0, done.stderr
        with BotProcess(tmp_path, *FAST, "--data-dir", data, **settings) as bot:
            bot.wait_for("bot.reconciled")
            bot.signal(signal.SIGTERM)
            assert bot.end() == ExitCode.OK, bot.tail()
    again = tradebot("db", "restore", str(backup), "--replace", cwd=tmp_path, DATA_DIR="data-1", DATABASE_URL=second)
    assert again.returncode == 0, again.stderr
    assert "what was there is in the schema replaced_" in again.stdout


def test_what_a_sale_at_the_stop_looks_like_in_a_comparison(tmp_path: Path) -> None:
    stopped_bot(tmp_path)
    before = tradebot("db", "holdings", "--json", cwd=tmp_path)
    (tmp_path / "before.json").write_text(before.stdout)
    assert json.loads(before.stdout)["positions"]
    same = tradebot("db", "holdings", "--compare", "before.json", cwd=tmp_path)
    assert (same.returncode, "nothing lost" in same.stdout) == (0, True)
    with BotProcess(tmp_path, *FAST[:-1], "flatten", "--data-dir", "data") as bot:
        bot.wait_for("bot.reconciled")
        bot.signal(signal.SIGTERM)
        assert bot.end() == ExitCode.OK, bot.tail()
    sold = tradebot("db", "holdings", "--compare", "before.json", cwd=tmp_path)
    assert sold.returncode == ExitCode.FAILED
    assert "was sold because the bot was stopped" in sold.stdout
