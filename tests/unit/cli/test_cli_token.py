"""`tradebot token`: keys are printed once and kept as hashes; names and scopes are checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from argon2 import PasswordHasher

import trading.cli
from tests.unit.cli.cli_helpers import fill_database, url_of
from trading.store.access import Session, find_session, find_token, keep_session, password_hash
from trading.store.database import open_database
from trading.web.keys import digest


@pytest.fixture(autouse=True)
def filled(folder: Path) -> None:
    (folder / "data").mkdir()
    fill_database(folder / "data")


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert trading.cli.main(["token", *arguments]) == code
    shown = capsys.readouterr()
    return shown.err if code else shown.out


def test_a_token_is_made_shown_once_listed_and_revoked(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    key = run(capsys, "create", "grafana", "--scope", "read").strip()
    assert key.startswith("tb_") and len(key) > 40
    assert key.encode() not in (folder / "data" / "tradebot.db").read_bytes()
    engine = open_database(url_of(folder / "data"))
    found = find_token(engine, digest(key))
    assert found is not None and (found.name, found.scope) == ("grafana", "read")
    (listed,) = json.loads(run(capsys, "list", "--json"))
    assert (listed["id"], listed["used_ms"]) == (found.id, None)
    assert "hash" not in listed and key not in run(capsys, "list")
    assert run(capsys, "revoke", "grafana") == "the token grafana is revoked\n"
    assert find_token(engine, digest(key)) is None
    assert run(capsys, "list") == "no tokens\n"
    engine.dispose()


@pytest.mark.parametrize("name", ["", " first", "x" * 41, "new\nline", "tab\t", "\x1b[31m", "ümlaut"])
def test_a_name_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert "NAME" in run(capsys, "create", name, "--scope", "read", code=2)


def test_a_name_is_used_once_and_an_unknown_one_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "create", "one", "--scope", "trade")
    assert "a name that no token has yet; there are one" in run(capsys, "create", "one", "--scope", "read", code=2)
    assert "the name or id of a token: one" in run(capsys, "revoke", "two", code=2)
    assert "scope" in run(capsys, "create", "two", "--scope", "root", code=2)


def test_a_new_password_replaces_the_old_one_and_ends_every_login(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    engine = open_database(url_of(folder / "data"))
    keep_session(engine, Session(id="s", created_ms=0, seen_ms=0, ends_ms=10, address=""))
    first = run(capsys, "password").strip()
    second = json.loads(run(capsys, "password", "--json"))["password"]
    kept = password_hash(engine)
    assert first != second and kept is not None
    assert PasswordHasher().verify(kept, second)
    assert find_session(engine, "s") is None
    engine.dispose()


def test_without_a_database_there_is_nothing_to_make_a_token_in(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "data" / "tradebot.db").unlink()
    assert "no database yet" in run(capsys, "create", "one", "--scope", "read", code=1)
