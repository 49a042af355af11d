"""`tradebot stop`: has the bot end in order, and waits for its end."""

from __future__ import annotations

import click

from trading.commands.operator import Operator, wait_option
from trading.commands.options import data_dir_option, debug_option, json_option
from trading.exit_codes import ENDED, ExitCode

EPILOG = """\b
Examples:
  tradebot stop                     (what the bot was started with: flatten)
  tradebot stop --policy keep       (positions stay, with their stops)
The exit code is the bot's own: 0 ended as asked, 3 something is left open.
1: it did not end in time, or nobody heard how.
"""


@click.command(epilog=EPILOG)
@click.option(
    "--policy",
    type=click.Choice(["flatten", "cancel", "keep"]),
    help="flatten sells everything; cancel and keep leave positions with their stops [TRADING_SHUTDOWN_POLICY].",
)
@wait_option(60.0)
@data_dir_option
@json_option
@debug_option
def command(policy: str | None, wait_s: float, data_dir: str | None, as_json: bool) -> int:
    """End the bot in order: entries cancelled, positions by policy, checked with the exchange."""
    from trading.commands import output
    from trading.domain.events import CommandKind

    with Operator(data_dir) as operator:
        was_running = operator.bot() is not None
        code: int | None = None
        has_ended = True
        if was_running:
            command_id = operator.leave(CommandKind.STOP, target=policy or "")
            has_ended = operator.wait_for(lambda: _has_ended(operator, command_id), wait_s)
            answer = operator.answer_to(command_id) or ""
            if has_ended and answer.startswith(ENDED):
                code = int(answer.removeprefix(ENDED))
            text = _text(has_ended, answer, wait_s)
        else:
            code, text = int(ExitCode.OK), "no bot runs"
    if as_json:
        output.print_json({"was_running": was_running, "ended": has_ended, "exit_code": code, "text": text})
    else:
        click.echo(text)
    return int(ExitCode.FAILED) if code is None else code


def _has_ended(operator: Operator, command_id: str) -> bool:
    """Whether the bot has gone, or will not go."""
    answer = operator.answer_to(command_id)
    return operator.bot() is None or (answer is not None and not answer.startswith(ENDED))


def _text(has_ended: bool, answer: str, wait_s: float) -> str:
    from trading.commands import output

    if not has_ended:
        return f"the bot has not ended within {wait_s:g} s; it goes on trying"
    if answer.startswith(ENDED):
        return f"the bot has {answer}"
    return output.shown(answer) or "the bot has gone without an answer; its log says how it ended"
