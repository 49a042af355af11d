"""The owner's password: from the settings, else made at the first start and kept as its argon2 hash."""

from __future__ import annotations

import hashlib
from functools import partial

import anyio
import anyio.to_thread
import structlog
from anyio import CapacityLimiter
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import SecretStr

from trading.store import access as store
from trading.store.errors import StoreError
from trading.web.database import Database
from trading.web.keys import new_password

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
LENGTH_MAX = 1_024


class Passwords:
    """Checks the password. One check at a time: each takes 64 MiB and some tens of milliseconds on purpose.

    Args:
        given: that of the settings, None where there is none.
        database: where the hash of one that was made is kept.
    """

    def __init__(self, given: SecretStr | None, database: Database) -> None:
        self._given = given.get_secret_value() if given else None
        self._database = database
        self._hasher = PasswordHasher()
        self._hash: str | None = None
        self._one = CapacityLimiter(1)

    def salt(self) -> str:
        """Of the sessions' hashes: those opened with another password of the settings end."""
        return hashlib.sha256(self._given.encode()).hexdigest() if self._given else ""

    async def is_right(self, password: str, now_ms: int) -> bool:
        """Whether this is the password.

        Raises:
            StoreError: it was not given by the settings, and the database cannot be asked.
        """
        kept = await self._kept(now_ms)
        return await anyio.to_thread.run_sync(partial(self._verify, kept, password), limiter=self._one)

    async def make_when_possible(self, now_ms: int) -> None:
        """See that there is a password: as soon as there is a database."""
        while True:
            try:
                await self._kept(now_ms)
            except StoreError:
                await anyio.sleep(LOOK_SECONDS)
            else:
                return

    async def _kept(self, now_ms: int) -> str:
        """The hash that counts."""
        if self._given is not None:
            if self._hash is None:
                self._hash = await anyio.to_thread.run_sync(self._hasher.hash, self._given, limiter=self._one)
            return self._hash
        kept = await self._database.ask(lambda queries: store.password_hash(queries.engine))
        return kept or await self._make(now_ms)

    async def _make(self, now_ms: int) -> str:
        made = new_password()
        hashed = await anyio.to_thread.run_sync(self._hasher.hash, made, limiter=self._one)
        if await self._database.change(lambda engine: store.keep_password(engine, hashed, now_ms)):
            note = f"the dashboard's password is {made} (shown only here; DASHBOARD_PASSWORD sets another)"
            log.warning("web.first_login", note=note)
            return hashed
        kept = await self._database.ask(lambda queries: store.password_hash(queries.engine))
        return kept or hashed

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False
