"""Logging in: by password or token; how long it lasts, what ends it, and how often one may try."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from tests.support.processes import until
from tests.support.web import Served, serving, web_app, web_settings
from trading.store.access import create_token, keep_password, password_hash
from trading.store.database import open_database
from trading.web.access import CSRF_HEADER
from trading.web.keys import COOKIE, digest, new_token
from trading.web.server import create_app

PASSWORD = "correct horse battery staple"
HOUR_MS = 3_600_000
NOW_MS = 1_750_000_000_000


class Clock:
    """The wall clock of a server, which the test moves."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def __call__(self) -> int:
        return self.ms


def make_database(folder: Path) -> None:
    open_database(f"sqlite:///{folder / 'tradebot.db'}").dispose()


@contextmanager
def dashboard(folder: Path, clock: Clock | None = None, **settings: str) -> Iterator[Served]:
    given = {"DASHBOARD_PASSWORD": PASSWORD, **settings}
    with serving(web_app(folder, settings=given, **({"now_ms": clock} if clock else {}))) as served:
        yield served


def log_in(client: httpx.Client, password: str = PASSWORD) -> httpx.Response:
    answer = client.post("/api/v1/login", json={"password": password})
    if answer.is_success:
        client.headers[CSRF_HEADER] = answer.json()["csrf_token"]
    return answer


@pytest.mark.parametrize("has_database", [True, False])
def test_the_password_opens_a_session(tmp_path: Path, has_database: bool) -> None:
    if has_database:
        make_database(tmp_path)
    with dashboard(tmp_path) as served, served.stranger() as client:
        answer = log_in(client)
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and "secure" not in cookie
        assert client.get("/api/v1/session").json()["name"] == "owner"
        assert client.post("/api/v1/logout").status_code == (204 if has_database else 503)
        client.cookies.set(COOKIE, answer.cookies[COOKIE])
        assert client.get("/api/v1/session").status_code == 401


@pytest.mark.parametrize("password", ["wrong", "", PASSWORD + " ", "x" * 2000, 7654321, None])
def test_no_other_password_does(tmp_path: Path, password: object) -> None:
    with dashboard(tmp_path) as served, served.stranger() as client:
        answer = client.post("/api/v1/login", json={"password": password})
        assert answer.status_code in (401, 422)
        assert "set-cookie" not in answer.headers
        if password:
            assert str(password) not in answer.text


def test_a_session_outlives_the_server_but_not_another_password(tmp_path: Path) -> None:
    make_database(tmp_path)
    with dashboard(tmp_path) as served, served.stranger() as client:
        key = log_in(client).cookies[COOKIE]
    with dashboard(tmp_path) as served, served.stranger(cookies={COOKIE: key}) as client:
        assert client.get("/api/v1/session").status_code == 200
    with (
        dashboard(tmp_path, DASHBOARD_PASSWORD="another one") as served,
        served.stranger(cookies={COOKIE: key}) as client,
    ):
        assert client.get("/api/v1/session").status_code == 401


def test_a_session_ends_idle_and_in_any_case(tmp_path: Path) -> None:
    make_database(tmp_path)
    clock = Clock()
    lengths = {"DASHBOARD_SESSION_IDLE_HOURS": "2", "DASHBOARD_SESSION_MAX_HOURS": "5"}
    with dashboard(tmp_path, clock, **lengths) as served, served.stranger() as client:
        log_in(client)
        for _ in range(4):
            clock.ms += HOUR_MS
            assert client.get("/api/v1/session").status_code == 200
        clock.ms += HOUR_MS
        assert client.get("/api/v1/session").status_code == 401
        log_in(client)
        clock.ms += 2 * HOUR_MS
        assert client.get("/api/v1/session").status_code == 401


def test_logging_out_everywhere_ends_the_other_sessions_too(tmp_path: Path) -> None:
    make_database(tmp_path)
    clock = Clock()
    with dashboard(tmp_path, clock) as served, served.stranger() as phone, served.stranger() as desk:
        log_in(phone)
        log_in(desk)
        assert desk.post("/api/v1/logout", params={"everywhere": True}).status_code == 204
        assert phone.get("/api/v1/session").status_code == 401


def test_a_password_is_made_once_shown_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    with capture_logs() as lines, serving(web_app(tmp_path)) as served, served.stranger() as client:
        assert log_in(client).json()["code"] == "NO_DATABASE_YET"
        make_database(tmp_path)
        until(lambda: any(line["event"] == "web.first_login" for line in lines), "a password is shown")
        (shown,) = [line for line in lines if line["event"] == "web.first_login"]
        made = shown["note"].split()[4]
        assert log_in(client, made).status_code == 200
    assert made.encode() not in (tmp_path / "tradebot.db").read_bytes()
    with capture_logs() as lines, serving(web_app(tmp_path)) as served, served.stranger() as client:
        assert log_in(client, made).status_code == 200
    assert made not in str(lines)


