"""Logging in and out, and who is logged in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request

from trading.web.access import Identity, Scope, require
from trading.web.context import Context
from trading.web.models.base import moment
from trading.web.models.session import SessionView
from trading.web.sessions import COOKIE, csrf_of

router = APIRouter(prefix="/api/v1", tags=["session"])


@router.get("/session")
def session(request: Request, context: Context, identity: Annotated[Identity, require(Scope.READ)]) -> SessionView:
    """Who is logged in, and the token that must come with everything that changes something."""
    key = request.cookies.get(COOKIE, "")
    found = context.sessions.find(key, context.now_ms()) if identity.session else None
    return SessionView(
        name=identity.name,
        scope=identity.scope,
        csrf_token=csrf_of(key) if found else None,
        ends_at=moment(found.ends_ms) if found else None,
    )
