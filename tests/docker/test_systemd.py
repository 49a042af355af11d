"""The units for machines without Docker, on a container that such a machine stands in."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.containers import ROOT, docker, eventually
from tests.support.deployments import FAST, held, open_orders
from tests.support.processes import rows
from trading.exit_codes import ExitCode

STANDIN = Path(__file__).parent / "standins" / "systemd"
BOT, DASHBOARD = "llm-tradebot", "llm-tradebot-dashboard"
ENV_FILE = "/opt/llm-tradebot/.env"


class Machine:
    """A container whose first process is systemd. Its state folder is `state` on the host."""

    def __init__(self, image: str, state: Path) -> None:
        self.data = state / "data"
        mounts = ["--tmpfs", "/run", "--tmpfs", "/tmp", "--volume", f"{state}:/var/lib/llm-tradebot"]  # noqa: S108
        self.id = docker("run", "--detach", "--privileged", "--cgroupns", "private", *mounts, image)

    def run(self, *command: str, check: bool = True) -> str:
        return docker("exec", self.id, *command, check=check)

    def settings(self, **settings: str) -> None:
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        self.run("sh", "-c", f"printf '%s' '{lines}' >{ENV_FILE}")

    def shown(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "--value", "--property", name, unit)

    def is_healthy(self, port: int) -> bool:
        asked = self.run("curl", "-sS", "-m", "4", f"http://127.0.0.1:{port}/health", check=False)
        return '"healthy"' in asked

    def events(self) -> list[str]:
        lines = self.run("journalctl", "--unit", BOT, "--output", "cat", "--no-pager").splitlines()
        return [json.loads(line)["event"] for line in lines if line.startswith("{")]

    def position_open(self) -> bool:
        database = self.data / "tradebot.db"
        query = "SELECT count(*) FROM positions WHERE closed_ms IS NULL AND traded AND exit_reason = ''"
        return "fill" in self.events() and bool(rows(database, query)[0][0]) and "stop" in open_orders(self.data)


@pytest.fixture
def machine(image: str, tmp_path: Path) -> Iterator[Machine]:
    context = tmp_path / "context"
    shutil.copytree(STANDIN, context)
    for unit in (ROOT / "deploy" / "systemd").glob("*.service"):
        shutil.copy(unit, context)
    tag = f"llm-tradebot-test:systemd-{secrets.token_hex(4)}"
    docker("build", "--quiet", "--tag", tag, "--build-arg", f"IMAGE={image}", str(context))
    state = tmp_path / "state"
    state.mkdir()
    machine = Machine(tag, state)
    try:
        yield machine
    finally:
        docker("rm", "--force", "--volumes", machine.id)
        docker("image", "rm", tag)


@pytest.mark.long
def test_systemd_keeps_both_running_and_ends_the_bot_in_order(machine: Machine) -> None:
    eventually(
        lambda: machine.run("systemctl", "is-system-running", check=False) in ("running", "degraded"), "it is up"
    )
    assert machine.run("systemd-analyze", "verify", "--man=no", f"{BOT}.service", f"{DASHBOARD}.service") == ""
    machine.settings(**FAST)
    machine.run("systemctl", "start", BOT, DASHBOARD)
    for port in (5174, 5173):
        eventually(lambda number=port: machine.is_healthy(number), f"port {port} says healthy")  # type: ignore[misc]

    machine.run("systemctl", "kill", "--signal", "KILL", "--kill-whom", "main", BOT)
    eventually(lambda: machine.events().count("bot.reconciled") == 2, "it is back")
    assert machine.shown(BOT, "NRestarts") == "1"

    eventually(machine.position_open, "something is held")
    machine.run("systemctl", "stop", BOT)
    assert machine.shown(BOT, "ExecMainStatus") == str(ExitCode.OK)
    assert machine.events().count("shutdown.done") == 1
    assert (held(machine.data), open_orders(machine.data)) == ({}, [])
    assert machine.shown(DASHBOARD, "ActiveState") == "active"

    machine.settings(TRADING_SYMBOLS="nonsense")
    machine.run("systemctl", "start", BOT)
    eventually(lambda: machine.shown(BOT, "ActiveState") == "failed", "it is refused, and not tried again")
    assert machine.shown(BOT, "ExecMainStatus") == str(ExitCode.USAGE)
