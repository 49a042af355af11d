"""The kill switch's latch: one row that whoever sets it and whoever records an opening order must lock.

Any process may call these functions at any time, whether the bot runs or not.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import sqlalchemy as sa

from trading.store.commit_number import lock_journal
from trading.store.database import reading, writing
from trading.store.errors import BotAlreadyRunning, KillLatched
from trading.store.lock import BotLock
from trading.store.rows import Row, to_record
from trading.store.schema import KILL, events, latches

KILL_FILE = "KILL"
"""A file of this name in DATA_DIR is a set kill switch too, for when the database cannot be written."""

_MINE = latches.c.name == KILL
_LOCKED = sa.select(latches).where(_MINE).with_for_update()
_LOCKED_ACTIVE = sa.select(latches.c.active).where(_MINE).with_for_update()


class KillState(msgspec.Struct, frozen=True, kw_only=True):
    """The kill switch. Times in UTC ms.

    active: set (`latched`): no opening order is recorded any more. effective_ms: from when on none is sent either, None
    while the bot has not confirmed it. reset_*: of the last reset.
    """

    active: bool
    reason: str = ""
    by: str = ""
    set_ms: int | None = None
    effective_ms: int | None = None
    reset_by: str = ""
    reset_reason: str = ""
    reset_ms: int | None = None


_to_kill = to_record(KillState)


def latch_kill(engine: sa.Engine, by: str, reason: str, now_ms: int) -> KillState:
    """Set the switch; durable when this returns. If it is set already, who set it first and why stay.

    Raises:
        JournalError: it could not be written.
    """
    with writing(engine) as connection:
        before = locked_kill(connection)
        if before.active:
            return before
        values: Row = {"active": True, "by": by, "reason": reason, "set_ms": now_ms, "effective_ms": None}
        return _change(connection, values, now_ms, "KillLatched", {"by": by, "reason": reason})


def reset_kill(engine: sa.Engine, by: str, reason: str, now_ms: int) -> KillState:
    """Release the switch; nothing if it is not set."""
    with writing(engine) as connection:
        before = locked_kill(connection)
        if not before.active:
            return before
        values: Row = {"active": False, "reset_by": by, "reset_reason": reason, "reset_ms": now_ms}
        return _change(connection, values, now_ms, "KillReset", {"by": by, "reason": reason})


def mark_effective(engine: sa.Engine, now_ms: int) -> KillState:
    """Say that no opening order is in flight any more; nothing if the switch is not set, or that was said."""
    with writing(engine) as connection:
        return _effective(connection, now_ms)


def mark_effective_without_bot(engine: sa.Engine, now_ms: int) -> KillState:
    """As `mark_effective`, where no bot holds the database; with one running, only how things stand."""
    if engine.dialect.name == "postgresql":
        from trading.store.server_lock import lock_for_transaction

        with writing(engine) as connection:
            return _effective(connection, now_ms) if lock_for_transaction(connection) else kill_of(connection)
    lock = BotLock(Path(str(engine.url.database)))
    try:
        lock.acquire(wait_s=0)
    except BotAlreadyRunning:
        return read_kill(engine)
    try:
        return mark_effective(engine, now_ms)
    finally:
        lock.release()


def read_kill(engine: sa.Engine) -> KillState:
    """How the switch stands."""
    with reading(engine) as connection:
        return kill_of(connection)


def kill_of(connection: sa.Connection) -> KillState:
    """How the switch stands, within a transaction."""
    return _to_kill(connection.execute(sa.select(latches).where(_MINE)).mappings().one())


def locked_kill(connection: sa.Connection) -> KillState:
    """The same with its row locked until the transaction's end: who sets it meanwhile waits for that."""
    # On SQLite the transaction has held the write lock since it began; FOR UPDATE is left out there by the dialect.
    lock_journal(connection)
    return _to_kill(connection.execute(_LOCKED).mappings().one())


def refuse_if_killed(connection: sa.Connection) -> None:
    """Raise `KillLatched` if the switch is set; else it cannot be set before this transaction's end."""
    if connection.execute(_LOCKED_ACTIVE).scalar_one():
        state = kill_of(connection)
        raise KillLatched(state.by, state.reason, state.set_ms or 0)


def _effective(connection: sa.Connection, now_ms: int) -> KillState:
    before = locked_kill(connection)
    if not before.active or before.effective_ms is not None:
        return before
    return _change(connection, {"effective_ms": now_ms}, now_ms, "KillEffective", {})


def _change(connection: sa.Connection, values: Row, now_ms: int, type_: str, data: dict[str, str]) -> KillState:
    connection.execute(sa.update(latches).where(_MINE).values(**values))
    text = msgspec.json.encode({"type": type_, "time_ms": now_ms, **data}).decode()
    connection.execute(sa.insert(events), [{"time_ms": now_ms, "type": type_, "symbol": "", "data": text}])
    return kill_of(connection)
