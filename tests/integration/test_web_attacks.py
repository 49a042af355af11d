"""What somebody may try against the dashboard, over a real socket, and must not achieve."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.web import Served, serving, web_app
from tests.unit.cli.cli_helpers import closed_position, fill_database, open_position, symbol_state
from trading.domain.decisions import Decision, Verdict, Vote
from trading.engine.state import SafetyState
from trading.store.database import open_database
from trading.store.latch import read_kill
from trading.web.access import CSRF_HEADER
from trading.web.attempts import Attempts
from trading.web.keys import COOKIE
from trading.web.middleware import BODY_BYTES_MAX
from trading.web.signing import NONCE, SIGNATURE, TIMESTAMP, sign

SECRET = "a secret to sign with"
TRIGGER = "/api/v1/safety/kill-switch/trigger"
RESET = "/api/v1/safety/kill-switch/reset"
NOW_MS = 1_750_000_000_000
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill_database(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One dashboard for the attacks that leave nothing behind where they fail; nothing may be killed in it."""
    folder = tmp_path_factory.mktemp("shared")
    static = folder / "page" / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("the page")
    (static / "assets" / "app.js").write_text("1")
    (folder / "page" / "server.py").write_text("a secret of the inside")
    fill_database(folder, closed_position(1), open_position(), symbol_state())
    app = web_app(folder, static=static, settings={"KILL_SWITCH_SECRET": SECRET}, now_ms=lambda: NOW_MS)
    with serving(app) as served:
        yield served
    assert not is_killed(folder)


@contextmanager
def dashboard(folder: Path, *, now_ms: int = NOW_MS, **settings: str) -> Iterator[Served]:
    with serving(web_app(folder, settings=settings, now_ms=lambda: now_ms)) as served:
        yield served


def is_killed(folder: Path) -> bool:
    engine = open_database(f"sqlite:///{folder / 'tradebot.db'}")
    try:
        return read_kill(engine).active
    finally:
        engine.dispose()


