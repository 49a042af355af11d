"""Alerts of real bot processes: nothing waits for a channel, nothing is lost, no secret is written anywhere."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.processes import BotProcess, lively_candles, rows, tradebot, until
from tests.support.services import Answer, Request, Service, service
from tests.support.web import serving, web_app
from trading.monitoring.alerts.deadman import DeadManPing
from trading.monitoring.alerts.texts import wording_of
from trading.monitoring.jobs import Jobs

SECRET = "correct-horse-battery"


@pytest.fixture
def there() -> Iterator[Service]:
    with service() as found:
        yield found


def titles(there: Service) -> str:
    return " ".join(f"{request.body['title']} {request.body['message']}" for request in there.requests)


def test_row_38_a_webhook_that_hangs_holds_up_no_trading_and_no_stop(tmp_path: Path, there: Service) -> None:
    """It hangs from the first alert on, until the bot has replayed everything and ended."""
    released = threading.Event()

    def hang(_request: Request) -> Answer:
        released.wait(120)
        return 200, b"ok"

    there.answer = hang
    lively_candles(tmp_path / "candles", 900)
    arguments = ("--market-data", "candles", "--speed", "max")
    url = f"json://127.0.0.1:{there.port}/{SECRET}?rto=100"  # longer than it takes
    with BotProcess(tmp_path, *arguments, "--stop-at-end", ALERT_URLS=url) as bot:
        assert bot.end() == 0
    assert not released.is_set()
    assert len(there.requests) == 1
    database = tmp_path / "data" / "tradebot.db"
    told = dict(rows(database, "SELECT code, count(*) FROM alerts GROUP BY code"))
    assert told["STARTED"] == told["STOPPED"] == 1
    assert told["POSITION_OPENED"] > 3
    assert rows(database, "SELECT count(*) FROM alert_deliveries WHERE sent_ms IS NOT NULL") == [(0,)]
    # What was not sent the next process sends.
    released.set()
    there.answer = lambda _request: (200, b"ok")
    before = len(there.requests)
    with BotProcess(tmp_path, *arguments, ALERT_URLS=url) as bot:
        until(lambda: len(there.requests) > before, "the next bot sends what waits")
        bot.signal(signal.SIGTERM)
        assert bot.end() == 0
    assert rows(database, "SELECT count(*) FROM alert_deliveries WHERE sent_ms IS NOT NULL")[0][0] > 0


def test_a_killed_bot_says_at_its_next_start_that_it_has_recovered_and_no_secret_is_written(
    tmp_path: Path, there: Service
) -> None:
    environ = {
        "ALERT_URLS": f"json://user:{SECRET}@127.0.0.1:{there.port}/{SECRET}x",
        "HEARTBEAT_URL": f"http://127.0.0.1:{there.port}/{SECRET}y",
        "LOG_LEVEL": "DEBUG",
    }
    with BotProcess(tmp_path, **environ) as bot:
        until(lambda: any(request.method == "POST" for request in there.requests), "the start is told")
        until(lambda: any(request.method == "GET" for request in there.requests), "the ping comes")
        bot.signal(signal.SIGKILL)
        bot.end()
        first = list(bot.lines)
    there.answer = lambda request: (500, b"no") if request.method == "POST" else (404, b"gone")
    with BotProcess(tmp_path, **environ) as bot:
        bot.wait_for("notify", code="RECOVERED")
        bot.wait_for("alerts.not_sent")
        bot.signal(signal.SIGTERM)
        assert bot.end() == 0
        second = list(bot.lines)
    assert SECRET not in str(first) + str(second)
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file.name


@pytest.mark.soak  # a minute of waiting: a bot that is only started again shall not be told as gone
def test_the_dashboard_tells_that_a_killed_bot_is_gone_and_that_it_is_back(tmp_path: Path, there: Service) -> None:
    port = free_port()
    environ = {"ALERT_URLS": f"json://127.0.0.1:{there.port}", "DASHBOARD_PORT": str(port)}
    server = [sys.executable, "-m", "trading.web.server"]

    with BotProcess(tmp_path, command=server, **environ):
        with BotProcess(tmp_path, **environ) as bot:
            bot.wait_for("bot.reconciled")
            bot.signal(signal.SIGKILL)
            bot.end()
        gone, back = wording_of("BOT_GONE").headline, wording_of("BOT_BACK").headline
        assert gone not in titles(there)
        until(lambda: gone in titles(there), "the dashboard tells it", pause_s=0.2)
        with BotProcess(tmp_path, **environ):
            until(lambda: back in titles(there), "it tells that the bot is back", pause_s=0.2)
    told = rows(tmp_path / "data" / "tradebot.db", "SELECT code FROM alerts WHERE code LIKE 'BOT_%' ORDER BY seq")
    assert told == [("BOT_GONE",), ("BOT_BACK",)]


def test_the_dead_man_ping_tells_well_from_not_well(there: Service) -> None:
    well, jobs = [True], Jobs()
    ping = DeadManPing(f"{there.address}/well", f"{there.address}/fail", lambda: well[0], jobs, each_s=0.05)
    ping.start()
    until(lambda: "/well" in [request.path for request in there.requests], "a ping")
    well[0] = False
    until(lambda: "/fail" in [request.path for request in there.requests], "the other ping")
    there.answer = lambda _request: (503, b"")
    until(jobs.failing, "a failing job")
    ping.stop()
    assert "status 503" in jobs.failing()[0].error


def test_the_dashboard_lists_acknowledges_and_tests(tmp_path: Path, there: Service) -> None:
    lively_candles(tmp_path / "candles", 1_200)
    with BotProcess(tmp_path, "--market-data", "candles", "--speed", "max", "--stop-at-end") as bot:
        assert bot.end() == 0
    urls = f"json://127.0.0.1:{there.port}/{SECRET} json://127.0.0.1:9/{SECRET}"
    settings = {"ALERT_URLS": urls}
    with (
        serving(web_app(tmp_path / "data", settings=settings)) as dashboard,
        dashboard.owner() as owner,
    ):
        found = owner.get("/api/v1/alerts", params={"limit": 2}).json()
        assert found["items"][0]["alert"]["code"] == "STOPPED"
        assert found["next_offset"] == 2
        assert owner.get("/api/v1/alerts", params={"level": "critical"}).json()["items"] == []
        newest = found["items"][0]["alert"]["seq"]
        assert owner.post("/api/v1/alerts/acknowledge", json={"up_to_seq": newest}).json()["count"] == newest
        assert owner.get("/api/v1/alerts", params={"acknowledged": "false"}).json()["items"] == []
        tested = owner.post("/api/v1/alerts/test").json()
        assert [(trial["channel"], trial["arrived"]) for trial in tested] == [("url1", True), ("url2", False)]
        assert SECRET not in str(tested)
    assert "Test alert" in titles(there)


def test_the_command_line_lists_and_tests(tmp_path: Path, there: Service) -> None:
    done = tradebot("alerts", "test", cwd=tmp_path)
    assert "no channel is set up" in done.stdout
    done = tradebot("alerts", "test", cwd=tmp_path, ALERT_URLS=f"json://127.0.0.1:{there.port}/{SECRET}")
    assert (done.returncode, "url1" in done.stdout) == (0, True), done.stderr
    there.answer = lambda _request: (404, b"")
    done = tradebot("alerts", "test", "--json", cwd=tmp_path, ALERT_URLS=f"json://127.0.0.1:{there.port}/{SECRET}")
    assert done.returncode == 1
    assert "404" in done.stdout
    assert SECRET not in done.stdout + done.stderr
