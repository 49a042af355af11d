"""The bot's own port, on a real socket: what it answers, while the loop stands still too, and how it bounds itself."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.bots import Bot, ListFeed, Signals, calm_batches, make_bot
from tests.support.builders import BTC
from tests.support.ports import free_port
from tests.support.processes import until
from trading.live import health_port
from trading.live.health_port import HealthPort, Pages, is_local_name
from trading.store.latch import KillState

PATHS = ("/livez", "/readyz", "/health", "/metrics")


@pytest.fixture
def bot(tmp_path: Path) -> Bot:
    """A bot that has not run: its loop is the test."""
    made = make_bot(tmp_path, ListFeed(calm_batches(3, [BTC.symbol]), stays=True), Signals({}))
    made.manager.phase = "trading"
    made.manager.requests.record.note("account", 0.01, answered=True)
    return made


@contextmanager
def opened(bot: Bot, port: int | None = None) -> Iterator[httpx.Client]:
    port = port or free_port()
    served = HealthPort(bot.manager.reporter, bot.manager.metrics, "127.0.0.1", port)
    served.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        try:
            until(lambda: answers(client), "the port answers")
            yield client
        finally:
            served.close()
    until(lambda: not served._thread.is_alive(), "its thread ends")


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/livez").status_code in (200, 503)
    except httpx.TransportError:
        return False


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer is new, so that a test sees what it has just done."""
    monkeypatch.setattr(health_port, "CACHE_SECONDS", 0.0)


def test_a_bot_that_is_well_says_so(bot: Bot) -> None:
    bot.manager.reporter.look()
    with opened(bot) as client:
        for path in PATHS:
            assert client.get(path).status_code == 200, client.get(path).text
        health = client.get("/health")
        assert health.json().keys() == {"status", "timestamp"}
        assert health.json()["status"] == "healthy"
        assert health.headers["cache-control"] == "no-store"
        assert "tradebot_loop_beat_age_seconds" in client.get("/metrics").text
        head = client.head("/health")
        assert (head.status_code, head.content) == (200, b"")


def test_before_the_first_look_it_is_alive_and_not_ready(bot: Bot) -> None:
    with opened(bot) as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert client.get("/health").status_code == 503
        assert client.get("/metrics").status_code == 200


def test_a_killed_bot_is_alive_and_ready_and_not_healthy(bot: Bot) -> None:
    bot.manager.database.kill = KillState(active=True, by="anna", reason="secret thoughts", set_ms=1)
    bot.manager.reporter.look()
    with opened(bot) as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").status_code == 200
        answer = client.get("/health")
    assert answer.status_code == 503
    assert [check["name"] for check in answer.json()["checks"]] == ["kill_switch"]
    assert "secret thoughts" not in answer.text


def test_a_loop_that_stands_still_is_neither_alive_nor_ready(bot: Bot) -> None:
    bot.manager.reporter.look()
    with opened(bot) as client:
        bot.manager.beat_at -= 16  # nothing else changes: the loop does nothing any more
        for path in ("/livez", "/readyz", "/health"):
            assert client.get(path).status_code == 503, path
        assert client.get("/livez").json()["loop_beat_age_s"] > 15
        bot.manager.beat_at = time.monotonic()
        assert client.get("/livez").status_code == 200


def test_what_is_not_answered(bot: Bot) -> None:
    with opened(bot) as client:
        assert client.get("/").status_code == 404
        assert client.get("/api/v1/health/status").status_code == 404
        assert client.post("/health").status_code == 405
        assert client.get("/health", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1:5174", True),
        ("[::1]:5174", True),
        ("localhost:5174", True),
        ("tradebot", True),
        ("bot.example.org:5174", True),
        ("", True),
        ("evil.example:5174", False),
        ("127.0.0.1.evil.example", False),
        ("bot.example.org.evil.example", False),
    ],
)
def test_only_names_that_can_be_of_this_machine_are_answered(host: str, *, is_ours: bool) -> None:
    assert is_local_name(host, "bot.example.org") is is_ours


def test_a_taken_port_is_told_and_had_as_soon_as_it_is_free(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_port, "RETRY_SECONDS", 0.01)
    reporter = bot.manager.reporter
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        served = HealthPort(reporter, bot.manager.metrics, "127.0.0.1", port)
        served.start()
        until(lambda: reporter.health_port is not None, "it is told")
        fault = reporter.health_port
        assert fault is not None
        assert f"HEALTH_PORT {port} on 127.0.0.1 cannot be had" in fault.error
    until(lambda: reporter.health_port is None, "it is had")
    assert httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200
    served.close()


def test_a_host_that_is_not_ours_is_a_port_that_cannot_be_had(bot: Bot) -> None:
    reporter = bot.manager.reporter
    served = HealthPort(reporter, bot.manager.metrics, "192.0.2.1", free_port())
    served.start()
    until(lambda: reporter.health_port is not None, "it is told")
    served.close()
    until(lambda: not served._thread.is_alive(), "its thread ends")


def test_idle_connections_do_not_keep_others_out_for_long(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_port, "CONNECTION_SECONDS", 0.5)
    port = free_port()
    with opened(bot, port):
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(health_port.CONNECTIONS_MAX + 20)]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
            until(lambda: answers(client), "it answers again")
        for connection in idle:
            with closing(connection):
                connection.settimeout(30)
                assert ended(connection)


def ended(connection: socket.socket) -> bool:
    """Whether the other side has closed it."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_answers_are_kept_for_a_moment(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_port, "CACHE_SECONDS", 0.5)
    now = 100.0
    pages = Pages(bot.manager.reporter, bot.manager.metrics, monotonic=lambda: now)
    first = pages.page("/health")
    bot.manager.reporter.look()
    assert pages.page("/health") is first
    now += 0.5
    assert pages.page("/health") != first