def raw(served: Served, request: bytes) -> bytes:
    """What the server answers to these very bytes (and `Connection: close`)."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
        connection.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer


# -- signed requests


class Signed:
    """A signed request to set the kill switch; each change makes another of it."""

    def __init__(self, **changes: Any) -> None:
        self.path, self.body = TRIGGER, b'{"reason":"signed"}'
        self.secret, self.nonce, self.stamp = SECRET, "nonce-0123456789", str(NOW_MS // 1000)
        for name, value in changes.items():
            setattr(self, name, value)
        self.signature = sign(self.secret, "POST", self.path, self.stamp, self.nonce, self.body)

    def send(self, client: httpx.Client, *, path: str | None = None, body: bytes | None = None) -> httpx.Response:
        headers = {SIGNATURE: self.signature, TIMESTAMP: self.stamp, NONCE: self.nonce}
        headers["Content-Type"] = "application/json"
        return client.post(path or self.path, content=self.body if body is None else body, headers=headers)


def test_a_signed_request_works_once(folder: Path) -> None:
    with dashboard(folder, KILL_SWITCH_SECRET=SECRET) as served, served.stranger() as client:
        assert Signed().send(client).status_code == 200
        reset = Signed(path=RESET, nonce="nonce-of-the-reset").send(client)
        assert (reset.status_code, reset.json()["reset_by"]) == (200, "signed request (dashboard)")
        replayed = Signed().send(client)
        assert (replayed.status_code, replayed.json()["detail"]) == (401, "this request was sent before")
    assert not is_killed(folder)
    with dashboard(folder, KILL_SWITCH_SECRET=SECRET) as served, served.stranger() as client:
        assert Signed().send(client).status_code == 401, "after a restart too"
    assert not is_killed(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "another secret"},
        {"stamp": str(NOW_MS // 1000 - 61)},
        {"stamp": str(NOW_MS // 1000 + 61)},
        {"stamp": "0"},
        {"stamp": f"{NOW_MS // 1000}.5"},
        {"nonce": "short"},
        {"nonce": "n" * 65},
    ],
    ids=str,
)
def test_a_request_that_is_signed_wrongly_or_at_another_time_is_refused(
    shared: Served, changes: dict[str, str]
) -> None:
    shared.context.attempts = Attempts()
    with shared.stranger() as client:
        answer = Signed(**changes).send(client)
    assert (answer.status_code, answer.json()["code"]) == (401, "SIGNATURE_REFUSED")


def test_a_signature_is_good_for_its_own_route_and_body_alone(shared: Served) -> None:
    shared.context.attempts = Attempts()
    with shared.stranger() as client:
        assert Signed().send(client, path=RESET).status_code == 401
        assert Signed().send(client, path=TRIGGER + "?x=1").status_code == 401
        assert Signed().send(client, body=b'{"reason":"signed","flatten":true}').status_code == 401
        elsewhere = Signed(path="/api/v1/bot/pause").send(client)
        assert (elsewhere.status_code, elsewhere.json()["code"]) == (401, "LOGIN_REQUIRED")


def test_without_a_secret_nothing_can_be_signed(folder: Path) -> None:
    with dashboard(folder) as served, served.stranger() as client:
        for secret in ("", "None", SECRET):
            assert "KILL_SWITCH_SECRET is not set" in Signed(secret=secret).send(client).json()["detail"]
    assert not is_killed(folder)


def test_guesses_of_a_signature_are_counted(folder: Path) -> None:
    with dashboard(folder, KILL_SWITCH_SECRET=SECRET) as served, served.stranger() as client:
        codes = [Signed(secret=f"guess-{n}").send(client).status_code for n in range(20)]
    assert codes[0] == 401
    assert codes[-1] == 429


# -- pages of other sites


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "application/json"])
def test_a_form_of_another_site_changes_nothing(shared: Served, kind: str) -> None:
    """What a browser sends along by itself, the cookie, is not enough."""
    with shared.owner() as owner:
        del owner.headers[CSRF_HEADER]
        for headers in ({"Content-Type": kind}, {"Content-Type": kind, "Origin": "null"}):
            answer = owner.post(TRIGGER, content=b'{"reason":"forged"}', headers=headers)
            assert answer.status_code == 403


def test_no_other_site_may_read(shared: Served) -> None:
    with shared.owner() as owner:
        origin = {"Origin": "http://evil.example"}
        asked = owner.options("/api/v1/status", headers={**origin, "Access-Control-Request-Method": "GET"})
        assert asked.status_code == 405
        for answer in (asked, owner.get("/api/v1/status", headers=origin)):
            assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_cookie_of_an_attackers_choice_does_not_become_a_session(folder: Path) -> None:
    with dashboard(folder, DASHBOARD_PASSWORD="right password") as served:
        with served.stranger(cookies={COOKIE: "chosen"}) as client:
            answer = client.post("/api/v1/login", json={"password": "right password"})
            assert COOKIE in answer.cookies and answer.cookies[COOKIE] != "chosen"
        with served.stranger(cookies={COOKIE: "chosen"}) as client:
            assert client.get("/api/v1/session").status_code == 401


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost@evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\xff\r\n\r\n",
    ],
)
def test_no_other_host_is_answered_for(shared: Served, request_: bytes) -> None:
    assert raw(shared, request_).split(b"\r\n")[0] == b"HTTP/1.1 400 Bad Request"


def test_a_host_that_is_allowed_is_answered_for(folder: Path) -> None:
    with dashboard(folder, DASHBOARD_ALLOWED_HOSTS="bot.example.org") as served, served.owner() as owner:
        headers = {"Host": "bot.example.org:443", "Origin": "https://bot.example.org:443"}
        assert owner.post(TRIGGER, json={"reason": "mine"}, headers=headers).status_code == 200


def test_only_a_trusted_proxy_says_who_asks_and_how(folder: Path) -> None:
    given = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    for trusted in ("127.0.0.1", ""):
        settings = {"DASHBOARD_PASSWORD": "right password", "DASHBOARD_TRUSTED_PROXIES": trusted}
        with dashboard(folder, **settings) as served, served.stranger(headers=given) as client:
            answer = client.post("/api/v1/login", json={"password": "right password"})
            assert ("secure" in answer.headers["set-cookie"].lower()) == bool(trusted)
            assert ("strict-transport-security" in answer.headers) == bool(trusted)


# -- files, bodies, texts


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../index.html",
        "/assets/../../server.py",
        "/assets/..%2f..%2fserver.py",
        "/assets/%2e%2e/%2e%2e/server.py",
        "/assets/..%5c..%5cserver.py",
        "/assets/....//....//server.py",
        "/assets//etc/passwd",
        "/assets/%00",
        "/assets/x%00.js",
        "/assets/",
        "/static/server.py",
        "/../../etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_built_page(shared: Served, path: str) -> None:
    answer = raw(shared, b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
    assert answer.split(b"\r\n")[0] in (b"HTTP/1.1 404 Not Found", b"HTTP/1.1 400 Bad Request")
    assert b"a secret of the inside" not in answer and b"root:" not in answer


def test_the_files_of_the_page_are_served_without_a_login(shared: Served) -> None:
    with shared.stranger() as client:
        assert client.get("/").text == "the page"
        assert "immutable" in client.get("/assets/app.js").headers["cache-control"]


def chunks_without_end() -> Iterator[bytes]:
    for _ in range(1_000):
        yield b"x" * 8_192


@pytest.mark.parametrize("path", ["/api/v1/login", TRIGGER, "/api/v1/status", "/nowhere"])
def test_a_body_that_is_too_large_is_not_taken(shared: Served, path: str) -> None:
    with shared.owner() as owner:
        told = owner.request("POST", path, content=b"x" * (BODY_BYTES_MAX + 1))
        assert (told.status_code, told.headers["connection"]) == (413, "close")
        # The server may close while we are still sending.
        with shared.stranger() as client, suppress(httpx.TransportError):
            assert client.post(path, content=chunks_without_end()).status_code == 413
        assert owner.get("/api/v1/status").status_code == 200


@pytest.mark.parametrize("length", [b"-1", b"x", b"99999999999999999999", b"1e3"])
def test_a_length_that_is_none_is_refused(shared: Served, length: bytes) -> None:
    request = b"POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: %b\r\n\r\n{}" % length
    assert raw(shared, request).split(b" ")[1] in (b"400", b"413")


@pytest.mark.parametrize(
    "text", ["' OR 1=1 --", "BTC/USDT'; DROP TABLE orders; --", '" UNION SELECT hash FROM tokens --', "%", "\\", "\x00"]
)
def test_sql_in_a_filter_is_a_text(shared: Served, text: str) -> None:
    with shared.owner() as owner:
        for path in ("orders", "fills", "trades", "decisions", "corrections", "candles"):
            assert owner.get(f"/api/v1/{path}", params={"symbol": text}).status_code == 422
        for path, name in (("orders", "state"), ("events", "type"), ("decisions", "verdict"), ("trades", "outcome")):
            assert owner.get(f"/api/v1/{path}", params={name: text}).status_code == 422
        assert owner.get("/api/v1/logs", params={"search": text}).json()["items"] == []
        assert len(owner.get("/api/v1/trades").json()["items"]) == 1


def test_texts_from_outside_stay_texts(folder: Path) -> None:
    """A symbol, an analyst's words: whoever wrote them, they come as JSON, which no browser takes for a page."""
    vote = Vote(analyst=SCRIPT, score=0.5, confidence=0.5, weight=1.0, reason=f"{SCRIPT} ' \" \u2028")
    decision = Decision(
        id="d" * 32,
        symbol=SCRIPT,
        time_ms=NOW_MS,
        price=closed_position(1).cost,
        verdict=Verdict.ENTER_LONG,
        score=0.5,
        confidence=0.5,
        regime=SCRIPT,
        votes=(vote,),
        veto=SCRIPT,
    )
    fill_database(folder, decision, open_position(SCRIPT, id="e" * 32), SafetyState(halted=SCRIPT))
    with dashboard(folder) as served, served.owner() as owner:
        assert owner.post(TRIGGER, json={"reason": SCRIPT}).json()["reason"] == SCRIPT
        for path in ("decisions", "positions", "status", "safety/kill-switch/status", "decisions/" + "d" * 32):
            answer = owner.get(f"/api/v1/{path}")
            assert SCRIPT in str(answer.json())
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "script-src 'self'" in answer.headers["content-security-policy"]
        refused = owner.get("/api/v1/orders", params={"symbol": SCRIPT})
        assert refused.headers["content-type"] == "application/problem+json"


