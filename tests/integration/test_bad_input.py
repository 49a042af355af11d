"""Databases, folders and candles that cannot be used: the command line says which and why, and nothing is lost."""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

import trading.cli
from tests.support.bots import ListFeed, Signals, calm_batches, make_bot
from tests.support.builders import BTC, ENTER, ETH, MINUTE, T0
from tests.support.ports import free_port
from tests.support.processes import FIVE_MINUTES_MS, ROOT, START_MS, environment, lively_candles, tradebot
from tests.unit.store.store_workers import BotRunning
from trading.domain.candles import Candle
from trading.exit_codes import ExitCode
from trading.market.candle_csv import HEADER
from trading.store.lock import FolderLock


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("TRADING_", "DATA_DIR", "DATABASE_URL", "LOG_", "KILL_SWITCH")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a bot that has run."""
    folder = tmp_path_factory.mktemp("used")
    candles = lively_candles(folder / "candles", 20)
    arguments = ["run", "--market-data", str(candles), "--data-dir", str(folder / "data"), "--stop-at-end"]
    done = subprocess.run(
        [sys.executable, "-m", "trading.cli", *arguments],
        env=environment(),
        capture_output=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == ExitCode.OK, done.stderr
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """`tradebot run`, which is to refuse: its exit code and what it said."""
    capsys.readouterr()
    code = trading.cli.main(["run", "--log-level", "CRITICAL", "--stop-at-end", *arguments])
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return code, err


# -- databases


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def another_programs(file: Path) -> None:
    file.unlink()
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE customers (name TEXT)")
    connection.commit()
    connection.close()


def no_database(file: Path) -> None:
    file.write_text("a shopping list\n" * 100)


def newer(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()


def another_bots(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("UPDATE meta SET bot_id = 'sister'")
    connection.commit()
    connection.close()


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def newer_paper(file: Path) -> None:
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file() and path.stat().st_size}


@pytest.mark.parametrize(
    ("name", "break_it", "says"),
    [
        ("tradebot.db", cut_off, "is cut off"),
        ("tradebot.db", another_programs, "is the database of another program (tables: customers)"),
        ("tradebot.db", no_database, "is not an SQLite database"),
        ("tradebot.db", newer, "was written by a newer version of this program (schema 9999"),
        ("tradebot.db", another_bots, "belongs to the bot 'sister'"),
        ("tradebot.db", a_folder, "cannot be read (Is a directory)"),
        ("paper-exchange.db", cut_off, "a whole paper exchange file, or none; this one is damaged"),
        ("paper-exchange.db", another_programs, "this database is something else"),
        ("paper-exchange.db", no_database, "this one is damaged (not a SQLite database)"),
        ("paper-exchange.db", newer_paper, "this one is of format 99, from a newer release"),
    ],
)
def test_a_database_that_cannot_be_used_is_named_and_left_as_it_is(
    used: Path,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    break_it: Callable[[Path], None],
    says: str,
) -> None:
    data = folder / "data"
    shutil.copytree(used / "data", data)
    break_it(data / name)
    before = content(data)
    code, said = run(capsys, "--market-data", str(used / "candles"), "--data-dir", str(data))
    assert code in (ExitCode.FAILED, ExitCode.USAGE)
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert says in said
    assert str(data / name) in said
    after = content(data)
    for lock in ("tradebot.db.lock", "bot.lock", "paper-exchange.db.lock"):
        after.pop(lock, None)
        before.pop(lock, None)
    assert after == before


def test_a_server_that_is_not_there_is_named_without_its_password_and_nothing_is_promised(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """This bot has ended: only one that runs goes on by itself when the server is back."""
    monkeypatch.setenv("DATABASE_URL", f"postgresql://owner:correct-horse@127.0.0.1:{free_port()}/tradebot")
    code, said = run(capsys, "--data-dir", str(folder / "data"))
    assert code == ExitCode.FAILED
    assert said.startswith("error: database tradebot on 127.0.0.1:")
    assert "the server cannot be reached" in said
    assert "correct-horse" not in said
    assert "the bot goes on" not in said
    assert said.endswith("; a running bot goes on by itself\n")


def test_a_second_bot_is_refused_and_told_which_is_the_first(
    used: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(used / "data", folder / "data")
    before = content(folder / "data")
    with BotRunning(folder / "data" / "tradebot.db") as first:
        code, said = run(capsys, "--market-data", str(used / "candles"))
    assert code == ExitCode.FAILED
    assert said.startswith(f"error: a bot already runs on the database {folder / 'data' / 'tradebot.db'}: ")
    assert f"process {first.pid} on " in said
    after = content(folder / "data")
    assert {name: after[name] for name in before if name != "tradebot.db.lock"} == {
        name: before[name] for name in before if name != "tradebot.db.lock"
    }


def test_a_second_bot_in_the_data_folder_is_refused_though_its_database_is_another(
    used: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "data").mkdir()
    other = FolderLock(folder / "data").acquire()
    try:
        code, said = run(capsys, "--market-data", str(used / "candles"))
    finally:
        other.release()
    assert code == ExitCode.FAILED
    assert said.startswith(f"error: a bot already runs in the data folder {folder / 'data'}: process {os.getpid()} on ")
    assert "another DATA_DIR" in said
    assert not (folder / "data" / "paper-exchange.db").exists()


# -- folders


def without_superpowers() -> None:
    """Run in the child: root too must obey the permissions of files (CAP_DAC_OVERRIDE and its kin are dropped)."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2, 3):
            if libc.prctl(24, capability, 0, 0, 0):
                os._exit(99)


