"""`tradebot alerts`: what there was to tell, how the channels stand, and a test through each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trading.commands.options import data_dir_option, debug_option, json_option, reader_settings, utc_ms
from trading.exit_codes import ExitCode

if TYPE_CHECKING:
    from trading.monitoring.alerts.trial import Trial

EPILOG = """\b
Examples:
  tradebot alerts
  tradebot alerts list --level critical --since 2025-06-01
  tradebot alerts channels
  tradebot alerts test
docs/ALERTS.md tells how each channel is set up.
"""

LIST_EPILOG = """\b
Example:
  tradebot alerts list --level critical --since 2025-06-01
"""

CHANNELS_EPILOG = """\b
Example:
  tradebot alerts channels --json | jq '.[] | select(.failures > 0)'
"""

TEST_EPILOG = """\b
Example:
  tradebot alerts test
docs/ALERTS.md tells how each channel is set up.
"""

COLUMNS = ("#", "Time (UTC)", "Level", "What", "Symbol", "Text")
CHANNEL_COLUMNS = ("Channel", "Waiting", "Last sent (UTC)", "Failures", "Next try (UTC)", "Error")
TRIAL_COLUMNS = ("Channel", "Arrived", "Seconds", "Error")
LEVELS = ("info", "warning", "critical")
LIMIT = 50


@click.group(invoke_without_command=True, epilog=EPILOG)
@click.pass_context
def command(context: click.Context) -> None:
    """Show alerts and their channels, or test the channels."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


@command.command("list", epilog=LIST_EPILOG)
@click.option("--level", "levels", type=click.Choice(LEVELS), multiple=True, help="Only this level; may be repeated.")
@click.option("--code", metavar="CODE", default="", help="Only of this kind: STOP_HIT …")
@click.option("--since", metavar="TIME", help="Only from this time on (UTC, by the wall clock).")
@click.option("--limit", type=click.IntRange(1, 100_000), default=LIMIT, show_default=True, help="The newest so many.")
@data_dir_option
@json_option
@debug_option
def list_(
    levels: tuple[str, ...] = (),
    code: str = "",
    since: str | None = None,
    limit: int = LIMIT,
    data_dir: str | None = None,
    as_json: bool = False,
) -> None:
    """Show alerts, newest first."""
    from trading.commands import output
    from trading.domain.actions import Level
    from trading.monitoring.alerts.texts import wording_of
    from trading.store.alerts import list_alerts
    from trading.store.database import open_reader

    since_ms = utc_ms(since, "--since") if since else None
    engine = open_reader(reader_settings(data_dir).database)
    try:
        found = list_alerts(
            engine,
            levels=[Level(level) for level in levels],
            codes=[code] if code else (),
            since_ms=since_ms,
            limit=limit,
        )
    finally:
        engine.dispose()
    if as_json:
        output.print_json(found)
        return
    if not found:
        click.echo("no alerts")
        return
    rows = [
        (
            str(alert.seq),
            output.moment(alert.created_ms),
            alert.level,
            wording_of(alert.code).headline,
            alert.symbol,
            output.shown(alert.text),
        )
        for alert in found
    ]
    output.print_table(COLUMNS, rows, right=COLUMNS[:1])


@command.command("channels", epilog=CHANNELS_EPILOG)
@data_dir_option
@json_option
@debug_option
def channels(data_dir: str | None, as_json: bool) -> None:
    """Show how each channel stands: what waits, what fails, when it is tried again."""
    from trading.commands import output
    from trading.store.database import open_reader
    from trading.store.deliveries import channel_states

    engine = open_reader(reader_settings(data_dir).database)
    try:
        states = list(channel_states(engine).values())
    finally:
        engine.dispose()
    if as_json:
        output.print_json(states)
        return
    if not states:
        click.echo("no channel has been used yet")
        return
    rows = [
        (
            state.name,
            str(state.waiting),
            output.moment(state.sent_ms),
            str(state.failures),
            output.moment(state.retry_ms),
            output.shown(state.error),
        )
        for state in states
    ]
    output.print_table(CHANNEL_COLUMNS, rows, right=("Waiting", "Failures"))


@command.command("test", epilog=TEST_EPILOG)
@json_option
@debug_option
def test(as_json: bool) -> int:
    """Send a test alert through every channel of the settings here, and say what each made of it.

    Ends with 0 if all took it, else with 1.
    """
    from trading.commands.operator import who
    from trading.config import load_settings
    from trading.monitoring.alerts.channels import channels_of
    from trading.monitoring.alerts.trial import try_channels
    from trading.monitoring.logs import register_secret

    settings = load_settings()
    for secret in settings.secret_values():
        register_secret(secret)
    found = try_channels(channels_of(settings), settings.alert_name, who())
    _print_trials(found, as_json)
    return int(ExitCode.OK if found and all(trial.arrived for trial in found) else ExitCode.FAILED)


def _print_trials(found: list[Trial], as_json: bool) -> None:
    from trading.commands import output

    if as_json:
        facts: list[dict[str, Any]] = [
            {"channel": t.channel, "arrived": t.arrived, "error": t.error, "took_s": t.took_s} for t in found
        ]
        output.print_json(facts)
        return
    if not found:
        click.echo("no channel is set up; docs/ALERTS.md tells how")
        return
    rows = [(t.channel, "yes" if t.arrived else "no", f"{t.took_s:.1f}", output.shown(t.error)) for t in found]
    output.print_table(TRIAL_COLUMNS, rows, right=("Seconds",))
