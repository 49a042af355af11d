"""`tradebot cancel`: has the bot cancel orders."""

from __future__ import annotations

import click

from trading.commands.operator import Operator, wait_option
from trading.commands.options import data_dir_option, debug_option, json_option
from trading.exit_codes import ExitCode

EPILOG = """\b
Examples:
  tradebot cancel 24001fab
  tradebot cancel --all        (every order that would open a position)
A cancelled stop is placed anew: a position is never left without one.
"""


@click.command(epilog=EPILOG)
@click.argument("order", required=False)
@click.option("--all", "everything", is_flag=True, help="Every entry order.")
@wait_option(10.0)
@data_dir_option
@json_option
@debug_option
def command(order: str | None, everything: bool, wait_s: float, data_dir: str | None, as_json: bool) -> int:
    """Cancel an open order (ORDER: its id, or how it begins), or all entry orders."""
    from trading.commands import output
    from trading.domain.events import CommandKind

    if (order is None) is not everything:
        raise click.UsageError("Give either an ORDER or --all.")
    with Operator(data_dir) as operator:
        operator.need_bot()
        if order is None:
            wanted = [o.id for o in operator.live_orders() if o.is_live and o.intent.purpose == "entry"]
            command_id = operator.leave(CommandKind.CANCEL_ENTRIES)
        else:
            wanted = [operator.order_of(order).id]
            command_id = operator.leave(CommandKind.CANCEL_ORDER, target=wanted[0])
        done = operator.obeyed(command_id, wait_s)
        left = {o.id for o in operator.live_orders() if o.is_live}.intersection(wanted)
    gone = [order_id for order_id in wanted if order_id not in left]
    if as_json:
        output.print_json({"done": done, "gone": gone, "left": sorted(left)})
    else:
        for order_id in wanted:
            click.echo(f"{order_id} {'is still open' if order_id in left else 'is open no longer'}")
        if not wanted:
            click.echo("no entry order was open")
        if not done:
            click.echo(f"the bot has not confirmed it within {wait_s:g} s; it will do it as soon as it can")
    if left:
        return int(ExitCode.LEFT_OPEN)
    return int(ExitCode.OK if done else ExitCode.FAILED)
