"""`tradebot safety`: what stops the bot from opening positions, and how near the circuit breaker is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trading.clock import wall_ms
from trading.commands.operator import Operator
from trading.commands.options import data_dir_option, debug_option, json_option

if TYPE_CHECKING:
    from rich.text import Text

    from trading.safety.breaker import Trip
    from trading.store.queries import Status

TRIPS = 5
HOUR_MS = 3_600_000
MINUTE_MS = 60_000

EPILOG = """\b
Examples:
  tradebot safety
  tradebot safety --json | jq .entries_allowed
"""


@click.command(epilog=EPILOG)
@data_dir_option
@json_option
@debug_option
def command(data_dir: str | None, as_json: bool) -> None:
    """Show kill switch, halt and pause, whether they are effective, and the breaker's counters."""
    from trading.commands import output

    with Operator(data_dir) as operator:
        status = operator.queries.status()
        trips = operator.queries.trips(limit=TRIPS)
        is_running = operator.bot() is not None
        by_file = operator.kill_file.exists()
    facts = as_json_of(status, trips, by_file=by_file, is_running=is_running)
    if as_json:
        output.print_json({**facts, "timestamp_ms": wall_ms()})
    else:
        output.print_facts(facts_of(facts))


def as_json_of(status: Status, trips: list[Trip], *, by_file: bool, is_running: bool) -> dict[str, Any]:
    """What `--json` prints. The breaker's counters are as of the bot's own time, its last candle."""
    kill, safety, breaker = status.kill, status.safety, status.breaker
    now_ms = max((known.last_close_ms for known in status.symbols), default=0)
    is_set = kill.active or by_file
    return {
        "entries_allowed": not (is_set or safety.paused or safety.halted),
        "bot_running": is_running,
        "kill_switch": {
            "active": is_set,
            "effective": kill.active and kill.effective_ms is not None,
            "by_file": by_file,
            "triggered_at_ms": kill.set_ms if kill.active else None,
            "triggered_by": kill.by if kill.active else "file" if by_file else None,
            "reason": kill.reason if kill.active else None,
            "known_to_bot": bool(safety.killed),
        },
        "circuit_breaker": {
            "state": "halt" if safety.halted else "pause" if safety.paused else "closed",
            "is_open": bool(safety.halted or safety.paused),
            "halted": safety.halted or None,
            "paused": safety.paused or None,
            "consecutive_losses": safety.losing_streak,
            "order_failures": safety.order_failures,
            "losses_last_hour": sum(t > now_ms - HOUR_MS for t in breaker.loss_times),
            "api_errors_last_minute": sum(t > now_ms - MINUTE_MS for t in breaker.api_error_times),
            "last_trips": trips,
        },
        "open_positions": sum(1 for position in status.positions if position.bought),
        "live_entries": sum(1 for o in status.live_orders if o.is_live and o.intent.purpose == "entry"),
    }


def facts_of(facts: dict[str, Any]) -> list[tuple[str, str | Text]]:
    """What people read, line by line."""
    from trading.commands import output

    kill, breaker = facts["kill_switch"], facts["circuit_breaker"]
    lines: list[tuple[str, str | Text]] = [
        ("Entries", "allowed" if facts["entries_allowed"] else "stopped"),
        ("Bot", "running" if facts["bot_running"] else "not running"),
        ("Kill switch", _kill_text(kill, bool(facts["bot_running"]))),
        ("Halt", output.shown(breaker["halted"] or "no")),
        ("Pause", output.shown(breaker["paused"] or "no")),
        ("Losing trades", f"{breaker['consecutive_losses']} in a row, {breaker['losses_last_hour']} in the last hour"),
        ("Refused orders", f"{breaker['order_failures']} in a row"),
        ("Lost answers", f"{breaker['api_errors_last_minute']} in the last minute"),
    ]
    trips = ((f"Trip {output.moment(t.time_ms)}", f"{t.level}: {output.shown(t.text)}") for t in breaker["last_trips"])
    return [*lines, *trips]


def _kill_text(kill: dict[str, Any], is_running: bool) -> str:
    from trading.commands import output

    if not kill["active"]:
        return "not set"
    by = f"set by {output.shown(kill['triggered_by'])}"
    if kill["reason"]:
        by = f"{by}: {output.shown(kill['reason'])}"
    if kill["effective"]:
        return f"{by} (effective)"
    return f"{by} (latched; {'the bot has not confirmed it yet' if is_running else 'no bot runs'})"
