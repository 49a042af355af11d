"""`tradebot token`: API tokens of the dashboard, and a new password where the old one is lost."""

from __future__ import annotations

import click

from trading.clock import wall_ms
from trading.commands.operator import Operator, who
from trading.commands.options import data_dir_option, debug_option, json_option

EPILOG = """\b
Examples:
  tradebot token create grafana --scope read
  tradebot token list
  tradebot token revoke grafana
  tradebot token password
docs/API.md tells how to use a token. Each scope includes those before it:
read looks; trade closes, cancels, pauses, stops and kills; admin may let the
bot open positions again, and rules over tokens.
"""

CREATE_EPILOG = """\b
Example:
  tradebot token create grafana --scope read
The token is printed once and kept nowhere: the database has its hash alone.
"""

LIST_EPILOG = """\b
Example:
  tradebot token list --json
"""

REVOKE_EPILOG = """\b
Example:
  tradebot token revoke grafana
It ends within two seconds, also in a dashboard that runs.
"""

RENEW_EPILOG = """\b
Example:
  tradebot token password
For a password that was made at the first start and is lost. Every login ends.
With DASHBOARD_PASSWORD set, that one counts, and this one does not.
"""

COLUMNS = ("Name", "Scope", "Made (UTC)", "By", "Used (UTC)", "Id")


@click.group(epilog=EPILOG)
def command() -> None:
    """Make, list and revoke API tokens of the dashboard."""


@command.command("create", epilog=CREATE_EPILOG)
@click.argument("name")
@click.option("--scope", type=click.Choice(["read", "trade", "admin"]), required=True, help="What it may do.")
@data_dir_option
@json_option
@debug_option
def create(name: str, scope: str, data_dir: str | None, as_json: bool) -> None:
    """Make a token of this NAME and print it, once."""
    from trading.commands import output
    from trading.store.access import create_token
    from trading.web.keys import check_name, digest, new_token

    check_name(name, "NAME")
    key = new_token()
    with Operator(data_dir) as operator:
        made = create_token(
            operator.engine, name=name, hash_=digest(key), scope=scope, by=who(), now_ms=wall_ms(), field="NAME"
        )
    if as_json:
        output.print_json({"id": made.id, "name": name, "scope": scope, "token": key})
    else:
        click.echo(key)


@command.command("list", epilog=LIST_EPILOG)
@data_dir_option
@json_option
@debug_option
def list_(data_dir: str | None, as_json: bool) -> None:
    """Show the tokens, without their keys."""
    from trading.commands import output
    from trading.store.access import list_tokens

    with Operator(data_dir) as operator:
        tokens = list_tokens(operator.engine)
    if as_json:
        shown = ("id", "name", "scope", "created_by", "created_ms", "used_ms")
        output.print_json([{field: getattr(token, field) for field in shown} for token in tokens])
        return
    if not tokens:
        click.echo("no tokens")
        return
    rows = [
        (
            output.shown(token.name),
            token.scope,
            output.moment(token.created_ms),
            output.shown(token.created_by),
            output.moment(token.used_ms),
            token.id,
        )
        for token in tokens
    ]
    output.print_table(COLUMNS, rows)


@command.command("revoke", epilog=REVOKE_EPILOG)
@click.argument("token")
@data_dir_option
@json_option
@debug_option
def revoke(token: str, data_dir: str | None, as_json: bool) -> None:
    """End a TOKEN, by its name or its id."""
    from trading.commands import output
    from trading.domain.errors import InvalidInput
    from trading.store.access import list_tokens, revoke_token

    with Operator(data_dir) as operator:
        names = ", ".join(known.name for known in list_tokens(operator.engine))
        ended = revoke_token(operator.engine, token)
    if ended is None:
        raise InvalidInput("TOKEN", token, f"the name or id of a token: {names or 'there is none'}")
    if as_json:
        output.print_json({"id": ended.id, "name": ended.name})
    else:
        click.echo(f"the token {output.shown(ended.name)} is revoked")


@command.command("password", epilog=RENEW_EPILOG)
@data_dir_option
@json_option
@debug_option
def password(data_dir: str | None, as_json: bool) -> None:
    """Make a new password for the dashboard and print it, once."""
    from argon2 import PasswordHasher

    from trading.commands import output
    from trading.store.access import replace_password
    from trading.web.keys import new_password

    made = new_password()
    with Operator(data_dir) as operator:
        replace_password(operator.engine, PasswordHasher().hash(made), wall_ms())
    if as_json:
        output.print_json({"password": made})
    else:
        click.echo(made)
