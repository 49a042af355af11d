"""The commands in a pseudo-terminal where the database is on a PostgreSQL server that is empty, old, or not there."""

from __future__ import annotations

from pathlib import Path

import psycopg

from tests.integration.test_cli_terminal import ON_DATABASE
from tests.support.ports import free_port
from tests.support.postgres import PASSWORD, URL_PASSWORD, PostgresServer
from tests.support.terminal import Terminal, one_line


def check_all(terminal: Terminal, folder: Path, url: str, said: str) -> None:
    """Every command that needs the database says so in one line, without the password; `kill` sets its file."""
    for command in ON_DATABASE:
        shown = terminal.type(*command, cwd=folder, DATABASE_URL=url, DATA_DIR=".")
        text = one_line(shown, 1, "error: ")
        assert said in text, (command, text)
        assert PASSWORD not in text and URL_PASSWORD not in text


def test_on_a_server_that_cannot_be_reached(tmp_path: Path, terminal: Terminal) -> None:
    url = f"postgresql://tester:{URL_PASSWORD}@127.0.0.1:{free_port()}/bot"
    check_all(terminal, tmp_path, url, "the server cannot be reached")
    killed = terminal.type("kill", cwd=tmp_path, DATABASE_URL=url, DATA_DIR=".")
    assert PASSWORD not in one_line(killed, 3, "kill switch set by the file KILL")
    assert (tmp_path / "KILL").exists()


def test_on_an_empty_database(tmp_path: Path, terminal: Terminal, postgres: PostgresServer) -> None:
    url = postgres.create_database()
    check_all(terminal, tmp_path, url, "it is empty (start a bot with `tradebot run`)")
    with psycopg.connect(url) as server:
        assert server.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_on_an_old_database(tmp_path: Path, terminal: Terminal, postgres: PostgresServer) -> None:
    url = postgres.create_made_database()
    with psycopg.connect(url) as server:
        server.execute("UPDATE alembic_version SET version_num = '0000'")
    check_all(terminal, tmp_path, url, "start the bot of this version once")
