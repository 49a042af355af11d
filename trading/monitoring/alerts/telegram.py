"""Commands by Telegram, from the one chat that may give them: /status /positions /pause /resume /kill.

One process listens at a time, under a lease; where it is in the chat and how many PINs were wrong is kept with it. A
command's number is put down before it is carried out: none is ever carried out twice.
"""

from __future__ import annotations

import hmac
import os
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
import structlog
from msgspec.structs import replace

from trading.clock import wall_ms
from trading.domain.actions import Level, Notify
from trading.monitoring.alerts.telegram_answers import Answers
from trading.monitoring.alerts.telegram_api import TelegramApi, TelegramError
from trading.monitoring.jobs import Jobs
from trading.store.alerts import store_alerts
from trading.store.errors import StoreError
from trading.store.latch import KILL_FILE
from trading.store.leases import Lease, LeaseLost, keep_data, release_lease, take_lease

if TYPE_CHECKING:
    from trading.config import Settings

log = structlog.get_logger(__name__)

LEASE = "telegram-commands"
LEASE_MS = 90_000
"""Longer than Telegram holds an answer back."""

RETRY_SECONDS = 5.0
OLD_SECONDS = 120
PER_MINUTE_MAX = 10
WRONG_MAX = 3
LOCKED_MS = 15 * 60_000
JOB = "commands by Telegram"
WITH_PIN = frozenset({"kill", "resume"})
HELP = "/status, /positions, /pause; with the PIN: /resume PIN, /kill PIN"


class Memory(msgspec.Struct, frozen=True):
    """What one listener leaves to the next. offset: Telegram's next update. wrong: PINs in a row. Times UTC ms."""

    offset: int = 0
    wrong: int = 0
    locked_until_ms: int = 0


