"""`run --dashboard`: the dashboard in a process of its own beside the bot, started anew when it ends, ended with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import structlog

from trading.domain.actions import Level, Notify
from trading.exit_codes import ExitCode

log = structlog.get_logger(__name__)

COMMAND = (sys.executable, "-m", "trading.web.server", "--until-stdin-ends")
PAUSE_SECONDS = 1.0
PAUSE_SECONDS_MAX = 60.0
STEADY_SECONDS = 60.0
END_SECONDS = 4.0
NICENESS = 10
"""The bot goes first where the processor is scarce."""


class DashboardBeside:
    """Looks after the dashboard's process in a thread. Nothing that it does or suffers holds up the bot.

    The process ends with this one, however that ends: its standard input does.

    Args:
        settings: by name, what the command line gave; the rest the process finds where this one did.
        tell: alerts the owner, once for each outage.
        command: what to run.
        pause_s: how long to wait before it is started anew; twice as long each time, up to `PAUSE_SECONDS_MAX`.
    """

    def __init__(
        self,
        settings: Mapping[str, str],
        tell: Callable[[Notify], None],
        *,
        command: Sequence[str] = COMMAND,
        pause_s: float = PAUSE_SECONDS,
    ) -> None:
        self._environment = {**os.environ, **settings}
        self._tell = tell
        self._command = command
        self._pause_s = pause_s
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dashboard", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the process, within `END_SECONDS`."""
        self._ending.set()
        self._thread.join(END_SECONDS + 1)

    def _run(self) -> None:
        pause_s, is_told = self._pause_s, False
        while not self._ending.is_set():
            began = time.monotonic()
            why = self._once()
            if self._ending.is_set():
                return
            if time.monotonic() - began >= STEADY_SECONDS:
                pause_s, is_told = self._pause_s, False
            log.error("dashboard.ended", why=why, again_in_s=pause_s)
            if not is_told:
                text = f"the dashboard {why}; the bot goes on, and the dashboard is tried again"
                self._tell(Notify(Level.WARNING, "DASHBOARD_DOWN", text))
                is_told = True
            self._ending.wait(pause_s)
            pause_s = min(2 * pause_s, PAUSE_SECONDS_MAX)

    def _once(self) -> str:
        """Run the process to its end; why it has ended."""
        try:
            process = subprocess.Popen(  # noqa: S603 - this program itself
                self._command, stdin=subprocess.PIPE, env=self._environment, start_new_session=True
            )
        except OSError as error:
            return f"could not be started ({error.strerror})"
        log.info("dashboard.started", pid=process.pid)
        with suppress(OSError):  # it may have ended by now, and being nice is not worth a failure
            os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
        while process.poll() is None and not self._ending.wait(0.2):
            pass
        why = _ended(process) if process.poll() is None else _reason(process.returncode)
        if process.stdin is not None:
            process.stdin.close()
        return why


def _ended(process: subprocess.Popen[bytes]) -> str:
    """Have it end in order, or else end it."""
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        log.warning("dashboard.killed", pid=process.pid, waited_s=END_SECONDS)
    return "was ended"


def _reason(code: int) -> str:
    if code == ExitCode.ADDRESS:
        return "cannot listen on its port (its log says why: is it taken? DASHBOARD_PORT names another)"
    return f"ended with exit code {code}" if code >= 0 else f"was ended by signal {-code}"
