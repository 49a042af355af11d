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

from trading.store.errors import StoreError
from trading.web.context import WebContext, context_of
from trading.web.keys import COOKIE, csrf_of
from trading.web.middleware import SAFE_METHODS
from trading.web.origin import check_origin
from trading.web.problems import Problem
from trading.web.signing import SIGNATURE

CSRF_HEADER = "X-CSRF-Token"
OWNER = "owner"

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
    """Who a request comes from. name: as it is kept beside a command. session, token: the id of that by which."""

    name: str
    scope: Scope
    session: str | None = None
    token: str | None = None

    @property
    def by(self) -> str:
        """Who did it, as it is kept with a command or a latch."""
        return f"{self.name} (dashboard)"


class Require:
    """The dependency that lets only those in whose login has the scope; gives their `Identity`.

    may_sign: whether a request that is signed with KILL_SWITCH_SECRET needs no login.
    """

    def __init__(self, scope: Scope, *, may_sign: bool = False) -> None:
        self.scope = scope
        self.may_sign = may_sign

    async def __call__(
        self,
        request: Request,
        key: Annotated[str | None, Security(_cookie)],
        token: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> Identity:
        """Raises a `Problem`: 401 without a login, 403 where it does not reach so far."""
        if self.may_sign and SIGNATURE in request.headers:
            return await _signed(request)
        identity = await identify(request, key, token.credentials if token else None)
        if request.method not in SAFE_METHODS and identity.session is not None:
            check_origin(request)
            _check_csrf(request, key or "")
        _check_scope(identity, self.scope)
        return identity


async def _public() -> None:
    """Lets everybody in."""


def require(scope: Scope, *, may_sign: bool = False) -> Any:
    """The dependency of a route that needs this scope, or a signature; as a parameter it is the `Identity`."""
    return Depends(Require(scope, may_sign=may_sign))


PUBLIC: Any = Depends(_public)
"""For the few routes that need no login: `dependencies=[PUBLIC]`."""


async def identify(connection: HTTPConnection, key: str | None, token: str | None) -> Identity:
    """Who the connection comes from. Raises a `Problem` (401) where that is nobody."""
    context = context_of(connection)
    now_ms = context.now_ms()
    if token is not None:
        found = await context.tokens.find(token, now_ms)
        if found is not None:
            return Identity(name=found.name, scope=Scope(found.scope), token=found.id)
    elif key is not None:
        session = await context.sessions.find(key, now_ms)
        if session is not None:
            return Identity(name=OWNER, scope=Scope.ADMIN, session=session.id)
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
    """Those whose login has ended since they came in: for connections that stay. Reads, and so runs in a thread.

    While the database cannot be read, nobody's has.
    """
    now_ms = context.now_ms()
    try:
        sessions = context.sessions.ended({who.session for who in identities if who.session is not None}, now_ms)
        tokens = context.tokens.ended({who.token for who in identities if who.token is not None})
    except StoreError:
        return set()
    return {who for who in identities if who.session in sessions or who.token in tokens}


def access_of(route: APIRoute) -> str | None:
    """What a route demands: a scope (with '+signed' where a signature does too), 'public', or None: it says nothing."""
    for dependency in route.dependant.dependencies:
        if isinstance(dependency.call, Require):
            return f"{dependency.call.scope}{'+signed' if dependency.call.may_sign else ''}"
        if dependency.call is _public:
            return "public"
    return None


async def _signed(request: Request) -> Identity:
    context = context_of(request)
    address = address_of(request)
    context.attempts.take(address)
    await context.signatures.check(request, context.now_ms())
    context.attempts.give_back(address)
    return Identity(name="signed request", scope=Scope.ADMIN)


def address_of(connection: HTTPConnection) -> str:
    """Where a request comes from: the address of the client, or that which a trusted proxy tells."""
    return connection.client.host if connection.client else ""


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
