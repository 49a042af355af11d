"""What each of Telegram's commands does, and its answer as plain text."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from trading.domain.events import CommandKind
from trading.monitoring.overview import money_of, waiting_for, with_kill_file
from trading.store.bot_lock import bot_holder
from trading.store.commands import queue_command
from trading.store.errors import StoreError
from trading.store.latch import latch_kill, mark_effective_without_bot
from trading.store.queries import Queries
from trading.store.status import liveness

BY = "Telegram"
WAIT_SECONDS = 5.0
LOOK_SECONDS = 0.1


class Answers:
    """Carries commands out by the database, as every operator's command is.

    Args:
        connect: the database, open for writing; raises `StoreError` while there is none.
        kill_file: set by /kill where the database cannot be written.
        now_ms: the wall clock, UTC ms.
    """

    def __init__(self, connect: Callable[[], sa.Engine], kill_file: Path, now_ms: Callable[[], int]) -> None:
        self._connect = connect
        self._kill_file = kill_file
        self._now_ms = now_ms

    def to(self, name: str, number: int, reason: str) -> str:
        """Carry the command out and answer it; empty for one that there is not.

        Args:
            name: without the slash.
            number: of the message: the same one is carried out once.
            reason: what the person said, maybe nothing.
        """
        reason = reason[:200] or f"/{name} by Telegram"
        try:
            match name:
                case "status":
                    return self._status()
                case "positions":
                    return self._positions()
                case "pause":
                    return self._command(CommandKind.PAUSE, number, reason)
                case "resume":
                    return self._command(CommandKind.RESUME, number, reason)
                case "kill":
                    return self._kill(reason)
        except StoreError as error:
            return f"/{name} was not carried out: {error}"
        return ""

    def _status(self) -> str:
        engine = self._connect()
        status = with_kill_file(Queries(engine).status(), self._kill_file.parent)
        process, holder = status.process, bot_holder(engine)
        lines = [f"bot: {liveness(status, holder, self._now_ms())}"]
        if process is not None:
            lines[0] += f" ({process.state}, last sign of life {(self._now_ms() - process.beat_ms) // 1000} s ago)"
        lines.append(f"waits for {waiting_for(status, is_running=holder is not None, now_ms=self._now_ms())}")
        money = money_of(status)
        if money is not None:
            lines.append(f"equity: {money.equity:,.2f} {money.quote}")
        held = [position.symbol for position in status.positions if position.bought]
        lines.append(f"positions: {len(held)}" + (f" ({', '.join(held)})" if held else ""))
        if status.kill.active:
            lines.append(f"KILL SWITCH set by {status.kill.by}: {status.kill.reason}")
        lines += [f"halted: {status.safety.halted}"] if status.safety.halted else []
        lines += [f"paused: {status.safety.paused}"] if status.safety.paused else []
        return "\n".join(lines)

    def _positions(self) -> str:
        status = Queries(self._connect()).status()
        prices = {known.symbol: known.price for known in status.symbols}
        lines = []
        for position in status.positions:
            if not position.bought:
                continue
            price = prices.get(position.symbol)
            worth = f", {position.net_profit(price):+,.2f} now" if price is not None else ""
            stop = f", stop {position.stop_price.normalize():f}" if position.stop_price is not None else ", NO STOP"
            entry = f"{position.average_entry:.8g}"
            lines.append(f"{position.symbol}: {position.quantity.normalize():f} bought at {entry}{worth}{stop}")
        return "\n".join(lines) or "no open positions"

    def _command(self, kind: CommandKind, number: int, reason: str) -> str:
        engine = self._connect()
        command_id = f"telegram-{number}"
        queue_command(engine, kind, by=BY, now_ms=self._now_ms(), reason=reason, command_id=command_id)
        if bot_holder(engine) is None:
            return f"no bot runs; {kind} is carried out when the next one starts"
        until, queries, pause = time.monotonic() + WAIT_SECONDS, Queries(engine), threading.Event()
        while time.monotonic() < until:
            (command,) = queries.commands(command_id=command_id)
            if command.done_ms is not None:
                return "done" if command.result == "taken" else f"not done: {command.result}"
            pause.wait(LOOK_SECONDS)
        return f"left for the bot, which has not taken it within {WAIT_SECONDS:g} s"

    def _kill(self, reason: str) -> str:
        try:
            engine = self._connect()
            state = latch_kill(engine, BY, reason, self._now_ms())
        except StoreError as error:
            try:
                self._kill_file.parent.mkdir(parents=True, exist_ok=True)
                self._kill_file.touch()
            except OSError as problem:
                return (
                    f"NOT KILLED: neither the database ({error}) nor the kill file ({problem.strerror}) can be written"
                )
            return "kill switch set by its file, as the database cannot be written"
        try:
            state = mark_effective_without_bot(engine, self._now_ms())
        except StoreError:
            return "kill switch set; whether it is effective cannot be seen now"
        if state.effective_ms is not None:
            return "kill switch set and effective: nothing is opened any more"
        return "kill switch set; /status tells how things stand"
