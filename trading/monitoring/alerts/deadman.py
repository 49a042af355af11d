"""The dead-man ping: a sign of life to a service outside, which alerts when it stops. So a dead machine is noticed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx
import structlog

from trading.monitoring.alerts.urls import silence
from trading.monitoring.jobs import Jobs

if TYPE_CHECKING:
    from trading.config import Settings

log = structlog.get_logger(__name__)

PING_SECONDS = 60.0
ANSWER_SECONDS = 10.0
JOB = "dead-man ping"


class DeadManPing:
    """Asks for an address every minute, in a thread of its own.

    Args:
        url: asked for while the bot is well.
        fail_url: asked for while it is not; empty: nothing is asked for then.
        is_well: whether the bot is; called in the thread.
        jobs: hears of pings that fail.
        each_s: how often.
    """

    def __init__(
        self, url: str, fail_url: str, is_well: Callable[[], bool], jobs: Jobs, *, each_s: float = PING_SECONDS
    ) -> None:
        self._url = url
        self._fail_url = fail_url
        self._is_well = is_well
        self._jobs = jobs
        self._each_s = each_s
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dead-man", daemon=True)

    @classmethod
    def of(cls, settings: Settings, is_well: Callable[[], bool], jobs: Jobs) -> DeadManPing | None:
        """As the settings say; None where they name no address."""
        if settings.heartbeat_url is None:
            return None
        fail_url = settings.heartbeat_fail_url.get_secret_value() if settings.heartbeat_fail_url else ""
        return cls(settings.heartbeat_url.get_secret_value(), fail_url, is_well, jobs)

    def start(self) -> None:
        """Begin: the first ping at once."""
        silence()
        self._thread.start()

    def stop(self) -> None:
        """Ping no more. Does not wait for one that is under way."""
        self._ending.set()

    def _run(self) -> None:
        while True:
            url = self._url if self._is_well() else self._fail_url
            if url:
                self._ping(url)
            if self._ending.wait(self._each_s):
                return

    def _ping(self, url: str) -> None:
        # What an error says may hold the address, which is secret: its kind alone is told.
        try:
            answer = httpx.get(url, timeout=ANSWER_SECONDS, follow_redirects=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._jobs.failed(JOB, type(error).__name__)
            return
        if answer.is_success:
            self._jobs.done(JOB)
        else:
            self._jobs.failed(JOB, f"answered with status {answer.status_code}")
