"""The deployment with real containers: started, killed, stopped, updated, in every way that happens to an owner."""

from __future__ import annotations

import os
import shutil
import signal
import time
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.support.containers import UID, Deployment, docker, eventually
from tests.support.processes import books, lively_candles, rows
from trading.exit_codes import ExitCode

Make = Callable[..., Deployment]
HEALTHY_S = 60
SEEN_S = 30
FAST = {"TRADING_DEMO_SPEED": "30", "TRADING_SEED": "3"}
HOOKS = Path(__file__).parent / "hooks"
FAULTY = """
services:
  trading-bot:
    command: [python, /hooks/faulty_bot.py]
    volumes: ["./hooks:/hooks:ro"]
"""


DUST_WORTH_MAX = Decimal(5)
"""Quote coin: what is worth less no exchange would sell."""


def held(data: Path) -> dict[str, Decimal]:
    """What the paper exchange's own file says is held of each coin but the quote, dust apart."""
    coins = [msgspec.json.decode(body) for (body,) in rows(data / "paper-exchange.db", "SELECT body FROM coins")]
    markets = [msgspec.json.decode(body) for (body,) in rows(data / "paper-exchange.db", "SELECT body FROM markets")]
    prices = {market["symbol"].partition("/")[0]: Decimal(market["price"]) for market in markets if market["price"]}
    sums = {coin["coin"]: Decimal(coin["free"]) + Decimal(coin["locked"]) for coin in coins if coin["coin"] != "USDT"}
    return {name: amount for name, amount in sums.items() if amount and amount * prices[name] >= DUST_WORTH_MAX}


def open_orders(data: Path) -> list[str]:
    """The states of the orders that rest at the paper exchange, by its own file."""
    final = ("filled", "canceled", "rejected", "expired")
    found = rows(data / "paper-exchange.db", "SELECT body FROM orders")
    orders = [msgspec.json.decode(body) for (body,) in found]
    return [order["intent"]["purpose"] for order in orders if order["state"] not in final]


def position_open(deployment: Deployment) -> bool:
    """Whether something is bought, and protected by a stop."""
    if deployment.fills() == 0:
        return False
    database = deployment.data / "tradebot.db"
    query = "SELECT count(*) FROM positions WHERE closed_ms IS NULL AND traded AND exit_reason = ''"
    return bool(rows(database, query)[0][0]) and "stop" in open_orders(deployment.data)


def back_again(deployment: Deployment, service: str, before: str) -> bool:
    state = deployment.state(service)
    return bool(state["Running"] and state["StartedAt"] != before)


@pytest.mark.parametrize("who", ["root", "another user, where Docker makes the folders", "another user, with data"])
def test_a_plain_up_on_a_fresh_clone(deploy: Make, who: str) -> None:
    """Without .env: the paper demo, healthy, its page on the host, its log in `docker logs`, and trades."""
    deployment = deploy()
    as_user: dict[str, object] = {}
    if who != "root":
        if os.geteuid() != 0:
            pytest.fail("this test needs root, to be another user")
        os.chmod(deployment.folder.parent, 0o755)  # noqa: S103 - the clone of another user
        as_user = {"user": 4321, "extra_groups": [os.stat("/var/run/docker.sock").st_gid]}
        deployment.env["HOME"] = str(deployment.folder)
        for path in (deployment.folder, *deployment.folder.rglob("*")):
            os.chown(path, 4321, 4321)
        for parent in deployment.folder.parents:
            if parent.stat().st_uid == 0 and parent.is_relative_to("/tmp"):  # noqa: S108
                os.chmod(parent, 0o755 if parent != Path("/tmp") else 0o1777)  # noqa: S108
    if who.endswith("with data"):
        (deployment.data / "kept").mkdir(parents=True)
        (deployment.data / "kept" / "file").write_text("mine")
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
    for service in ("trading-bot", "dashboard"):
        found = deployment.inspect(service)
        host = found["HostConfig"]
        assert found["Config"]["User"] == "tradingbot"
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert host["Memory"] > 0 and host["PidsLimit"] > 0
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert host["LogConfig"]["Config"]["max-size"]
    ports = deployment.inspect("dashboard")["NetworkSettings"]["Ports"]
    assert [binding["HostIp"] for bindings in ports.values() for binding in bindings or []] == ["127.0.0.1"]


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


def stopped(deployment: Deployment) -> int:
    """Stop it; the bot's exit code."""
    deployment.compose("stop")
    return int(deployment.state("trading-bot")["ExitCode"])


def check_killed(deploy: Make, rows_: int, kills: int) -> None:
    undisturbed, killed = replayed(deploy, "undisturbed", rows_), replayed(deploy, "killed", rows_)
    for number in range(kills):
        eventually(lambda n=number: killed.fills() >= 4 * (n + 1), "it trades on")  # type: ignore[misc]
        before = killed.state("trading-bot")["StartedAt"]
        os.kill(killed.pid_of("trading-bot"), signal.SIGKILL)
        eventually(lambda was=before: back_again(killed, "trading-bot", was), "it is back", SEEN_S)  # type: ignore[misc]
    for deployment in (undisturbed, killed):
        eventually(lambda one=deployment: "feed.ended" in one.events(), "the replay ends", 300)  # type: ignore[misc]
        assert stopped(deployment) == ExitCode.OK
    assert killed.inspect("trading-bot")["RestartCount"] == kills
    wanted, found = books(undisturbed.data), books(killed.data)
    assert len(wanted["positions"]) >= 4
    for name, expected in wanted.items():
        assert found[name] == expected, name


