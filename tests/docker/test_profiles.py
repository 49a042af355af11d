"""The optional services. Where their images cannot be pulled, Debian's packages stand in under the same names."""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.containers import Deployment, docker, eventually
from tests.support.deployments import FAST, held, stopped
from tests.support.ports import free_port
from tests.support.processes import rows
from trading.exit_codes import ExitCode
from trading.store.backup import backups, check_backup

Make = Callable[..., Deployment]
STANDINS = Path(__file__).parent / "standins"
AWAY_S = 60


def stand_in(tag: str, folder: str) -> None:
    if not docker("image", "ls", "--quiet", tag):
        docker("build", "--quiet", "--tag", tag, str(STANDINS / folder))


@pytest.fixture(scope="module")
def on_postgres(deploy_for_module: Make) -> Deployment:
    """A bot whose journal is in the server of the profile, and that has traded."""
    stand_in("postgres:16-alpine", "postgres")
    deployment = deploy_for_module()
    deployment.env_file(
        **FAST,
        COMPOSE_PROFILES="postgres",
        POSTGRES_PASSWORD="not-so-secret",
        DATABASE_URL="postgresql://tradebot:not-so-secret@postgres:5432/tradebot",
    )
    deployment.up("trading-bot", "postgres")
    eventually(lambda: "fill" in deployment.events(), "it trades")
    return deployment


@pytest.mark.long
def test_a_server_that_is_away_costs_no_order_and_no_fill(on_postgres: Deployment) -> None:
    """It publishes no port. While it is away nothing is opened; afterwards the bot goes on by itself."""
    bot = on_postgres
    assert not bot.inspect("postgres")["NetworkSettings"]["Ports"].get("5432/tcp")
    bot.compose("stop", "postgres")
    eventually(lambda: "journal.failed" in bot.events(), "the bot notices")
    away_since = time.monotonic()
    eventually(lambda: time.monotonic() - away_since > AWAY_S, "the server is away")
    bot.compose("start", "postgres")
    eventually(lambda: "journal.recovered" in bot.events(), "the bot goes on")
    log = bot.log()
    names = [line["event"] for line in log]
    while_away = log[names.index("journal.failed") : len(names) - names[::-1].index("journal.recovered")]
    assert not [line for line in while_away if line["event"] == "order.send" and line["purpose"] == "entry"]
    fills = bot.events().count("fill")
    eventually(lambda: bot.events().count("fill") > fills, "it trades on")
    assert bot.inspect("trading-bot")["RestartCount"] == 0
    bot.compose("stop", "trading-bot")
    assert bot.state("trading-bot")["ExitCode"] == ExitCode.OK
    assert held(bot.data) == {}
    query = ("psql", "-U", "tradebot", "-d", "tradebot", "-Atc", "SELECT trade_id FROM fills")
    booked = bot.compose("exec", "-T", "postgres", *query).split()
    traded = [str(number) for (number,) in rows(bot.data / "paper-exchange.db", "SELECT trade_id FROM trades")]
    assert sorted(booked) == sorted(traded)


@pytest.mark.long
def test_a_backup_from_the_server(on_postgres: Deployment) -> None:
    made = Path(on_postgres.run("scripts/backup.sh").stdout.splitlines()[-1])
    assert {file.name for file in check_backup(made).files} == {"tradebot.db", "paper-exchange.db"}
    assert (made / "postgres.dump").read_bytes().startswith(b"PGDMP")


@pytest.mark.long
def test_backups_by_themselves(deploy: Make) -> None:
    deployment = deploy()
    deployment.env_file(**FAST, COMPOSE_PROFILES="backup", BACKUP_EVERY="1s", BACKUP_KEEP="2")
    deployment.up("trading-bot", "backup")
    eventually(lambda: len(backups(deployment.folder / "backups")) == 2, "there are two")
    assert stopped(deployment) == ExitCode.OK
    assert check_backup(backups(deployment.folder / "backups")[-1]).files


def test_https_in_front(deploy: Make) -> None:
    stand_in("caddy:2-alpine", "caddy")
    port = free_port()
    deployment = deploy(TLS_HTTP_PORT=f"127.0.0.1:{free_port()}", TLS_HTTPS_PORT=f"127.0.0.1:{port}")
    deployment.env_file(COMPOSE_PROFILES="tls", DASHBOARD_DOMAIN="localhost")
    deployment.up("dashboard", "caddy")
    unverified = ssl._create_unverified_context()  # noqa: S323 - its certificate is made up for localhost

    def answer() -> bytes | None:
        try:
            with urllib.request.urlopen(f"https://localhost:{port}/", context=unverified, timeout=5) as page:
                assert "max-age" in page.headers["Strict-Transport-Security"]
                content: bytes = page.read(2000)
                return content
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return None

    assert b"<!doctype html" in eventually(answer, "the page comes by HTTPS").lower()
