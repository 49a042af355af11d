"""The dashboard on PostgreSQL: the same answers, logins that last, a kill that is latched, a server that is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.bots import ListFeed, LivelySignals, calm_batches, make_bot
from tests.support.builders import BTC, ETH
from tests.support.postgres import PostgresServer
from tests.support.processes import until
from tests.support.web import serving, web_app
from trading.store.latch import KILL_FILE
from trading.web.access import CSRF_HEADER

PASSWORD = "correct horse battery staple"
TRIGGER = "/api/v1/safety/kill-switch/trigger"


@pytest.fixture
def settings(postgres: PostgresServer, tmp_path: Path) -> dict[str, str]:
    """Of a dashboard on a database that a bot has traded in."""
    url = postgres.create_database()
    feed = ListFeed(calm_batches(60, [BTC.symbol, ETH.symbol]))
    bot = make_bot(tmp_path, feed, LivelySignals(7), database=url, stop_at_end=True)
    assert bot.run() == 0
    return {"DATABASE_URL": url, "DASHBOARD_PASSWORD": PASSWORD}


def test_everything_that_can_be_asked_is_answered(settings: dict[str, str], tmp_path: Path) -> None:
    app = web_app(tmp_path, settings=settings)
    with serving(app) as served, served.owner() as owner:
        paths = [path for path, parts in app.openapi()["paths"].items() if "get" in parts and "{" not in path]
        for path in paths:
            wanted = {"symbol": "BTC/USDT", "timeframe": "1m"} if path.endswith("candles") else {}
            allowed = {200, 503} if path in ("/health", "/readyz") else {200}  # no bot runs
            assert owner.get(path, params=wanted).status_code in allowed, path
        trades = owner.get("/api/v1/trades").json()["items"]
        assert trades
        detail = owner.get(f"/api/v1/positions/{trades[0]['id']}").json()
        assert detail["trade"] == trades[0] and detail["fills"]
        assert owner.post("/api/v1/bot/pause", json={"reason": "a\x00b"}).json()["reason"] == "a b"


def test_logins_tokens_and_commands_are_kept(settings: dict[str, str], tmp_path: Path) -> None:
    with serving(web_app(tmp_path, settings=settings)) as served, served.stranger() as client:
        answer = client.post("/api/v1/login", json={"password": PASSWORD})
        client.headers[CSRF_HEADER] = answer.json()["csrf_token"]
        token = client.post("/api/v1/tokens", json={"name": "one", "scope": "trade"}).json()["token"]
        assert client.post("/api/v1/tokens", json={"name": "one", "scope": "trade"}).status_code == 422
        paused = client.post("/api/v1/bot/pause", json={"reason": "x"}, headers={"Idempotency-Key": "pause-it"})
        assert paused.status_code == 202
        cookies = dict(client.cookies)
    bearer = {"Authorization": f"Bearer {token}"}
    with serving(web_app(tmp_path, settings=settings)) as served, served.stranger(cookies=cookies) as client:
        assert client.get("/api/v1/commands/pause-it").json()["reason"] == "x"
        with served.stranger(headers=bearer) as program:
            assert program.get("/api/v1/session").json()["scope"] == "trade"
            killed = program.post(TRIGGER, json={"reason": "now"}).json()
            assert (killed["latched"], killed["effective"], killed["by_file"]) == (True, True, False)


def test_a_server_that_is_gone_is_told_and_found_again(
    settings: dict[str, str], tmp_path: Path, postgres: PostgresServer
) -> None:
    with serving(web_app(tmp_path, settings=settings)) as served, served.owner() as owner:
        assert owner.get("/api/v1/status").status_code == 200
        postgres.kill()
        try:
            gone = owner.get("/api/v1/status")
            assert (gone.status_code, gone.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
            assert PASSWORD not in gone.text and settings["DATABASE_URL"] not in gone.text
            assert owner.post(TRIGGER, json={"reason": "now"}).json()["by_file"]
            assert (tmp_path / KILL_FILE).exists()
        finally:
            postgres.start()
        until(lambda: owner.get("/api/v1/status").status_code == 200, "the server is found again")
