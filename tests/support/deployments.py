"""What tests ask of a deployment's bot: what it holds by the exchange's own file, whether it is back, how it ended."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from tests.support.containers import Deployment
from tests.support.processes import rows

FAST = {"TRADING_DEMO_SPEED": "30", "TRADING_SEED": "3"}
"""Settings with which a bot trades within seconds."""
LASTING = {
    **FAST,
    "TRADING_MAX_DAILY_DRAWDOWN_PCT": "100",
    "TRADING_MAX_WEEKLY_DRAWDOWN_PCT": "100",
    "TRADING_MAX_TOTAL_DRAWDOWN_PCT": "100",
    "TRADING_MAX_LOSING_STREAK": "1000000",
    "TRADING_MAX_LOSSES_PER_HOUR": "1000000",
}
"""And goes on for hours, whatever the market does."""
DUST_WORTH_MAX = Decimal(5)
"""Quote coin: what is worth less no exchange would sell."""


def held(data: Path) -> dict[str, Decimal]:
    """What is held of each coin but the quote, by the paper exchange's own file, without dust: little, or booked."""
    coins = [msgspec.json.decode(body) for (body,) in rows(data / "paper-exchange.db", "SELECT body FROM coins")]
    markets = [msgspec.json.decode(body) for (body,) in rows(data / "paper-exchange.db", "SELECT body FROM markets")]
    prices = {market["symbol"].partition("/")[0]: Decimal(market["price"]) for market in markets if market["price"]}
    sums = {coin["coin"]: Decimal(coin["free"]) + Decimal(coin["locked"]) for coin in coins if coin["coin"] != "USDT"}
    database = data / "tradebot.db"
    booked = "SELECT symbol, quantity FROM corrections WHERE kind = 'dust'"
    for symbol, quantity in rows(database, booked) if database.exists() else ():
        sums[symbol.partition("/")[0]] += Decimal(quantity)
    return {name: amount for name, amount in sums.items() if amount and amount * prices[name] >= DUST_WORTH_MAX}


def open_orders(data: Path) -> list[str]:
    """The purposes of the orders that rest at the paper exchange, by its own file."""
    final = ("filled", "canceled", "rejected", "expired")
    found = rows(data / "paper-exchange.db", "SELECT body FROM orders")
    orders = [msgspec.json.decode(body) for (body,) in found]
    return [order["intent"]["purpose"] for order in orders if order["state"] not in final]


def position_open(deployment: Deployment) -> bool:
    """Whether something is bought, and protected by a stop."""
    if deployment.fills() == 0:
        return False
    database = deployment.data / "tradebot.db"
    query = "SELECT count(*) FROM positions WHERE closed_ms IS NULL AND traded AND exit_reason = ''"
    return bool(rows(database, query)[0][0]) and "stop" in open_orders(deployment.data)


def back_again(deployment: Deployment, service: str, before: str) -> bool:
    """Whether a service runs that was started again since `before`."""
    state = deployment.state(service)
    return bool(state["Running"] and state["StartedAt"] != before)


def stopped(deployment: Deployment, *services: str) -> int:
    """Stop all of it, or these services; the bot's exit code."""
    deployment.compose("stop", *services)
    return int(deployment.state("trading-bot")["ExitCode"])
