"""One channel's line: a message at a time, in its own thread, with bounds on its time, its pace and its retries."""

from __future__ import annotations

import math
import random
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from trading.monitoring.alerts.channels import Channel
from trading.monitoring.alerts.message import Message, plain
from trading.monitoring.logs import redact
from trading.store.alerts import Alert

GIVEN_UP_SECONDS = 45.0
HANGING_MAX = 3
BACK_OFF_SECONDS = 2.0
BACK_OFF_SECONDS_MAX = 300.0
MINUTE_SECONDS = 60.0
UNSTORED_MAX = 200

# The service answers, and does not take what it was given: too long, or something in the text.
_REFUSED = re.compile(r"error=(400|413|422)\b")


def in_thread(act: Callable[[], None], name: str) -> None:
    """Run it in a thread of its own. A daemon: a channel that hangs must not keep the process from ending."""
    threading.Thread(target=act, name=name, daemon=True).start()


@dataclass(eq=False)
class Job:
    """One message on its way. is_plain: it says as little as can be said. is_stored: its alerts are in the table.

    retry_s: after a failure, for how many seconds the channel is let alone.
    """

    line: ChannelLine
    message: Message
    is_plain: bool
    is_stored: bool
    began_at: float
    given_up: bool = False
    error: str = ""
    retry_s: float = 0.0


class ChannelLine:
    """Sends through one channel. Every method is called from the sender's thread, `tell_unstored` from any.

    Args:
        channel: where to.
        finished: is given each job when it has ended, whatever became of it, in the job's own thread.
        max_per_minute: messages.
        name: of the bot, for messages that say as little as can be said.
        spawn: runs a function beside everything else, under a name; a test gives its own.
        monotonic: seconds; a test gives its own.
        chance: for the jitter of the back-off; a test gives its own.
    """

    def __init__(
        self,
        channel: Channel,
        finished: Callable[[Job], None],
        *,
        max_per_minute: int,
        name: str,
        spawn: Callable[[Callable[[], None], str], None] = in_thread,
        monotonic: Callable[[], float] = time.monotonic,
        chance: random.Random | None = None,
    ) -> None:
        self.channel = channel
        self.failures = 0
        self.unstored: deque[Alert] = deque(maxlen=UNSTORED_MAX)
        self._finished = finished
        self._max_per_minute = max_per_minute
        self._name = name
        self._spawn = spawn
        self._monotonic = monotonic
        self._chance = chance or random.Random()  # noqa: S311 - jitter, not a secret
        self._job: Job | None = None
        self._hanging = 0
        self._retry_at = -math.inf
        self._began: deque[float] = deque(maxlen=max_per_minute)
        self._was_refused = False

    @property
    def name(self) -> str:
        """The channel's."""
        return self.channel.name

    @property
    def is_busy(self) -> bool:
        """Whether a message is on its way."""
        return self._job is not None

    @property
    def is_waiting(self) -> bool:
        """Whether the channel failed, and its time to be tried again has not come."""
        return self._monotonic() < self._retry_at

    def may_send(self) -> bool:
        """Whether the next message may go now."""
        if self.is_busy or self.is_waiting or self._hanging >= HANGING_MAX:
            return False
        is_full = len(self._began) == self._max_per_minute
        return not is_full or self._monotonic() - self._began[0] >= MINUTE_SECONDS

    def begin_after(self, failures: int, wait_s: float) -> None:
        """Go on where another sender has left off: after so many failures, to be tried again in so many seconds."""
        self.failures = failures
        self._retry_at = self._monotonic() + min(max(wait_s, 0.0), BACK_OFF_SECONDS_MAX)

    def send(self, message: Message, *, is_stored: bool = True) -> None:
        """Begin to send."""
        is_plain = self._was_refused and is_stored
        wording = plain(message, self._name) if is_plain else message
        job = Job(self, wording, is_plain, is_stored, self._monotonic())
        self._job = job
        self._began.append(job.began_at)
        self._spawn(lambda: self._run(job), f"alerts-{self.name}")

    def give_up(self) -> Job | None:
        """The job that has taken too long, given up; None where there is none. Its thread is left to itself."""
        job = self._job
        if job is None or self._monotonic() - job.began_at < GIVEN_UP_SECONDS:
            return None
        job.given_up = True
        job.error = f"no answer within {GIVEN_UP_SECONDS:g} s"
        self._job = None
        self._hanging += 1
        return job

    def ended(self, job: Job) -> None:
        """Take note that the job's thread has ended."""
        if job.given_up:
            self._hanging -= 1
        elif self._job is job:
            self._job = None

    def succeeded(self) -> None:
        """The channel works."""
        self.failures, self._retry_at, self._was_refused = 0, -math.inf, False

    def failed(self, job: Job) -> None:
        """The channel does not, and is let alone for a while: longer with each failure, never quite the same time."""
        self.failures += 1
        self._was_refused = not job.is_plain and _REFUSED.search(job.error) is not None
        doubled: float = BACK_OFF_SECONDS * 2 ** min(self.failures - 1, 16)
        job.retry_s = min(doubled, BACK_OFF_SECONDS_MAX) * self._chance.uniform(0.5, 1.0)
        self._retry_at = self._monotonic() + job.retry_s

    def tell_unstored(self, alert: Alert) -> None:
        """Send an alert that is in no table, before all others. Of too many the oldest are forgotten."""
        self.unstored.append(alert)

    def _run(self, job: Job) -> None:
        error = "it did not end"
        try:
            error = self.channel.send(job.message)
        except Exception as problem:  # noqa: BLE001 - whatever a channel raises, the next alert must be tried
            error = redact(f"{type(problem).__name__}: {problem}") or "failed"
        finally:
            job.error = error
            self._finished(job)
