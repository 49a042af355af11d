"""Commands by Telegram against a stand-in of its Bot API on a real socket."""

from __future__ import annotations

import json
import sqlite3
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.support.alerts import Clock, alert_database
from tests.support.services import Answer, Request, Service, service
from trading.domain.actions import Level
from trading.monitoring.alerts.telegram import LOCKED_MS, PER_MINUTE_MAX, WRONG_MAX, TelegramCommands
from trading.monitoring.alerts.telegram_api import TelegramApi, TelegramError
from trading.monitoring.jobs import Jobs
from trading.store.alerts import list_alerts
from trading.store.database import open_database
from trading.store.latch import read_kill
from trading.store.queries import Queries

TOKEN = "123456789:AbCdEfGhIjKlMnOpQrStUvWxYz012345678"
CHAT, PIN = -1001, "482915"


class Telegram:
    """The Bot API: updates wait until they are confirmed by a higher offset."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.updates: list[dict[str, Any]] = []
        self.said: list[str] = []
        self.deleted: list[int] = []
        self.number = 100

    def write(self, text: str, *, chat: int = CHAT, age_s: int = 0) -> int:
        """A person writes; the update's number."""
        self.number += 1
        date = self.clock.ms // 1000 - age_s
        message = {"message_id": self.number, "date": date, "chat": {"id": chat}, "text": text}
        self.updates.append({"update_id": self.number, "message": message})
        return self.number

    def answer(self, request: Request) -> Answer:
        method, body = request.path.rsplit("/", 1)[1], request.body
        result: object = True
        if method == "getUpdates":
            self.updates = [update for update in self.updates if update["update_id"] >= body["offset"]]
            result = self.updates
        elif method == "sendMessage":
            assert body["chat_id"] == CHAT
            self.said.append(body["text"])
        elif method == "deleteMessage":
            self.deleted.append(body["message_id"])
        return 200, json.dumps({"ok": True, "result": result}).encode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = alert_database(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def telegram(clock: Clock) -> Telegram:
    return Telegram(clock)


@pytest.fixture
def there(telegram: Telegram) -> Iterator[Service]:
    with service(telegram.answer) as found:
        yield found


def listener(there: Service, engine: sa.Engine, clock: Clock, tmp_path: Path) -> TelegramCommands:
    api = TelegramApi(there.address, TOKEN, poll_s=0)
    return TelegramCommands(
        api,
        CHAT,
        pin=PIN,
        connect=lambda: engine,
        kill_file=tmp_path / "KILL",
        jobs=Jobs(),
        now_ms=clock.now_ms,
    )


@pytest.fixture
def commands(there: Service, engine: sa.Engine, clock: Clock, tmp_path: Path) -> TelegramCommands:
    return listener(there, engine, clock, tmp_path)


def ask(commands: TelegramCommands, telegram: Telegram, text: str, **how: int) -> str:
    telegram.write(text, **how)
    before = len(telegram.said)
    commands.step()
    return telegram.said[-1] if len(telegram.said) > before else ""


def test_looking_needs_no_pin(commands: TelegramCommands, telegram: Telegram) -> None:
    assert ask(commands, telegram, "/status").startswith("bot: stopped")
    assert ask(commands, telegram, "/status@my_bot").startswith("bot: stopped")
    assert ask(commands, telegram, "/positions") == "no open positions"
    assert ask(commands, telegram, "/what").startswith("/status, /positions")
    assert ask(commands, telegram, "hello") == ""


def test_kill_with_the_pin_sets_the_switch_and_deletes_the_message(
    commands: TelegramCommands, telegram: Telegram, engine: sa.Engine
) -> None:
    assert ask(commands, telegram, "/kill") == "/kill needs the PIN: /kill PIN"
    assert not read_kill(engine).active
    assert ask(commands, telegram, f"/kill {PIN} prices look wrong") == (
        "kill switch set and effective: nothing is opened any more"
    )
    state = read_kill(engine)
    assert (state.active, state.by, state.reason) == (True, "Telegram", "prices look wrong")
    assert telegram.deleted == [telegram.number]
    assert PIN not in "".join(telegram.said)


def test_kill_falls_back_on_the_file_while_the_database_is_locked(
    there: Service, telegram: Telegram, clock: Clock, tmp_path: Path
) -> None:
    alert_database(tmp_path).dispose()
    engine = open_database(f"sqlite:///{tmp_path / 'tradebot.db'}", busy_timeout_ms=200)
    # Another process's transaction, which keeps the database from being written.
    other = sqlite3.connect(tmp_path / "tradebot.db", isolation_level=None)
    try:
        commands = listener(there, engine, clock, tmp_path)
        assert ask(commands, telegram, "/status").startswith("bot: stopped")
        assert not (tmp_path / "KILL").exists()
        other.execute("BEGIN IMMEDIATE")
        said = ask(commands, telegram, f"/kill {PIN} prices look wrong")
        assert said == "kill switch set by its file, as the database cannot be written"
        assert (tmp_path / "KILL").exists()
    finally:
        other.close()
        engine.dispose()


def test_pause_and_resume_are_left_for_the_bot_once_each(
    commands: TelegramCommands, telegram: Telegram, engine: sa.Engine
) -> None:
    number = telegram.number + 1
    assert ask(commands, telegram, "/pause").startswith("no bot runs; pause")
    assert ask(commands, telegram, f"/resume {PIN} understood").startswith("no bot runs; resume")
    found = {command.id: command for command in Queries(engine).commands()}
    assert found[f"telegram-{number}"].kind == "pause"
    assert (found[f"telegram-{number + 1}"].kind, found[f"telegram-{number + 1}"].reason) == ("resume", "understood")


def test_wrong_pins_are_counted_over_restarts_and_lock(
    commands: TelegramCommands,
    telegram: Telegram,
    engine: sa.Engine,
    there: Service,
    clock: Clock,
    tmp_path: Path,
) -> None:
    for _ in range(WRONG_MAX - 1):
        assert "wrong PIN" in ask(commands, telegram, "/kill 000000")
    commands.stop()
    again = listener(there, engine, clock, tmp_path)
    assert "locked for 15 min" in ask(again, telegram, "/resume 111111")
    (alert,) = list_alerts(engine)
    assert (alert.code, alert.level) == ("TELEGRAM_LOCKED", Level.CRITICAL)
    assert "locked" in ask(again, telegram, f"/kill {PIN}")
    assert not read_kill(engine).active
    assert ask(again, telegram, "/status").startswith("bot: ")
    clock.pass_s(LOCKED_MS / 1000 + 1)
    assert "kill switch set" in ask(again, telegram, f"/kill {PIN}")
    assert len(telegram.deleted) == WRONG_MAX + 2


def test_another_chat_is_not_heard(commands: TelegramCommands, telegram: Telegram, engine: sa.Engine) -> None:
    assert ask(commands, telegram, f"/kill {PIN}", chat=666) == ""
    assert telegram.deleted == []
    assert not read_kill(engine).active


def test_an_old_message_is_refused(commands: TelegramCommands, telegram: Telegram, engine: sa.Engine) -> None:
    assert "too old" in ask(commands, telegram, f"/kill {PIN}", age_s=121)
    assert not read_kill(engine).active


def test_a_restart_replays_nothing(
    commands: TelegramCommands,
    telegram: Telegram,
    engine: sa.Engine,
    there: Service,
    clock: Clock,
    tmp_path: Path,
) -> None:
    telegram.write(f"/kill {PIN}")
    waiting = list(telegram.updates)
    commands.step()
    commands.stop()
    telegram.updates = waiting  # as if Telegram had not heard that it was taken
    said = len(telegram.said)
    again = listener(there, engine, clock, tmp_path)
    again.step()
    assert len(telegram.said) == said


def test_one_process_listens_at_a_time(
    commands: TelegramCommands, telegram: Telegram, engine: sa.Engine, there: Service, clock: Clock, tmp_path: Path
) -> None:
    other = listener(there, engine, clock, tmp_path)
    assert ask(commands, telegram, "/status") != ""
    assert ask(other, telegram, "/status") == ""
    commands.stop()
    other.step()
    assert len(telegram.said) == 2


def test_too_many_commands_are_refused(commands: TelegramCommands, telegram: Telegram) -> None:
    answers = [ask(commands, telegram, "/status") for _ in range(PER_MINUTE_MAX + 2)]
    assert answers[-2:] == ["too many commands; wait a minute"] * 2


@pytest.mark.parametrize("answer", [(500, b"no"), (200, b"<html>"), (200, b'{"ok": false, "error_code": 401}'), None])
def test_an_api_that_fails_or_lies_is_told_without_the_token(
    commands: TelegramCommands, there: Service, answer: Answer
) -> None:
    there.answer = lambda _request: answer
    with pytest.raises(TelegramError) as error:
        commands.step()
    assert TOKEN not in str(error.value)
    assert TOKEN not in "".join(traceback.format_exception(error.value))
