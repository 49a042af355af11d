"""'The bot is gone': told by the dashboard's process when signs of life stop and nobody has stopped the bot."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import sqlalchemy as sa
import structlog

from trading.clock import wall_ms
from trading.domain.actions import Level, Notify
from trading.store.alerts import Alert, add_alerts, last_alert
from trading.store.bot_lock import bot_holder
from trading.store.commit_number import lock_journal
from trading.store.database import reading, writing
from trading.store.errors import StoreError
from trading.store.process import STOPPED, ProcessState, process_of

log = structlog.get_logger(__name__)

GONE = "BOT_GONE"
BACK = "BOT_BACK"
GONE_MS = 45_000
LOOK_SECONDS = 5.0


class Presence:
    """Looks at the bot's sign of life, in a thread of its own.

    Args:
        connect: the database, open for writing; raises `StoreError` while there is none.
        told: called when an alert was stored.
        now_ms: the wall clock, UTC ms; a test gives its own.
    """

    def __init__(
        self, connect: Callable[[], sa.Engine], told: Callable[[], None], now_ms: Callable[[], int] = wall_ms
    ) -> None:
        self._connect = connect
        self._told = told
        self._now_ms = now_ms
        self._old_beat: int | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ending.set()

    def _run(self) -> None:
        while not self._ending.wait(LOOK_SECONDS):
            try:
                self.look()
            except StoreError as error:
                # No database: the dashboard's own health says so, and there is nowhere to store an alert.
                log.debug("presence.not_seen", error=str(error))

    def look(self) -> None:
        """Look once, and tell what has changed: each absence once, whoever looks and however often.

        Twice the same old sign must be seen: after a machine has slept, the bot needs a moment to give a new one.

        Raises:
            StoreError: the database cannot be used.
        """
        engine, now_ms = self._connect(), self._now_ms()
        with reading(engine) as connection:
            bot, last = process_of(connection), last_alert(connection, (GONE, BACK))
        if bot is None:
            return
        is_old = now_ms - bot.beat_ms > GONE_MS and bot.state != STOPPED
        was_old, self._old_beat = self._old_beat == bot.beat_ms, bot.beat_ms if is_old else None
        if is_old and was_old and not _is_of(last, bot):
            self._tell(engine, _gone(bot, held_by=_holder(engine)), now_ms)
        elif not is_old and last is not None and last.code == GONE:
            self._tell(engine, _back(bot), now_ms)

    def _tell(self, engine: sa.Engine, note: Notify, now_ms: int) -> None:
        with writing(engine) as connection:
            lock_journal(connection)
            # Another dashboard may have told it meanwhile.
            before = last_alert(connection, (GONE, BACK))
            if before is not None and before.code == note.code and before.text == note.text:
                return
            add_alerts(connection, [(note, now_ms)])
        log.warning("presence.changed", code=note.code)
        self._told()


def _gone(bot: ProcessState, *, held_by: str) -> Notify:
    seen = datetime.fromtimestamp(bot.beat_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return Notify(Level.CRITICAL, GONE, f"no sign of life since {seen} UTC, when it was {bot.state}; {held_by}")


def _back(bot: ProcessState) -> Notify:
    if bot.state == STOPPED:
        return Notify(Level.INFO, BACK, "it has come back, and was stopped in order")
    return Notify(Level.INFO, BACK, f"process {bot.pid} gives signs of life again: {bot.state}")


def _is_of(last: Alert | None, bot: ProcessState) -> bool:
    """Whether this absence was told: no sign of life has come since."""
    return last is not None and last.code == GONE and last.created_ms >= bot.beat_ms


def _holder(engine: sa.Engine) -> str:
    holder = bot_holder(engine)
    return "no process holds its database" if holder is None else f"process {holder.pid} still holds its database"