def started(folder: Path, *arguments: str, before: Callable[[], None] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "trading.cli", "run", "--log-level", "CRITICAL", "--seed", "1", *arguments],
        env=environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
        preexec_fn=before,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize("is_used", [True, False])
def test_a_folder_that_cannot_be_written_is_named(used: Path, folder: Path, is_used: bool) -> None:
    data = folder / "data"
    if is_used:
        shutil.copytree(used / "data", data)
        for file in data.iterdir():
            file.chmod(0o444)
    else:
        data.mkdir()
    before = content(data)
    data.chmod(0o555)
    try:
        code, said = started(folder, "--data-dir", str(data), before=without_superpowers)
    finally:
        data.chmod(0o755)
    assert code in (ExitCode.FAILED, ExitCode.USAGE), said
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert str(data) in said
    assert "writ" in said
    assert content(data) == before


# -- candles


def line(row: int, cells: str = "100.00,101.00,99.00,100.00,5.0") -> str:
    return f"{START_MS + row * FIVE_MINUTES_MS},{cells}"


@pytest.mark.parametrize(
    ("number", "bad", "says"),
    [
        (5, line(3, "nan,101,99,100,5"), "line 5 column open: nan is not usable; allowed: a finite price above 0"),
        (5, line(3, "100,101,99,0,5"), "line 5 column close: 0.0 is not usable"),
        (5, line(3, "100,101,-99,100,5"), "line 5 column low: -99.0 is not usable"),
        (5, line(3, "100,inf,99,100,5"), "line 5 column high: inf is not usable"),
        (5, line(3, "100,98,99,100,5"), "line 5 column high: 98.0 is not usable; allowed: not below low"),
        (5, line(3, "100,101,99,100,-1"), "line 5 column volume: -1.0 is not usable"),
        (5, line(3, "100,101,99,100,nan"), "line 5 column volume: nan is not usable"),
        (5, line(2), "line 5 column open_time_ms: 1735690200000 is not usable; allowed: each time once"),
        (5, line(1), "allowed: rising times"),
        (5, f"{START_MS + 1000},100,101,99,100,5", "allowed: a multiple of the interval"),
        (11, f"{4_102_444_800_000},100,101,99,100,5", "this one is from the future"),
        (5, "1735690500000,100,101,99", "line 5: '1735690500000,100,101,99' is not usable; allowed: 6 columns"),
        (5, line(3, "100,101,99,a lot,5"), "line 5 column close: 'a lot' is not usable; allowed: a number"),
    ],
)
def test_candles_that_cannot_be_true_are_named_by_line_and_column(
    folder: Path, capsys: pytest.CaptureFixture[str], number: int, bad: str, says: str
) -> None:
    lines = [HEADER, *(line(row) for row in range(10))]
    lines[number - 1 : number] = [bad]
    file = folder / "BTCUSDT-5m.csv"
    file.write_text("\n".join(lines))
    code, said = run(capsys, "--market-data", str(file))
    assert code == ExitCode.USAGE
    assert said.startswith("error: BTCUSDT-5m.csv line ")
    assert said.count("\n") == 1
    assert says in said
    assert list((folder / "data").rglob("*.db*")) == [], "nothing is made but the log that tells of it"


