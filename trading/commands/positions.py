"""`tradebot positions`: what is held now, at the last prices."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from trading.commands.options import data_dir_option, debug_option, json_option, reader_settings

if TYPE_CHECKING:
    from trading.domain.positions import Position

EPILOG = """\b
Examples:
  tradebot positions
  tradebot positions --json
"""

COLUMNS = ("Symbol", "State", "Opened (UTC)", "Quantity", "Entry", "Price", "Value", "Profit", "Stop", "Target")


@click.command(epilog=EPILOG)
@data_dir_option
@json_option
@debug_option
def command(data_dir: str | None, as_json: bool) -> None:
    """Show the open positions at the last prices, with stop and target."""
    from trading.commands import output
    from trading.store.queries import Queries

    queries = Queries.open(reader_settings(data_dir).database)
    try:
        status = queries.status()
    finally:
        queries.close()
    prices = {known.symbol: known.price for known in status.symbols}
    lines = [line_of(position, prices.get(position.symbol)) for position in status.positions]
    if as_json:
        output.print_json(lines)
    elif not lines:
        click.echo("no open positions")
    else:
        output.print_table(COLUMNS, [_row(line) for line in lines], right=COLUMNS[3:])


def line_of(position: Position, price: Decimal | None) -> dict[str, Any]:
    """One position as `--json` prints it. Profits are after fees; None where no price is known."""
    from trading.commands import output

    known = price if position.quantity else Decimal(0)
    return {
        "id": position.id,
        "symbol": position.symbol,
        "side": position.side,
        "state": "closing" if position.exit_reason else "open" if position.bought else "entering",
        "opened_ms": position.opened_ms,
        "quantity": position.quantity,
        "average_entry": output.rounded(position.average_entry),
        "price": price,
        "value": None if known is None else position.quantity * known,
        "profit": None if known is None else position.net_profit(known),
        "fees": position.fees,
        "stop_price": position.stop_price,
        "target_price": position.target_price,
        "exit_reason": position.exit_reason,
    }


def _row(line: dict[str, Any]) -> list[Any]:
    from trading.commands import output

    return [
        line["symbol"],
        line["state"],
        output.moment(line["opened_ms"]),
        output.number(line["quantity"]),
        output.price(line["average_entry"] or None),
        output.number(line["price"]),
        "-" if line["value"] is None else output.money(line["value"]),
        "-" if line["profit"] is None else output.signed(line["profit"]),
        output.number(line["stop_price"]),
        output.number(line["target_price"]),
    ]
