"""`tradebot close`: has the bot sell what it holds."""

from __future__ import annotations

import click

from trading.commands.operator import Operator, wait_option
from trading.commands.options import data_dir_option, debug_option, json_option
from trading.domain.errors import InvalidInput
from trading.exit_codes import ExitCode

EPILOG = """\b
Examples:
  tradebot close BTC/USDT
  tradebot close --all         (also cancels every entry order)
The bot goes on and may buy again; `tradebot kill --flatten` ends that too.
"""


@click.command(epilog=EPILOG)
@click.argument("symbol", required=False)
@click.option("--all", "everything", is_flag=True, help="Every position.")
@wait_option(30.0)
@data_dir_option
@json_option
@debug_option
def command(symbol: str | None, everything: bool, wait_s: float, data_dir: str | None, as_json: bool) -> int:
    """Sell the position in SYMBOL, or all positions, at market."""
    from trading.commands import output
    from trading.domain.events import CommandKind
    from trading.market.symbols import unified_symbol

    if (symbol is None) is not everything:
        raise click.UsageError("Give either a SYMBOL or --all.")
    with Operator(data_dir) as operator:
        operator.need_bot()
        held = {position.symbol: position.id for position in operator.queries.positions()}
        if symbol is None:
            wanted = dict(held)
            command_id = operator.leave(CommandKind.CLOSE_ALL, reason="closed by operator")
        else:
            name = unified_symbol(symbol, "SYMBOL")
            if name not in held:
                raise InvalidInput("SYMBOL", symbol, f"a symbol that is held: {', '.join(held) or 'none is'}")
            wanted = {name: held[name]}
            command_id = operator.leave(CommandKind.CLOSE_POSITION, target=name)
        done = operator.obeyed(command_id, wait_s)
        ids = set(wanted.values())
        operator.wait_for(lambda: not any(p.id in ids for p in operator.queries.positions()), wait_s if done else 0.0)
        left = {position.symbol for position in operator.queries.positions() if position.id in ids}
    if as_json:
        output.print_json({"done": done, "closed": sorted(set(wanted) - left), "left": sorted(left)})
    else:
        for name in sorted(wanted):
            click.echo(f"{name} {'is not closed yet' if name in left else 'is closed'}")
        if not wanted:
            click.echo("no position is open")
    if left:
        return int(ExitCode.LEFT_OPEN)
    return int(ExitCode.OK if done else ExitCode.FAILED)
