"""Connections that are slow, silent or endless: each ends by itself, and the others are served meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.web import Served, serving, web_app
from trading.web import middleware
from trading.web.http_protocol import HEAD_BYTES_MAX, BoundedHttp
from trading.web.middleware import BODY_BYTES_MAX

HEAD = b"POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """With bounds that a test need not wait long for."""
    monkeypatch.setattr(BoundedHttp, "head_seconds", 1.5)
    monkeypatch.setattr(middleware, "BODY_SECONDS", 1.5)
    with serving(web_app(tmp_path, settings={"DASHBOARD_PASSWORD": "right password"})) as found:
        yield found


def connected(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=30)


def rest_of(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    found = b""
    while chunk := connection.recv(65_536):
        found += chunk
    return found


@pytest.mark.parametrize("begun", [b"", b"GET", HEAD, HEAD + b"X-Slow: a"])
def test_a_head_that_does_not_end_ends_the_connection(served: Served, begun: bytes) -> None:
    with connected(served) as slow:
        slow.sendall(begun)
        with served.stranger() as client:
            assert client.get("/api/v1/session").status_code == 401, "others are served meanwhile"
        assert rest_of(slow) == b""


def test_the_second_head_of_a_connection_has_its_time_too(served: Served) -> None:
    with connected(served) as slow:
        slow.sendall(b"GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert slow.recv(65_536).startswith(b"HTTP/1.1 401")
        slow.sendall(b"GET /api/v1/session HTTP/1.1\r\nHos")
        assert b"HTTP" not in rest_of(slow)


def test_a_head_without_end_is_refused(served: Served) -> None:
    with connected(served) as endless:
        try:
            for _ in range(100):
                endless.sendall(b"X" * 8_192 if _ else HEAD + b"X-Long: ")
            answer = rest_of(endless)
        except ConnectionError:  # closed while we were still sending
            answer = b""
    assert not answer or answer.startswith(b"HTTP/1.1 400")


def test_a_body_that_does_not_come_is_not_waited_for(served: Served) -> None:
    with connected(served) as slow:
        slow.sendall(HEAD + b'Content-Length: 20\r\n\r\n{"pass')
        answer = rest_of(slow)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"Connection: close" in answer or b"connection: close" in answer


def test_a_body_up_to_the_bound_is_taken_however_it_comes(served: Served) -> None:
    body = b'{"password":"right password"}'.ljust(BODY_BYTES_MAX)
    assert len(body) >= HEAD_BYTES_MAX
    with httpx.Client(base_url=served.address) as client:
        kind = {"Content-Type": "application/json"}
        assert client.post("/api/v1/login", content=body, headers=kind).status_code == 200
        halves = iter([body[:100], body[100:]])
        assert client.post("/api/v1/login", content=halves, headers=kind).status_code == 200
