"""`tradebot resolve`: a person says what becomes of an order whose outcome the exchange does not tell."""

from __future__ import annotations

import click

from trading.commands.operator import Operator, wait_option
from trading.commands.options import data_dir_option, debug_option, json_option
from trading.domain.errors import InvalidInput
from trading.domain.orders import RESOLUTIONS, Order
from trading.exit_codes import ExitCode

EPILOG = """\b
Examples:
  tradebot resolve 24001fab adopt    (it is the bot's: book it and protect it)
  tradebot resolve 24001fab close    (it is the bot's: book it and sell it)
  tradebot resolve 24001fab ignore   (there is none, or it is not the bot's)
Look at the exchange first: `ignore` books nothing of what the order did.
An order that has ended, and of which the exchange counts more as filled than
it shows trades for, can only be ignored: what it sold is booked at the last
price.
"""


@click.command(epilog=EPILOG)
@click.argument("order")
@click.argument("choice", type=click.Choice(RESOLUTIONS))
@wait_option(10.0)
@data_dir_option
@json_option
@debug_option
def command(order: str, choice: str, wait_s: float, data_dir: str | None, as_json: bool) -> int:
    """Decide about an order in doubt (ORDER: its id, or how it begins)."""
    from trading.commands import output
    from trading.domain.events import CommandKind

    with Operator(data_dir) as operator:
        operator.need_bot()
        found = operator.order_of(order)
        if not found.is_in_doubt:
            raise InvalidInput("ORDER", found.id, f"an order in doubt; this one is {found.state}")
        if choice not in found.resolutions:
            raise InvalidInput("CHOICE", choice, "ignore: the order has ended, and its trades are not shown")
        done = operator.obeyed(operator.leave(CommandKind.RESOLVE, target=found.id, reason=choice), wait_s)

        def order_now() -> Order:
            return operator.queries.order(found.id) or found

        resolved = operator.wait_for(lambda: not order_now().is_in_doubt, wait_s if done else 0.0)
        now = order_now().state
    if as_json:
        output.print_json({"order": found.id, "choice": choice, "done": done, "resolved": resolved, "state": now})
    else:
        doubt = "" if resolved else f", still in doubt after {wait_s:g} s"
        click.echo(f"{found.id}: {choice}; it is {now}{doubt}")
    return int(ExitCode.OK if resolved else ExitCode.LEFT_OPEN)
