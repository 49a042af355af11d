"""Logins of the page: opened by the password, kept in the database, ended by time or by the owner."""

from __future__ import annotations

from collections.abc import Callable, Collection

import sqlalchemy as sa
import structlog
from msgspec.structs import replace

from trading.store import access as store
from trading.store.access import Session
from trading.store.errors import StoreError
from trading.web.database import Database
from trading.web.keys import digest, new_key
from trading.web.remembered import Remembered

log = structlog.get_logger(__name__)

SEEN_EVERY_MS = 60_000
ENDED_MAX = 10_000


class Sessions:
    """The logins that are open. Used by the event loop alone.

    A session that could not be written down (no database yet, a full disk) lives in this process alone, until it can.

    Args:
        database: where they are kept.
        idle_ms: a session ends after so long without a request.
        life_ms: a session ends after so long in any case.
        salt: of the keys' hashes; another one ends every session.
    """

    def __init__(self, database: Database, *, idle_ms: int, life_ms: int, salt: str = "") -> None:
        self._database = database
        self._idle_ms = idle_ms
        self._life_ms = life_ms
        self._salt = salt
        self._remembered: Remembered[Session] = Remembered()
        self._unkept: set[str] = set()
        self._ended: set[str] = set()

    async def open(self, now_ms: int, address: str) -> tuple[str, Session]:
        """A new session and its key, which only the cookie holds."""
        key, session = self.begin(now_ms, address)
        await self._keep(session)
        await self._try(lambda engine: store.remove_ended(engine, now_ms=now_ms, idle_ms=self._idle_ms))
        return key, session

    def begin(self, now_ms: int, address: str = "") -> tuple[str, Session]:
        """As `open`, but the session is written down when it is first looked for again."""
        key = new_key()
        session = Session(
            id=digest(key, self._salt),
            created_ms=now_ms,
            seen_ms=now_ms,
            ends_ms=now_ms + self._life_ms,
            address=address,
        )
        self._unkept.add(session.id)
        self._remembered.put(session.id, session, now_ms)
        return key, session

    async def find(self, key: str, now_ms: int) -> Session | None:
        """The session of a key, None where there is none or it has ended.

        Raises:
            StoreError: it is not known here, and the database cannot be asked.
        """
        session_id = digest(key, self._salt)
        if session_id in self._ended:
            return None
        session = await self._remembered.get(session_id, now_ms, lambda: self._ask(session_id))
        if session is None or self._is_over(session, now_ms):
            return None
        if now_ms - session.seen_ms >= SEEN_EVERY_MS:
            session = replace(session, seen_ms=now_ms)
            self._remembered.put(session_id, session, now_ms)
            await self._try(lambda engine: store.see_session(engine, session_id, now_ms))
        return session

    def ended(self, session_ids: Collection[str], now_ms: int) -> set[str]:
        """Which of these are over, for a thread that looks after connections that stay.

        Raises:
            StoreError: the database cannot be asked.
        """
        unkept = {id_: self._remembered.peek(id_) for id_ in self._unkept.intersection(session_ids)}
        over = {id_ for id_, session in unkept.items() if session is None or self._is_over(session, now_ms)}
        asked = set(session_ids) - unkept.keys()
        with self._database.reading() as queries:
            found = store.living_sessions(queries.engine, asked, now_ms=now_ms, idle_ms=self._idle_ms)
        return over | (asked - found) | (self._ended & set(session_ids))

    async def end(self, session_id: str, *, everywhere: bool = False) -> None:
        """End a session, or all of them.

        Raises:
            StoreError: it could not be written down: it has ended here, and may live again after a restart.
        """
        if len(self._ended) >= ENDED_MAX:
            self._ended.clear()
        self._ended.add(session_id)
        self._unkept.clear() if everywhere else self._unkept.discard(session_id)
        self._remembered.forget(None if everywhere else session_id)
        which = None if everywhere else session_id
        await self._database.change(lambda engine: store.end_sessions(engine, which))

    def _is_over(self, session: Session, now_ms: int) -> bool:
        return now_ms >= min(session.ends_ms, session.seen_ms + self._idle_ms)

    async def _ask(self, session_id: str) -> Session | None:
        found = await self._database.ask(lambda queries: store.find_session(queries.engine, session_id))
        if found is None and session_id in self._unkept:
            found = self._remembered.peek(session_id)
            if found is not None:
                await self._keep(found)
        return found

    async def _keep(self, session: Session) -> None:
        if await self._try(lambda engine: store.keep_session(engine, session)):
            self._unkept.discard(session.id)

    async def _try(self, change: Callable[[sa.Engine], object]) -> bool:
        """Write, where that is possible now; a login must not fail because of it."""
        try:
            await self._database.change(change)
        except StoreError as error:
            log.warning("web.session_not_kept", error=str(error))
            return False
        return True
