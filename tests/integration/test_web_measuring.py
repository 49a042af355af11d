"""What the dashboard counts of itself: every request once, by its route's template, and those who listen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

from tests.support.processes import until
from tests.support.web import Served, serving, web_app
from trading.web.access import PUBLIC
from trading.web.routes import PARTS, Part
from trading.web.stream.client import LOGIN_ENDED, NO_MESSAGES, TOO_SLOW


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    router = APIRouter()

    @router.get("/fault/{name}", dependencies=[PUBLIC])
    def fault(name: str) -> int:
        raise RuntimeError(name)

    with capture_logs(), serving(web_app(tmp_path, parts=(*PARTS, Part(router)))) as there:
        yield there


def counted(served: Served, method: str, route: str, status: int) -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    return served.context.registry.get_sample_value("tradebot_http_requests_total", labels) or 0.0


def timed(served: Served, route: str) -> float:
    return served.context.registry.get_sample_value("tradebot_http_request_seconds_count", {"route": route}) or 0.0


def listening(served: Served) -> float | None:
    return served.context.registry.get_sample_value("tradebot_http_websocket_clients")


def sent_away(served: Served, code: int) -> float | None:
    return served.context.registry.get_sample_value("tradebot_http_websocket_dismissed_total", {"code": str(code)})


def test_requests_are_counted_by_route_method_and_status(served: Served) -> None:
    order, fault, state = "/api/v1/orders/{order_id}", "/fault/{name}", "/api/v1/session"
    with served.owner() as owner, served.stranger() as stranger:
        for name in ("a", "b", "c"):
            owner.get(f"/api/v1/orders/{name}")
            owner.get(f"/fault/{name}")
        owner.get(state)
        stranger.get(state)
        stranger.get("/livez")
        until(lambda: counted(served, "GET", "/livez", 200) == 1, "the last one is counted")
    assert (counted(served, "GET", state, 200), counted(served, "GET", state, 401)) == (1, 1)
    assert counted(served, "GET", fault, 500) == timed(served, fault) == 3
    assert timed(served, order) == 3
    assert timed(served, state) == 2


def test_what_strangers_make_up_adds_no_labels(served: Served) -> None:
    with served.stranger() as stranger:
        for number in range(20):
            stranger.get(f"/nothing/{number}")
            stranger.request("PROPFIND", "/livez")
            stranger.get("/livez", headers={"Host": f"host{number}.example"})
            stranger.get(f"/assets/{number}.js")
            stranger.get("/")
        stranger.get("/livez")
        until(lambda: counted(served, "GET", "/livez", 200) == 1, "the last one is counted")
    # An answer is counted when it has been sent: a moment after it has arrived.
    until(lambda: counted(served, "GET", "none", 404) == 20, "what does not exist")
    until(lambda: counted(served, "GET", "/assets", 404) == 20, "what is no file of the page")
    until(lambda: timed(served, "/") == 20, "the page")
    until(lambda: counted(served, "GET", "none", 400) == 20, "other hosts")
    until(lambda: counted(served, "other", "/livez", 405) == 20, "other methods")


def test_those_who_listen_are_counted_and_those_who_are_refused(served: Served) -> None:
    assert listening(served) == 0
    with served.websocket("/ws") as one, served.websocket("/ws"):
        until(lambda: listening(served) == 2, "both are counted")
        assert counted(served, "WEBSOCKET", "/ws", 101) == 2
        one.send("something")
        until(lambda: sent_away(served, NO_MESSAGES.code) == 1, "one is sent away")
        until(lambda: listening(served) == 1, "one listens")
    until(lambda: listening(served) == 0, "nobody listens")
    with pytest.raises(InvalidStatus), served.websocket("/ws", logged_in=False):
        pass
    until(lambda: counted(served, "WEBSOCKET", "/ws", 401) == 1, "the refusal is counted")
    assert timed(served, "/ws") == 0
    assert (sent_away(served, TOO_SLOW.code), sent_away(served, LOGIN_ENDED.code)) == (0, 0)
