"""What codes mean, in words: limits, and what can stand against a decision. Commands and page say the same."""

from __future__ import annotations

LIMITS = {
    "LIMIT_CAPITAL": "the bot's capital",
    "LIMIT_OPEN_POSITIONS": "open positions",
    "LIMIT_POSITION_SIZE": "largest position",
    "LIMIT_SYMBOL_EXPOSURE": "exposure in one symbol",
    "LIMIT_STRATEGY_EXPOSURE": "exposure of the strategy",
    "LIMIT_GROSS_EXPOSURE": "exposure in all",
}
"""What each limit bounds."""

BREAKER = {
    "DRAWDOWN_DAILY": "loss since the day's peak",
    "DRAWDOWN_WEEKLY": "loss since the week's peak",
    "DRAWDOWN_TOTAL": "loss since the highest equity ever",
    "LOSING_STREAK": "losing trades in a row",
    "LOSSES_PER_HOUR": "losing trades within an hour",
    "ORDER_FAILURES": "orders refused in a row",
    "API_ERRORS": "answers lost within a minute",
}
"""What the circuit breaker measures."""

VETOES = {
    "NOTHING_TO_EXIT": "nothing to exit",
    "EXIT_UNDER_WAY": "already on its way out",
    "POSITION_OPEN": "already holds it",
    "CANDLE_TOO_OLD": "the candle is too old",
    "ORDERS_UNRESOLVED": "an earlier order is not settled yet",
    "KILL_SWITCH": "the kill switch is set",
    "HALTED": "the circuit breaker has halted entries",
    "PAUSED": "entries are paused",
    "ENTRIES_LATCHED": "entries are stopped",
    "NOT_RECONCILED": "the account is not compared with the exchange yet",
    "DECISION_FAILED": "deciding failed with an error",
    "CHECK_FAILED": "the risk check failed with an error",
    "SIZE_INPUT_UNKNOWN": "no size: a figure for it is missing or not above zero",
    "SIZE_STOP_TOO_FAR": "no size: the stop would be at zero or below",
    "SIZE_BELOW_MINIMUM": "what may be bought is below the exchange's minimum",
    "NO_PRICE": "no price is known",
    "NOT_REDUCING": "it would not reduce what is held",
    "ORDER_DUPLICATE": "this order exists already",
    "ORDER_QUANTITY": "the exchange does not take this quantity",
    "ORDER_PRICE": "the exchange does not take this price",
    "ORDER_MIN_NOTIONAL": "worth less than the exchange's minimum",
    "ORDER_PRICE_COLLAR": "too far from the last price",
    "ORDER_RATE": "too many entries within a minute",
    "LIMIT_CASH": "not enough cash",
    **{code: f"limit: {name}" for code, name in LIMITS.items()},
}
"""What stood against a decision."""


def veto_words(code: str) -> str:
    """A veto in words; empty where there is none. A code of another version is told as it is."""
    return VETOES.get(code, code)
