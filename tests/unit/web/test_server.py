"""The server itself: who gets in, what every answer carries, and what is said where there is no page."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from fastapi import APIRouter, WebSocket
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

from tests.support.web import serving, web_app
from trading.domain.errors import InvariantViolated
from trading.web.access import PUBLIC, Scope, authorize_websocket, require
from trading.web.context import Reader
from trading.web.database import THREADS
from trading.web.routes import PARTS, Part


def parts_with(router: APIRouter) -> tuple[Part, ...]:
    return (*PARTS, Part(router))


def test_without_a_login_nothing_is_told(tmp_path: Path) -> None:
    with serving(web_app(tmp_path)) as served, served.stranger() as client:
        answer = client.get("/api/v1/session")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "LOGIN_REQUIRED"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_login_gets_in(tmp_path: Path) -> None:
    with serving(web_app(tmp_path)) as served, served.owner() as client:
        assert client.get("/api/v1/session").json()["scope"] == "admin"


def test_a_route_that_names_no_access_is_not_served(tmp_path: Path) -> None:
    router = APIRouter()
    router.get("/open")(lambda: 1)
    with pytest.raises(InvariantViolated, match="/open"):
        web_app(tmp_path, parts=parts_with(router))


def test_every_answer_carries_the_security_headers(tmp_path: Path) -> None:
    with serving(web_app(tmp_path)) as served, served.owner() as client:
        for path in ("/", "/api/v1/session", "/nothing", "/assets/x.js"):
            answer = client.get(path)
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_page_that_is_not_built_says_so(tmp_path: Path) -> None:
    with serving(web_app(tmp_path, static=tmp_path / "static")) as served, served.stranger() as client:
        answer = client.get("/")
    assert answer.status_code == 503
    assert "has not been built" in answer.text


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/api/v1/session", 405)])
def test_what_is_not_there_is_a_problem_too(tmp_path: Path, method: str, path: str, status: int) -> None:
    with serving(web_app(tmp_path)) as served, served.owner() as client:
        answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["status"] == status


def test_a_fault_of_the_server_tells_its_id_and_nothing_else(tmp_path: Path) -> None:
    router = APIRouter()

    @router.get("/fault", dependencies=[PUBLIC])
    def fault() -> int:
        raise RuntimeError("a secret of the inside")

    with capture_logs(), serving(web_app(tmp_path, parts=parts_with(router))) as served, served.stranger() as client:
        answer = client.get("/fault")
    assert answer.status_code == 500
    assert "inside" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "content-security-policy" in answer.headers


def test_no_database_is_a_503_that_says_so(tmp_path: Path) -> None:
    router = APIRouter()

    @router.get("/look", dependencies=[require(Scope.READ)])
    def look(queries: Reader) -> int:
        return len(queries.positions())

    with serving(web_app(tmp_path, parts=parts_with(router))) as served, served.owner() as client:
        answer = client.get("/look")
    assert answer.status_code == 503
    assert answer.json()["code"] == "NO_DATABASE_YET"


def test_a_change_needs_the_sessions_token(tmp_path: Path) -> None:
    router = APIRouter()
    done: list[int] = []
    router.post("/change", dependencies=[require(Scope.TRADE)])(lambda: done.append(1))
    with serving(web_app(tmp_path, parts=parts_with(router))) as served, served.owner() as client:
        assert client.post("/change", headers={"X-CSRF-Token": "wrong"}).status_code == 403
        assert client.post("/change", headers={"Origin": "http://elsewhere.example"}).status_code == 403
        assert not done
        assert client.post("/change", headers={"Origin": served.address}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "localhost:x", "a@localhost"])
def test_a_foreign_host_is_refused(tmp_path: Path, host: str) -> None:
    with serving(web_app(tmp_path)) as served, served.stranger() as client:
        assert client.get("/", headers={"Host": host}).json()["code"] == "HOST_NOT_ALLOWED"


def test_a_websocket_needs_a_login_and_its_own_page(tmp_path: Path) -> None:
    router = APIRouter()

    @router.websocket("/echo")
    async def echo(websocket: WebSocket) -> None:
        identity = await authorize_websocket(websocket)
        await websocket.accept()
        await websocket.send_text(identity.name)
        await websocket.close()

    with serving(web_app(tmp_path, parts=parts_with(router))) as served:
        with pytest.raises(InvalidStatus) as refused:
            served.websocket("/echo", logged_in=False)
        assert refused.value.response.status_code == 401
        with served.websocket("/echo") as socket:
            assert socket.recv() == "owner"
        with pytest.raises(InvalidStatus) as refused:
            served.websocket("/echo", headers={"Origin": "http://evil.example"})
        assert refused.value.response.status_code == 403


def test_the_kill_switch_waits_for_nobody_who_reads(tmp_path: Path) -> None:
    """Every thread of the other routes hangs; a kill gets through all the same."""
    router, hold, hanging = APIRouter(), threading.Event(), threading.Semaphore(0)

    @router.get("/slow", dependencies=[require(Scope.READ)])
    def slow() -> int:
        hanging.release()
        return int(hold.wait(60))

    with serving(web_app(tmp_path, parts=parts_with(router))) as served, served.owner() as client:
        readers = [threading.Thread(target=lambda: client.get("/slow")) for _ in range(THREADS + 4)]
        for reader in readers:
            reader.start()
        try:
            for _ in range(THREADS):
                assert hanging.acquire(timeout=30)
            killed = client.post("/api/v1/safety/kill-switch/trigger", json={"reason": "now"})
            assert killed.json()["latched"]
            assert not hold.is_set()
        finally:
            hold.set()
            for reader in readers:
                reader.join()
