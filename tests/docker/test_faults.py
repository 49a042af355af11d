"""What breaks around a bot in a container: its loop, its exchange, its disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.containers import UID, Deployment, at_once, eventually
from tests.support.deployments import FAST, back_again, held, open_orders, position_open, stopped
from tests.support.processes import rows
from trading.exit_codes import ExitCode

Make = Callable[..., Deployment]
SEEN_S = 30
HOOKS = Path(__file__).parent / "hooks"
FAULTY = """
services:
  trading-bot:
    command: [python, /hooks/faulty_bot.py]
    volumes: ["./hooks:/hooks:ro"]
  hears:
    extends: {file: docker-compose.yml, service: dashboard}
    command: [python, /hooks/hears_alerts.py]
    ports: !reset []
    volumes: ["./hooks:/hooks:ro"]
"""


def faulty(deployment: Deployment) -> Deployment:
    """Starts a bot whose faults a file switches on, and which has something bought."""
    shutil.copytree(HOOKS, deployment.folder / "hooks")
    (deployment.folder / "faulty.yml").write_text(FAULTY)
    # The same alert again shall not wait to be joined with the one before.
    alerts = {"ALERT_MIN_LEVEL": "critical", "ALERT_JOIN_SECONDS": "0", "ALERT_MAX_PER_MINUTE": "60"}
    deployment.env_file(**FAST, **alerts, ALERT_URLS="json://hears:8000/alerts")
    deployment.up("trading-bot", "hears")
    eventually(lambda: position_open(deployment), "something is held")
    return deployment


def switch_on(switch: Path, seconds: str) -> None:
    """Begin the fault of that file. The bot, which looks often, never finds it without what is to be in it."""
    made = switch.with_name("made")
    made.write_text(seconds)
    made.rename(switch)


def heard(deployment: Deployment) -> list[str]:
    """The alerts that arrived."""
    file = deployment.data / "heard.jsonl"
    return [str(json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.long
def test_a_loop_that_hangs_ends_by_its_watchdog_and_is_back(deploy: Make) -> None:
    deployment = faulty(deploy(files=("faulty.yml",)))
    before = deployment.state("trading-bot")["StartedAt"]
    (deployment.data / "HANG").touch()
    eventually(lambda: not (deployment.data / "HANG").exists(), "it hangs")
    eventually(lambda: back_again(deployment, "trading-bot", before), "it is back", 2 * SEEN_S)
    assert "watchdog.end" in deployment.events()
    fills = deployment.fills()
    eventually(lambda: deployment.fills() > fills, "it trades on")


def what_is_left(deployment: Deployment) -> list[str]:
    """What a stop has left, by the log."""
    *_, line = [line for line in deployment.log() if line["event"] == "shutdown.incomplete"]
    assert line["left"]
    return [str(one) for one in line["left"]]


def has_stops(deployment: Deployment, left: list[str]) -> bool:
    """Whether something is held, and all of it has its stop; what is said to have its stop has it at the exchange."""
    coins = held(deployment.data)
    safe = [coin for coin in coins if any(f"{coin}/USDT" in one and "with its stop" in one for one in left)]
    assert open_orders(deployment.data).count("stop") >= len(safe)
    return bool(coins) and len(safe) == len(coins)


def check_stop_is_incomplete(deployment: Deployment, fault: str, seconds: str) -> None:
    """It ends with its own exit code, within Docker's grace period, and the next start goes on where it was.

    What is left arrives as an alert, and while the bot is still down.
    """
    switch = faulty(deployment).data / fault
    for starts in range(2, 7):
        switch_on(switch, seconds)
        assert stopped(deployment, "trading-bot") == ExitCode.LEFT_OPEN
        left = what_is_left(deployment)
        told = f"left: {'; '.join(left)}"
        is_shown = has_stops(deployment, left) and any(told in alert for alert in heard(deployment))
        switch.unlink()
        deployment.up("trading-bot")
        eventually(lambda n=starts: deployment.events().count("bot.reconciled") >= n, "it goes on")  # type: ignore[misc]
        eventually(lambda text=told: any(text in alert for alert in heard(deployment)), "it is told")  # type: ignore[misc]
        if is_shown:
            break
        # The market closed the position before the bot had stopped, an order was under way when the fault began, or
        # the alert did not arrive in the two seconds that it has; it is sent by the next start then.
        eventually(lambda: position_open(deployment), "something is held")
    assert is_shown
    assert stopped(deployment) == ExitCode.OK
    assert held(deployment.data) == {}


def check_slow(deployment: Deployment) -> None:
    """With answers that come in time, if late, it is flat in the end."""
    switch_on(faulty(deployment).data / "EXCHANGE_TAKES_S", "1.5")
    assert stopped(deployment) == ExitCode.OK
    assert (held(deployment.data), open_orders(deployment.data)) == ({}, [])


@pytest.mark.long
def test_a_stop_while_the_exchange_hangs_or_is_slow_is_flat_or_says_what_is_left(deploy: Make) -> None:
    """And leaves the stops in place: also where what it asks for would be done, and only the answers come too late."""
    cases: dict[str, Callable[[Deployment], None]] = {
        "hanging": lambda deployment: check_stop_is_incomplete(deployment, "EXCHANGE_HANGS", ""),
        "too-slow": lambda deployment: check_stop_is_incomplete(deployment, "ANSWERS_TAKE_S", "4"),
        "slow": check_slow,
    }
    deployments = [(check, deploy(name, files=("faulty.yml",))) for name, check in cases.items()]
    at_once(lambda case: case[0](case[1]), deployments)


@pytest.fixture
def on_a_small_disk(deploy: Make) -> Iterator[Deployment]:
    """A bot that trades, whose data is on a disk of 32 MB."""
    if os.geteuid() != 0:
        pytest.fail("this test needs root, to mount a disk")
    deployment = deploy()
    deployment.data.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size=32m,uid={UID},gid={UID}", "tradebot-test", str(deployment.data)]
    subprocess.run(mount, check=True)
    try:
        deployment.env_file(**FAST, HEALTH_DISK_FREE_MIN_MB="1")
        deployment.up("trading-bot")
        eventually(lambda: deployment.is_healthy("trading-bot"), "it is healthy")
        eventually(lambda: position_open(deployment), "something is held")
        yield deployment
    finally:
        deployment.__exit__()
        subprocess.run(["umount", str(deployment.data)], check=True)


def failing_checks(bot: Deployment) -> set[str]:
    """What the bot says is wrong with it; a healthy one says nothing of checks."""
    said = bot.compose("exec", "-T", "trading-bot", "curl", "-sS", "-m", "4", "http://127.0.0.1:5174/health")
    return {check["name"] for check in json.loads(said).get("checks", ())}


@pytest.mark.long
def test_a_full_disk_is_shown_unhealthy_and_costs_nothing(on_a_small_disk: Deployment) -> None:
    """The bot stays alive, nothing that was done is missing afterwards, and it trades on once there is room."""
    bot = on_a_small_disk
    filler = bot.data / "filler"
    filling = subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=64k"], check=False, capture_output=True)
    assert b"No space left" in filling.stderr
    eventually(lambda: bot.state("trading-bot")["Health"]["Status"] == "unhealthy", "it is unhealthy", SEEN_S)
    assert failing_checks(bot) >= {"disk"}
    # Which of its two databases has room left in its log, and fails later, depends on the moment.
    eventually(lambda: {"journal.failed", "paper.failed"} & set(bot.events()), "it could not write")
    assert bot.state("trading-bot")["Running"]
    filler.unlink()
    fills = bot.fills()
    eventually(lambda: bot.fills() > fills, "it trades on")
    # What stays for a minute is that requests were lost.
    eventually(lambda: failing_checks(bot) <= {"exchange_api"}, "nothing else is wrong")
    assert bot.inspect("trading-bot")["RestartCount"] == 0
    assert stopped(bot) == ExitCode.OK
    assert (held(bot.data), open_orders(bot.data)) == ({}, [])
    known = rows(bot.data / "tradebot.db", "SELECT CAST(trade_id AS INTEGER) AS id FROM fills ORDER BY id")
    assert known == rows(bot.data / "paper-exchange.db", "SELECT trade_id FROM trades ORDER BY trade_id")
    assert rows(bot.data / "tradebot.db", "PRAGMA integrity_check") == [("ok",)]
