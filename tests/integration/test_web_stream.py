"""`WS /ws` on a real socket: who gets in, what they get, and how those are sent away who cannot stay."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from websockets.exceptions import ConnectionClosed, InvalidStatus

from benchmarks.listeners import Listener, listen
from tests.support.listening import PATIENCE_S, Listening
from tests.support.processes import until
from tests.support.web import Served, serving, web_app
from tests.unit.store.store_helpers import ACCOUNT, T0, batch, fill, open_journal, order, order_id
from trading.domain.actions import Level, Notify
from trading.domain.orders import OrderState
from trading.store.journal import Journal
from trading.store.retention import Retention, prune
from trading.web import server
from trading.web.keys import COOKIE
from trading.web.stream.hub import Hub


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """The database that the dashboard looks at, written by the test in the bot's place."""
    journal = open_journal(tmp_path / "tradebot.db")
    journal.commit(batch(ACCOUNT))
    yield journal
    journal.close()


@pytest.fixture
def served(tmp_path: Path, journal: Journal) -> Iterator[Served]:
    with serving(web_app(tmp_path)) as served:
        yield served


def hub_of(served: Served) -> Hub[object]:
    hub = served.context.hub
    assert hub is not None
    return hub  # type: ignore[return-value]


def trade(journal: Journal, number: int, *, order_number: int = 1) -> None:
    """One fill, which leads to one trade_executed and one order_update."""
    changed = order(order_number, OrderState.PARTIALLY_FILLED, filled=f"0.{number + 1:06d}")
    journal.commit(batch(changed, fill(f"t{number}", order_number)))


def trades_in(listening: Listening) -> list[str]:
    return [m["data"]["trade_id"] for m in listening.messages if m["type"] == "trade_executed"]


def closed(listening: Listening) -> tuple[int, str]:
    """Read on to the connection's end; its code and reason."""
    with pytest.raises(ConnectionClosed) as end:
        listening.until(lambda _: False, "the end")
    assert end.value.rcvd is not None
    return end.value.rcvd.code, end.value.rcvd.reason


def test_who_comes_gets_a_snapshot_and_then_what_happens(tmp_path: Path, journal: Journal) -> None:
    journal.commit(batch(order(1, OrderState.OPEN)))
    with serving(web_app(tmp_path)) as served, Listening(served) as listening:
        snapshot = listening.until(lambda m: bool(m["type"] == "snapshot" and m["data"]["orders"]), "the order")
        assert snapshot["data"]["orders"][0]["id"] == order_id(1)
        trade(journal, 0)
        assert listening.until_type("order_update")["data"]["state"] == "partially_filled"
        assert listening.until_type("trade_executed")["data"]["trade_id"] == "t0"


def test_messages_have_the_shapes_of_the_rest_interface(served: Served, journal: Journal) -> None:
    with Listening(served) as listening, served.owner() as client:
        listening.until_type("snapshot")
        trade(journal, 0)
        told = listening.until_type("order_update")["data"]
        listed = client.get("/api/v1/orders").json()["items"]
        assert told == listed[0]


def test_who_comes_back_with_a_number_misses_nothing(served: Served, journal: Journal) -> None:
    with Listening(served) as first:
        first.until_type("snapshot")
        trade(journal, 0)
        first.until_type("trade_executed")
    for number in range(1, 30):
        trade(journal, number)
    with Listening(served, since=first.last) as second:
        second.until(lambda m: m["data"].get("trade_id") == "t29", "the last trade")
        assert second.messages[0]["seq"] == first.last + 1
        assert "snapshot" not in [m["type"] for m in second.messages]
        assert trades_in(first) + trades_in(second) == [f"t{number}" for number in range(30)]


@pytest.mark.parametrize("since", [0, 12345, 2**53 - 1])
def test_a_number_that_is_too_old_or_of_no_server_gets_a_snapshot(served: Served, since: int) -> None:
    with Listening(served, since=since) as listening:
        assert listening.next()["type"] == "snapshot"


def test_a_server_that_was_started_again_knows_an_old_number(tmp_path: Path, journal: Journal) -> None:
    with serving(web_app(tmp_path)) as served, Listening(served) as first:
        first.until_type("snapshot")
        trade(journal, 0)
        first.until_type("trade_executed")
    trade(journal, 1)
    with serving(web_app(tmp_path)) as served, Listening(served, since=first.last) as second:
        snapshot = second.next()
        assert snapshot["type"] == "snapshot"
        assert snapshot["seq"] > first.last
        trade(journal, 2)
        second.until(lambda m: m["data"].get("trade_id") == "t2", "a trade after the snapshot")


