"""Who may do what: each route names the scope it needs, by `require` or `PUBLIC`; a route without either is refused.

A session (cookie, with a CSRF token for everything that changes something) has every scope; an API token has its own.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request, Security, WebSocket
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

from trading.web.context import WebContext, context_of
from trading.web.origin import check_origin
from trading.web.problems import Problem
from trading.web.sessions import COOKIE, csrf_of

CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_cookie = APIKeyCookie(name=COOKIE, scheme_name="session", auto_error=False, description="set by POST /api/v1/login")
_bearer = HTTPBearer(scheme_name="token", auto_error=False, description="an API token, from `tradebot token create`")


class Scope(StrEnum):
    """What a login may do; each includes those before it."""

    READ = "read"
    TRADE = "trade"
    ADMIN = "admin"

    def allows(self, needed: Scope) -> bool:
        """Whether a login of this scope may do what needs `needed`."""
        order = list(Scope)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who a request comes from. name: as it is kept beside a command. session: its id, None for a token."""

    name: str
    scope: Scope
    session: str | None = None


class Require:
    """The dependency that lets only those in whose login has the scope; gives their `Identity`."""

    def __init__(self, scope: Scope | None) -> None:
        self.scope = scope

    async def __call__(
        self,
        request: Request,
        key: Annotated[str | None, Security(_cookie)],
        token: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> Identity:
        """Raises a `Problem`: 401 without a login, 403 where it does not reach so far."""
        assert self.scope is not None  # noqa: S101 - `PUBLIC` is no dependency of this kind
        identity = await identify(request, key, token.credentials if token else None)
        if request.method not in SAFE_METHODS and identity.session is not None:
            check_origin(request)
            _check_csrf(request, key or "")
        _check_scope(identity, self.scope)
        return identity


def _public() -> None:
    """Lets everybody in."""


def require(scope: Scope) -> Any:
    """The dependency of a route that needs this scope; as a parameter, it is the `Identity`."""
    return Depends(Require(scope))


PUBLIC: Any = Depends(_public)
"""For the few routes that need no login: `dependencies=[PUBLIC]`."""


async def identify(connection: HTTPConnection, key: str | None, token: str | None) -> Identity:
    """Who the connection comes from. Raises a `Problem` (401) where that is nobody."""
    context = context_of(connection)
    if token is None and key is not None:
        session = context.sessions.find(key, context.now_ms())
        if session is not None:
            return Identity(name="owner", scope=Scope.ADMIN, session=session.id)
    raise Problem(
        HTTPStatus.UNAUTHORIZED,
        "log in first: POST /api/v1/login, or send an API token as `Authorization: Bearer …`",
        code="LOGIN_REQUIRED",
        headers={"WWW-Authenticate": "Bearer"},
    )


async def authorize_websocket(websocket: WebSocket, scope: Scope = Scope.READ) -> Identity:
    """Who opens a WebSocket; call it before `accept`.

    Raises:
        Problem: the page is of another site, there is no login, or it does not reach so far. Raised before `accept`,
            the handshake is answered with its status.
    """
    check_origin(websocket)
    authorization = websocket.headers.get("authorization", "")
    token = authorization[7:].strip() if authorization[:7].lower() == "bearer " else None
    identity = await identify(websocket, websocket.cookies.get(COOKIE), token)
    _check_scope(identity, scope)
    return identity


def ended(context: WebContext, identities: Collection[Identity]) -> set[Identity]:
    """Those whose login has ended since they came in: for connections that stay. Reads, and so runs in a thread."""
    now_ms = context.now_ms()
    return {who for who in identities if who.session is not None and context.sessions.has_ended(who.session, now_ms)}


def access_of(route: APIRoute) -> Scope | str | None:
    """The scope that a route demands, 'public', or None where it says nothing."""
    for dependency in route.dependant.dependencies:
        if isinstance(dependency.call, Require):
            return dependency.call.scope
        if dependency.call is _public:
            return "public"
    return None


def _check_scope(identity: Identity, needed: Scope) -> None:
    if not identity.scope.allows(needed):
        raise Problem(
            HTTPStatus.FORBIDDEN,
            f"this needs the scope {needed}; the token {identity.name!r} has {identity.scope}",
            code="SCOPE_TOO_NARROW",
        )


def _check_csrf(request: Request, key: str) -> None:
    given = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), csrf_of(key).encode()):
        raise Problem(
            HTTPStatus.FORBIDDEN,
            f"the header {CSRF_HEADER} must hold the session's token, which GET /api/v1/session tells",
            code="CSRF_TOKEN_WRONG",
        )
