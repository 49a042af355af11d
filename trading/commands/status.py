"""`tradebot status`: how the bot stands, whether it runs or not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from trading.commands.options import data_dir_option, debug_option, json_option, reader_settings

if TYPE_CHECKING:
    from trading.store.lock import Holder
    from trading.store.queries import Status

EPILOG = """\b
Examples:
  tradebot status
  tradebot status --json | jq .equity
"""


@click.command(epilog=EPILOG)
@data_dir_option
@json_option
@debug_option
def command(data_dir: str | None, as_json: bool) -> None:
    """Show how the bot stands: alive or not, equity, positions, latches."""
    from trading.commands import output
    from trading.market.demo_facts import DEMO_LABEL
    from trading.monitoring.overview import with_kill_file
    from trading.store.bot_lock import bot_holder
    from trading.store.queries import Queries

    settings = reader_settings(data_dir)
    queries = Queries.open(settings.database)
    try:
        status = with_kill_file(queries.status(), settings.data_dir)
        holder = bot_holder(queries.engine)
    finally:
        queries.close()
    now_ms = time.time_ns() // 1_000_000
    label = market_of(status, DEMO_LABEL if settings.is_demo else "")
    if as_json:
        output.print_json(as_json_of(status, holder, now_ms, label))
    else:
        output.print_facts(facts_of(status, holder, now_ms, label))


def market_of(status: Status, by_settings: str) -> str:
    """What the prices are, where they are made up: by the bot's own word, or before its first start by the settings."""
    if status.facts is not None:
        return status.facts.market if status.facts.is_demo else ""
    return by_settings


def as_json_of(status: Status, holder: Holder | None, now_ms: int, label: str) -> dict[str, Any]:
    """What `--json` prints."""
    from trading.monitoring.overview import entries_stopped_by, money_of, waiting_for
    from trading.store.status import liveness

    process, money = status.process, money_of(status)
    return {
        "state": liveness(status, holder, now_ms),
        "phase": process.state if process and holder else None,
        "pid": holder.pid if holder else None,
        "heartbeat_age_s": (now_ms - process.beat_ms) / 1000 if process else None,
        "started_ms": process.started_ms if process else None,
        "version": process.version if process else None,
        "market": label or None,
        "bot_id": status.bot_id,
        "waiting_for": waiting_for(status, is_running=holder is not None, now_ms=now_ms),
        "entries_stopped_by": entries_stopped_by(status),
        "equity": money.equity if money else None,
        "profit": money.profit if money else None,
        "exposure": money.exposure if money else None,
        "account": status.account,
        "kill_switch": status.kill,
        "paused": status.safety.paused,
        "halted": status.safety.halted,
        "positions": sum(1 for position in status.positions if position.bought),
        "live_orders": len(status.live_orders),
        "symbols": status.symbols,
    }


def facts_of(status: Status, holder: Holder | None, now_ms: int, label: str) -> list[tuple[str, Any]]:
    """What people read, line by line."""
    from trading.commands import output
    from trading.monitoring.overview import money_of, waiting_for

    facts: list[tuple[str, Any]] = [("Bot", _alive(status, holder, now_ms))]
    facts.append(("Waits for", output.shown(waiting_for(status, is_running=holder is not None, now_ms=now_ms))))
    if label:
        facts.append(("Market", label if status.facts else f"{label} (by the settings here)"))
    money = money_of(status)
    if money is not None:
        result = "" if money.profit_pct is None else f" ({output.percent(money.profit_pct)} since the start)"
        facts.append(("Equity", f"{output.money(money.equity)} {money.quote}{result}"))
        facts.append(("Cash", f"{output.money(money.cash)} {money.quote}"))
    held = [position.symbol for position in status.positions if position.bought]
    facts.append(("Positions", f"{len(held)} ({', '.join(held)})" if held else "none"))
    facts.append(("Open orders", str(len(status.live_orders))))
    facts.extend(_latches(status))
    if status.symbols:
        last = max(known.last_close_ms for known in status.symbols)
        facts.append(("Last candle", f"{output.moment(last)} UTC, {len(status.symbols)} symbols"))
    return facts


def _alive(status: Status, holder: Holder | None, now_ms: int) -> str:
    from trading.commands import output
    from trading.store.status import liveness

    process = status.process
    state = liveness(status, holder, now_ms)
    if process is None or holder is None:
        seen = f", last seen {output.duration(now_ms - process.beat_ms)} ago" if process else ""
        return f"{state}{seen}"
    age = output.duration(now_ms - process.beat_ms)
    return (
        f"{state}: {output.shown(process.state)}, process {holder.pid} on {output.shown(holder.host)}, "
        f"up {output.duration(now_ms - process.started_ms)}, last sign of life {age} ago"
    )


def _latches(status: Status) -> list[tuple[str, Any]]:
    """The latches that are set, each with its reason."""
    from rich.text import Text

    from trading.commands import output

    found: list[tuple[str, Any]] = []
    if status.kill.active:
        effect = "effective" if status.kill.effective_ms is not None else "latched, not yet confirmed by the bot"
        text = f"set by {output.shown(status.kill.by)}: {output.shown(status.kill.reason)} ({effect})"
        found.append(("Kill switch", Text(text, style="bold red")))
    for name, reason in (("Halted", status.safety.halted), ("Paused", status.safety.paused)):
        if reason:
            found.append((name, Text(output.shown(reason), style="yellow")))
    return found or [("Safety", "no latch is set")]