def test_a_server_that_ends_says_so(tmp_path: Path, journal: Journal) -> None:
    with ExitStack() as stack:
        with serving(web_app(tmp_path)) as served:
            listening = stack.enter_context(Listening(served))
            listening.until_type("snapshot")
        assert closed(listening)[0] == 1012


def test_without_a_login_or_from_another_site_nobody_gets_in(served: Served) -> None:
    refused = {
        401: {"logged_in": False},
        403: {"headers": {"Origin": "https://evil.example"}},
        400: {"headers": {"Host": "evil.example"}},
    }
    for status, options in refused.items():
        with pytest.raises(InvalidStatus) as error, Listening(served, **options):
            pass
        # A WebSocket for a foreign host is refused before any answer could be made.
        assert error.value.response.status_code in (status, 403)
    with Listening(served, headers={"Origin": served.address}) as listening:
        listening.until_type("snapshot")


@pytest.mark.parametrize("since", ["-1", "x", "1.5", "", "9" * 400, "٣"])
def test_a_number_that_is_none_is_refused(served: Served, since: str) -> None:
    with pytest.raises(InvalidStatus) as error, served.websocket(f"/ws?since={since}"):
        pass
    assert error.value.response.status_code == 422


def test_no_more_listen_than_may_and_one_who_leaves_makes_room(served: Served) -> None:
    hub = hub_of(served)
    hub._clients_max = 2
    with Listening(served), Listening(served):
        with pytest.raises(InvalidStatus) as error, Listening(served):
            pass
        assert error.value.response.status_code == 503
    until(lambda: len(hub) == 0, "those who left are forgotten")
    with Listening(served) as listening:
        listening.until_type("snapshot")


def test_a_message_from_a_client_ends_its_connection(served: Served) -> None:
    with Listening(served) as listening:
        listening.connection.send('{"type":"hello"}')
        assert closed(listening) == (1003, "this stream takes no messages")


def test_a_large_message_from_a_client_ends_its_connection(served: Served) -> None:
    with Listening(served) as listening:
        listening.connection.send("x" * 5_000)
        assert closed(listening)[0] == 1009


