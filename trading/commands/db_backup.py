"""`tradebot db backup`, `restore` and `holdings`."""

from __future__ import annotations

import gc
import re
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trading.clock import wall_ms
from trading.commands.options import data_dir_option, debug_option, json_option, reader_settings
from trading.domain.errors import InvalidInput, TradingError
from trading.exit_codes import ExitCode

if TYPE_CHECKING:
    from trading.config import Settings

BACKUP_EPILOG = """\b
Examples:
  tradebot db backup backups                    (one, in backups/20250601T120000Z)
  tradebot db backup backups --every 6h --keep 28
The bot may go on trading. With PostgreSQL the backup is the same: files that
`tradebot db restore` brings back to either kind of database.
"""

RESTORE_EPILOG = """\b
Examples:
  tradebot db restore backups/20250601T120000Z
  tradebot db restore backups/20250601T120000Z --replace
Stop the bot and the dashboard first. What was there is moved aside.
"""

HOLDINGS_EPILOG = """\b
Examples:
  tradebot db holdings --json > before.json
  tradebot db holdings --compare before.json
"""

_EVERY = re.compile(r"([1-9]\d{0,4})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@click.command("backup", epilog=BACKUP_EPILOG)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--every", metavar="TIME", help="Stay and make one so often: 30m, 6h, 1d.")
@click.option("--keep", type=click.IntRange(1, 10_000), help="Remove all but the newest so many.")
@data_dir_option
@json_option
@debug_option
def backup(folder: Path, every: str | None, keep: int | None, data_dir: str | None, as_json: bool) -> None:
    """Back up journal and paper account as of one moment, while the bot trades."""
    settings = reader_settings(data_dir)
    if every is None:
        _back_up_once(settings, folder, keep, as_json=as_json)
        return
    pause_s = seconds_of(every)
    gc.enable()  # which short commands do without
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    while True:
        # One that fails must not end those that come after it.
        try:
            _back_up_once(settings, folder, keep, as_json=as_json)
        except TradingError as error:
            click.echo(f"error: {error}", err=True)
        if stopped.wait(pause_s):
            return


def seconds_of(text: str) -> int:
    """Seconds of '30m', '6h', '1d'.

    Raises:
        InvalidInput: no such time.
    """
    found = _EVERY.fullmatch(text.strip())
    if found is None:
        raise InvalidInput("--every", text, "a number with s, m, h or d, such as 6h")
    return int(found[1]) * _SECONDS[found[2]]


def _back_up_once(settings: Settings, folder: Path, keep: int | None, *, as_json: bool) -> None:
    from trading.commands import output
    from trading.store.backup import back_up, check_backup, forget_old

    made = back_up(settings.database, settings.data_dir, folder, now_ms=wall_ms)
    manifest = check_backup(made)
    removed = forget_old(folder, keep) if keep else []
    if as_json:
        output.print_json({"backup": str(made), "removed": list(map(str, removed)), **output.plain(manifest)})
        return
    size = sum(file.bytes for file in manifest.files) / 1e6
    click.echo(f"{made}: {', '.join(file.name for file in manifest.files)}, {size:,.1f} MB")
    for old in removed:
        click.echo(f"{old}: removed")


@click.command("restore", epilog=RESTORE_EPILOG)
@click.argument("backup", metavar="BACKUP", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Move aside what is in its place.")
@click.option("--journal-only", is_flag=True, help="Leave the paper account as it is, as a real exchange's would be.")
@data_dir_option
@json_option
@debug_option
def restore_command(backup: Path, replace: bool, journal_only: bool, data_dir: str | None, as_json: bool) -> None:
    """Put a backup in the place of the database, and of the paper account, while no bot runs."""
    from trading.commands import output
    from trading.store.backup import restore

    settings = reader_settings(data_dir)
    done = restore(
        backup,
        settings.database,
        settings.data_dir,
        replace=replace,
        with_paper=not journal_only,
        now_ms=wall_ms,
    )
    if as_json:
        output.print_json({"backup": str(backup), "done": done})
        return
    for line in done:
        click.echo(line)


@click.command("holdings", epilog=HOLDINGS_EPILOG)
@click.option("--compare", "before", metavar="FILE", type=click.Path(path_type=Path), help="With what it once printed.")
@data_dir_option
@json_option
@debug_option
def holdings(before: Path | None, data_dir: str | None, as_json: bool) -> int:
    """Show positions, orders and latches; or what became of those that there were.

    With --compare it ends with 1 if something happened that trading cannot explain.
    """
    from trading.commands import output
    from trading.store.holdings import compare, holdings_of, read_holdings
    from trading.store.queries import Queries

    earlier = read_holdings(before) if before is not None else None
    queries = Queries.open(reader_settings(data_dir).database)
    try:
        found = holdings_of(queries)
        changed, wrong = compare(earlier, queries) if earlier is not None else ([], [])
    finally:
        queries.close()
    if earlier is None and as_json:
        output.print_json(found)
    elif as_json:
        output.print_json({"changed": changed, "wrong": wrong})
    elif earlier is None:
        lines = [f"position {p.symbol} {p.quantity}, stop {p.stop_price}" for p in found.positions]
        lines += [f"order {o.id} {o.symbol} {o.purpose} {o.quantity}" for o in found.orders]
        lines += [f"{name}: {text}" for name, text in (("killed", found.killed), ("halted", found.halted)) if text]
        click.echo("\n".join(lines) or "no positions, no orders, nothing latched")
    else:
        for line in wrong:
            click.echo(f"WRONG: {line}")
        for line in changed:
            click.echo(f"by trading: {line}")
        click.echo(f"positions: {len(earlier.positions)}, orders: {len(earlier.orders)}; nothing lost" * (not wrong))
    return int(ExitCode.FAILED if wrong else ExitCode.OK)
