"""The dashboard beside a real bot in a process of its own: what it shows, and what it makes the bot do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.processes import BotProcess, lively_candles, until
from tests.support.web import serving, web_app
from trading.store.latch import KILL_FILE
from trading.web.signing import NONCE, SIGNATURE, TIMESTAMP, sign

SECRET = "a secret to sign with"


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[BotProcess]:
    """A bot that has played its recording to the end and stays up, with a position."""
    lively_candles(tmp_path / "candles", 900)
    with BotProcess(
        tmp_path, "--market-data", "candles", "--policy", "keep", "--data-dir", str(tmp_path), TRADING_SEED="7"
    ) as process:
        process.wait_for("feed.ended")
        yield process


@pytest.fixture
def owner(tmp_path: Path, bot: BotProcess) -> Iterator[httpx.Client]:
    with serving(web_app(tmp_path, settings={"KILL_SWITCH_SECRET": SECRET})) as served, served.owner() as client:
        yield client


def obeyed(owner: httpx.Client, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Give a command and wait for the bot's answer."""
    given = owner.post(path, json=body)
    assert given.status_code == 202, given.text
    address = f"/api/v1/commands/{given.json()['id']}"
    until(lambda: owner.get(address).json()["done_at"] is not None, f"{path} is answered")
    answer: dict[str, Any] = owner.get(address).json()
    return answer


def test_it_shows_a_living_bot_and_its_settings(owner: httpx.Client, bot: BotProcess) -> None:
    ended = "nothing: the replay of recorded candles has ended, and the bot stays up until it is stopped"
    until(lambda: owner.get("/api/v1/status").json()["waiting_for"] == ended, "its next sign of life says so")
    status = owner.get("/api/v1/status").json()
    assert status["bot"]["state"] == "running"
    assert status["bot"]["pid"] == bot.pid
    assert (status["mode"], status["real_money"], status["is_demo"]) == ("paper", False, False)
    assert status["market"] == "replay of recorded candles"
    assert status["positions"] == len(owner.get("/api/v1/positions").json()) > 0
    settings = owner.get("/api/v1/settings").json()
    told = {line["name"]: (line["value"], line["source"]) for line in settings["bot"]}
    assert told["TRADING_SEED"] == ("7", "environment")
    own = {line["name"]: line["value"] for line in settings["dashboard"]}
    assert own["KILL_SWITCH_SECRET"] == "********"


def test_it_closes_a_position(owner: httpx.Client) -> None:
    (position, *_) = owner.get("/api/v1/positions").json()
    answer = obeyed(owner, f"/api/v1/positions/{position['id']}/close")
    assert (answer["state"], answer["by"]) == ("done", "owner (dashboard)")
    until(lambda: owner.get(f"/api/v1/positions/{position['id']}").json()["trade"] is not None, "it is closed")
    again = owner.post(f"/api/v1/positions/{position['id']}/close")
    assert (again.status_code, again.json()["code"]) == (409, "CLOSED")
    newest = owner.get("/api/v1/trades", params={"limit": 1}).json()["items"][0]
    assert (newest["id"], newest["exit_reason"]) == (position["id"], "closed by operator")