def test_killed_by_the_host_it_comes_back_and_ends_as_if_nothing_had_been(deploy: Make) -> None:
    check_killed(deploy, 900, 3)


@pytest.mark.soak
def test_killed_twenty_times(deploy: Make) -> None:
    check_killed(deploy, 6_000, 20)


@pytest.mark.parametrize("policy", ["flatten", "cancel", "keep"])
def test_a_stop_with_open_positions_and_its_restart(deploy: Make, policy: str) -> None:
    """Verified in the paper exchange's own file."""
    deployment = deploy()
    deployment.env_file(**FAST, TRADING_SHUTDOWN_POLICY=policy)
    deployment.up("trading-bot")
    eventually(lambda: position_open(deployment), "something is held")
    began = time.monotonic()
    assert stopped(deployment) == ExitCode.OK
    assert time.monotonic() - began < 45
    assert "shutdown.done" in deployment.events()
    assert (deployment.data / "state.json").exists()
    coins, orders, fills = held(deployment.data), open_orders(deployment.data), deployment.fills()
    if policy == "flatten":
        assert (coins, orders) == ({}, [])
    else:
        assert set(orders) == {"stop"}
        assert len(orders) == len(coins)
    known = rows(deployment.data / "tradebot.db", "SELECT id FROM positions ORDER BY id")
    deployment.up("trading-bot")
    eventually(lambda: deployment.events().count("bot.reconciled") == 2, "it goes on")
    eventually(lambda: deployment.fills() > fills, "it trades on")
    assert set(known) <= set(rows(deployment.data / "tradebot.db", "SELECT id FROM positions"))


def faulty(deploy: Make, **settings: str) -> Deployment:
    deployment = deploy()
    shutil.copytree(HOOKS, deployment.folder / "hooks")
    (deployment.folder / "faulty.yml").write_text(FAULTY)
    deployment._files = ["-f", "docker-compose.yml", "-f", "faulty.yml"]
    deployment.env_file(**FAST, **settings)
    deployment.up("trading-bot")
    eventually(lambda: position_open(deployment), "something is held")
    return deployment


def test_a_loop_that_hangs_ends_by_its_watchdog_and_is_back(deploy: Make) -> None:
    deployment = faulty(deploy)
    before = deployment.state("trading-bot")["StartedAt"]
    (deployment.data / "HANG").touch()
    eventually(lambda: not (deployment.data / "HANG").exists(), "it hangs")
    eventually(lambda: back_again(deployment, "trading-bot", before), "it is back", SEEN_S)
    assert "watchdog.end" in deployment.events()
    fills = deployment.fills()
    eventually(lambda: deployment.fills() > fills, "it trades on")


def test_a_stop_while_the_exchange_hangs_says_what_is_left_and_leaves_the_stops(deploy: Make) -> None:
    deployment = faulty(deploy)
    (deployment.data / "EXCHANGE_HANGS").touch()
    assert stopped(deployment) == ExitCode.LEFT_OPEN
    (line,) = [line for line in deployment.log() if line["event"] == "shutdown.incomplete"]
    assert line["left"]
    assert held(deployment.data)
    assert "stop" in open_orders(deployment.data)
    (deployment.data / "EXCHANGE_HANGS").unlink()
    deployment.up("trading-bot")
    eventually(lambda: deployment.events().count("bot.reconciled") == 2, "it goes on")
    assert stopped(deployment) == ExitCode.OK
    assert held(deployment.data) == {}


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


def test_without_its_dashboard_the_bot_trades_on(deploy: Make) -> None:
    deployment = deploy()
    deployment.env_file(**FAST)
    deployment.up()
    eventually(lambda: deployment.fills() > 0, "it trades")
    bot, before = deployment.state("trading-bot")["StartedAt"], deployment.state("dashboard")["StartedAt"]
    os.kill(deployment.pid_of("dashboard"), signal.SIGKILL)
    fills = deployment.fills()
    eventually(lambda: back_again(deployment, "dashboard", before), "the dashboard is back", SEEN_S)
    eventually(lambda: deployment.fills() > fills, "it trades on")
    assert deployment.state("trading-bot")["StartedAt"] == bot


def test_a_secret_comes_from_a_file_that_only_the_user_of_the_image_reads(deploy: Make) -> None:
    deployment = deploy()
    secrets = deployment.folder / "secrets"
    secrets.mkdir()
    (secrets / "dashboard_password").write_text("correct horse battery\n")
    (secrets / "dashboard_password").chmod(0o644)
    deployment.env_file(DASHBOARD_PASSWORD_FILE="/run/secrets/dashboard_password")
    deployment.up("dashboard")
    eventually(lambda: "web.listening" in deployment.events("dashboard"), "the dashboard listens")
    mode = (secrets / "dashboard_password").stat()
    assert (mode.st_uid, mode.st_mode & 0o077) == (UID, 0)
    assert "correct horse" not in docker("inspect", deployment.id("dashboard"))
    assert "web.first_login" not in deployment.events("dashboard")
