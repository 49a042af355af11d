"""What an owner asks first: what is it worth, what stops it, what does it wait for. Commands, page and chat use it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec.structs import replace

from trading.domain.instruments import ZERO
from trading.market.timeframes import timeframe_of
from trading.monitoring.report import BotReport, FeedReport, FeedState, from_text
from trading.store.latch import KILL_FILE, KillState
from trading.store.process import ProcessState
from trading.store.status import BEAT_AGE_MAX_MS, Status, equity_of

SYMBOLS_NAMED = 5
HUNDRED = Decimal(100)


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """A bot's account at the last prices, in quote.

    exposure: worth of what is held. profit: since the start, without deposits. profit_pct: of what was paid in; None
    where that is nothing. realised: of closed trades, after fees and funding. fees: paid so far.
    """

    quote: str
    equity: Decimal
    cash: Decimal
    exposure: Decimal
    profit: Decimal
    profit_pct: Decimal | None
    realised: Decimal
    fees: Decimal


def money_of(status: Status) -> Money | None:
    """What the bot is worth; None before its first look at the account."""
    account, equity = status.account, equity_of(status)
    if account is None or equity is None:
        return None
    paid_in = account.start_capital + account.deposits
    return Money(
        quote=account.quote,
        equity=equity,
        cash=account.cash,
        exposure=equity - account.cash + account.outside_fees,
        profit=equity - paid_in,
        profit_pct=(equity - paid_in) / paid_in * HUNDRED if paid_in else None,
        realised=account.closed_profit - account.closed_fees - account.closed_funding,
        fees=account.closed_fees + sum((position.fees for position in status.positions), ZERO),
    )


def with_kill_file(status: Status, data_dir: Path) -> Status:
    """The status with the kill switch set where a file in the bot's data folder sets it."""
    if status.kill.active or not (data_dir / KILL_FILE).exists():
        return status
    return replace(status, kill=KillState(active=True, by="file", reason=f"{KILL_FILE} exists"))


def entries_stopped_by(status: Status) -> list[str]:
    """What stands against opening positions, each with its reason."""
    kill, safety = status.kill, status.safety
    found = [f"kill switch, by {kill.by}: {kill.reason}"] if kill.active else []
    found += [f"halted: {safety.halted}"] if safety.halted else []
    return found + ([f"paused: {safety.paused}"] if safety.paused else [])


def waiting_for(status: Status, *, is_running: bool | None, now_ms: int) -> str:
    """What has to happen next, as one who reads the database can tell; never empty.

    Args:
        is_running: whether a process holds the bot's lock; None where that cannot be told.
        now_ms: the wall clock, UTC ms.
    """
    process = status.process
    if process is None and not is_running:
        return "the first start of a bot: `tradebot run`"
    if is_running is False:
        return "somebody to start the bot (`tradebot run`)"
    if process is None or now_ms - process.beat_ms > BEAT_AGE_MAX_MS:
        return "a sign of life from the bot's loop; its watchdog ends a process that stands still"
    report = from_text(process.report) or BotReport(made_ms=0)
    return (
        _by_phase(process)
        or _by_fault(report)
        or _by_person(status)
        or _by_order(report)
        or _for_candle(report.feed, process)
    )


def _by_phase(process: ProcessState) -> str:
    match process.state:
        case "starting":
            return "its database"
        case "recovering":
            return "the exchange's word on account and orders, before anything is traded"
        case "stopping":
            return "the end of the bot: positions and orders are being brought to where they may stay"
    return ""


def _by_fault(report: BotReport) -> str:
    if report.journal is not None:
        return f"the journal to be writable again; nothing is opened meanwhile ({report.journal.error})"
    if report.database is not None:
        return f"the database to answer again; nothing is opened meanwhile ({report.database.error})"
    return ""


def _by_person(status: Status) -> str:
    safety = status.safety
    if status.kill.active or safety.killed:
        return "a person to reset the kill switch, before anything is opened"
    if safety.halted:
        return f"a person to end the halt, before anything is opened ({safety.halted})"
    if safety.paused and not safety.pause_code:
        return f"a person to end the pause, before anything is opened ({safety.paused})"
    if safety.paused:
        return f"the pause to end by itself, before anything is opened ({safety.paused})"
    return ""


def _by_order(report: BotReport) -> str:
    if report.in_doubt:
        return f"a person to say what became of the order {report.in_doubt[0]} (`tradebot resolve`)"
    return ""


def _for_candle(feed: FeedReport, process: ProcessState) -> str:
    if feed.state is FeedState.ENDED or process.state == "idle":
        return f"nothing: the {feed.label or 'recording'} has ended, and the bot stays up until it is stopped"
    if not feed.interval_ms:
        return "the bot's first word on itself"
    name = timeframe_of(feed.interval_ms)
    if feed.state is FeedState.STALE:
        return f"a {name} candle that is overdue: the last one is {feed.age_s:.0f} s old"
    named = ", ".join(feed.symbols[:SYMBOLS_NAMED])
    more = f" and {len(feed.symbols) - SYMBOLS_NAMED} more" if len(feed.symbols) > SYMBOLS_NAMED else ""
    return f"the next {name} candle of {named}{more}"
