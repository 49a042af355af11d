"""The kill switch as the dashboard sets and resets it: in the database, and by a file where that cannot be written."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import anyio.to_thread
import structlog
from anyio import CapacityLimiter

from trading.domain.events import CommandKind
from trading.domain.orders import Purpose
from trading.store.commands import queue_command
from trading.store.errors import StoreError
from trading.store.latch import KILL_FILE, KillState, latch_kill, mark_effective_without_bot, read_kill, reset_kill
from trading.store.queries import Queries
from trading.web.context import WebContext
from trading.web.models.safety import KillSwitchView
from trading.web.problems import Problem

log = structlog.get_logger(__name__)

T = TypeVar("T")

URGENT_THREADS = 4
OWN_FILE = "set by the dashboard"
"""How the file begins that the dashboard makes: such a one it may remove again."""


_urgent = CapacityLimiter(URGENT_THREADS)


async def at_once(act: Callable[[], T]) -> T:
    """Do it in a thread that is kept for the kill switch: slow reading of others must not keep it waiting."""
    return await anyio.to_thread.run_sync(act, limiter=_urgent)


def trigger(context: WebContext, *, by: str, reason: str, flatten: bool) -> KillSwitchView:
    """Set the switch; durable when this returns. Blocking.

    Raises:
        Problem: neither the database nor the data folder can be written.
    """
    log.critical("kill.triggered", by=by, reason=reason, flatten=flatten)
    now_ms = context.now_ms()
    try:
        with context.database.writing() as engine:
            state = latch_kill(engine, by, reason, now_ms)
    except StoreError as error:
        _make_file(context, by, reason, error)
        return KillSwitchView.of(None, by_file=True, waits_for=[])
    try:
        with context.database.writing() as engine:
            if flatten:
                queue_command(engine, CommandKind.CLOSE_ALL, by=by, now_ms=now_ms, reason=f"killed: {reason}")
            state = mark_effective_without_bot(engine, now_ms)
            waits_for = _waits_for(Queries(engine), state)
    except StoreError as error:
        if flatten:
            detail = f"the kill switch is set, but what is held could not be told to be sold: {error}"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, code="KILLED_NOT_FLATTENED") from error
        log.warning("kill.effect_not_seen", error=str(error))
        waits_for = []
    return KillSwitchView.of(state, by_file=_file(context).exists(), waits_for=waits_for)


def look(context: WebContext) -> KillSwitchView:
    """How the switch stands. Blocking.

    Raises:
        StoreError: the database cannot tell, and there is no file.
    """
    by_file = _file(context).exists()
    try:
        with context.database.reading() as queries:
            state = read_kill(queries.engine)
            waits_for = _waits_for(queries, state)
    except StoreError:
        if not by_file:
            raise
        return KillSwitchView.of(None, by_file=True, waits_for=[])
    return KillSwitchView.of(state, by_file=by_file, waits_for=waits_for)


def reset(context: WebContext, *, by: str, reason: str) -> KillSwitchView:
    """Release the switch. Blocking.

    Raises:
        Problem: it is not set, or a file that a person made keeps it set.
        StoreError: the database cannot be written.
    """
    file = _file(context)
    if file.exists() and not _is_own(file):
        detail = f"the file {file} keeps the kill switch set; remove it first"
        raise Problem(HTTPStatus.CONFLICT, detail, code="KILL_FILE_THERE")
    with context.database.writing() as engine:
        if not read_kill(engine).active and not file.exists():
            raise Problem(HTTPStatus.CONFLICT, "the kill switch is not set", code="NOT_SET")
        file.unlink(missing_ok=True)
        state = reset_kill(engine, by, reason, context.now_ms())
    log.warning("kill.reset", by=by, reason=reason)
    return KillSwitchView.of(state, by_file=file.exists(), waits_for=[])


def _make_file(context: WebContext, by: str, reason: str, why: StoreError) -> None:
    file = _file(context)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_text(f"{OWN_FILE} for {by}: {reason}\n", encoding="utf-8")
    except OSError as error:
        detail = (
            f"the kill switch could NOT be set: neither in the database ({why}) nor by the file {file} "
            f"({error.strerror}); stop the bot's process"
        )
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, code="NOT_KILLED") from error
    log.critical("kill.by_file", file=str(file), error=str(why))


def _is_own(file: Path) -> bool:
    try:
        return file.read_bytes()[: len(OWN_FILE)] == OWN_FILE.encode()
    except OSError:
        return False


def _waits_for(queries: Queries, state: KillState) -> list[str]:
    """The opening orders that may still be on their way."""
    if not state.active or state.effective_ms is not None:
        return []
    live = queries.orders(live=True, purpose=Purpose.ENTRY)
    return [order.id for order in live if order.is_live]


def _file(context: WebContext) -> Path:
    return context.settings.data_dir / KILL_FILE
