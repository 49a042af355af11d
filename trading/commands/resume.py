"""`tradebot resume`: a person lets the bot open positions again."""

from __future__ import annotations

import click

from trading.clock import wall_ms
from trading.commands.operator import Operator, reason_of, wait_option, who
from trading.commands.options import data_dir_option, debug_option, json_option
from trading.domain.errors import TradingError
from trading.exit_codes import ExitCode

EPILOG = """\b
Examples:
  tradebot resume --reason "drawdown understood"     (clears pause and halt)
  tradebot resume --kill --reason "prices are right" (resets the kill switch)
The two are apart: a kill switch is only ever reset by --kill. While no bot
runs, a pause or halt is cleared when the next one starts.
"""


@click.command(epilog=EPILOG)
@click.option("--reason", metavar="TEXT", required=True, help="Why it is safe; it is kept.")
@click.option("--kill", is_flag=True, help="Reset the kill switch, instead of clearing pause and halt.")
@wait_option(10.0)
@data_dir_option
@json_option
@debug_option
def command(reason: str, kill: bool, wait_s: float, data_dir: str | None, as_json: bool) -> int:
    """Clear pause and halt, or with --kill the kill switch."""
    from trading.commands import output
    from trading.monitoring.overview import entries_stopped_by, with_kill_file

    reason = reason_of(reason)
    with Operator(data_dir) as operator:
        if kill:
            done, text = _reset_kill(operator, reason, wait_s)
        else:
            done, text = _clear(operator, reason, wait_s)
        status = with_kill_file(operator.queries.status(), operator.kill_file.parent)
    if as_json:
        output.print_json({"done": done, "text": text, "entries_stopped_by": entries_stopped_by(status)})
    else:
        click.echo(text)
        for latch in entries_stopped_by(status):
            click.echo(f"still stopped: {output.shown(latch)}")
    return int(ExitCode.OK if done else ExitCode.FAILED)


def _clear(operator: Operator, reason: str, wait_s: float) -> tuple[bool, str]:
    from trading.domain.events import CommandKind

    safety = operator.queries.status().safety
    if not safety.paused and not safety.halted:
        return True, "neither paused nor halted"
    command_id = operator.leave(CommandKind.RESUME, reason=reason)
    if operator.bot() is None:
        return True, "no bot runs: pause and halt are cleared when the next one starts"
    if not operator.obeyed(command_id, wait_s):
        return False, f"the bot has not confirmed it within {wait_s:g} s; it will do it as soon as it can"
    return True, "pause and halt are cleared"


def _reset_kill(operator: Operator, reason: str, wait_s: float) -> tuple[bool, str]:
    from trading.store.latch import read_kill, reset_kill

    if operator.kill_file.exists():
        raise TradingError(f"the file {operator.kill_file} keeps the kill switch set; remove it first")
    if not read_kill(operator.engine).active:
        return True, "the kill switch is not set"
    reset_kill(operator.engine, who(), reason, wall_ms())
    text = "the kill switch is reset"
    if operator.bot() is None:
        return True, text
    if not operator.wait_for(lambda: not operator.queries.status().safety.killed, wait_s):
        return False, f"{text}; the bot has not taken note of it within {wait_s:g} s"
    return True, text
