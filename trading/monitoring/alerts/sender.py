"""The sender: takes alerts from the table to their channels, at least once, in order. One process at a time sends.

It holds a lease that another process takes over when it is not kept up. What was sent is marked after it was sent: if
the process dies between the two, the next sender sends it again, under the same number.
"""

from __future__ import annotations

import math
import os
import queue
import socket
import threading
import time
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from datetime import tzinfo

import sqlalchemy as sa
import structlog

from trading.clock import wall_ms
from trading.domain.actions import Notify
from trading.monitoring.alerts.channels import Channel
from trading.monitoring.alerts.lines import ChannelLine, Job, in_thread
from trading.monitoring.alerts.message import compose
from trading.monitoring.alerts.rules import AlertRules
from trading.monitoring.jobs import Jobs
from trading.store.alerts import Alert
from trading.store.deliveries import (
    Repeats,
    channel_states,
    dispatch,
    has_news,
    mark_failed,
    mark_sent,
    register_channels,
    waiting_alerts,
)
from trading.store.errors import StoreError
from trading.store.leases import Lease, LeaseLost, release_lease, take_lease

log = structlog.get_logger(__name__)

LEASE = "alerts"
LEASE_MS = 15_000
RENEW_SECONDS = 5.0
LOOK_SECONDS = 1.0
OLD_MS = 86_400_000
FAILURES_TOLD = 3
"""A channel that fails so often in a row is a background job that fails."""

UNSTORED_REMEMBERED = 1_000

_Told = tuple[str, str, str, str]


