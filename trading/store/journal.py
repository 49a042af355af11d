"""The journal: every change of the engine's state, committed before anything is done about it."""

from __future__ import annotations

import threading

import sqlalchemy as sa

from trading.domain.events import Command
from trading.domain.orders import OrderState
from trading.engine.state import Record
from trading.store.batch import Batch
from trading.store.commands import finish_command, pending_commands
from trading.store.database import BUSY_TIMEOUT_MS, location, open_database, reading, writing
from trading.store.errors import ForeignDatabase, JournalError, KillLatched
from trading.store.latch import refuse_if_killed
from trading.store.plan import Memory, Plan
from trading.store.recovery import load_memory, load_records
from trading.store.schema import ONLY_ROW, meta, orders
from trading.store.statements import Statements

_UNKNOWN_COMMAND = "refused: the bot does not know this command (is it of another version?)"


class Journal:
    """The journal of one bot in its database. One process has it open at a time: hold the `BotLock` first.

    Safe to call from several threads; commits are one after another.
    """

    def __init__(self, engine: sa.Engine, bot_id: str) -> None:
        self.engine = engine
        self.bot_id = bot_id
        self._statements = Statements(engine.dialect)
        self._guard = threading.Lock()
        self._handed_out: set[str] = set()
        self._closed = False
        with reading(engine) as connection:
            self._memory: Memory = load_memory(connection)

    @classmethod
    def open(cls, url: str, bot_id: str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Journal:
        """Open the database, making it or bringing it up to date where needed.

        Args:
            url: `sqlite:///path`.
            bot_id: whose database this is; a new one is given to it for good.
            busy_timeout_ms: how long a commit waits for another process's transaction.

        Raises:
            StoreError: the database cannot be used, or is another bot's; nothing in it was changed.
        """
        engine = open_database(url, busy_timeout_ms=busy_timeout_ms)
        try:
            _claim(engine, bot_id)
            return cls(engine, bot_id)
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
            self._handed_out.clear()
        return records

    def commit(self, batch: Batch) -> None:
        """Write the batch in one transaction; durable when this returns.

        Raises:
            KillLatched: the kill switch is set and the batch has an opening order that was not on its way before.
            JournalError: the write failed (disk full, locked, a fill that was booked before). Nothing was written.
        """
        with self._guard:
            self._check_open()
            plan = Plan(batch, self._memory)
            with writing(self.engine) as connection:
                self._write(connection, plan, batch.time_ms)
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