def test_a_formula_in_the_export_is_no_formula(folder: Path) -> None:
    fill_database(folder, closed_position(1), open_position("ETH/USDT", id="f" * 32))
    fill_database(
        folder,
        open_position(
            "ETH/USDT", id="f" * 32, sold=open_position().bought, closed_ms=NOW_MS, exit_reason="=cmd|'/c calc'!A0"
        ),
    )
    with dashboard(folder) as served, served.owner() as owner:
        answer = owner.get("/api/v1/trades.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    assert ",=cmd" not in answer.text and ",'=cmd" in answer.text


# -- tries without end


def try_passwords(folder: Path, tries: int) -> None:
    with dashboard(folder, DASHBOARD_PASSWORD="right password") as served, served.owner() as owner:
        before, cpu_before = time.monotonic(), time.process_time()
        with served.stranger() as attacker:
            guesses = ({"password": f"guess-{number}"} for number in range(tries))
            codes = [attacker.post("/api/v1/login", json=guess).status_code for guess in guesses]
        took_s, cpu_s = time.monotonic() - before, time.process_time() - cpu_before
        assert set(codes) == {401, 429}
        # Five at once, and one more in 12 s: what argon2 costs does not grow with the tries.
        assert codes.count(401) <= 5 + took_s / 12 + 1
        assert cpu_s < 10 + tries * 0.02
        assert owner.get("/api/v1/status").status_code == 200


def test_many_tries_of_a_password_cost_little(folder: Path) -> None:
    try_passwords(folder, 1_000)


@pytest.mark.soak
def test_ten_thousand_tries_of_a_password_cost_little(folder: Path) -> None:
    try_passwords(folder, 10_000)


def test_tries_from_many_addresses_are_bounded_together_and_leave_the_owner_in(folder: Path) -> None:
    settings = {"DASHBOARD_PASSWORD": "right password", "DASHBOARD_TRUSTED_PROXIES": "127.0.0.1"}
    with dashboard(folder, **settings) as served, served.stranger() as client:

        def try_from(address: str, password: str) -> int:
            given = {"X-Forwarded-For": address}
            return client.post("/api/v1/login", json={"password": password}, headers=given).status_code

        assert try_from("198.51.100.1", "right password") == 200
        began = time.monotonic()
        codes = [try_from(f"203.0.113.{number}", "guess") for number in range(40)]
        assert 10 <= codes.count(401) <= 10 + (time.monotonic() - began) / 2 + 1
        assert try_from("198.51.100.1", "right password") == 200


def test_what_is_no_json_is_a_problem(shared: Served) -> None:
    with shared.owner() as owner:
        for body in (
            b"",
            b"{",
            b"[]",
            b"null",
            b"\xff",
            b'{"reason":' + b"[" * 5_000,
            json.dumps({"reason": 1}).encode(),
        ):
            answer = owner.post(TRIGGER, content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code in (400, 422), body[:20]
            assert answer.headers["content-type"] == "application/problem+json"
