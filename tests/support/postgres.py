"""A PostgreSQL server for tests and benchmarks: Debian's package, a free port, a folder of its own, ended by its id."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from tests.support.ports import free_port
from trading.store.database import open_database

NOT_HERE = "PostgreSQL is not here: install Debian's package postgresql"
START_SECONDS = 120.0
USER = "tester"
PASSWORD = "not:so/secret"
URL_PASSWORD = "not%3Aso%2Fsecret"
_CLEAN = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}


def programs() -> Path | None:
    """The folder of the newest server's programs, None where none is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class PostgresServer:
    """One server; `start` it first.

    Args:
        bin_folder: its programs.
        is_durable: whether commits wait for the disk, as in earnest. Only a machine that goes down shows a difference,
            and no test takes its machine down: without it they wait less.
    """

    def __init__(self, bin_folder: Path, *, is_durable: bool = False) -> None:
        self._bin = bin_folder
        self._is_durable = is_durable
        self._folder = Path(tempfile.mkdtemp(prefix="tradebot-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._made = ""
        # The server refuses to run as root, as tests in a container do.
        self._user = pwd.getpwnam("postgres" if _has_user("postgres") else "nobody") if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        self.port = free_port()
        options = ["--no-sync", "--no-instructions", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run(
            [self._bin / "initdb", "-D", self._folder / "data", *options],
            check=True,
            capture_output=True,
            env=_CLEAN,
            cwd="/",
            **self._as_user(),  # type: ignore[call-overload]
        )

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "max_connections": 60,
            "superuser_reserved_connections": 3,
            "shared_buffers": "16MB",
            "fsync": "on" if self._is_durable else "off",
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._folder / "data", *flags],
                stdout=log,
                stderr=log,
                env=_CLEAN,
                cwd="/",
                **self._as_user(),  # type: ignore[call-overload]
            )
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.admin, connect_timeout=3).close()
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self._folder / "log").read_text()
                assert time.monotonic() < until, (self._folder / "log").read_text()
                time.sleep(0.02)
            else:
                return

    @property
    def admin(self) -> str:
        """The superuser's address."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def execute(self, *statements: str) -> None:
        """As the superuser, one transaction each."""
        with psycopg.connect(self.admin, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def create_database(self, template: str = "template0") -> str:
        """The DATABASE_URL of a new database that belongs to an ordinary user."""
        if not self._databases:
            self.execute(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        self._databases += 1
        name = f"bot_{self._databases}"
        self.execute(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE {template}")
        return f"postgresql://{USER}:{URL_PASSWORD}@127.0.0.1:{self.port}/{name}"

    def create_made_database(self) -> str:
        """The same, with our tables in it: copied, which is quicker than making them each time."""
        if not self._made:
            url = self.create_database()
            open_database(url).dispose()
            self._made = url.rsplit("/", 1)[1]
        return self.create_database(template=self._made)

    def drop_database(self, url: str) -> None:
        """Remove the database of that address, whoever is connected to it."""
        self.execute(f"DROP DATABASE {url.rsplit('/', 1)[1]} WITH (FORCE)")

    def kill(self) -> None:
        """As a crash: every connection breaks in the midst of what it does, and nothing is tidied up."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """End it and remove its folder."""
        self._end(signal.SIGINT)
        shutil.rmtree(self._folder)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(START_SECONDS)
            self._process = None

    def _as_user(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


def _has_user(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())
