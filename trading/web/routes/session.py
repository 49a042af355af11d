"""Logging in and out, and who is logged in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated

import anyio
import structlog
from fastapi import APIRouter, Query, Request, Response

from trading.store.errors import StoreError
from trading.web.access import OWNER, PUBLIC, Identity, Scope, address_of, require
from trading.web.context import Context, WebContext
from trading.web.keys import COOKIE, csrf_of
from trading.web.models.base import moment
from trading.web.models.session import Login, SessionView
from trading.web.origin import check_origin
from trading.web.problems import Problem

log = structlog.get_logger(__name__)

router = APIRouter(prefix="/api/v1", tags=["session"])


@asynccontextmanager
async def lifespan(context: WebContext) -> AsyncIterator[None]:
    """Makes the owner's password, where the settings give none, as soon as there is a database to keep its hash."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(context.passwords.make_when_possible, context.now_ms())
        yield
        tasks.cancel_scope.cancel()


@router.post("/login", dependencies=[PUBLIC])
async def login(request: Request, response: Response, context: Context, given: Login) -> SessionView:
    """Log in with the owner's password. The answer sets a cookie and tells the token for `X-CSRF-Token`."""
    check_origin(request)
    address, now_ms = address_of(request), context.now_ms()
    context.attempts.take(address)
    try:
        is_right = await context.passwords.is_right(given.password.get_secret_value(), now_ms)
    except StoreError:  # nobody has tried anything while nobody could look
        context.attempts.give_back(address, was_right=False)
        raise
    if not is_right:
        log.warning("web.login_refused", client=address)
        raise Problem(HTTPStatus.UNAUTHORIZED, "this is not the password", code="PASSWORD_WRONG")
    context.attempts.give_back(address)
    key, session = await context.sessions.open(now_ms, address)
    log.info("web.login", client=address)
    response.set_cookie(
        COOKIE,
        key,
        max_age=(session.ends_ms - now_ms) // 1000,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return SessionView(name=OWNER, scope=Scope.ADMIN, csrf_token=csrf_of(key), ends_at=moment(session.ends_ms))


@router.get("/session")
async def session(
    identity: Annotated[Identity, require(Scope.READ)], request: Request, context: Context
) -> SessionView:
    """Who is logged in, and the token that must come with everything that changes something."""
    key = request.cookies.get(COOKIE, "")
    found = await context.sessions.find(key, context.now_ms()) if identity.session else None
    return SessionView(
        name=identity.name,
        scope=identity.scope,
        csrf_token=csrf_of(key) if found else None,
        ends_at=moment(found.ends_ms) if found else None,
    )


@router.post("/logout", status_code=HTTPStatus.NO_CONTENT)
async def logout(
    identity: Annotated[Identity, require(Scope.READ)],
    response: Response,
    context: Context,
    everywhere: Annotated[bool, Query(description="end every session of the owner, on all devices")] = False,
) -> None:
    """End this session, or all of them. An API token is ended by `DELETE /api/v1/tokens/…`."""
    if identity.session is None:
        raise Problem(HTTPStatus.CONFLICT, "an API token has no session to end")
    await context.sessions.end(identity.session, everywhere=everywhere)
    log.info("web.logout", everywhere=everywhere)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
