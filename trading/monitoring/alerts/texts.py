"""What each kind of alert is called, and what its reader can do about it."""

from __future__ import annotations

from typing import NamedTuple


class Wording(NamedTuple):
    """headline: a few words. advice: what to do, empty where nothing has to be done."""

    headline: str
    advice: str = ""


WORDINGS: dict[str, Wording] = {
    # The bot's life.
    "STARTED": Wording("Bot started"),
    "STOPPED": Wording("Bot stopped"),
    "RECOVERED": Wording("Recovered from a crash", "The log of before tells why it ended."),
    "SHUTDOWN_INCOMPLETE": Wording(
        "Stopped with something left", "Look at the exchange; what is held has its stop, unless it says otherwise."
    ),
    "BOT_FAILED": Wording("Bot failed", "Nothing is traded. Mend what it says and start it again."),
    "FEED_FAILED": Wording("No more market data", "The bot has ended; stops are in place. Mend it, start again."),
    "BOT_GONE": Wording(
        "The bot is gone", "Stops rest at the exchange. Look whether its process runs; `tradebot run` starts it."
    ),
    "BOT_BACK": Wording("The bot is back"),
    # Trades.
    "POSITION_OPENED": Wording("Opened"),
    "POSITION_CLOSED": Wording("Closed"),
    "STOP_HIT": Wording("Stop hit"),
    # What stops entries.
    "BREAKER_WARN": Wording("Near a limit", "Nothing has to be done; look at it before the limit is passed."),
    "BREAKER_PAUSE": Wording("Entries paused", "They go on by themselves once its cause has been gone for a while."),
    "BREAKER_HALT": Wording("Trading halted", "Find out why, then `tradebot resume --reason …`."),
    "HALT_CLEARED": Wording("Halt over"),
    "PAUSE_ENDED": Wording("Pause over"),
    "PAUSED": Wording("Paused by a person"),
    "RESUMED": Wording("Resumed by a person"),
    "KILLED": Wording("Kill switch set", "Nothing is opened any more until `tradebot resume --kill --reason …`."),
    "KILL_RESET": Wording("Kill switch reset"),
    "DATA_STALE": Wording("Market data is old", "Nothing is opened. Look at the exchange's status page."),
    "DATA_STALE_ENDED": Wording("Market data is fresh again"),
    "EXCHANGE_DISCONNECTED": Wording("No answer from the exchange", "Stops rest there. Look at its status page."),
    "EXCHANGE_DISCONNECTED_ENDED": Wording("The exchange answers again"),
    "CANDLE_REFUSED": Wording("A candle was refused", "One is harmless; many mean that the data source is wrong."),
    # Orders and positions.
    "UNPROTECTED": Wording("Position without a stop", "It is being closed. Look at the exchange whether it is."),
    "STOP_ENDED": Wording("A stop has ended", "Another is placed; after three in an hour the position is sold."),
    "STOP_IN_DOUBT": Wording("A stop may be gone", "Look at the exchange whether one rests; sell by hand if not."),
    "NOT_SOLD": Wording("A position cannot be sold", "Look at its orders and balance at the exchange."),
    "ORDER_UNKNOWN": Wording("An order's answer was lost", "The bot asks for it; nothing has to be done yet."),
    "ORDER_NEEDS_PERSON": Wording(
        "An order needs a person", "Look for it at the exchange, then `tradebot resolve ORDER adopt|close|ignore`."
    ),
    "ORDER_RESOLVED": Wording("An order is resolved"),
    "ORDER_NOT_REMEMBERED": Wording("An unknown order", "Look for it at the exchange."),
    "NOT_REMEMBERED": Wording("An order of unknown origin", "Look for it at the exchange; the text says what to do."),
    "ORDER_LOST": Wording("The exchange lost an order", "Compare the account's trades with `tradebot history`."),
    "CANNOT_RESOLVE": Wording("A command was refused"),
    "NO_SUCH_ORDER": Wording("A command was refused"),
    "NO_SUCH_POSITION": Wording("A command was refused"),
    "ORDER_ADOPTED": Wording("An order was found again"),
    "ORDER_REJECTED": Wording("An order was refused"),
    "LATE_ORDER": Wording("An order appeared late", "It is being cancelled. Look at the exchange whether it is."),
    "POSITION_CORRECTED": Wording(
        "Less is held than was booked", "Somebody or something else has sold or moved it: look at the account."
    ),
    "SOLD_NOT_HELD": Wording("More was sold than held", "Look at the account's trades."),
    "FILL_CONTRADICTS": Wording("A trade that cannot be", "Trading is halted. Compare with the account's trades."),
    "CAPITAL_BELOW_LIMIT": Wording("Less money than configured"),
    "FEE_UNVALUED": Wording("A fee of unknown worth"),
    # The machine.
    "CLOCK_BEHIND": Wording("The machine's clock went back", "Stops rest. Look at its time synchronisation (NTP)."),
    "CLOCK_BEHIND_ENDED": Wording("The machine's clock has caught up"),
    "CLOCK_JUMPED": Wording("The machine's clock jumped", "Look at its time synchronisation (NTP), or why it slept."),
    "JOURNAL_DOWN": Wording(
        "The database cannot be written", "Nothing is opened; exits go on. Free disk space or bring the server back."
    ),
    "JOURNAL_BACK": Wording("The database can be written again"),
    "DISK_LOW": Wording("The disk is almost full", "Free some space before the database cannot be written any more."),
    "DISK_LOW_ENDED": Wording("The disk has space again"),
    "JOB_FAILED": Wording("A background job fails", "Trading goes on without it. The log has the whole error."),
    "JOB_FAILED_ENDED": Wording("A background job works again"),
    "MODEL_MISSING": Wording("A model is missing"),
    "MODEL_MISSING_ENDED": Wording("The model is there again"),
    "HEALTH_PORT": Wording("The bot's own port does not answer", "Trading goes on. Free HEALTH_PORT or set another."),
    "HEALTH_PORT_ENDED": Wording("The bot's own port answers again"),
    "DASHBOARD_DOWN": Wording("The dashboard is down", "Trading goes on. Its log says why: is its port taken?"),
    "TELEGRAM_LOCKED": Wording("Wrong PINs by Telegram", "Was that you? If not, choose another TELEGRAM_PIN."),
}


def wording_of(code: str) -> Wording:
    """The wording of a code; of one that has none, the code itself, legible."""
    return WORDINGS.get(code) or Wording(code.replace("_", " ").capitalize())