class TelegramCommands:
    """Listens to one chat, in a thread of its own.

    Args:
        api: the Bot API.
        chat_id: the only chat whose messages count.
        pin: asked for by /kill and /resume.
        connect: the database, open for writing; raises `StoreError` while there is none.
        kill_file: set by /kill where the database cannot be written.
        jobs: hears when Telegram cannot be reached.
        now_ms: the wall clock, UTC ms; a test gives its own.
    """

    def __init__(
        self,
        api: TelegramApi,
        chat_id: int,
        *,
        pin: str,
        connect: Callable[[], sa.Engine],
        kill_file: Path,
        jobs: Jobs,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._api = api
        self._chat_id = chat_id
        self._pin = pin
        self._connect = connect
        self._jobs = jobs
        self._now_ms = now_ms
        self._answers = Answers(connect, kill_file, now_ms)
        self._holder = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4().hex[:8]}"
        self._lease: Lease | None = None
        self._memory = Memory()
        self._recent: deque[float] = deque(maxlen=PER_MINUTE_MAX)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telegram", daemon=True)

    @classmethod
    def of(cls, settings: Settings, connect: Callable[[], sa.Engine], jobs: Jobs) -> TelegramCommands | None:
        """As the settings say; None where they do not turn commands on."""
        if not (settings.telegram_pin and settings.telegram_bot_token and settings.telegram_chat_id):
            return None
        api = TelegramApi(settings.telegram_api_url, settings.telegram_bot_token.get_secret_value())
        pin, kill_file = settings.telegram_pin.get_secret_value(), settings.data_dir / KILL_FILE
        chat_id = int(settings.telegram_chat_id)
        return cls(api, chat_id, pin=pin, connect=connect, kill_file=kill_file, jobs=jobs)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more, and let another process. Does not wait for Telegram."""
        self._ending.set()
        lease, self._lease = self._lease, None
        if lease is not None:
            try:
                release_lease(self._connect(), lease)
            except StoreError as error:
                log.warning("telegram.lease_not_released", error=str(error))

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.step()
            except TelegramError as error:
                self._jobs.failed(JOB, str(error))
                self._ending.wait(RETRY_SECONDS)
            except Exception as error:
                log.critical("telegram.failed", exc_info=error)
                self._ending.wait(RETRY_SECONDS)
            else:
                self._jobs.done(JOB)
            if self._lease is None:
                self._ending.wait(RETRY_SECONDS)
        self._api.close()

    def step(self) -> None:
        """Listen once, where this process holds the lease, and carry out what was said.

        Raises:
            TelegramError: Telegram cannot be reached.
        """
        self._keep_lease()
        if self._lease is None:
            return
        for update in self._api.updates(self._memory.offset):
            if self._ending.is_set():
                return
            number = update.get("update_id")
            if not isinstance(number, int) or number < self._memory.offset:
                continue
            if self._keep(replace(self._memory, offset=number + 1)):
                self._take(number, update.get("message"))

    def _keep_lease(self) -> None:
        try:
            held = self._lease is not None
            self._lease = take_lease(self._connect(), LEASE, self._holder, self._now_ms(), LEASE_MS)
            if self._lease is not None and not held and self._lease.data:
                self._memory = msgspec.json.decode(self._lease.data, type=Memory)
        except StoreError as error:
            # Whoever listened goes on: /kill works by a file then.
            log.warning("telegram.lease_not_kept", error=str(error))

    def _keep(self, memory: Memory) -> bool:
        """Put down where we are; whether the message is ours to take."""
        self._memory = memory
        if self._lease is None:
            return False
        try:
            self._lease = keep_data(self._connect(), self._lease, msgspec.json.encode(memory).decode())
        except LeaseLost:
            self._lease = None
            return False
        except StoreError as error:
            log.warning("telegram.not_kept", error=str(error))
        return True

    def _take(self, number: int, message: Any) -> None:
        if not isinstance(message, dict):
            return
        chat, text = message.get("chat"), message.get("text")
        if not isinstance(chat, dict) or not isinstance(text, str) or not text.startswith("/"):
            return
        if chat.get("id") != self._chat_id:
            log.warning("telegram.other_chat", chat=chat.get("id"))
            return
        words = text.split()
        name = words[0][1:].split("@")[0].lower()
        if name in WITH_PIN and len(words) > 1:
            self._forget(message.get("message_id"))
        answer = self._answer(number, name, words[1:], message.get("date"))
        log.info("telegram.command", command=name if name.isalnum() else "?", answer=answer.splitlines()[0])
        self._api.send(self._chat_id, answer)

    def _answer(self, number: int, name: str, words: list[str], date: object) -> str:
        if not isinstance(date, int) or abs(self._now_ms() / 1000 - date) > OLD_SECONDS:
            return f"/{name} is too old to be carried out; send it again"
        now = time.monotonic()
        if len(self._recent) == PER_MINUTE_MAX and now - self._recent[0] < 60:
            return "too many commands; wait a minute"
        self._recent.append(now)
        if name in WITH_PIN:
            refusal = self._refusal(name, words[0] if words else "")
            if refusal:
                return refusal
        return self._answers.to(name, number, " ".join(words[1:])) or HELP

    def _refusal(self, name: str, pin: str) -> str:
        """Empty where the PIN is right; else why the command is refused."""
        now_ms, memory = self._now_ms(), self._memory
        if now_ms < memory.locked_until_ms:
            minutes = (memory.locked_until_ms - now_ms) // 60_000 + 1
            return f"locked after wrong PINs for another {minutes} min; `tradebot {name}` and the dashboard still work"
        if not pin:
            return f"/{name} needs the PIN: /{name} PIN"
        if hmac.compare_digest(pin.encode(), self._pin.encode()):
            self._keep(replace(self._memory, wrong=0))
            return ""
        wrong = memory.wrong + 1
        if wrong < WRONG_MAX:
            self._keep(replace(memory, wrong=wrong))
            return f"wrong PIN; {WRONG_MAX - wrong} more and it is locked for {LOCKED_MS // 60_000} min"
        self._keep(replace(memory, wrong=0, locked_until_ms=now_ms + LOCKED_MS))
        self._tell_locked(now_ms)
        return f"wrong PIN, locked for {LOCKED_MS // 60_000} min"

    def _tell_locked(self, now_ms: int) -> None:
        text = f"{WRONG_MAX} wrong PINs in a row; /kill and /resume are locked for {LOCKED_MS // 60_000} min"
        log.critical("telegram.locked", wrong=WRONG_MAX)
        try:
            store_alerts(self._connect(), [(Notify(Level.CRITICAL, "TELEGRAM_LOCKED", text), now_ms)])
        except StoreError as error:
            log.error("telegram.not_told", error=str(error))

    def _forget(self, message_id: object) -> None:
        """Delete the message with the PIN in it."""
        if not isinstance(message_id, int):
            return
        try:
            self._api.delete(self._chat_id, message_id)
        except TelegramError as error:
            log.warning("telegram.pin_not_deleted", error=str(error))
