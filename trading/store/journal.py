"""The journal: every change of the engine's state, committed before anything is done about it."""

from __future__ import annotations

import threading
import time

import sqlalchemy as sa

from trading.domain.events import Command
from trading.domain.orders import OrderState
from trading.engine.state import Record
from trading.store.batch import Batch
from trading.store.bot_lock import AnyBotLock
from trading.store.commands import finish_command, pending_commands
from trading.store.commit_number import lock_journal, read_commit_number, set_commit_number
from trading.store.database import BUSY_TIMEOUT_MS, location, open_database, reading, writing
from trading.store.errors import ForeignDatabase, JournalError, KillLatched
from trading.store.latch import refuse_if_killed
from trading.store.plan import Memory, Plan
from trading.store.recovery import load_memory, load_records
from trading.store.schema import ONLY_ROW, meta, orders
from trading.store.statements import statements_for
from trading.store.undo import Undo, take_back, undo_of

_UNKNOWN_COMMAND = "refused: the bot does not know this command (is it of another version?)"


class Journal:
    """The journal of one bot in its database. One process has it open at a time: hold the bot's lock first.

    Safe to call from several threads; commits are one after another. Each has a number, kept in the database with it.
    By that a commit knows whether an earlier one whose outcome is unknown (the connection broke at COMMIT) was written,
    and then takes it back before it writes: what is committed follows from the last commit that was confirmed.

    Args:
        engine: of a database that is up to date.
        bot_id: whose it is.
        lock: seen to before each commit, where a server may lose it.
    """

    def __init__(self, engine: sa.Engine, bot_id: str, lock: AnyBotLock | None = None) -> None:
        self.engine = engine
        self.bot_id = bot_id
        self._statements = statements_for(engine.dialect)
        self._guard = threading.Lock()
        self._handed_out: set[str] = set()
        self._closed = False
        self._lock = lock
        self._in_doubt: dict[int, Undo] = {}
        with reading(engine) as connection:
            self._memory: Memory = load_memory(connection)
            self._number = self._last_tried = read_commit_number(connection)

    @classmethod
    def open(
        cls, url: str, bot_id: str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS, lock: AnyBotLock | None = None
    ) -> Journal:
        """Open the database, making it or bringing it up to date where needed.

        Args:
            url: `sqlite:///path` or `postgresql://…`.
            bot_id: whose database this is; a new one is given to it for good.
            busy_timeout_ms: how long a commit waits for another process's transaction.
            lock: the bot's lock, held; seen to before each commit.

        Raises:
            StoreError: the database cannot be used, or is another bot's; nothing in it was changed.
        """
        engine = open_database(url, busy_timeout_ms=busy_timeout_ms)
        try:
            _claim(engine, bot_id)
            return cls(engine, bot_id, lock)
        except BaseException:
            engine.dispose()
            raise

    def load(self) -> list[Record]:
        """All that `EngineState.restore` needs to be as it was at the last commit, in the order that it takes it.

        These are the account, the safety state, the symbols, open positions, the last finished orders, live orders, and
        the fills of those orders. Commands that were handed out and not committed will be handed out again.

        Raises:
            JournalError: it could not be read.
        """
        with self._guard:
            self._check_open()
            with reading(self.engine) as connection:
                records = load_records(connection)
                self._memory = load_memory(connection)
                self._number = self._last_tried = read_commit_number(connection)
            self._in_doubt.clear()
            self._handed_out.clear()
        return records

    def commit(self, batch: Batch) -> None:
        """Write the batch in one transaction; durable when this returns.

        After an error, commit what has changed since the last commit that returned, the same or more or something else:
        the result is as if the failed one had never been.

        Raises:
            KillLatched: the kill switch is set and the batch has an opening order that was not on its way before.
            JournalError: the write failed (disk full, locked, a fill that was booked before, the bot's lock lost), or
                another process has written to this journal. Nothing of it counts.
        """
        with self._guard:
            self._check_open()
            if self._lock is not None:
                self._lock.ensure()
            plan = Plan(batch, self._memory, time.time_ns() // 1_000_000)
            self._transact(plan, batch.time_ms)
            self._memory = plan.memory
            self._handed_out.difference_update(plan.commands)

    def take_commands(self, now_ms: int) -> list[Command]:
        """Commands for the engine, each once. A command counts as taken when its event has been committed."""
        with self._guard:
            self._check_open()
            pending = pending_commands(self.engine, skip=self._handed_out, now_ms=now_ms)
            for unknown in pending.unknown:
                finish_command(self.engine, unknown, _UNKNOWN_COMMAND, now_ms)
            self._handed_out.update(command.id for command in pending.commands)
        return pending.commands

    def close(self) -> None:
        """Let go of the database. What comes after is refused."""
        with self._guard:
            self._closed = True
            self.engine.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise JournalError(f"database {location(self.engine)}: the journal is closed")

    def _transact(self, plan: Plan, now_ms: int) -> None:
        number = self._last_tried + 1
        undo: Undo | None = None
        before = self._number
        try:
            with writing(self.engine) as connection:
                before = self._begin_at_last_commit(connection)
                taking_back = undo_of(connection, plan, self._memory)
                self._write(connection, plan, now_ms)
                set_commit_number(connection, number)
                undo = taking_back
        except JournalError:
            if undo is not None:  # COMMIT was sent
                self._last_tried = number
                self._in_doubt = {n: known for n, known in self._in_doubt.items() if n == before} | {number: undo}
            raise
        self._number = self._last_tried = number
        self._in_doubt.clear()

    def _begin_at_last_commit(self, connection: sa.Connection) -> int:
        """Take back a commit that was written without our knowing; the number that was found."""
        found = lock_journal(connection)
        if found in self._in_doubt:
            take_back(connection, self._in_doubt[found])
        elif found != self._number:
            raise JournalError(
                f"database {location(self.engine)}: another process has written to this bot's journal "
                f"(commit {found}, this one knows {self._number}); nothing is written. Stop one of the two bots"
            )
        return found

    def _write(self, connection: sa.Connection, plan: Plan, now_ms: int) -> None:
        if plan.openings:
            _check_kill(connection, plan.openings)
        for table, statement in self._statements.by_table.items():
            rows = plan.rows.get(table)
            if rows:
                statement.run(connection, rows)
        if plan.commands:
            taken = [{"command": command, "now": now_ms} for command in plan.commands]
            connection.execute(self._statements.take_commands, taken)


def _check_kill(connection: sa.Connection, openings: dict[str, OrderState]) -> None:
    """Raise `KillLatched` if the switch is set and one of these would become known, or pass from known to sent."""
    try:
        refuse_if_killed(connection)
    except KillLatched:
        stored = connection.execute(
            sa.select(orders.c.client_order_id, orders.c.state).where(orders.c.client_order_id.in_(list(openings)))
        )
        states = {order: OrderState(state) for order, state in stored}
        for order, state in openings.items():
            before = states.get(order)
            if before is None or (before is OrderState.INTENT and state is not OrderState.INTENT):
                raise


def _claim(engine: sa.Engine, bot_id: str) -> None:
    mine = meta.c.id == ONLY_ROW
    with reading(engine) as connection:
        owner = connection.execute(sa.select(meta.c.bot_id).where(mine)).scalar()
    if owner is None:
        with writing(engine) as connection:
            connection.execute(sa.update(meta).where(mine, meta.c.bot_id.is_(None)).values(bot_id=bot_id))
            owner = connection.execute(sa.select(meta.c.bot_id).where(mine)).scalar()
    if owner != bot_id:
        raise ForeignDatabase(
            f"database {location(engine)} belongs to the bot {owner!r}, and this is {bot_id!r}; nothing was changed. "
            "Give each bot a DATA_DIR of its own"
        )
