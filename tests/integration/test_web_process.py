"""The dashboard as a process: alone, beside the bot, on a taken port, with settings that are broken."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.ports import free_port
from tests.support.processes import BotProcess, lively_candles, until
from trading.web.server import main

SERVER = [sys.executable, "-m", "trading.web.server"]
PASSWORD = "correct horse battery staple"


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/v1/session", timeout=5).status_code == 401
    except httpx.TransportError:
        return False


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def beside(folder: Path, port: int, *arguments: str) -> BotProcess:
    lively_candles(folder / "candles", 300)
    return BotProcess(
        folder,
        "--market-data",
        "candles",
        "--dashboard",
        *arguments,
        DASHBOARD_PORT=str(port),
    )


def test_it_serves_alone_and_ends_in_order(tmp_path: Path) -> None:
    port = free_port()
    with BotProcess(tmp_path, command=SERVER, DASHBOARD_PORT=str(port), LOG_FORMAT="json") as server:
        server.wait_for("web.listening")
        until(lambda: answers(port), "it answers")
        server.signal(signal.SIGTERM)
        assert server.end() == 0


def test_row_39_a_dashboard_that_cannot_listen_ends_and_says_why(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        with BotProcess(tmp_path, command=SERVER, DASHBOARD_PORT=port, LOG_FORMAT="json") as server:
            line = server.wait_for("web.cannot_listen")
            assert line["port"] == int(port)
            assert "DASHBOARD_PORT" in line["advice"]
            assert server.end() == 6


@pytest.mark.parametrize("setting", [("DASHBOARD_PASSWORD", "short"), ("DASHBOARD_PORT", "x"), ("DATA_DIR", "file")])
def test_a_broken_setting_of_its_own_starts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], setting: tuple[str, str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(*setting)
    assert main([]) == 2
    shown = capsys.readouterr().err
    assert setting[0] in shown
    assert "short" not in shown


def test_a_broken_setting_of_trading_keeps_nobody_from_looking(tmp_path: Path) -> None:
    port = free_port()
    changes = {"TRADING_SYMBOLS": "nonsense", "DASHBOARD_PORT": str(port), "LOG_FORMAT": "json"}
    with BotProcess(tmp_path, command=SERVER, **changes) as server:
        assert "TRADING_SYMBOLS" in server.wait_for("web.setting_overlooked")["problem"]
        until(lambda: answers(port), "it answers")


def test_no_secret_reaches_the_access_log(tmp_path: Path) -> None:
    port = free_port()
    changes = {"DASHBOARD_PORT": str(port), "LOG_FORMAT": "json", "LOG_LEVEL": "DEBUG", "DASHBOARD_PASSWORD": PASSWORD}
    with BotProcess(tmp_path, command=SERVER, **changes) as server:
        until(lambda: answers(port), "it answers")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            client.post("/api/v1/login", json={"password": PASSWORD})
            key = client.cookies["tradebot_session"]
            client.get("/api/v1/session", headers={"Authorization": "Bearer tb_secret-token"})
            client.get("/", params={"password": "in-the-query"})
        server.signal(signal.SIGTERM)
        server.end()
    log = str(server.lines)
    assert "web.request" in log
    for secret in (PASSWORD, key, "tb_secret-token", "in-the-query"):
        assert secret not in log


def test_the_dashboard_runs_beside_the_bot_is_started_anew_and_ends_with_it(tmp_path: Path) -> None:
    port = free_port()
    with beside(tmp_path, port) as bot:
        first = bot.wait_for("dashboard.started")["pid"]
        until(lambda: answers(port), "it answers")
        assert os.getpriority(os.PRIO_PROCESS, first) > os.getpriority(os.PRIO_PROCESS, bot.pid)
        os.kill(first, signal.SIGKILL)
        assert "the bot goes on" in bot.wait_for("notify", code="DASHBOARD_DOWN")["text"]
        second = bot.wait_for("dashboard.started")["pid"]
        until(lambda: answers(port), "it answers again")
        bot.signal(signal.SIGTERM)
        assert bot.end() == 0
        assert not is_alive(second)


def test_the_dashboard_ends_with_a_bot_that_is_killed(tmp_path: Path) -> None:
    port = free_port()
    with beside(tmp_path, port) as bot:
        child = bot.wait_for("dashboard.started")["pid"]
        until(lambda: answers(port), "it answers")
        bot.signal(signal.SIGKILL)
        until(lambda: not is_alive(child), "the dashboard has ended too")


def test_row_39_a_taken_port_does_not_stop_the_bot(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with beside(tmp_path, other.getsockname()[1]) as bot:
            assert "cannot listen on its port" in bot.wait_for("notify", code="DASHBOARD_DOWN")["text"]
            if "feed.ended" not in bot.events():
                bot.wait_for("feed.ended")
            bot.signal(signal.SIGTERM)
            assert bot.end() == 0
