"""The lock that makes a bot the only one on its database: a file beside it, or the server's own."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from trading.store.address import is_server, server_address
from trading.store.database import reading
from trading.store.files import database_path
from trading.store.lock import PROBE_S, BotLock, Holder, bot_lock_path, lock_holder


class AnyBotLock(Protocol):
    """What both kinds can do."""

    def acquire(self, wait_s: float = PROBE_S) -> AnyBotLock:
        """Take it, waiting at most so long. Raises `BotAlreadyRunning`."""
        ...

    def ensure(self) -> None:
        """See that it is held. Raises `JournalError` where it was lost and cannot be got again."""
        ...

    def release(self) -> None:
        """Let go, if held."""
        ...


def bot_lock(url: str) -> AnyBotLock:
    """The lock of the bot on this database, not yet taken."""
    if is_server(url):
        from trading.store.server_lock import ServerLock

        return ServerLock(server_address(url))
    return BotLock(database_path(url))


def bot_holder(engine: sa.Engine) -> Holder | None:
    """The process of the bot that runs on an open database; None where none runs."""
    if engine.dialect.name == "postgresql":
        from trading.store.server_lock import server_holder

        with reading(engine) as connection:
            return server_holder(connection)
    return lock_holder(bot_lock_path(Path(str(engine.url.database))))
