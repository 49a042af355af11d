"""Where a database can be, and which files can be one."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.store.store_helpers import ACCOUNT, batch, open_journal, rows, url_of
from trading.domain.errors import InvalidInput
from trading.store import files
from trading.store.database import open_database, open_reader
from trading.store.errors import DatabaseUnusable, ForeignDatabase, NoDatabaseYet

pytestmark = pytest.mark.migrated

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
tmpfs /data tmpfs rw 0 0
server:/export /data/net nfs4 rw 0 0
/dev/sdb1 /data/net/local ext4 rw 0 0
//host/share /mnt/my\\040share cifs rw 0 0
me@host:/ /mnt/ssh fuse.sshfs rw 0 0
C:\\134 /mnt/c 9p rw 0 0
/dev/sdc1 /mnt/ntfs fuseblk rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me", ""),
        ("/data", ""),
        ("/data/net", "nfs4"),
        ("/data/net/deep/er", "nfs4"),
        ("/data/network", ""),
        ("/data/net/local", ""),
        ("/mnt/my share/bot", "cifs"),
        ("/mnt/ssh", "fuse.sshfs"),
        ("/mnt/c/bot", "9p"),
        ("/mnt/ntfs", ""),
    ],
)
def test_network_file_systems_are_known_by_their_mount(tmp_path: Path, folder: str, kind: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    assert files.network_file_system(Path(folder) / "tradebot.db", mounts) == kind


def test_the_last_mount_on_a_folder_counts(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("disk /data ext4 rw 0 0\nserver:/x /data nfs rw 0 0\n")
    assert files.network_file_system(Path("/data/tradebot.db"), mounts) == "nfs"


def test_without_a_table_of_mounts_nothing_is_refused(tmp_path: Path) -> None:
    assert files.network_file_system(Path("/data/tradebot.db"), tmp_path / "missing") == ""


def test_a_database_on_a_network_file_system_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "network_file_system", lambda _: "nfs4")
    with pytest.raises(DatabaseUnusable, match=r"network file system \(nfs4\).*local disk"):
        open_database(url_of(path))
    assert not path.exists()


@pytest.mark.parametrize(
    "url", ["postgresql://me:secret@host/db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///folder/", "x"]
)
def test_other_urls_are_refused_without_their_secrets(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"^DATABASE_URL: ") as caught:
        files.database_path(url)
    assert "secret" not in str(caught.value)


def test_a_relative_path_is_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert files.database_path("sqlite:///data/bot.db") == tmp_path / "data" / "bot.db"


def test_awkward_names_and_missing_folders(tmp_path: Path) -> None:
    path = tmp_path / "with space" / "a?b#c%d" / "tradebot.db"
    url = f"sqlite:///{tmp_path}/with space/a%3Fb#c%d/tradebot.db"
    open_database(url).dispose()
    assert files.database_path(url).exists()
    assert not path.exists()


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch()
    open_database(url_of(path)).dispose()
    assert rows(path, "SELECT app FROM meta") == [("llm-tradebot",)]


@pytest.mark.parametrize("content", [b"hello", b"SQLite format 2\x00" + b"x" * 200, os.urandom(5000)])
def test_a_file_that_is_no_database_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for opener in (open_database, open_reader):
        with pytest.raises(DatabaseUnusable, match=r"tradebot\.db is not an SQLite database.*Move it away"):
            opener(url_of(path))
    assert path.read_bytes() == content


@pytest.mark.parametrize("size", [50, 512, 4096, 20_000])
def test_a_file_that_is_cut_off_is_left_alone(path: Path, size: int) -> None:
    journal = open_journal(path)
    journal.commit(batch(ACCOUNT))
    journal.close()
    os.truncate(path, size)
    content = path.read_bytes()
    for opener in (open_database, open_reader):
        with pytest.raises(DatabaseUnusable, match=r"tradebot\.db is cut off .*backup"):
            opener(url_of(path))
    assert path.read_bytes() == content


def test_pages_still_in_the_log_do_not_count_as_cut_off(path: Path, tmp_path: Path) -> None:
    """A copy of file and log, as a crash leaves them, is whole."""
    journal = open_journal(path)
    journal.commit(batch(ACCOUNT))
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    shutil.copy(f"{path}-wal", f"{copy}-wal")
    journal.close()
    again = open_journal(copy)
    assert ACCOUNT in again.load()
    again.close()


def test_a_database_whose_bot_ends_at_that_moment_is_whole(path: Path) -> None:
    """The last connection writes the log's pages into the file, which grows, and removes the log."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE grows (content BLOB)")
    ended = threading.Event()

    def end_again_and_again() -> None:
        try:
            for _ in range(400):
                with closing(sqlite3.connect(path)) as connection, connection:
                    connection.execute("INSERT INTO grows VALUES (zeroblob(20000))")
        finally:
            ended.set()

    bot = threading.Thread(target=end_again_and_again)
    bot.start()
    looks = 0
    while not ended.is_set():
        files.check_file(path)
        looks += 1
    bot.join()
    assert looks > 100
    assert rows(path, "SELECT count(*) FROM grows") == [(400,)]


def test_a_damaged_page_is_named(path: Path) -> None:
    open_database(url_of(path)).dispose()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3000)
    with pytest.raises(DatabaseUnusable, match=r"tradebot\.db: it is damaged .*backup"):
        open_database(url_of(path))


def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE meta (key TEXT, value TEXT); CREATE TABLE trades (id INTEGER);")
    connection.close()
    content = path.read_bytes()
    for opener in (open_database, open_reader):
        with pytest.raises(ForeignDatabase, match=r"tradebot\.db is the database of another program .*meta, trades"):
            opener(url_of(path))
    assert path.read_bytes() == content


def test_a_folder_in_the_database_s_place(path: Path) -> None:
    path.mkdir()
    with pytest.raises(DatabaseUnusable, match=r"tradebot\.db cannot be read \(Is a directory\)"):
        open_database(url_of(path))


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(DatabaseUnusable, match=r"data of the database cannot be made .*DATA_DIR"):
        open_database(url_of(tmp_path / "data" / "tradebot.db"))


def test_a_reader_meets_no_database(path: Path) -> None:
    with pytest.raises(NoDatabaseYet, match=r"no database yet at .*tradebot\.db.*tradebot run"):
        open_reader(url_of(path))
    assert not path.exists()
    path.touch()
    with pytest.raises(NoDatabaseYet):
        open_reader(url_of(path))


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user may look into."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def _as_another_user(code: str, path: Path) -> str:
    """Run code as a user who may only read; what it prints."""
    lines = [
        "import os, sys",
        "from trading.store.database import open_database, open_reader",
        "from trading.store.errors import StoreError",
        "from trading.store.queries import Queries",
        "import alembic.command",
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)",
        f"url = {url_of(path)!r}",
        code,
    ]
    run = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


_TRY = "try: open_database(url)\nexcept StoreError as error: print(error)"


def test_a_folder_that_may_not_be_written(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    said = _as_another_user(_TRY, open_folder / "tradebot.db")
    assert "tradebot.db cannot be written (Permission denied)" in said
    assert "DATA_DIR" in said


def test_a_database_that_may_only_be_read_is_read(open_folder: Path) -> None:
    path = open_folder / "tradebot.db"
    journal = open_journal(path)
    journal.commit(batch(ACCOUNT))
    path.chmod(0o444)
    open_folder.chmod(0o555)
    said = _as_another_user("print(Queries.open(url).status().account.cash)\n" + _TRY, path)
    journal.close()
    assert said.splitlines()[0] == "900.10"
    assert "tradebot.db cannot be written (Permission denied)" in said.splitlines()[1]