class AlertSender:
    """Sends what is in the table, in a thread of its own, whenever this process holds the lease.

    Args:
        channels: where alerts go.
        rules: when each is due there.
        connect: the database, open; raises `StoreError` while there is none. It stays its owner's to close.
        name: of the bot, as messages begin.
        zone: of the times in messages.
        max_per_minute: messages to a channel.
        now_ms: the wall clock, UTC ms; a test gives its own.
        monotonic: seconds; a test gives its own.
        spawn: runs a function beside everything else, under a name; a test gives its own.

    Attributes:
        jobs: hears of channels that keep failing.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        rules: AlertRules,
        connect: Callable[[], sa.Engine],
        *,
        name: str,
        zone: tzinfo,
        max_per_minute: int,
        now_ms: Callable[[], int] = wall_ms,
        monotonic: Callable[[], float] = time.monotonic,
        spawn: Callable[[Callable[[], None], str], None] = in_thread,
    ) -> None:
        self.jobs = Jobs()
        self._monotonic = monotonic
        self._rules = rules
        self._connect = connect
        self._name = name
        self._zone = zone
        self._now_ms = now_ms
        self._finished: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._lines = [
            ChannelLine(
                channel, self._finish, max_per_minute=max_per_minute, name=name, spawn=spawn, monotonic=monotonic
            )
            for channel in channels
        ]
        self._unmarked: deque[Job] = deque()
        self._holder = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4().hex[:8]}"
        self._lease: Lease | None = None
        self._renew_at = -math.inf
        self._seen: dict[str, int] = {}
        self._unstored_sent: dict[str, OrderedDict[_Told, None]] = {line.name: OrderedDict() for line in self._lines}
        self._is_failing = False
        self._wake = threading.Event()
        self._stop_by: float | None = None
        self._thread: threading.Thread | None = None

    @property
    def channels(self) -> list[str]:
        """Their names."""
        return [line.name for line in self._lines]

    def register(self) -> None:
        """Make the channels known, so that they get what is told from now on, not from the first sending on."""
        try:
            register_channels(self._connect(), self.channels)
        except StoreError as error:
            self._tell_failure(error)

    def start(self) -> None:
        """Begin to send."""
        self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
        self._wake.set()
        self._thread.start()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    def send_unstored(self, note: Notify, at_ms: int) -> None:
        """Send an alert that cannot be stored now, whoever holds the lease. Once it is stored it is not sent again."""
        alert = Alert(
            seq=0,
            time_ms=at_ms,
            created_ms=at_ms,
            level=note.level,
            code=note.code,
            symbol=note.symbol,
            text=note.text,
        )
        now_ms = self._now_ms()
        for line in self._lines:
            due_ms = self._rules(line.name, alert, Repeats(), now_ms)
            if due_ms is not None and due_ms <= now_ms:
                line.tell_unstored(alert)
        self._wake.set()

    def stop(self, within_s: float) -> bool:
        """Send what is due, for at most so long, and give the lease back; whether the thread has ended in time."""
        if self._thread is None:
            return True
        self._stop_by = time.monotonic() + within_s
        self._wake.set()
        self._thread.join(within_s)
        return not self._thread.is_alive()

    # -- the thread

    def _run(self) -> None:
        is_over = False
        while not is_over:
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            try:
                self.step()
            except Exception as error:
                log.critical("alerts.sender_failed", exc_info=error)
                time.sleep(LOOK_SECONDS)
            is_over = self._is_over()
        self._give_back()

    def _is_over(self) -> bool:
        if self._stop_by is None:
            return False
        if time.monotonic() >= self._stop_by:
            return True
        return (
            not any(line.is_busy or (line.unstored and line.may_send()) for line in self._lines) and not self._is_due()
        )

    def _is_due(self) -> bool:
        """Whether something waits that could be sent now."""
        if self._lease is None:
            return False
        try:
            engine = self._connect()
            if has_news(engine, min(self._seen.values(), default=0)):
                return True
            return any(line.may_send() and waiting_alerts(engine, line.name, self._now_ms()) for line in self._lines)
        except StoreError:
            return False

    def step(self) -> None:
        """One round: what has ended, the lease, what is new, what is due. Never waits for a channel."""
        for job in self._ended():
            self._judge(job)
        try:
            engine = self._connect()
            self._keep_lease(engine)
            # Nothing more is sent before what was sent is marked: else it would be sent again and again.
            self._take_notes(engine)
            if self._lease is not None:
                self._dispatch(engine, self._lease)
                self._send_due(engine)
        except LeaseLost as error:
            log.warning("alerts.lease_lost", error=str(error))
            self._lease = None
            self._unmarked.clear()
        except StoreError as error:
            self._tell_failure(error)
        else:
            self._is_failing = False
        self._send_unstored()

    def _ended(self) -> list[Job]:
        """The jobs that have ended or were given up since the last round; their lines know of it."""
        found: list[Job] = []
        while not self._finished.empty():
            job = self._finished.get()
            job.line.ended(job)
            # One that was given up has been counted as failed; that it arrived after all is still worth a mark.
            if not (job.given_up and job.error):
                found.append(job)
        for line in self._lines:
            late = line.give_up()
            if late is not None:
                found.append(late)
        return found

    def _finish(self, job: Job) -> None:
        self._finished.put(job)
        self._wake.set()

    def _judge(self, job: Job) -> None:
        """What follows for the channel from a job that has ended."""
        line = job.line
        if job.is_stored:
            self._unmarked.append(job)
        if not job.error:
            if line.failures:
                log.info("alerts.channel_works", channel=line.name, failures=line.failures)
            line.succeeded()
            self.jobs.done(_job_name(line.name))
            if not job.is_stored:
                self._remember_unstored(job)
            return
        line.failed(job)
        if line.failures >= FAILURES_TOLD:
            self.jobs.failed(_job_name(line.name), job.error)
        if not job.is_stored:
            line.unstored.extendleft(reversed(job.message.told))
        log.warning(
            "alerts.not_sent",
            channel=line.name,
            alerts=len(job.message.told),
            error=job.error,
            failures=line.failures,
            again_in_s=round(job.retry_s, 1),
        )

    def _remember_unstored(self, job: Job) -> None:
        sent = self._unstored_sent[job.line.name]
        sent.update((_told(alert), None) for alert in job.message.told)
        while len(sent) > UNSTORED_REMEMBERED:
            sent.popitem(last=False)

    def _take_notes(self, engine: sa.Engine) -> None:
        """Put down in the tables what became of the messages."""
        while self._unmarked and self._lease is not None:
            job, now_ms = self._unmarked[0], self._now_ms()
            if job.error:
                retry_ms = now_ms + round(job.retry_s * 1000)
                mark_failed(engine, self._lease, job.line.name, job.error, now_ms, retry_ms)
            else:
                mark_sent(engine, self._lease, job.line.name, [alert.seq for alert in job.message.told], now_ms)
            self._unmarked.popleft()
        self._unmarked.clear()

    def _keep_lease(self, engine: sa.Engine) -> None:
        if not self._lines or self._monotonic() < self._renew_at:
            return
        self._renew_at = self._monotonic() + RENEW_SECONDS
        held = self._lease is not None
        self._lease = take_lease(engine, LEASE, self._holder, self._now_ms(), LEASE_MS)
        if held and self._lease is None:
            raise LeaseLost("another process sends alerts now")
        if self._lease is not None and not held:
            self._take_over(engine)

    def _take_over(self, engine: sa.Engine) -> None:
        """Begin where the last sender has left off."""
        register_channels(engine, self.channels)
        states, now_ms = channel_states(engine), self._now_ms()
        for line in self._lines:
            state = states[line.name]
            self._seen[line.name] = state.seen
            line.begin_after(state.failures, ((state.retry_ms or now_ms) - now_ms) / 1000)
        log.info("alerts.sending", channels=self.channels)

    def _dispatch(self, engine: sa.Engine, lease: Lease) -> None:
        if has_news(engine, min(self._seen.values(), default=0)):
            now_ms = self._now_ms()
            self._seen = dispatch(
                engine,
                lease,
                self.channels,
                self._due,
                now_ms,
                join_ms=self._rules.join_ms,
                old_ms=now_ms - OLD_MS,
            )

    def _due(self, channel: str, alert: Alert, repeats: Repeats, now_ms: int) -> int | None:
        """The rules' word; nothing for what this channel has sent while it could not be stored."""
        sent = self._unstored_sent[channel]
        if sent and _told(alert) in sent:
            del sent[_told(alert)]
            return None
        return self._rules(channel, alert, repeats, now_ms)

    def _send_due(self, engine: sa.Engine) -> None:
        for line in self._lines:
            if line.may_send():
                waiting = waiting_alerts(engine, line.name, self._now_ms())
                if waiting:
                    line.send(compose(waiting, self._name, self._zone))

    def _send_unstored(self) -> None:
        for line in self._lines:
            if line.unstored and line.may_send():
                unstored = [line.unstored.popleft() for _ in range(len(line.unstored))]
                message = compose(unstored, self._name, self._zone)
                line.unstored.extendleft(alert for alert in reversed(unstored) if alert not in message.told)
                line.send(message, is_stored=False)

    def _tell_failure(self, error: StoreError) -> None:
        if not self._is_failing:
            log.error("alerts.database_failed", error=str(error))
        self._is_failing = True

    def _give_back(self) -> None:
        if self._lease is None:
            return
        try:
            release_lease(self._connect(), self._lease)
        except StoreError as error:
            self._tell_failure(error)
        self._lease = None


def _job_name(channel: str) -> str:
    return f"alerts to {channel}"


def _told(alert: Alert) -> _Told:
    return alert.level.value, alert.code, alert.symbol, alert.text
