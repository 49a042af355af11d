"""What the operator's commands share: the database beside the bot, commands left for it, and waiting for what comes."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import click

from trading.clock import wall_ms
from trading.commands.options import reader_settings
from trading.domain.errors import InvalidInput, TradingError

if TYPE_CHECKING:
    from trading.domain.events import CommandKind
    from trading.domain.orders import Order
    from trading.store.lock import Holder

LOOK_SECONDS = 0.05
REASON_MAX = 500

F = TypeVar("F", bound=Callable[..., Any])


class NoBotRuns(TradingError):
    """The command needs a running bot."""


def wait_option(seconds: float) -> Callable[[F], F]:
    """`--wait`: how long to wait for the bot; `seconds` by default."""
    return click.option(
        "--wait",
        "wait_s",
        type=click.FloatRange(0, 3600),
        default=seconds,
        show_default=True,
        help="Seconds to wait for the bot.",
    )


def reason_of(text: str) -> str:
    """The reason as it is kept: one line, not too long.

    Raises:
        InvalidInput: it is empty or too long.
    """
    line = " ".join(text.split())
    if not line or len(line) > REASON_MAX:
        raise InvalidInput("--reason", text[:80], f"a text of 1 to {REASON_MAX} characters")
    return line


def who() -> str:
    """Who gives the command: the user of this process."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        name = str(os.getuid())
    return f"{name} (command line)"


class Operator:
    """A person's side of the database. A context manager.

    Args:
        data_dir: the `--data-dir` of the command line, None for that of the settings.

    Raises:
        TradingError: settings or database cannot be used.
    """

    def __init__(self, data_dir: str | None) -> None:
        from trading.store.database import open_beside_bot
        from trading.store.latch import KILL_FILE
        from trading.store.queries import Queries

        settings = reader_settings(data_dir)
        self.kill_file = settings.data_dir / KILL_FILE
        self.engine = open_beside_bot(settings.database)
        self.queries = Queries(self.engine)

    def __enter__(self) -> Operator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.engine.dispose()

    def bot(self) -> Holder | None:
        """The process of the running bot, None where none runs."""
        from trading.store.bot_lock import bot_holder

        return bot_holder(self.engine)

    def need_bot(self) -> None:
        """Raise `NoBotRuns` where none runs."""
        from trading.store.database import location

        if self.bot() is None:
            raise NoBotRuns(
                f"no bot runs on {location(self.engine)}, so nothing can be sent; start it with `tradebot run`"
            )

    def leave(self, kind: CommandKind, *, target: str = "", reason: str = "") -> str:
        """Leave a command for the bot; its id."""
        from trading.store.commands import queue_command

        return queue_command(self.engine, kind, by=who(), now_ms=wall_ms(), target=target, reason=reason)

    def answer_to(self, command_id: str) -> str | None:
        """What the bot has answered, None while it has not."""
        (command,) = self.queries.commands(command_id=command_id)
        return None if command.done_ms is None else command.result

    def obeyed(self, command_id: str, wait_s: float) -> bool:
        """Wait until the bot has carried the command out; whether it has within `wait_s`.

        Raises:
            TradingError: it was refused, or the bot ended without an answer.
        """
        self.wait_for(lambda: self.answer_to(command_id) is not None or self.bot() is None, wait_s)
        answer = self.answer_to(command_id)
        if answer is not None and answer != "taken":
            raise TradingError(f"the bot has not done it: {answer}")
        if answer is None and self.bot() is None:
            raise NoBotRuns("the bot has ended before it answered; `tradebot status` shows how things stand")
        return answer is not None

    def live_orders(self) -> list[Order]:
        """The orders that are not settled."""
        return self.queries.status().live_orders

    def order_of(self, text: str) -> Order:
        """The live order whose id begins with `text`.

        Raises:
            InvalidInput: there is none, or more than one.
        """
        orders = self.live_orders()
        found = [order for order in orders if text and order.id.startswith(text.lower())]
        if len(found) != 1:
            known = ", ".join(f"{o.id} ({o.intent.purpose} {o.intent.symbol} {o.state})" for o in orders)
            raise InvalidInput("ORDER", text, f"the id, or how it alone begins, of an open order: {known or 'none'}")
        return found[0]

    @staticmethod
    def wait_for(done: Callable[[], bool], wait_s: float) -> bool:
        """Look again and again until `done`, for at most `wait_s` seconds; whether it is."""
        until = time.monotonic() + wait_s
        while not done():
            if time.monotonic() >= until:
                return False
            time.sleep(LOOK_SECONDS)
        return True
