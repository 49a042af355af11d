"""How near each limit is, from what the bot has written: the same measures that its checks and its breaker use."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from trading.commands.output import rounded
from trading.domain.instruments import ZERO
from trading.domain.orders import Order, Purpose
from trading.domain.positions import capital_of
from trading.monitoring.codes import BREAKER, LIMITS
from trading.safety.breaker import HOUR_MS, MINUTE_MS, BreakerLimits, drawdowns
from trading.safety.checks import Limits
from trading.store.status import Status, equity_of
from trading.web.models.safety import GaugeView

HUNDRED = Decimal(100)


def gauges(status: Status) -> list[GaugeView]:
    """Every limit; none before the first start of a bot that tells its limits."""
    facts = status.facts
    if facts is None or facts.limits is None or facts.breaker_limits is None:
        return []
    capital = capital_of(status.account.start_capital if status.account is not None else ZERO, facts.capital)
    return [*_position_gauges(status, facts.limits, capital), *_breaker_gauges(status, facts.breaker_limits)]


def exposure_by_symbol(status: Status) -> dict[str, Decimal]:
    """Worth in quote of positions and of open entries as if filled, at the last prices."""
    prices = {known.symbol: known.price for known in status.symbols}
    found: dict[str, Decimal] = {}
    for position in status.positions:
        price = prices.get(position.symbol, position.decision_price)
        found[position.symbol] = found.get(position.symbol, ZERO) + position.quantity * price
    for order in status.live_orders:
        if order.is_live and order.intent.purpose is Purpose.ENTRY:
            symbol = order.intent.symbol
            found[symbol] = found.get(symbol, ZERO) + order.remaining * _price_of(order, prices)
    return found


def _position_gauges(status: Status, limits: Limits, capital: Decimal) -> Iterator[GaugeView]:
    exposure = exposure_by_symbol(status)
    quote = status.account.quote if status.account else ""
    held = sum(1 for position in status.positions if position.bought)
    largest, gross = max(exposure.values(), default=ZERO), sum(exposure.values(), ZERO)
    yield _gauge("LIMIT_OPEN_POSITIONS", Decimal(held), Decimal(limits.max_open_positions))
    yield _gauge("LIMIT_POSITION_SIZE", largest, limits.max_position_notional, quote)
    for code, worth, percent in (
        ("LIMIT_SYMBOL_EXPOSURE", largest, limits.max_symbol_pct),
        ("LIMIT_STRATEGY_EXPOSURE", gross, limits.max_strategy_pct),
        ("LIMIT_GROSS_EXPOSURE", gross, limits.max_gross_pct),
    ):
        yield _gauge(code, worth, capital * percent / HUNDRED, quote)


def _breaker_gauges(status: Status, limits: BreakerLimits) -> Iterator[GaugeView]:
    """The breaker's counters are as of the bot's own time, its last candle."""
    breaker, safety, equity = status.breaker, status.safety, equity_of(status)
    for code, peak, limit in drawdowns(breaker, limits):
        fallen = ZERO if equity is None or not peak else max(ZERO, (peak - equity) / peak * HUNDRED)
        yield _gauge(code, rounded(fallen), limit, "%")
    now_ms = max((known.last_close_ms for known in status.symbols), default=0)
    losses = sum(t > now_ms - HOUR_MS for t in breaker.loss_times)
    errors = sum(t > now_ms - MINUTE_MS for t in breaker.api_error_times)
    for code, count, most in (
        ("LOSING_STREAK", safety.losing_streak, limits.losing_streak),
        ("LOSSES_PER_HOUR", losses, limits.losses_per_hour),
        ("ORDER_FAILURES", safety.order_failures, limits.order_failures),
        ("API_ERRORS", errors, limits.api_errors_per_minute),
    ):
        yield _gauge(code, Decimal(count), Decimal(most))


def _gauge(code: str, value: Decimal, limit: Decimal, unit: str = "") -> GaugeView:
    name = LIMITS.get(code) or BREAKER[code]
    used = rounded(value / limit * HUNDRED) if limit else HUNDRED
    return GaugeView(code=code, name=name, value=value, limit=limit, unit=unit, used_pct=used)


def _price_of(order: Order, prices: dict[str, Decimal]) -> Decimal:
    return order.intent.price if order.intent.price is not None else prices.get(order.intent.symbol, ZERO)