def test_a_cancelled_stop_is_placed_anew(owner: httpx.Client) -> None:
    (stop,) = owner.get("/api/v1/orders", params={"live": True, "purpose": "stop"}).json()["items"][:1]
    obeyed(owner, f"/api/v1/orders/{stop['id']}/cancel")
    until(lambda: owner.get(f"/api/v1/orders/{stop['id']}").json()["state"] == "canceled", "it is cancelled")

    def stops() -> list[str]:
        found = owner.get("/api/v1/orders", params={"live": True, "purpose": "stop", "symbol": stop["symbol"]})
        return [order["id"] for order in found.json()["items"]]

    until(lambda: stops() and stop["id"] not in stops(), "there is another stop")
    refused = owner.post(f"/api/v1/orders/{stop['id']}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "NOT_OPEN")
    refused = owner.post(f"/api/v1/orders/{stops()[0]}/resolve", json={"choice": "adopt"})
    assert (refused.status_code, refused.json()["code"]) == (409, "NOT_IN_DOUBT")


def test_a_command_sent_twice_with_one_key_is_given_once(owner: httpx.Client) -> None:
    key = {"Idempotency-Key": "pause-for-lunch"}
    first = owner.post("/api/v1/bot/pause", json={"reason": "lunch"}, headers=key).json()
    second = owner.post("/api/v1/bot/pause", json={"reason": "lunch"}, headers=key).json()
    assert first["id"] == second["id"] == "pause-for-lunch"
    assert len(owner.get("/api/v1/commands").json()["items"]) == 1
    other = owner.post("/api/v1/orders/cancel-entries", headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "KEY_IN_USE")


def test_it_pauses_and_resumes(owner: httpx.Client) -> None:
    assert obeyed(owner, "/api/v1/bot/pause", {"reason": "news at noon"})["state"] == "done"
    until(lambda: not owner.get("/api/v1/status").json()["entries_allowed"], "it is paused")
    assert owner.get("/api/v1/status").json()["entries_stopped_by"] == ["paused: news at noon"]
    assert obeyed(owner, "/api/v1/safety/circuit-breaker/reset", {"reason": "news read"})["state"] == "done"
    until(lambda: owner.get("/api/v1/status").json()["entries_allowed"], "it goes on")
    nothing = owner.post("/api/v1/safety/circuit-breaker/reset", json={"reason": "again"})
    assert (nothing.status_code, nothing.json()["code"]) == (409, "NOT_SET")


def test_a_kill_is_latched_at_once_and_effective_soon(owner: httpx.Client) -> None:
    killed = owner.post("/api/v1/safety/kill-switch/trigger", json={"reason": "odd fills", "flatten": True})
    assert killed.status_code == 200
    assert (killed.json()["active"], killed.json()["latched"]) == (True, True)
    assert (killed.json()["triggered_by"], killed.json()["reason"]) == ("owner (dashboard)", "odd fills")
    address = "/api/v1/safety/kill-switch/status"
    until(lambda: owner.get(address).json()["effective"], "it is effective")
    until(lambda: owner.get("/api/v1/positions").json() == [], "everything is sold")
    again = owner.post("/api/v1/safety/kill-switch/trigger", json={"reason": "twice"}).json()
    assert again["reason"] == "odd fills"
    reset = owner.post("/api/v1/safety/kill-switch/reset", json={"reason": "fills are right"})
    assert (reset.status_code, reset.json()["active"]) == (200, False)
    assert reset.json()["reset_reason"] == "fills are right"
    until(lambda: owner.get("/api/v1/status").json()["entries_allowed"], "the bot knows of it")


def test_a_signed_request_kills_without_a_login(tmp_path: Path, bot: BotProcess) -> None:
    path, body = "/api/v1/safety/kill-switch/trigger", b'{"reason":"from the outside"}'
    stamp, nonce = str(int(time.time())), "n" * 20
    headers = {TIMESTAMP: stamp, NONCE: nonce, SIGNATURE: sign(SECRET, "POST", path, stamp, nonce, body)}
    with serving(web_app(tmp_path, settings={"KILL_SWITCH_SECRET": SECRET})) as served, served.stranger() as client:
        killed = client.post(path, content=body, headers={**headers, "Content-Type": "application/json"})
        assert killed.status_code == 200, killed.text
        assert killed.json()["triggered_by"] == "signed request (dashboard)"
        until(lambda: "KILLED" in str(bot.next_line()), "the bot says so")


def test_it_ends_the_bot_and_goes_on_without_it(owner: httpx.Client, bot: BotProcess, tmp_path: Path) -> None:
    given = owner.post("/api/v1/bot/stop", json={"policy": "keep"})
    assert given.status_code == 202
    assert bot.end() == 0
    status = owner.get("/api/v1/status").json()
    assert status["bot"]["state"] == "stopped"
    assert "somebody to start the bot" in status["waiting_for"]
    assert owner.get(f"/api/v1/commands/{given.json()['id']}").json()["state"] == "done"
    for path, body in (("/api/v1/bot/stop", {}), ("/api/v1/positions/close-all", {"reason": "all"})):
        refused = owner.post(path, json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, "BOT_NOT_RUNNING")
    killed = owner.post("/api/v1/safety/kill-switch/trigger", json={"reason": "to be sure"}).json()
    assert killed["effective"]
    assert not (tmp_path / KILL_FILE).exists()
