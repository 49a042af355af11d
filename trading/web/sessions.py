"""Logins: a random session key in a cookie, of which the server keeps only the hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace

COOKIE = "tradebot_session"
KEY_BYTES = 32
IDLE_MS = 12 * 3_600_000
LIFE_MS = 7 * 86_400_000


@dataclass(frozen=True, kw_only=True)
class Session:
    """One login. id: hash of its key. Times in UTC ms: over `IDLE_MS` after `seen_ms`, at the latest at `ends_ms`."""

    id: str
    created_ms: int
    seen_ms: int
    ends_ms: int


class Sessions:
    """The logins that are open."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}

    def open(self, now_ms: int) -> tuple[str, Session]:
        """A new session and its key, which only the cookie holds."""
        key = secrets.token_urlsafe(KEY_BYTES)
        session = Session(id=digest(key), created_ms=now_ms, seen_ms=now_ms, ends_ms=now_ms + LIFE_MS)
        self._open[session.id] = session
        return key, session

    def find(self, key: str, now_ms: int) -> Session | None:
        """The session of a key, None where there is none or it has ended."""
        session = self._open.get(digest(key))
        if session is None or self.has_ended(session.id, now_ms):
            return None
        session = replace(session, seen_ms=now_ms)
        self._open[session.id] = session
        return session

    def has_ended(self, session_id: str, now_ms: int) -> bool:
        """Whether the session is over. To ask does not make it last longer."""
        session = self._open.get(session_id)
        return session is None or now_ms >= min(session.ends_ms, session.seen_ms + IDLE_MS)

    def close(self, session_id: str) -> None:
        """End a session."""
        self._open.pop(session_id, None)


def digest(key: str) -> str:
    """What is kept of a key. It is long and random, so that a plain hash cannot be turned back."""
    return hashlib.sha256(key.encode()).hexdigest()


def csrf_of(key: str) -> str:
    """The token that a page of this session sends with everything that changes something."""
    return hmac.new(key.encode(), b"csrf", hashlib.sha256).hexdigest()