def test_the_hash_that_is_kept_takes_work_to_try(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'tradebot.db'}")
    with serving(create_app(web_settings(tmp_path))):
        until(lambda: password_hash(database) is not None, "a password is made")
    kept = password_hash(database)
    database.dispose()
    assert kept is not None and kept.startswith("$argon2id$v=19$m=65536,t=3,")


def test_a_token_reads_but_does_not_trade_or_rule(tmp_path: Path) -> None:
    make_database(tmp_path)
    with dashboard(tmp_path) as served, served.owner() as owner:
        made = owner.post("/api/v1/tokens", json={"name": "grafana", "scope": "read"})
        assert made.status_code == 201
        token = made.json()["token"]
        assert token.encode() not in (tmp_path / "tradebot.db").read_bytes()
        with served.stranger(headers={"Authorization": f"Bearer {token}"}) as program:
            assert program.get("/api/v1/session").json() == {
                "name": "grafana",
                "scope": "read",
                "csrf_token": None,
                "ends_at": None,
            }
            refused = program.post("/api/v1/tokens", json={"name": "more", "scope": "admin"})
            assert (refused.status_code, refused.json()["code"]) == (403, "SCOPE_TOO_NARROW")
            listed = owner.get("/api/v1/tokens").json()
            assert [one["name"] for one in listed] == ["grafana"]
            assert token not in str(listed)
            assert owner.delete(f"/api/v1/tokens/{listed[0]['id']}").status_code == 204
            assert program.get("/api/v1/session").status_code == 401


def test_a_wrong_token_is_not_helped_by_a_right_cookie(tmp_path: Path) -> None:
    make_database(tmp_path)
    with dashboard(tmp_path) as served, served.owner() as client:
        client.headers["Authorization"] = "Bearer tb_wrong"
        assert client.get("/api/v1/session").status_code == 401


def test_a_token_that_another_process_revoked_ends_within_seconds(tmp_path: Path) -> None:
    make_database(tmp_path)
    engine = open_database(f"sqlite:///{tmp_path / 'tradebot.db'}")
    key = new_token()
    create_token(engine, name="t", hash_=digest(key), scope="trade", by="test", now_ms=NOW_MS)
    clock = Clock()
    with dashboard(tmp_path, clock) as served, served.stranger(headers={"Authorization": f"Bearer {key}"}) as client:
        assert client.get("/api/v1/session").json()["scope"] == "trade"
        with engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM tokens")
        clock.ms += 2_000
        assert client.get("/api/v1/session").status_code == 401
    engine.dispose()


def test_a_login_from_another_sites_page_is_refused(tmp_path: Path) -> None:
    with dashboard(tmp_path) as served, served.stranger(headers={"Origin": "http://evil.example"}) as client:
        assert log_in(client).json()["code"] == "FOREIGN_ORIGIN"


def test_a_known_login_still_counts_while_the_database_is_gone(tmp_path: Path) -> None:
    make_database(tmp_path)
    clock = Clock()
    with dashboard(tmp_path, clock) as served, served.stranger() as client:
        log_in(client)
        for file in tmp_path.glob("tradebot.db*"):
            file.unlink()
        clock.ms += 60_000
        assert client.get("/api/v1/session").status_code == 200
        with served.stranger(cookies={COOKIE: "another"}) as other:
            assert other.get("/api/v1/session").status_code == 503


def test_many_wrong_passwords_cost_little_and_do_not_lock_the_owner_out(tmp_path: Path) -> None:
    """10,000 tries: argon2 work is done for a handful; a session that is open goes on."""
    make_database(tmp_path)
    with dashboard(tmp_path) as served, served.owner() as owner, served.stranger() as attacker:
        before = time.process_time()
        codes = [attacker.post("/api/v1/login", json={"password": f"guess-{n}"}).status_code for n in range(300)]
        assert codes.count(401) <= 10
        assert set(codes) == {401, 429}
        assert time.process_time() - before < 10
        assert owner.get("/api/v1/session").status_code == 200
        assert "Retry-After" in attacker.post("/api/v1/login", json={"password": "x"}).headers


def test_the_password_of_another_process_counts(tmp_path: Path) -> None:
    """Two dashboards that start at once on a new database agree on one password."""
    engine = open_database(f"sqlite:///{tmp_path / 'tradebot.db'}")
    assert keep_password(engine, "first", NOW_MS)
    assert not keep_password(engine, "second", NOW_MS)
    engine.dispose()
