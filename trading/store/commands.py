"""Operators' commands on their way to the bot: queued by any process, taken with the batch that obeys them."""

from __future__ import annotations

import uuid
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from trading.domain.events import Command, CommandKind
from trading.store.database import reading, writing
from trading.store.rows import Row, to_record
from trading.store.schema import commands
from trading.store.statements import insert_if_absent

TAKEN_AT_ONCE = 100
_KINDS = frozenset(kind.value for kind in CommandKind)


class QueuedCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command and what became of it (times in UTC ms): taken, when the bot recorded it; done, when it answered."""

    seq: int
    id: str
    kind: str
    target: str
    reason: str
    by: str
    created_ms: int
    taken_ms: int | None = None
    done_ms: int | None = None
    result: str = ""


to_queued = to_record(QueuedCommand)


class Pending(NamedTuple):
    """Commands that wait for the bot, and the ids of those whose kind it does not know."""

    commands: list[Command]
    unknown: list[str]


def queue_command(
    engine: sa.Engine,
    kind: CommandKind,
    *,
    by: str,
    now_ms: int,
    target: str = "",
    reason: str = "",
    command_id: str = "",
) -> str:
    """Leave a command for the bot; its id, which is the one given or a new one. The same id again changes nothing."""
    row: Row = {
        "id": command_id or uuid.uuid4().hex,
        "kind": kind.value,
        "target": target,
        "reason": reason,
        "by": by,
        "created_ms": now_ms,
        "result": "",
    }
    with writing(engine) as connection:
        connection.execute(insert_if_absent(engine.dialect.name, commands), [row])
    return str(row["id"])


def finish_command(engine: sa.Engine, command_id: str, result: str, now_ms: int) -> None:
    """Write the bot's answer, which whoever gave the command waits for. The first answer stays."""
    with writing(engine) as connection:
        connection.execute(
            sa.update(commands)
            .where(commands.c.id == command_id, commands.c.done_ms.is_(None))
            .values(done_ms=now_ms, result=result, taken_ms=sa.func.coalesce(commands.c.taken_ms, now_ms))
        )


def finish_interrupted(engine: sa.Engine, result: str, now_ms: int) -> int:
    """Answer the commands that a bot before this one took and did not answer; how many. For a bot's start."""
    with writing(engine) as connection:
        done = connection.execute(
            sa.update(commands)
            .where(commands.c.done_ms.is_(None), commands.c.taken_ms.is_not(None))
            .values(done_ms=now_ms, result=result)
        )
    return done.rowcount


def pending_commands(engine: sa.Engine, *, skip: set[str], now_ms: int) -> Pending:
    """Commands that no commit has taken yet, oldest first, without those in `skip`. They get the time `now_ms`."""
    waiting = commands.c.done_ms.is_(None) & commands.c.taken_ms.is_(None)
    with reading(engine) as connection:
        rows = connection.execute(
            sa.select(commands).where(waiting).order_by(commands.c.seq).limit(TAKEN_AT_ONCE + len(skip))
        ).mappings()
        found = [to_queued(row) for row in rows]
    pending = Pending([], [])
    for command in found:
        if command.id in skip:
            continue
        if command.kind not in _KINDS:
            pending.unknown.append(command.id)
        else:
            pending.commands.append(
                Command(
                    time_ms=now_ms,
                    id=command.id,
                    kind=CommandKind(command.kind),
                    by=command.by,
                    target=command.target,
                    reason=command.reason,
                )
            )
    return pending
