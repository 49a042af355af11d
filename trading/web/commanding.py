"""Commands for the bot: left in the database, and answered there when it has taken them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

import sqlalchemy as sa
from fastapi import Header

from trading.domain.events import CommandKind
from trading.store.bot_lock import bot_holder
from trading.store.commands import queue_command
from trading.store.queries import Queries
from trading.web.access import Identity
from trading.web.models.operations import CommandView
from trading.web.problems import Problem

CommandKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[A-Za-z0-9_-]{8,64}$",
        description="names the command: sent again with the same one, it is given once",
        examples=["close-btc-20250601"],
    ),
]


def give(
    engine: sa.Engine,
    kind: CommandKind,
    identity: Identity,
    now_ms: int,
    *,
    target: str = "",
    reason: str = "",
    key: str | None = None,
    needs_bot: bool = True,
) -> CommandView:
    """Leave a command for the bot.

    Args:
        needs_bot: refuse where none runs, instead of leaving it for the next one.

    Raises:
        Problem: no bot runs (409), or the key names another command (409).
        StoreError: the database cannot be written.
    """
    queries = Queries(engine)
    earlier = queries.commands(command_id=key, limit=1) if key else []
    if not earlier:
        if needs_bot and bot_holder(engine) is None:
            detail = "no bot runs, so nothing can be done; start it with `tradebot run`"
            raise Problem(HTTPStatus.CONFLICT, detail, code="BOT_NOT_RUNNING")
        command_id = queue_command(
            engine, kind, by=identity.by, now_ms=now_ms, target=target, reason=reason, command_id=key or ""
        )
        earlier = queries.commands(command_id=command_id, limit=1)
    given = earlier[0]
    if (given.kind, given.target) != (kind, target):
        detail = f"the Idempotency-Key {key} names another command: {given.kind} {given.target}".rstrip()
        raise Problem(HTTPStatus.CONFLICT, detail, code="KEY_IN_USE")
    return CommandView.of(given)
