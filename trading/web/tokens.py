"""API tokens: for programs that come without a browser."""

from __future__ import annotations

from collections.abc import Collection

import structlog
from msgspec.structs import replace

from trading.store import access as store
from trading.store.access import Token
from trading.store.errors import StoreError
from trading.web.database import Database
from trading.web.keys import TOKEN_PREFIX, digest
from trading.web.remembered import Remembered

log = structlog.get_logger(__name__)

SEEN_EVERY_MS = 60_000


class Tokens:
    """The tokens that count. Used by the event loop alone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered: Remembered[Token] = Remembered()

    async def find(self, key: str, now_ms: int) -> Token | None:
        """The token of a key, None where there is none.

        Raises:
            StoreError: it is not known here, and the database cannot be asked.
        """
        if not key.startswith(TOKEN_PREFIX):
            return None
        hashed = digest(key)
        token = await self._remembered.get(
            hashed, now_ms, lambda: self._database.ask(lambda queries: store.find_token(queries.engine, hashed))
        )
        if token is not None and now_ms - (token.used_ms or 0) >= SEEN_EVERY_MS:
            self._remembered.put(hashed, replace(token, used_ms=now_ms), now_ms)
            try:
                await self._database.change(lambda engine: store.see_token(engine, token.id, now_ms))
            except StoreError as error:
                log.warning("web.token_use_not_kept", error=str(error))
        return token

    def ended(self, token_ids: Collection[str]) -> set[str]:
        """Which of these have been revoked, for a thread. Raises `StoreError` where the database cannot be asked."""
        with self._database.reading() as queries:
            return set(token_ids) - {token.id for token in store.list_tokens(queries.engine)}

    def forget(self, token: Token) -> None:
        """Let a token that was revoked here count no more at once."""
        self._remembered.forget(token.hash)
