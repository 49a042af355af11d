"""The deployment with real containers: started, killed, stopped, updated, in every way that happens to an owner."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.containers import UID, Deployment, at_once, eventually
from tests.support.deployments import FAST, back_again, held, open_orders, position_open, stopped
from tests.support.processes import books, lively_candles, rows
from trading.exit_codes import ExitCode

Make = Callable[..., Deployment]
HEALTHY_S = 180
"""Of three that start at once; scripts/test-docker-compose.sh wants one within 60 s."""
SEEN_S = 30
FORGETS_S = 10
"""Docker waits twice as long before each further restart, up to a minute, unless the process ran for so long."""


def handed_to_another_user(deployment: Deployment) -> dict[str, object]:
    """Makes the clone that of a user who may use the engine and is nobody else's; how to act as that user."""
    if os.geteuid() != 0:
        pytest.fail("this test needs root, to be another user")
    deployment.env["HOME"] = str(deployment.folder)
    for path in (deployment.folder, *deployment.folder.rglob("*")):
        os.chown(path, 4321, 4321)
    for parent in deployment.folder.parents:
        if parent.stat().st_uid == 0 and parent.is_relative_to("/tmp"):  # noqa: S108
            os.chmod(parent, 0o755 if parent != Path("/tmp") else 0o1777)  # noqa: S108
    return {"user": 4321, "extra_groups": [os.stat("/var/run/docker.sock").st_gid]}


def check_plain_up(deployment: Deployment, as_user: dict[str, object]) -> None:
    started = time.monotonic()
    deployment.up(**as_user)
    for service in ("trading-bot", "dashboard"):
        left = HEALTHY_S - (time.monotonic() - started)
        eventually(lambda name=service: deployment.is_healthy(name), f"{service} is healthy", left)  # type: ignore[misc]
    with urllib.request.urlopen(f"http://127.0.0.1:{deployment.port}/") as answer:
        assert b"<!doctype html" in answer.read(2000).lower()
    assert deployment.data.stat().st_uid == UID
    assert {"bot.settings", "bot.reconciled"} <= set(deployment.events())
    eventually(lambda: deployment.fills() > 0, "it trades")


def test_a_plain_up_on_a_fresh_clone(deploy: Make) -> None:
    """Without .env: the paper demo, healthy, its page on the host, its log in `docker logs`, and trades.

    For root; for another user, where Docker makes the folders; and for another user whose data is there already.
    """
    roots, anothers, with_data = deploy("roots"), deploy("anothers"), deploy("with-data")
    (with_data.data / "kept").mkdir(parents=True)
    (with_data.data / "kept" / "file").write_text("mine")
    users = [{}, handed_to_another_user(anothers), handed_to_another_user(with_data)]
    at_once(lambda case: check_plain_up(*case), zip((roots, anothers, with_data), users, strict=True))
    assert (with_data.data / "kept" / "file").read_text() == "mine"


def test_what_the_services_may_do(running: Deployment) -> None:
    """Little: read-only, no capabilities, bounded; and the dashboard alone is published, on the loopback."""
    for service in ("trading-bot", "dashboard"):
        found = running.inspect(service)
        host = found["HostConfig"]
        assert found["Config"]["User"] == "tradingbot"
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert host["Memory"] > 0 and host["PidsLimit"] > 0
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert host["LogConfig"]["Config"]["max-size"]
    published = {
        (service, container_port, binding["HostIp"])
        for service in ("trading-bot", "dashboard")
        for container_port, bindings in running.inspect(service)["NetworkSettings"]["Ports"].items()
        for binding in bindings or []
    }
    assert published == {("dashboard", f"{running.port}/tcp", "127.0.0.1")}


def test_the_bots_health_is_reached_in_the_composes_network_and_not_published(running: Deployment) -> None:
    """As Prometheus reaches it, from another container."""
    ask = ("exec", "-T", "dashboard", "curl", "-sS", "--fail-with-body", "-m", "4")
    running.compose(*ask, "http://trading-bot:5174/readyz")
    assert "tradebot_loop_beat_age_seconds" in running.compose(*ask, "http://trading-bot:5174/metrics")


def replayed(deploy: Make, name: str, rows_: int) -> Deployment:
    """A bot that plays the same recording as every other."""
    deployment = deploy(name)
    deployment.data.mkdir()
    lively_candles(deployment.data / "candles", rows_, 7)
    deployment.env_file(
        TRADING_MARKET_DATA="/app/data/candles", TRADING_REPLAY_SPEED="12000", TRADING_MAX_DAILY_DRAWDOWN_PCT="100"
    )
    deployment.up("trading-bot")
    return deployment


def has_run_s(deployment: Deployment, service: str) -> float:
    started = datetime.fromisoformat(deployment.state(service)["StartedAt"])
    return (datetime.now(UTC) - started).total_seconds()


