"""`tradebot resolve`: a person says what becomes of an order whose outcome the exchange does not tell."""

from __future__ import annotations

import click

from trading.commands.operator import Operator, wait_option
from trading.commands.options import data_dir_option, debug_option, json_option
from trading.domain.errors import InvalidInput
from trading.exit_codes import ExitCode

EPILOG = """\b
Examples:
  tradebot resolve 24001fab adopt    (it is the bot's: book it and protect it)
  tradebot resolve 24001fab close    (it is the bot's: book it and sell it)
  tradebot resolve 24001fab ignore   (there is none, or it is not the bot's)
Look at the exchange first: `ignore` books nothing of what the order did.
"""


@click.command(epilog=EPILOG)
@click.argument("order")
@click.argument("choice", type=click.Choice(["adopt", "ignore", "close"]))
@wait_option(10.0)
@data_dir_option
@json_option
@debug_option
def command(order: str, choice: str, wait_s: float, data_dir: str | None, as_json: bool) -> int:
    """Decide about an order in doubt (ORDER: its id, or how it begins)."""
    from trading.commands import output
    from trading.domain.events import CommandKind
    from trading.domain.orders import OrderState

    with Operator(data_dir) as operator:
        operator.need_bot()
        found = operator.order_of(order)
        if found.state is not OrderState.UNKNOWN:
            raise InvalidInput("ORDER", found.id, f"an order in doubt; this one is {found.state}")
        done = operator.obeyed(operator.leave(CommandKind.RESOLVE, target=found.id, reason=choice), wait_s)

        def state() -> OrderState:
            now = operator.queries.order(found.id)
            return OrderState.UNKNOWN if now is None else now.state

        resolved = operator.wait_for(lambda: state() is not OrderState.UNKNOWN, wait_s if done else 0.0)
        now = state()
    if as_json:
        output.print_json({"order": found.id, "choice": choice, "done": done, "resolved": resolved, "state": now})
    else:
        doubt = "" if resolved else f", still in doubt after {wait_s:g} s"
        click.echo(f"{found.id}: {choice}; it is {now}{doubt}")
    return int(ExitCode.OK if resolved else ExitCode.LEFT_OPEN)