def test_a_logout_closes_the_sockets_of_its_session_and_no_others(served: Served, journal: Journal) -> None:
    with Listening(served) as stays, served.owner() as client:
        with Listening(served, logged_in=False, headers={"Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}) as goes:
            goes.until_type("snapshot")
            assert client.post("/api/v1/logout").status_code == 204
            assert closed(goes) == (4401, "the login has ended: log in again")
        trade(journal, 0)
        stays.until_type("trade_executed")


def test_a_session_that_expires_closes_its_sockets_however_much_is_sent(tmp_path: Path, journal: Journal) -> None:
    now = [T0]
    with serving(web_app(tmp_path, now_ms=lambda: now[0])) as served, Listening(served) as listening:
        listening.until_type("snapshot")
        now[0] += served.context.settings.dashboard_session_idle_hours * 3_600_000
        assert closed(listening)[0] == 4401


def slow_connection(served: Served) -> socket.socket:
    """An open stream of which nothing is read."""
    key, _ = served.context.sessions.begin(served.context.now_ms())
    lines = [
        "GET /ws HTTP/1.1",
        f"Host: 127.0.0.1:{served.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
        f"Cookie: {COOKIE}={key}",
    ]
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    slow.connect(("127.0.0.1", served.port))
    slow.sendall("\r\n".join([*lines, "", ""]).encode())
    return slow


def test_who_does_not_read_is_sent_away_and_the_others_get_everything(served: Served, journal: Journal) -> None:
    hub = hub_of(served)
    hub._waiting_max = 5
    long = "x" * 60_000
    with Listening(served) as quick, slow_connection(served) as slow:
        until(lambda: len(hub) == 2, "both listen")
        sent = 0
        while len(hub) == 2:
            journal.commit(batch(replace(order(sent, OrderState.OPEN), message=long)))
            wanted = order_id(sent)
            quick.until(lambda m: m["data"].get("id") == wanted, "its order")  # noqa: B023 - called at once
            sent += 1
            assert sent < 1_000
        # What was on its way comes, and then the reason.
        slow.settimeout(PATIENCE_S)
        tail = b""
        while b"\x11\x38too slow" not in tail:  # close code 4408
            data = slow.recv(65_536)
            assert data
            tail = tail[-50:] + data
        trade(journal, 0, order_number=2_000)
        quick.until_type("trade_executed")


def test_who_answers_no_ping_has_gone_and_who_does_stays(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PING_SECONDS", 3.0)
    with serving(web_app(tmp_path)) as served, Listening(served) as alive, slow_connection(served):
        hub = hub_of(served)
        until(lambda: len(hub) == 2, "both listen")
        until(lambda: len(hub) == 1, "the silent one has gone")
        trade(journal, 0)
        alive.until_type("trade_executed")


def test_events_pruned_before_they_were_seen_give_a_snapshot_in_between(served: Served, journal: Journal) -> None:
    note = Notify(Level.INFO, "NOTE", "of no use")
    journal.commit(batch(notifications=[note]))
    with Listening(served) as listening:
        listening.until_type("snapshot")
        trade(journal, 0)
        listening.until_type("trade_executed")
        # Both in one look, or in two: in either case the picture is whole afterwards.
        journal.commit(batch(order(7, OrderState.OPEN), notifications=[note] * 3))
        prune(journal.engine, T0 + 10 * 86_400_000, Retention(events_days=1))
        wanted = order_id(7)
        listening.until(
            lambda m: (
                (m["type"] == "order_update" and m["data"]["id"] == wanted)
                or (m["type"] == "snapshot" and wanted in [o["id"] for o in m["data"]["orders"]])
            ),
            "the order",
        )
        trade(journal, 1)
        listening.until(lambda m: m["data"].get("trade_id") == "t1", "a trade afterwards")


def test_a_database_that_goes_and_comes_back_is_waited_for(served: Served, journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "tradebot.db"
    with Listening(served) as listening:
        listening.until_type("snapshot")
        trade(journal, 0)
        listening.until_type("trade_executed")
        journal.engine.dispose()
        for name in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            if name.exists():
                name.rename(tmp_path / f"away{name.name}")
        hub = hub_of(served)
        until(lambda: hub._failures > 0, "the server has noticed")
        for name in sorted(tmp_path.glob("away*"), reverse=True):  # the database last, as it is found by then
            name.rename(tmp_path / name.name.removeprefix("away"))
        trade(journal, 1)
        listening.until(lambda m: m["data"].get("trade_id") == "t1", "the trade after it came back")


def test_two_hundred_listen_and_all_hear_the_same(served: Served, journal: Journal) -> None:
    key, _ = served.context.sessions.begin(served.context.now_ms())

    async def hear() -> list[Listener]:
        listeners = await listen(served.port, 200, {"Cookie": f"{COOKIE}={key}"}, keeps_all=True)
        for number in range(20):
            await asyncio.to_thread(trade, journal, number)
        async with asyncio.timeout(PATIENCE_S):
            while not all(any('"t19"' in text for text in one.texts[-9:]) for one in listeners):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        for listener in listeners:
            listener.close()
        return listeners

    heard = asyncio.run(hear())
    assert len(heard) == 200
    for listener in heard:
        messages = [json.loads(text) for text in listener.texts]
        numbers = [message["seq"] for message in messages]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        told = [m["data"]["trade_id"] for m in messages if m["type"] == "trade_executed"]
        known = [t["trade_id"] for m in messages if m["type"] == "snapshot" for t in m["data"]["trades"]]
        assert sorted({*told, *known}) == sorted(f"t{number}" for number in range(20))


def first_alerts(listening: Listening, count: int) -> list[Any]:
    """The first alerts, be they in the snapshot or told after it."""
    found: list[Any] = []
    while len(found) < count:
        message = listening.next()
        found += message["data"]["alerts"] if message["type"] == "snapshot" else []
        found += [message["data"]] if message["type"] == "alert" else []
    return found


def test_an_alert_that_one_acknowledges_is_told_to_the_others(served: Served, journal: Journal) -> None:
    notes = [Notify(Level.WARNING, "NOTE", f"number {number}") for number in (1, 2, 3)]
    journal.commit(batch(notifications=notes))
    with Listening(served) as one, Listening(served) as other, served.owner() as owner:
        first, second, third = first_alerts(one, 3)
        first_alerts(other, 3)
        assert first["acknowledged_at"] is None
        assert owner.post("/api/v1/alerts/acknowledge", json={"up_to_seq": second["seq"]}).json()["count"] == 2
        for listening in (one, other):
            told = [listening.until_type("alert")["data"] for _ in range(2)]
            assert [alert["seq"] for alert in told] == [first["seq"], second["seq"]]
            assert all(alert["acknowledged_at"] and alert["acknowledged_by"] for alert in told)
        # Nobody is told of it again: the next one is a new alert, and who comes now finds them in their order.
        journal.commit(batch(notifications=[Notify(Level.INFO, "NOTE", "number 4")]))
        assert one.until_type("alert")["data"]["text"] == "number 4"
        with Listening(served) as late:
            alerts = late.until_type("snapshot")["data"]["alerts"]
    assert [alert["text"] for alert in alerts] == [f"number {number}" for number in (1, 2, 3, 4)]
    assert [alert["acknowledged_at"] is None for alert in alerts] == [False, False, True, True]
    assert third["seq"] == alerts[2]["seq"]
