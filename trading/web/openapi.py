"""The description of the API: problems in their own media type, signatures, the scope of each route, and examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from trading.web.access import Scope, access_of, require
from trading.web.problems import MEDIA_TYPE
from trading.web.signing import NONCE, SIGNATURE, TIMESTAMP

JSON = "application/json"
DEPTH_MAX = 8
PROBLEM = {"$ref": "#/components/schemas/ProblemDetails"}
DESCRIPTION = (
    "The dashboard's API. Money, prices and quantities are exact and written as text; times are ISO 8601 in UTC, "
    "and `…_ms` are UTC milliseconds. Log in by `POST /api/v1/login`, or send an API token. docs/API.md has examples."
)

router = APIRouter(prefix="/api/v1", tags=["status"], dependencies=[require(Scope.READ)])


@router.get("/openapi.json", include_in_schema=False)
def description(request: Request) -> dict[str, Any]:
    """This description."""
    found: dict[str, Any] = request.app.openapi()
    return found


def describe(app: FastAPI, routers: list[APIRouter]) -> dict[str, Any]:
    """The OpenAPI description of these routes."""
    found = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    schemas = found["components"]["schemas"]
    found["components"]["securitySchemes"]["signature"] = {
        "type": "apiKey",
        "in": "header",
        "name": SIGNATURE,
        "description": f"HMAC-SHA-256 with KILL_SWITCH_SECRET, together with {TIMESTAMP} and {NONCE}; docs/API.md",
    }
    for route in (route for router in routers for route in router.routes if isinstance(route, APIRoute)):
        for method in route.methods or ():
            operation = found["paths"].get(route.path, {}).get(method.lower())
            if operation is not None:
                _complete(operation, access_of(route) or "", schemas)
    return found


def _complete(operation: dict[str, Any], access: str, schemas: dict[str, Any]) -> None:
    scope, _, signed = access.partition("+")
    operation["x-access"] = scope
    if signed:
        operation["security"].append({"signature": []})
    contents = [operation["requestBody"]["content"]] if "requestBody" in operation else []
    for response in operation["responses"].values():
        content = response.get("content", {})
        if content.get(JSON, {}).get("schema") == PROBLEM:
            content[MEDIA_TYPE] = content.pop(JSON)
            continue
        contents.append(content)
    for content in contents:
        if JSON in content and "example" not in content[JSON]:
            content[JSON]["example"] = example_of(content[JSON].get("schema", {}), schemas)


def example_of(schema: dict[str, Any], schemas: dict[str, Any], depth: int = 0) -> Any:
    """A value of this schema, from the examples of its parts."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth)
    for name in ("examples", "enum", "anyOf"):
        if schema.get(name):
            first = schema[name][0]
            return example_of(first, schemas, depth) if name == "anyOf" else first
    if "const" in schema or "default" in schema:
        return schema.get("const", schema.get("default"))
    kind = schema.get("type")
    if kind == "object" and depth < DEPTH_MAX:
        return {name: example_of(part, schemas, depth + 1) for name, part in schema.get("properties", {}).items()}
    if kind == "array" and depth < DEPTH_MAX:
        return [example_of(schema.get("items", {}), schemas, depth + 1)]
    return {"boolean": False, "integer": schema.get("minimum", 0), "number": 0.0, "string": ""}.get(str(kind))


def routes_of(routers: list[APIRouter]) -> Iterator[tuple[str, str, str | None]]:
    """Every route of these: method, path, and what it demands."""
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield from ((method, route.path, access_of(route)) for method in sorted(route.methods or ()))
