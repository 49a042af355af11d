"""Commit, then act: what an event leads to is carried out only once it is in the journal.

When a commit fails, the engine goes back to the last one and takes the same events in again with entries latched. As
long as the journal cannot be written, only what reduces risk goes out; its ids follow from the committed state, so that
a restart recognises these orders although it never stored them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import structlog

from trading.clock import wall_ms
from trading.domain.actions import Action, Level, Notify, SubmitOrder
from trading.domain.candles import Candle
from trading.domain.events import CandleClosed, ClockTick, Command, CommandKind, EntriesLatched, Event, OrderFilled
from trading.engine.engine import Engine
from trading.monitoring.report import Fault
from trading.store.batch import AnyJournal, Batch, EquityPoint
from trading.store.errors import JournalError, KillLatched

log = structlog.get_logger(__name__)

EVENTS_UNCOMMITTED_MAX = 512
RETRY_SECONDS = 1.0
JOURNAL_DOWN = "the journal cannot be written"


class Alerts(Protocol):
    """Who hears of notifications. Nothing here waits."""

    def committed(self, notes: Sequence[Notify]) -> None:
        """These are stored, with the commit that raised them."""
        ...

    def uncommitted(self, notes: Sequence[Notify]) -> None:
        """These will be stored by a commit that cannot be made now."""
        ...

    def tell(self, note: Notify) -> None:
        """This one no commit will store."""
        ...


class CommitLine:
    """The one way from events to actions in the live driver.

    Args:
        engine: restored from `journal`.
        journal: where every batch goes before its actions are given back.
        keep_candles: whether candles are stored as market data.
        alerts: is told of every notification: when its batch is committed, when that must wait, or outside a commit.
        monotonic: seconds; a test gives its own.
        observe_commit: is told how many seconds each commit took.

    Attributes:
        fault: why the journal could not be written when it was last tried; None while it can.
    """

    def __init__(
        self,
        engine: Engine,
        journal: AnyJournal,
        *,
        keep_candles: bool = True,
        alerts: Alerts,
        monotonic: Callable[[], float] = time.monotonic,
        observe_commit: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        self._observe_commit = observe_commit
        self.engine = engine
        self._journal = journal
        self._keep_candles = keep_candles
        self._alerts = alerts
        self._monotonic = monotonic
        self._events: list[Event] = []
        self._candles: list[Candle] = []
        self._notes: list[Notify] = []
        self._equity: list[EquityPoint] = []
        self._latches: set[str] = set()
        self._down_since: float | None = None
        self.fault: Fault | None = None
        self._retry_at = 0.0
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="journal")

    @property
    def is_down(self) -> bool:
        """Whether the journal failed, and has not been written since."""
        return self._down_since is not None

    @property
    def has_uncommitted(self) -> bool:
        """Whether what has been handled is worth a commit that no commit holds yet: more than that time went on."""
        return self.has_unsaved or any(type(event) is not ClockTick for event in self._events)

    @property
    def has_unsaved(self) -> bool:
        """Whether the state has changed since the last commit: a restart would not know of it."""
        return bool(self.engine.state.changes)

    async def take(self, events: Sequence[Event], *, may_wait: bool = False) -> list[Action]:
        """Handle these events, commit, and give back what may now be carried out.

        With `may_wait`, events that lead to no action may be committed together with later ones: what was not committed
        is handled again after a crash, with the same result.
        """
        known = len(self._notes)
        actions = self._handle(events)
        if self.is_down:
            self._alerts.uncommitted(self._notes[known:])
        if may_wait and not actions and len(self._events) < EVENTS_UNCOMMITTED_MAX:
            return []
        if self.is_down and self._monotonic() < self._retry_at:
            return self._while_down(actions)
        return await self._commit(actions)

    def latch_entries(self, reason: str) -> None:
        """Open nothing any more in this process, for `reason`."""
        self._latches.add(reason)
        self._tell_latches()

    def close(self) -> None:
        """Wait for a commit under way, and end the writing thread."""
        self._writer.shutdown(wait=True)

    def _handle(self, events: Sequence[Event]) -> list[Action]:
        actions: list[Action] = []
        closed = None
        for event in events:
            actions.extend(self.engine.handle(event))
            if type(event) is CandleClosed:
                closed = event.time_ms
                if self._keep_candles:
                    self._candles.append(event.candle)
        actions = self.engine.withdraw(actions)
        self._events.extend(events)
        self._notes.extend(a for a in actions if isinstance(a, Notify))
        if closed is not None:
            self._note_equity(closed)
        return actions

    def _note_equity(self, time_ms: int) -> None:
        state = self.engine.state
        if state.account is None:
            return
        self._equity.append(
            EquityPoint(
                time_ms=time_ms,
                equity=self.engine.equity(),
                cash=state.account.cash,
                exposure=self.engine.exposure(),
            )
        )

    async def _commit(self, actions: list[Action]) -> list[Action]:
        batch = Batch(
            time_ms=self.engine.state.now_ms,
            events=tuple(self._events),
            changes=tuple(self.engine.state.changes),
            candles=tuple(self._candles),
            equity=tuple(self._equity),
            notifications=tuple(self._notes),
        )
        began = self._monotonic()
        try:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._journal.commit, batch)
        except KillLatched as latched:
            return await self._after_kill(latched)
        except JournalError as error:
            return self._after_failure(error, actions)
        self.engine.committed()
        self._observe_commit(self._monotonic() - began)
        _log_fills(self._events)
        notes, self._notes = self._notes, []
        self._events, self._candles, self._equity = [], [], []
        self._alerts.committed(notes)
        if self._down_since is not None:
            down_s = round(self._monotonic() - self._down_since, 1)
            log.warning("journal.recovered", down_s=down_s)
            self._alerts.tell(
                Notify(Level.INFO, "JOURNAL_BACK", f"written again after {down_s} s; entries are allowed")
            )
            self._down_since = self.fault = None
            self._latches.discard(JOURNAL_DOWN)
            self._tell_latches()
        return actions

    async def _after_kill(self, latched: KillLatched) -> list[Action]:
        """The switch was set while an entry was decided: forget that decision, know of the switch, decide again."""
        kill = Command(
            time_ms=self.engine.state.now_ms,
            id=f"kill-{latched.set_ms}",
            kind=CommandKind.KILL,
            by=latched.by,
            reason=latched.reason,
        )
        return await self._commit(self._again(first=[kill]))

    def _after_failure(self, error: JournalError, actions: list[Action]) -> list[Action]:
        self._retry_at = self._monotonic() + RETRY_SECONDS
        if self._down_since is None:
            self._down_since = self._monotonic()
            self.fault = Fault("journal", str(error), wall_ms())
            log.critical("journal.failed", error=str(error), effect="no entries; what reduces risk goes on")
            self._latches.add(JOURNAL_DOWN)
            self._tell_latches()
            actions = self._again(first=[])
            self._alerts.tell(Notify(Level.CRITICAL, "JOURNAL_DOWN", str(error)))
            self._alerts.uncommitted(self._notes)
        return self._while_down(actions)

    def _again(self, *, first: list[Event]) -> list[Action]:
        """Go back to the last commit and handle everything since then once more, after `first`."""
        self.engine.rollback()
        events = [*first, *self._events]
        self._events, self._candles, self._notes, self._equity = [], [], [], []
        return self._handle(events)

    def _while_down(self, actions: list[Action]) -> list[Action]:
        return [a for a in actions if not isinstance(a, SubmitOrder) or a.order.value.reduces]

    def _tell_latches(self) -> None:
        # Not an event of the journal: it says how this process stands, and ends with it.
        self.engine.handle(EntriesLatched(time_ms=self.engine.state.now_ms, reason="; ".join(sorted(self._latches))))


def _log_fills(events: Sequence[Event]) -> None:
    for event in events:
        if isinstance(event, OrderFilled):
            fill = event.fill
            log.info(
                "fill",
                symbol=fill.symbol,
                side=fill.side,
                quantity=fill.quantity,
                price=fill.price,
                fee=f"{fill.fee.normalize():f} {fill.fee_coin}",
                order=fill.client_order_id,
            )
