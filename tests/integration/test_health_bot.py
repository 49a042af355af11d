"""The bot's own port beside what goes wrong with a real bot: it tells the truth, and it holds nothing up."""

from __future__ import annotations

import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from tests.integration.test_process_disk_full import fill_by_limit
from tests.support.ports import free_port
from tests.support.processes import BotProcess, rows, until
from trading.exit_codes import ExitCode

FAST = ("--data-dir", "data", "--speed", "60", "--seed", "3")


def asked(port: int, path: str) -> tuple[int, dict[str, Any]]:
    """Status and answer; 0 where there is none."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5)
    except httpx.TransportError:
        return 0, {}
    return answer.status_code, answer.json()


def test_a_loop_that_hangs_is_told_before_the_watchdog_ends_the_process(tmp_path: Path) -> None:
    """Faults 36 and 39: liveness is the age of the loop's beat, not that some thread answers."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.stalled_bot", str(tmp_path), "10.0", "feed", str(port)]
    with BotProcess(tmp_path, command=command) as bot:
        bot.wait_for("fill")
        told: dict[str, tuple[int, dict[str, Any]]] = {}

        def is_told() -> bool:
            told.update({path: asked(port, path) for path in ("/livez", "/readyz", "/health")})
            return {status for status, _ in told.values()} == {503}

        until(is_told, "the loop is told to stand still")
        assert told["/livez"][1]["status"] == "stalled"
        assert "heartbeat" in {check["name"] for check in told["/health"][1]["checks"]}
        assert bot.end() == ExitCode.STALLED, bot.tail()


def test_a_bot_that_trades_is_alive_ready_and_healthy_and_closes_its_port_in_the_end(tmp_path: Path) -> None:
    with BotProcess(tmp_path, *FAST) as bot:
        bot.wait_for("fill")
        until(lambda: asked(bot.health_port, "/health")[0] == 200, "it is healthy")
        assert asked(bot.health_port, "/livez")[0] == asked(bot.health_port, "/readyz")[0] == 200
        bot.signal(signal.SIGTERM)
        assert bot.end() == ExitCode.OK, bot.tail()
        assert asked(bot.health_port, "/livez")[0] == 0


def test_a_frozen_bot_does_not_answer_and_is_well_again_afterwards(tmp_path: Path) -> None:
    with BotProcess(tmp_path, *FAST) as bot:
        bot.wait_for("bot.reconciled")
        until(lambda: asked(bot.health_port, "/health")[0] == 200, "it is healthy")
        bot.signal(signal.SIGSTOP)
        assert asked(bot.health_port, "/livez")[0] == 0
        bot.signal(signal.SIGCONT)
        until(lambda: asked(bot.health_port, "/health")[0] == 200, "it is healthy again")


def test_a_full_disk_is_unhealthy_within_30_s(tmp_path: Path) -> None:
    """Fault 9's other half: the owner is told. The bot lives on, and is well again when there is space."""
    with BotProcess(tmp_path, *FAST) as bot:
        bot.wait_for("fill")
        until(lambda: asked(bot.health_port, "/health")[0] == 200, "it is healthy")
        began = time.monotonic()
        free = fill_by_limit(bot, tmp_path / "data")
        until(lambda: asked(bot.health_port, "/health")[0] == 503, "the full disk is told")
        assert time.monotonic() - began < 30
        assert asked(bot.health_port, "/livez")[0] == 200
        free()
        until(lambda: asked(bot.health_port, "/health")[0] == 200, "it is healthy again")


def test_little_space_is_unhealthy_before_the_disk_is_full(tmp_path: Path) -> None:
    with BotProcess(tmp_path, *FAST, HEALTH_DISK_FREE_MIN_MB="900000000") as bot:
        bot.wait_for("notify", code="DISK_LOW")
        status, body = asked(bot.health_port, "/health")
        assert (status, [check["name"] for check in body["checks"]]) == (503, ["disk"])


def test_a_taken_port_is_alerted_and_the_bot_trades(tmp_path: Path) -> None:
    """Fault 39."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with BotProcess(tmp_path, *FAST, HEALTH_PORT=str(port)) as bot:
            bot.wait_for("health_port.not_open")
            bot.wait_for("notify", code="HEALTH_PORT")
            bot.wait_for("fill")
            bot.signal(signal.SIGTERM)
            assert bot.end() == ExitCode.OK, bot.tail()
    assert rows(tmp_path / "data" / "tradebot.db", "SELECT count(*) FROM fills")[0][0] > 0
