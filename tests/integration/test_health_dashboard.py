"""The dashboard's word on the bot: beside real bots that run, are killed, stand still, or have never been."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.processes import BotProcess, rows, tradebot, until
from tests.support.web import Served, serving, web_app
from tests.unit.store.store_workers import WriteLockHeld
from trading.monitoring.health import ACTIONS, HealthLimits
from trading.web import watching

CALM = ("--data-dir", "data", "--speed", "4", "--seed", "3", "--symbols", "BTC/USDT")


@contextmanager
def watched(folder: Path) -> Iterator[tuple[Served, httpx.Client]]:
    """A dashboard on the bot's folder, and its owner."""
    with serving(web_app(folder / "data")) as served, served.owner() as client:
        yield served, client


def failing(client: httpx.Client) -> set[str]:
    """The checks that fail, by `GET /health`."""
    answer = client.get("/health")
    body: dict[str, Any] = answer.json()
    assert (answer.status_code == 200) == (body["status"] == "healthy"), body
    return {check["name"] for check in body.get("checks") or []}


def test_without_a_bot_it_says_so_and_sees_the_first_one_come(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with watched(tmp_path) as (_, client):
        assert client.get("/livez").status_code == 200
        assert failing(client) == {"database"}
        assert client.get("/readyz").status_code == 503
        answer = client.get("/api/v1/health/status")
        assert (answer.status_code, answer.json()["level"]) == (503, "critical")
        assert "no bot has run here" in answer.json()["detail"]
        assert client.get("/metrics").status_code == 200
        with BotProcess(tmp_path, *CALM) as bot:
            bot.wait_for("bot.reconciled")
            until(lambda: failing(client) == set(), "the bot is well")
            check_answers(client)
            bot.signal(signal.SIGKILL)
            bot.end()
            until(lambda: failing(client) == {"heartbeat"}, "it is noticed that the bot is gone")
            assert client.get("/readyz").status_code == 503
            assert client.get("/livez").status_code == 200


def check_answers(client: httpx.Client) -> None:
    """Everything a healthy bot is told of has the names of the design."""
    status = client.get("/api/v1/health/status").json()
    assert status["level"] == "healthy"
    names = (
        "level timestamp kill_switch_active kill_switch_reason circuit_breaker_open circuit_breaker_reason "
        "current_positions max_positions position_utilization_pct api_status api_latency_ms last_api_check database "
        "models heartbeat_age_s details"
    )
    assert set(status) == set(names.split())
    assert status["api_status"] == "connected"
    assert status["api_latency_ms"] > 0
    assert status["heartbeat_age_s"] < 15
    assert {check["name"] for check in status["details"]["checks"]} == set(ACTIONS)
    assert status["details"]["waiting_for"].startswith("the next 5m candle")
    safety = client.get("/api/v1/health/safety").json()
    assert set(safety) == {"kill_switch", "circuit_breaker", "position_limits", "timestamp"}
    assert set(safety["kill_switch"]) == {"active", "effective", "triggered_at", "triggered_by", "reason"}
    assert set(safety["circuit_breaker"]) == {
        "state",
        "is_open",
        "tripped_at",
        "trip_reason",
        "consecutive_losses",
        "api_errors_last_minute",
        "order_failures",
        "failed_trades_last_hour",
    }
    assert safety["position_limits"]["max"] == 3
    realtime = "/api/v1/metrics/realtime"
    until(lambda: client.get(realtime).json()["equity"]["points"] > 2, "candles are told of")
    assert "tradebot_health_level 0.0" in client.get("/metrics").text


def test_a_killed_bot_is_ready_and_not_healthy_until_the_switch_is_reset(tmp_path: Path) -> None:
    with BotProcess(tmp_path, *CALM) as bot:
        bot.wait_for("bot.reconciled")
        with watched(tmp_path) as (served, client):
            until(lambda: failing(client) == set(), "the bot is well")
            tradebot("kill", "--reason", "thoughts", "--data-dir", "data", cwd=tmp_path)
            until(lambda: failing(client) == {"kill_switch"}, "the kill switch is seen")
            assert client.get("/readyz").status_code == 200
            with served.stranger() as stranger:
                assert "thoughts" not in stranger.get("/health").text
                assert stranger.get("/api/v1/health/status").status_code == 401
                assert stranger.get("/metrics").status_code == 401
            status = client.get("/api/v1/health/status").json()
            assert (status["kill_switch_active"], status["kill_switch_reason"]) == (True, "thoughts")
            tradebot("resume", "--kill", "--reason", "fine", "--data-dir", "data", cwd=tmp_path)
            until(lambda: failing(client) == set(), "the reset is seen")


def test_a_bot_that_stands_still_is_unhealthy_within_30_s_and_well_again_afterwards(tmp_path: Path) -> None:
    """Fault 36: what counts is the age of the loop's beat."""
    with BotProcess(tmp_path, *CALM) as bot, watched(tmp_path) as (_, client):
        bot.wait_for("bot.reconciled")
        until(lambda: failing(client) == set(), "the bot is well")
        bot.signal(signal.SIGSTOP)
        until(lambda: failing(client) == {"heartbeat"}, "it is noticed")
        assert client.get("/readyz").status_code == 503
        bot.signal(signal.SIGCONT)
        until(lambda: failing(client) == set(), "the bot is well again")


def test_a_database_that_goes_and_comes_back_is_told(tmp_path: Path) -> None:
    with BotProcess(tmp_path, *CALM) as bot:
        bot.wait_for("bot.reconciled")
        bot.signal(signal.SIGTERM)
        bot.end()
    database = tmp_path / "data" / "tradebot.db"
    with watched(tmp_path) as (_, client):
        until(lambda: failing(client) == {"heartbeat"}, "it is seen that no bot runs")
        away = database.rename(tmp_path / "away.db")
        until(lambda: failing(client) == {"database"}, "the database is missed")
        away.rename(database)
        until(lambda: failing(client) == {"heartbeat"}, "it is there again")


def test_a_database_that_is_locked_for_writing_can_still_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # That it is 15 s is shown by the bot that stands still, above.
    monkeypatch.setattr(watching, "HealthLimits", partial(HealthLimits, heartbeat_max_ms=4_000))
    with BotProcess(tmp_path, *CALM) as bot, watched(tmp_path) as (_, client):
        bot.wait_for("bot.reconciled")
        until(lambda: failing(client) == set(), "the bot is well")
        with WriteLockHeld(tmp_path / "data" / "tradebot.db"):
            until(lambda: "heartbeat" in failing(client), "the bot's beat cannot be written")
            own = f"http://127.0.0.1:{bot.health_port}"
            until(lambda: httpx.get(f"{own}/health", timeout=10).status_code == 503, "the bot says so too")
            assert httpx.get(f"{own}/livez", timeout=10).status_code == 200
        until(lambda: failing(client) == set(), "the bot is well again")


def test_of_a_bot_that_never_told_anything_nothing_is_made_up(tmp_path: Path) -> None:
    with BotProcess(tmp_path, *CALM) as bot:
        bot.wait_for("bot.reconciled")
        bot.signal(signal.SIGTERM)
        bot.end()
    database = tmp_path / "data" / "tradebot.db"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE processes SET report = NULL, state = 'trading', beat_ms = 9000000000000")
    connection.close()
    assert rows(database, "SELECT report FROM processes") == [(None,)]
    with watched(tmp_path) as (_, client):
        until(lambda: "api_status" in client.get("/api/v1/health/status").json(), "the database is open")
        status = client.get("/api/v1/health/status").json()
        assert status["api_status"] == "disconnected"
        assert "somebody to start the bot" in status["details"]["waiting_for"]


def test_many_who_ask_cost_one_look_a_second(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "data").mkdir()
    looks: list[int] = []
    real = watching.HealthWatch.read
    monkeypatch.setattr(watching.HealthWatch, "read", lambda self: (looks.append(1), real(self))[1])
    monkeypatch.setattr(watching, "CACHE_SECONDS", 3600.0)
    with watched(tmp_path) as (served, client):
        before, began = len(looks), time.monotonic()
        for _ in range(50):
            client.get("/health")
        # The stream looks for itself, less than once a second after the first ones.
        assert len(looks) - before <= 5 + time.monotonic() - began
        assert served.port


def test_the_server_as_a_process_answers_without_a_bot(tmp_path: Path) -> None:
    from tests.support.ports import free_port

    port = free_port()
    command = [sys.executable, "-m", "trading.web.server"]
    with BotProcess(tmp_path, command=command, DASHBOARD_PORT=str(port), DATA_DIR="data") as server:

        def answered() -> bool:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/livez", timeout=5).status_code == 200
            except httpx.TransportError:
                return False

        until(answered, "it answers")
        assert httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 503
        os.kill(server.pid, signal.SIGTERM)
        server.end()
