"""The bot's own row: that it lives, since when, and how it last said it was."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from trading.store.database import reading, writing
from trading.store.rows import plain, to_record
from trading.store.schema import BOT, processes
from trading.store.statements import insert_or_update

STOPPED = "stopped"
"""The last word of a bot that ended in order, whatever it left."""


class ProcessState(msgspec.Struct, frozen=True, kw_only=True):
    """The bot's process. beat_ms: its loop's last sign of life (UTC ms). state: a word (`starting`, `trading`, …).

    report: what it told of itself with that, as `trading.monitoring.report` writes it; None before the first time.
    """

    pid: int
    host: str
    version: str
    started_ms: int
    beat_ms: int
    state: str
    report: str | None = None


to_process = to_record(ProcessState)


def write_process(engine: sa.Engine, process: ProcessState) -> None:
    """Put the bot's row, at its start."""
    statement = insert_or_update(engine.dialect.name, processes, ["name"])
    with writing(engine) as connection:
        connection.execute(statement, [{"name": BOT, **plain(process)}])


def beat(engine: sa.Engine, now_ms: int, state: str, report: str | None = None) -> None:
    """Write a sign of life; the report stays as it is where none is given."""
    values = {"beat_ms": now_ms, "state": state} | ({} if report is None else {"report": report})
    with writing(engine) as connection:
        connection.execute(sa.update(processes).where(processes.c.name == BOT).values(values))


def read_process(engine: sa.Engine) -> ProcessState | None:
    """The bot's row, None before the first start."""
    with reading(engine) as connection:
        return process_of(connection)


def process_of(connection: sa.Connection) -> ProcessState | None:
    """The bot's row, None before the first start."""
    row = connection.execute(sa.select(processes).where(processes.c.name == BOT)).mappings().first()
    return None if row is None else to_process(row)
