"""`tradebot kill`: nothing is opened any more, whether the bot runs or not, until a person resets it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from trading.clock import wall_ms
from trading.commands.operator import Operator, reason_of, wait_option, who
from trading.commands.options import data_dir_option, debug_option, json_option, reader_settings
from trading.exit_codes import ExitCode

if TYPE_CHECKING:
    from trading.store.errors import StoreError
    from trading.store.latch import KillState

EPILOG = """\b
Examples:
  tradebot kill --reason "prices look wrong"
  tradebot kill --flatten                     (and sell everything that is held)
Exit code 0: effective, no opening order is on its way. 3: latched, but an
opening order may still be open. A file KILL in DATA_DIR does the same.
"""


@click.command(epilog=EPILOG)
@click.option("--reason", metavar="TEXT", default="by hand", show_default=True, help="Why; it is kept and shown.")
@click.option("--flatten/--no-flatten", default=False, show_default=True, help="Sell everything that is held.")
@wait_option(10.0)
@data_dir_option
@json_option
@debug_option
def command(reason: str, flatten: bool, wait_s: float, data_dir: str | None, as_json: bool) -> int:
    """Set the kill switch: no entries from now on, open ones cancelled; it survives restarts."""
    from trading.domain.events import CommandKind
    from trading.store.errors import NoDatabaseYet, StoreError
    from trading.store.latch import latch_kill

    reason = reason_of(reason)
    with ExitStack() as stack:
        try:
            operator = stack.enter_context(Operator(data_dir))
            state = latch_kill(operator.engine, who(), reason, wall_ms())
        except NoDatabaseYet:
            raise
        except StoreError as error:
            return _by_file(data_dir, error, flatten, as_json)
        if flatten:
            operator.leave(CommandKind.CLOSE_ALL, reason=f"killed: {reason}")
        state = _await_effect(operator, state, wait_s)
        waits_for = [o.id for o in operator.live_orders() if o.is_live and o.intent.purpose == "entry"]
    return _tell(state, waits_for, flatten, as_json)


def _await_effect(operator: Operator, state: KillState, wait_s: float) -> KillState:
    """Wait until the bot says that nothing is on its way; where no bot runs, nothing is."""
    from trading.store.errors import JournalError
    from trading.store.latch import mark_effective_without_bot

    def look() -> bool:
        nonlocal state
        try:
            state = mark_effective_without_bot(operator.engine, wall_ms())
        except JournalError:  # locked just now; the latch is set all the same
            return False
        return state.effective_ms is not None or not state.active

    operator.wait_for(look, wait_s)
    return state


def _tell(state: KillState, waits_for: list[str], flatten: bool, as_json: bool) -> int:
    from trading.commands import output

    effective = state.active and state.effective_ms is not None
    if as_json:
        found: dict[str, Any] = {"latched": state.active, "effective": effective, "by_file": False, "flatten": flatten}
        output.print_json({**found, "waits_for": [] if effective else waits_for, "kill_switch": state})
    else:
        click.echo(_text(state, effective, waits_for))
        if flatten:
            click.echo("everything that is held is to be sold; `tradebot positions` shows what is left")
    if not state.active:
        return int(ExitCode.FAILED)
    return int(ExitCode.OK if effective else ExitCode.LEFT_OPEN)


def _text(state: KillState, effective: bool, waits_for: list[str]) -> str:
    from trading.commands import output

    if not state.active:
        return f"the kill switch was set, and reset meanwhile by {output.shown(state.reset_by)}"
    if effective:
        return f"kill switch set by {output.shown(state.by)}: {output.shown(state.reason)}; effective"
    orders = f"; not finished yet: {', '.join(waits_for)}" if waits_for else ""
    return f"kill switch latched; the bot has not confirmed yet that no entry is on its way{orders}"


def _by_file(data_dir: str | None, error: StoreError, flatten: bool, as_json: bool) -> int:
    """The database cannot be used: a file says it, which the bot looks for before each entry."""
    from trading.commands import output
    from trading.store.latch import KILL_FILE

    file = reader_settings(data_dir).data_dir / KILL_FILE
    file.touch()
    if as_json:
        facts = {"latched": True, "effective": False, "by_file": True, "flatten": False, "waits_for": []}
        output.print_json({**facts, "kill_switch": None, "error": str(error)})
    else:
        click.echo(f"kill switch set by the file {file}; whether it is effective cannot be seen: {error}")
    if flatten:
        click.echo("what is held is not sold: that needs the database", err=True)
    return int(ExitCode.LEFT_OPEN)