def check_killed(deploy: Make, rows_: int, kills: int, pause_s: float = 0) -> None:
    undisturbed, killed = (replayed(deploy, name, rows_) for name in ("undisturbed", "killed"))
    for number in range(kills):
        eventually(lambda n=number: killed.fills() >= 4 * (n + 1), "it trades on")  # type: ignore[misc]
        eventually(lambda: has_run_s(killed, "trading-bot") > pause_s, "it has run for a while")
        eventually(lambda n=number: killed.events().count("bot.reconciled") > n, "it goes on")  # type: ignore[misc]
        before = killed.state("trading-bot")["StartedAt"]
        os.kill(killed.pid_of("trading-bot"), signal.SIGKILL)
        eventually(lambda was=before: back_again(killed, "trading-bot", was), "it is back", SEEN_S)  # type: ignore[misc]
    for deployment in (undisturbed, killed):
        eventually(lambda one=deployment: "feed.ended" in one.events(), "the replay ends", 300)  # type: ignore[misc]
        assert stopped(deployment) == ExitCode.OK
    assert killed.inspect("trading-bot")["RestartCount"] == kills
    assert killed.events().count("bot.reconciled") == kills + 1
    wanted, found = books(undisturbed.data), books(killed.data)
    assert len(wanted["positions"]) >= 4
    for name, expected in wanted.items():
        assert found[name] == expected, name


@pytest.mark.long
def test_killed_by_the_host_it_comes_back_and_ends_as_if_nothing_had_been(deploy: Make) -> None:
    check_killed(deploy, 900, 3)


@pytest.mark.soak
def test_killed_twenty_times(deploy: Make) -> None:
    check_killed(deploy, 9_000, 20, pause_s=FORGETS_S)


def check_stop_and_restart(deployment: Deployment, policy: str) -> None:
    deployment.env_file(**FAST, TRADING_SHUTDOWN_POLICY=policy)
    for stops in range(1, 6):
        deployment.up("trading-bot")
        eventually(lambda: position_open(deployment), "something is held")
        began = time.monotonic()
        assert stopped(deployment) == ExitCode.OK
        assert time.monotonic() - began < 45
        assert deployment.events().count("shutdown.done") == stops
        assert (deployment.data / "state.json").exists()
        coins, orders, fills = held(deployment.data), open_orders(deployment.data), deployment.fills()
        assert orders == ["stop"] * len(coins)
        if policy == "flatten":
            assert not coins
            break
        if coins:
            break
    else:
        raise AssertionError("five times the market closed the position before the bot had stopped")
    known = rows(deployment.data / "tradebot.db", "SELECT id FROM positions ORDER BY id")
    deployment.up("trading-bot")
    eventually(lambda: deployment.events().count("bot.reconciled") == stops + 1, "it goes on")
    eventually(lambda: deployment.fills() > fills, "it trades on")
    assert set(known) <= set(rows(deployment.data / "tradebot.db", "SELECT id FROM positions"))


def test_a_stop_with_open_positions_and_its_restart(deploy: Make) -> None:
    """By each policy, verified in the paper exchange's own file."""
    policies = ("flatten", "cancel", "keep")
    at_once(lambda case: check_stop_and_restart(*case), [(deploy(policy), policy) for policy in policies])


@pytest.mark.soak  # in every run test-health-checks.sh shows it
def test_a_bot_that_stands_still_is_shown_unhealthy(deploy: Make) -> None:
    deployment = deploy()
    deployment.env_file(**FAST)
    deployment.up("trading-bot")
    eventually(lambda: deployment.is_healthy("trading-bot"), "it is healthy")
    pid = deployment.pid_of("trading-bot")
    os.kill(pid, signal.SIGSTOP)
    try:
        unhealthy = eventually(
            lambda: deployment.state("trading-bot")["Health"]["Status"] == "unhealthy", "it is unhealthy", SEEN_S
        )
    finally:
        os.kill(pid, signal.SIGCONT)
    assert unhealthy
    eventually(lambda: deployment.is_healthy("trading-bot"), "it is healthy again")


def test_without_its_dashboard_the_bot_trades_on(running: Deployment) -> None:
    bot, before = running.state("trading-bot")["StartedAt"], running.state("dashboard")["StartedAt"]
    os.kill(running.pid_of("dashboard"), signal.SIGKILL)
    fills = running.fills()
    eventually(lambda: back_again(running, "dashboard", before), "the dashboard is back", SEEN_S)
    eventually(lambda: running.fills() > fills, "it trades on")
    assert running.state("trading-bot")["StartedAt"] == bot
    eventually(lambda: running.is_healthy("dashboard"), "the dashboard is healthy")
