"""Which hosts this server answers as, and from which pages it takes what changes something."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from trading.config import Settings
from trading.web.problems import Problem

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104 - compared with, not bound to


def allowed_hosts(settings: Settings) -> frozenset[str]:
    """The names under which the dashboard may be reached: a page of another name that points here is refused."""
    own = {settings.dashboard_host.lower()} - EVERYWHERE
    return LOOPBACK | own | set(settings.dashboard_allowed_hosts)


def host_of(header: str) -> str | None:
    """The name in a Host header, without its port; None where it is no usable one."""
    try:
        parts = urlsplit(f"//{header}")
        parts.port  # noqa: B018 - raises where the port is none
    except ValueError:
        return None
    is_bare = parts.netloc == header and not parts.username and not parts.path and "@" not in header
    return parts.hostname if is_bare else None


def check_origin(connection: HTTPConnection) -> None:
    """Raise a `Problem` (403) where a browser says that a page of another site has sent this.

    Programs that are no browsers send no Origin.
    """
    origin = connection.headers.get("origin")
    if origin is None:
        return
    try:
        is_own = urlsplit(origin).netloc.lower() == connection.headers.get("host", "").lower()
    except ValueError:
        is_own = False
    if not is_own:
        raise Problem(HTTPStatus.FORBIDDEN, "the request comes from a page of another site", code="FOREIGN_ORIGIN")
