"""What a bot is waiting for: what an owner wants to know first of a bot that does nothing."""

from __future__ import annotations

from trading.market.timeframes import timeframe_of
from trading.monitoring.report import BotReport, FeedState
from trading.store.status import Status

SYMBOLS_NAMED = 5


def waiting_for(report: BotReport, status: Status) -> str:
    """What has to happen next; what stops the bot comes before what it always waits for."""
    return _by_phase(report) or _by_fault(report) or _by_person(status) or _by_order(report) or _for_candle(report)


def _by_phase(report: BotReport) -> str:
    match report.phase:
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


def _for_candle(report: BotReport) -> str:
    feed = report.feed
    if feed.state is FeedState.ENDED:
        return f"nothing: the {feed.label} has ended, and the bot stays up until it is stopped"
    name = timeframe_of(feed.interval_ms)
    if feed.state is FeedState.STALE:
        return f"a {name} candle that is overdue: the last one is {feed.age_s:.0f} s old"
    named = ", ".join(feed.symbols[:SYMBOLS_NAMED])
    more = f" and {len(feed.symbols) - SYMBOLS_NAMED} more" if len(feed.symbols) > SYMBOLS_NAMED else ""
    return f"the next {name} candle of {named}{more}"
