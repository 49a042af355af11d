"""Errors as problem details (RFC 9457): one form for every answer that is not a success."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from trading.domain.errors import InvalidInput
from trading.store.errors import NoDatabaseYet, StoreError
from trading.web.models.problem import ProblemDetails

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
ERRORS_MAX = 20
INPUT_SHOWN = 100


class Problem(HTTPException):
    """Ends a request with problem details.

    Args:
        status: the HTTP status.
        detail: what happened and what to do, for people. Never a secret.
        code: a stable word for programs.
        more: further members of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        code: str = "",
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(status, detail, headers)
        self.code = code
        self.more = more


def respond(problem: Problem, request_id: str) -> JSONResponse:
    """The problem as an answer."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status_code).phrase,
        "status": problem.status_code,
        "detail": problem.detail,
        "code": problem.code or HTTPStatus(problem.status_code).name,
        "request_id": request_id,
        **problem.more,
    }
    return JSONResponse(body, problem.status_code, problem.headers, media_type=MEDIA_TYPE)


def from_store(error: StoreError) -> Problem:
    """A database that cannot be used now: 503, with what the store says about it."""
    code = "NO_DATABASE_YET" if isinstance(error, NoDatabaseYet) else "DATABASE_UNAVAILABLE"
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), code=code, headers={"Retry-After": "1"})


def install(app: FastAPI) -> None:
    """Have every error of the application answered so."""

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, Problem):
            problem = error
        else:
            assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
            problem = Problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))
        return respond(problem, request_id_of(request))

    async def on_invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        problem = Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "the request is not usable; `errors` says which part, and what is allowed",
            code="INVALID_REQUEST",
            errors=[_plain(found) for found in error.errors()[:ERRORS_MAX]],
        )
        return respond(problem, request_id_of(request))

    async def on_input(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, InvalidInput)  # noqa: S101
        found = {"field": error.field, "message": f"allowed: {error.allowed}", "input": str(error.value)[:INPUT_SHOWN]}
        problem = Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), code="INVALID_REQUEST", errors=[found])
        return respond(problem, request_id_of(request))

    async def on_store(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, StoreError)  # noqa: S101
        log.warning("web.database_unavailable", error=str(error))
        return respond(from_store(error), request_id_of(request))

    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(InvalidInput, on_input)
    app.add_exception_handler(StoreError, on_store)


def request_id_of(request: Request) -> str:
    """The request's id, as in the log and in `X-Request-ID`."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def _plain(found: dict[str, Any]) -> dict[str, str]:
    """One fault of a request: where, what, and the value (never that of a password)."""
    field = ".".join(str(part) for part in found.get("loc", ()))
    plain = {"field": field, "message": str(found.get("msg", ""))}
    value = found.get("input")
    if isinstance(value, str | int | float) and "password" not in field:
        plain["input"] = str(value)[:INPUT_SHOWN]
    return plain


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDetails, "description": text}
    for status, text in (
        (400, "The request cannot be read, or is for another host"),
        (401, "No login, or it has ended"),
        (403, "The login does not allow this, or the request comes from another site"),
        (404, "There is no such thing"),
        (405, "Not a method of this path"),
        (408, "The body did not arrive in time"),
        (409, "Not as things stand now"),
        (413, "The body is too large"),
        (422, "A part of the request is not usable"),
        (429, "Too many tries; `Retry-After` says when to try again"),
        (503, "The database cannot be used now"),
    )
}
"""What any route may answer besides a success."""
