"""`WS /ws` beside a real bot: everything that it does arrives, whatever is broken off or killed in between."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.listening import Listening, Message
from tests.support.processes import BotProcess, rows, until
from tests.support.web import Served, serving, web_app
from trading.domain.decisions import IdleVeto
from trading.web.stream.board import Kind

DATABASE = "tradebot.db"


def bot(folder: Path, *arguments: str) -> BotProcess:
    return BotProcess(folder, *arguments, DATA_DIR=str(folder), LOG_LEVEL="ERROR")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(web_app(tmp_path)) as served:
        yield served


def keys_of(messages: list[Message], kind: str, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(m["data"][name] for name in names) for m in messages if m["type"] == kind]


def test_all_that_a_bot_does_arrives(served: Served, tmp_path: Path) -> None:
    """From before its first start until after its end: each trade and each decision that is not idle once."""
    with Listening(served) as listening:
        assert listening.next()["data"]["positions"] == []
        with bot(tmp_path, "--speed", "100") as process:
            for kind in (Kind.DECISION, Kind.CANDLE, Kind.EQUITY, Kind.ORDER, Kind.POSITION, Kind.TRADE, Kind.ALERT):
                if kind not in {message["type"] for message in listening.messages}:
                    listening.until_type(kind)
            process.signal(signal.SIGTERM)
            assert process.end() == 0
        database = tmp_path / DATABASE
        last_fill = rows(database, "SELECT symbol, trade_id FROM fills ORDER BY time_ms DESC, rowid DESC LIMIT 1")[0]
        told = {("trade_executed", *last_fill)}
        listening.until(
            lambda m: (m["type"], m["data"].get("symbol"), m["data"].get("trade_id")) in told, "the last trade"
        )
        messages = listening.messages
        begun_at = max(n for n, message in enumerate(messages) if message["type"] == "snapshot")
        known = messages[begun_at]["data"]
        assert begun_at <= 2
        trades = keys_of(messages[begun_at:], "trade_executed", "symbol", "trade_id")
        before = [(trade["symbol"], trade["trade_id"]) for trade in known["trades"]]
        assert sorted(before + trades) == sorted(rows(database, "SELECT symbol, trade_id FROM fills"))
        decided = keys_of(messages[begun_at:], "decision", "id", "verdict", "veto")
        made = [(one["id"], one["verdict"], one["veto"]) for one in known["decisions"]] + decided
        acted = [(id_, verdict, veto) for id_, verdict, veto in made if verdict != "hold" and veto not in set(IdleVeto)]
        idle = ", ".join(f"'{veto}'" for veto in IdleVeto)
        in_database = rows(
            database,
            f"SELECT id, verdict, veto FROM decisions WHERE verdict != 'hold' AND veto NOT IN ({idle})",  # noqa: S608
        )
        assert len(set(acted)) == len(acted)
        assert set(acted) <= set(in_database)


def test_health_safety_and_metrics_arrive_and_a_kill_at_once(served: Served, tmp_path: Path) -> None:
    with Listening(served) as listening, served.owner() as client, bot(tmp_path, "--speed", "50"):
        standing = listening.until(
            lambda m: bool(m["type"] == "snapshot" and m["data"]["safety"] and m["data"]["metrics"]), "all of it"
        )["data"]
        assert standing["safety"]["kill_switch"]["active"] is False
        listening.until_type("metrics_update")
        healthy = listening.until(
            lambda m: bool(m["type"] == "health_update" and m["data"]["level"] == "healthy"), "a healthy bot"
        )
        assert healthy["data"].keys() == client.get("/api/v1/health/status").json().keys()
        assert client.post("/api/v1/safety/kill-switch/trigger", json={"reason": "a test"}).is_success
        killed = listening.until(
            lambda m: bool(m["type"] == "safety_update" and m["data"]["kill_switch"]["effective"]), "effective"
        )
        assert killed["data"]["kill_switch"]["reason"] == "a test"
        assert killed["data"].keys() == client.get("/api/v1/health/safety").json().keys()
        listening.until(lambda m: bool(m["type"] == "health_update" and m["data"]["kill_switch_active"]), "killed")


def test_the_end_of_a_bot_is_told(served: Served, tmp_path: Path) -> None:
    with Listening(served) as listening:
        with bot(tmp_path, "--speed", "50"):
            listening.until(
                lambda m: bool(m["type"] == "health_update" and m["data"]["level"] == "healthy"), "a healthy bot"
            )
        listening.until(
            lambda m: bool(m["type"] == "health_update" and m["data"]["level"] == "critical"), "that it is gone"
        )


def test_whoever_breaks_off_and_comes_back_gets_the_whole_sequence(served: Served, tmp_path: Path) -> None:
    """At random cut points; compared with one who never broke off."""
    whole: list[Message] = []
    enough = threading.Event()
    with bot(tmp_path, "--speed", "100"), Listening(served) as stays:
        stays.until_type("order_update")
        start = stays.last

        def hear() -> None:
            while not enough.is_set():
                whole.append(stays.next())

        thread = threading.Thread(target=hear)
        thread.start()
        try:
            chance, got = random.Random(5), []
            last = start
            while len(got) < 400:
                with Listening(served, since=last) as broken:
                    for _ in range(chance.randint(0, 25)):
                        broken.next()
                    got += broken.messages
                last = got[-1]["seq"] if got else start
            until(lambda: bool(whole) and whole[-1]["seq"] >= last, "the other has heard as much")
        finally:
            enough.set()
            thread.join()
    assert [m["seq"] for m in got] == list(range(start + 1, last + 1))
    assert got == [message for message in whole if start < message["seq"] <= last]
    assert "snapshot" not in [m["type"] for m in got]


def test_a_bot_that_is_killed_and_started_again_is_followed_without_a_break(served: Served, tmp_path: Path) -> None:
    with Listening(served) as listening:
        for _ in range(2):
            with bot(tmp_path, "--speed", "100") as process:
                listening.until_type("trade_executed")
                listening.until_type("trade_executed")
                process.signal(signal.SIGKILL)
                process.end()
        database = tmp_path / DATABASE
        in_database = sorted(rows(database, "SELECT symbol, trade_id FROM fills"))
        last = max(n for n, message in enumerate(listening.messages) if message["type"] == "snapshot")
        known = [(t["symbol"], t["trade_id"]) for t in listening.messages[last]["data"]["trades"]]

        def told() -> list[tuple[Any, ...]]:
            return sorted(known + keys_of(listening.messages[last:], "trade_executed", "symbol", "trade_id"))

        while told() != in_database:
            listening.next()
        assert last <= 2  # what came after the first snapshots is one sequence over the kill
