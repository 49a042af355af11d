"""Every route and the access it demands: one that is new fails here until somebody has thought about who may use it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.routing import APIWebSocketRoute
from websockets.exceptions import InvalidStatus

from tests.support.web import serving, web_app
from trading.web.openapi import routes_of
from trading.web.routes import PARTS

ROUTES = {
    # What needs no login, and nothing else does.
    "POST /api/v1/login": "public",
    "GET /health": "public",
    "GET /livez": "public",
    "GET /readyz": "public",
    # Looking.
    "GET /api/v1/openapi.json": "read",
    "GET /api/v1/session": "read",
    "POST /api/v1/logout": "read",
    "GET /api/v1/status": "read",
    "GET /api/v1/settings": "read",
    "GET /api/v1/health/status": "read",
    "GET /api/v1/health/safety": "read",
    "GET /api/v1/metrics/realtime": "read",
    "GET /metrics": "read",
    "GET /api/v1/models": "read",
    "GET /api/v1/logs": "read",
    "GET /api/v1/alerts": "read",
    "GET /api/v1/alerts/channels": "read",
    "POST /api/v1/alerts/acknowledge": "trade",
    "POST /api/v1/alerts/test": "trade",
    "GET /api/v1/positions": "read",
    "GET /api/v1/positions/{position_id}": "read",
    "GET /api/v1/orders": "read",
    "GET /api/v1/orders/{order_id}": "read",
    "GET /api/v1/fills": "read",
    "GET /api/v1/trades": "read",
    "GET /api/v1/trades.csv": "read",
    "GET /api/v1/corrections": "read",
    "GET /api/v1/decisions": "read",
    "GET /api/v1/decisions/{decision_id}": "read",
    "GET /api/v1/equity": "read",
    "GET /api/v1/candles": "read",
    "GET /api/v1/events": "read",
    "GET /api/v1/commands": "read",
    "GET /api/v1/commands/{command_id}": "read",
    "GET /api/v1/safety/kill-switch/status": "read",
    "GET /api/v1/safety/circuit-breaker/trips": "read",
    "GET /api/v1/safety/limits": "read",
    # What lowers risk, and what a person decides about an order.
    "POST /api/v1/safety/kill-switch/trigger": "trade+signed",
    "POST /api/v1/positions/{position_id}/close": "trade",
    "POST /api/v1/positions/close-all": "trade",
    "POST /api/v1/orders/{order_id}/cancel": "trade",
    "POST /api/v1/orders/cancel-entries": "trade",
    "POST /api/v1/orders/{order_id}/resolve": "trade",
    "POST /api/v1/bot/pause": "trade",
    "POST /api/v1/bot/stop": "trade",
    # What lets the bot open positions again, and who may do all this.
    "POST /api/v1/safety/kill-switch/reset": "admin+signed",
    "POST /api/v1/safety/circuit-breaker/reset": "admin",
    "POST /api/v1/bot/resume": "admin",
    "GET /api/v1/tokens": "admin",
    "POST /api/v1/tokens": "admin",
    "DELETE /api/v1/tokens/{token_id}": "admin",
}


def test_every_route_has_the_access_that_is_written_here() -> None:
    found = {f"{method} {path}": access for method, path, access in routes_of([part.router for part in PARTS])}
    assert found == ROUTES


def test_nothing_is_open_but_what_has_to_be() -> None:
    open_paths = {route.split()[1] for route, access in ROUTES.items() if access == "public"}
    assert open_paths <= {"/api/v1/login", "/livez", "/readyz", "/health"}


def test_without_a_login_each_of_them_is_refused(tmp_path: Path) -> None:
    with serving(web_app(tmp_path)) as served, served.stranger() as client:
        for route, access in ROUTES.items():
            method, path = route.split()
            answer = client.request(method, path.format(**dict.fromkeys(IDS, "0" * 32)), json={})
            if access == "public":
                assert answer.status_code != 401, route
            else:
                assert (answer.status_code, answer.json()["code"]) == (401, "LOGIN_REQUIRED"), route


def test_each_websocket_is_refused_without_a_login(tmp_path: Path) -> None:
    routes = [route for part in PARTS for route in part.router.routes if isinstance(route, APIWebSocketRoute)]
    assert [route.path for route in routes] == ["/ws"]
    with serving(web_app(tmp_path)) as served:
        for route in routes:
            with pytest.raises(InvalidStatus) as refused:
                served.websocket(route.path, logged_in=False)
            assert refused.value.response.status_code == 401


IDS = ("position_id", "order_id", "decision_id", "command_id", "token_id")


def test_each_description_has_an_example_and_its_scope(tmp_path: Path) -> None:
    described = web_app(tmp_path).openapi()
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["x-access"] in ("public", "read", "trade", "admin"), where
            assert operation["description"], where
            contents = [r.get("content", {}) for s, r in operation["responses"].items() if s.startswith("2")]
            contents.append(operation.get("requestBody", {}).get("content", {}))
            for content in contents:
                for kind, part in content.items():
                    assert kind != "application/json" or part.get("example") is not None, where
            for parameter in operation.get("parameters", []):
                schema = parameter["schema"]
                choices = [schema, *schema.get("anyOf", [])]
                has_one = any(part.keys() & {"examples", "default", "enum", "$ref", "const"} for part in choices)
                is_plain = any(part.get("type") in ("boolean", "integer") for part in choices)
                assert has_one or is_plain or parameter.get("example") or parameter.get("examples"), (
                    f"{where}: {parameter['name']}"
                )


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/api/v1/openapi.json"])
def test_the_description_is_behind_the_login_too(tmp_path: Path, path: str) -> None:
    with serving(web_app(tmp_path)) as served, served.stranger() as client:
        assert client.get(path).status_code in (401, 404)
