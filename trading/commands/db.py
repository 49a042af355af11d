"""`tradebot db`: what the database holds, its way to another place, and into a backup and back."""

from __future__ import annotations

import click

from trading.commands import db_backup
from trading.commands.options import data_dir_option, debug_option, json_option, reader_settings

EPILOG = """\b
Examples:
  tradebot db info
  tradebot db copy sqlite:///data/tradebot.db postgresql://bot@db.example/bot
  tradebot db backup backups
"""

COPY_EPILOG = """\b
Example:
  tradebot db copy sqlite:///data/tradebot.db postgresql://bot@db.example/bot
Without a password in the URL, PGPASSWORD or ~/.pgpass gives it; other users of
the machine can see a command line.
"""

INFO_EPILOG = """\b
Example:
  tradebot db info --json
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Look at the database, copy it to another place, back it up and restore it."""


@command.command("info", epilog=INFO_EPILOG)
@data_dir_option
@json_option
@debug_option
def info(data_dir: str | None, as_json: bool) -> None:
    """Show where the database is, its size, and how many rows each table has."""
    from trading.commands import output
    from trading.store.bot_lock import bot_holder
    from trading.store.database import open_reader
    from trading.store.transfer import database_info

    engine = open_reader(reader_settings(data_dir).database)
    try:
        found = database_info(engine)
        holder = bot_holder(engine)
    finally:
        engine.dispose()
    if as_json:
        output.print_json({**output.plain(found), "bot_pid": holder.pid if holder else None})
        return
    facts = [
        ("Database", f"{found.kind}: {output.shown(found.location)}"),
        ("Schema", found.revision),
        ("Bot", f"{output.shown(found.bot_id or 'none yet')}, {'running' if holder else 'stopped'}"),
        ("Made", f"{output.moment(found.created_ms)} UTC"),
        ("Size", f"{found.bytes / 1_000_000:,.1f} MB"),
    ]
    output.print_facts(facts)
    output.print_table(("Table", "Rows"), [(name, f"{rows:,}") for name, rows in found.rows.items()], right=["Rows"])


@command.command("copy", epilog=COPY_EPILOG)
@click.argument("from_url", metavar="FROM_URL")
@click.argument("to_url", metavar="TO_URL")
@json_option
@debug_option
def copy(from_url: str, to_url: str, as_json: bool) -> None:
    """Copy a database into an empty one, all of it or nothing, while no bot runs on either."""
    from trading.commands import output
    from trading.store.transfer import copy_database

    copied = copy_database(from_url, to_url)
    if as_json:
        output.print_json(copied)
        return
    rows = [(table.table, f"{table.rows:,}", table.checksum) for table in copied]
    output.print_table(("Table", "Rows", "Checksum"), rows, right=["Rows"])
    click.echo(f"{sum(table.rows for table in copied):,} rows copied and read again: both sides are the same")


for _more in (db_backup.backup, db_backup.restore_command, db_backup.holdings):
    command.add_command(_more)