def test_gaps_are_told_of_and_gone_over(folder: Path) -> None:
    lines = [HEADER, *(line(row) for row in (0, 1, 2, 6, 7, 8, 10, 11, 12, 13, 14))]
    (folder / "BTCUSDT-5m.csv").write_text("\n".join(lines))
    done = tradebot("run", "--market-data", "BTCUSDT-5m.csv", "--stop-at-end", cwd=folder, LOG_FORMAT="console")
    assert done.returncode == ExitCode.OK, done.stderr
    (told,) = [text for text in done.stderr.splitlines() if "feed.gaps" in text]
    assert "symbol=BTC/USDT gaps=2 candles_missing=4" in told


def bad_candle(**changes: Decimal) -> Candle:
    return replace(Candle(BTC.symbol, T0 + MINUTE, MINUTE, *map(Decimal, (100, 101, 99, 100, 5))), **changes)


@pytest.mark.parametrize(
    "bad",
    [
        bad_candle(close=Decimal("NaN")),
        bad_candle(open=Decimal(0)),
        bad_candle(low=Decimal(-1)),
        bad_candle(high=Decimal(98)),
        bad_candle(volume=Decimal("Infinity")),
    ],
)
def test_a_candle_that_a_feed_should_not_have_sent_is_refused_and_the_next_one_counts(
    folder: Path, bad: Candle
) -> None:
    """A feed is a network away: what comes from it is looked at again."""
    good = calm_batches(4, [BTC.symbol, ETH.symbol])
    batches = [good[0], (bad, good[1][1]), *good[2:]]
    script = {(BTC.symbol, T0 + MINUTE): ENTER, (BTC.symbol, T0 + 2 * MINUTE): ENTER}
    bot = make_bot(folder, ListFeed(batches), Signals(script), policy="keep", stop_at_end=True)
    assert bot.run() == ExitCode.OK
    assert [note.code for note in bot.told].count("CANDLE_REFUSED") == 1
    symbols = bot.manager.engine.state.symbols
    assert {known.last_close_ms for known in symbols.values()} == {T0 + 4 * MINUTE}
    assert next(intent.created_ms for intent in bot.exchange.sent) == T0 + 3 * MINUTE


def test_candles_that_come_twice_or_late_change_nothing(folder: Path) -> None:
    good = calm_batches(4, [BTC.symbol])
    script = {(BTC.symbol, T0 + i * MINUTE): ENTER for i in range(4)}
    ends = []
    for name, batches in (
        ("plain", good),
        ("repeated", [good[0], good[1], good[1], good[0], good[2], good[2], good[3]]),
    ):
        (folder / name).mkdir()
        bot = make_bot(folder / name, ListFeed(batches), Signals(script), policy="keep", stop_at_end=True)
        assert bot.run() == ExitCode.OK
        ends.append((bot.manager.engine.state.records(), [intent.client_order_id for intent in bot.exchange.sent]))
    assert ends[0] == ends[1]
