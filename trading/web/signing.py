"""Requests that are signed instead of logged in (HMAC): only for the kill switch, and only where a secret is set."""

from __future__ import annotations

import hashlib
import hmac
import re
from http import HTTPStatus

import structlog
from fastapi import Request
from pydantic import SecretStr

from trading.store import access as store
from trading.store.errors import StoreError
from trading.web.database import Database
from trading.web.problems import Problem

log = structlog.get_logger(__name__)

SIGNATURE = "X-HMAC-Signature"
TIMESTAMP = "X-HMAC-Timestamp"
NONCE = "X-HMAC-Nonce"
WINDOW_MS = 60_000
NONCES_MAX = 100_000

_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_SECONDS = re.compile(r"[0-9]{10}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")


def sign(secret: str, method: str, path: str, timestamp: str, nonce: str, body: bytes) -> str:
    """The signature: HMAC-SHA-256, in hexadecimal digits, of the five parts joined by line feeds."""
    head = "\n".join((method, path, timestamp, nonce, ""))
    return hmac.new(secret.encode(), head.encode() + body, hashlib.sha256).hexdigest()


class Signatures:
    """Checks signed requests. Each counts once, also over a restart.

    Args:
        secret: KILL_SWITCH_SECRET; None: nothing can be signed.
        database: where used nonces are kept.
    """

    def __init__(self, secret: SecretStr | None, database: Database) -> None:
        self._secret = secret.get_secret_value() if secret else None
        self._database = database
        self._used: dict[str, int] = {}

    async def check(self, request: Request, now_ms: int) -> None:
        """Raise a `Problem` (401) where the request is not signed as it must be, is too old, or was sent before."""
        if self._secret is None:
            raise _refused("requests cannot be signed here: KILL_SWITCH_SECRET is not set")
        given, timestamp, nonce = (request.headers.get(name, "") for name in (SIGNATURE, TIMESTAMP, NONCE))
        if not (_SIGNATURE.fullmatch(given) and _SECONDS.fullmatch(timestamp) and _NONCE.fullmatch(nonce)):
            raise _refused(
                f"{SIGNATURE} has 64 hexadecimal digits, {TIMESTAMP} seconds since 1970, "
                f"{NONCE} 16 to 64 letters, digits, - or _"
            )
        query = f"?{request.url.query}" if request.url.query else ""
        right = sign(self._secret, request.method, request.url.path + query, timestamp, nonce, await request.body())
        if not hmac.compare_digest(given, right):
            raise _refused("the signature is wrong; docs/API.md tells what is signed")
        sent_ms = int(timestamp) * 1000
        if abs(now_ms - sent_ms) > WINDOW_MS:
            raise _refused(f"{TIMESTAMP} is more than {WINDOW_MS // 1000} s from this server's clock")
        if not await self._use(nonce, sent_ms + 2 * WINDOW_MS, now_ms):
            raise _refused("this request was sent before")

    async def _use(self, nonce: str, ends_ms: int, now_ms: int) -> bool:
        """Use the nonce up. Without a database it is remembered here: the kill switch must work then too."""
        for old in [one for one, end in self._used.items() if end < now_ms]:
            del self._used[old]
        if nonce in self._used or len(self._used) >= NONCES_MAX:
            return False
        self._used[nonce] = ends_ms
        try:
            return await self._database.change(
                lambda engine: store.use_nonce(engine, nonce, ends_ms=ends_ms, now_ms=now_ms)
            )
        except StoreError as error:
            log.warning("web.nonce_not_kept", error=str(error))
            return True


def _refused(detail: str) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, detail, code="SIGNATURE_REFUSED")
