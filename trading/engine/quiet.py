"""What a candle may show without anything following from it but a new last price: for drivers that leave such out."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from trading.domain.instruments import ZERO
from trading.engine.desk import Desk
from trading.safety.breaker import DAY_MS

INFINITE = Decimal("Infinity")


class QuietRange(NamedTuple):
    """Of a candle on which nothing happens to a held position: low > `above`, high < `below` and high <= `up_to`."""

    above: Decimal
    below: Decimal
    up_to: Decimal


class QuietWorth(NamedTuple):
    """While `least` <= equity <= `most` (quote) and the time is before `until_ms` (UTC), the breaker has no news."""

    least: Decimal
    most: Decimal
    until_ms: int


def quiet_range(desk: Desk, symbol: str) -> QuietRange | None:
    """The prices that leave the symbol's position as it is; None where that cannot be said of any.

    It holds for candles whose signal is not EXIT. The exchange's resting orders have a range of their own.
    """
    position = desk.state.positions.get(symbol)
    if position is None or not desk.is_steady(symbol) or desk.config.record_holds:
        return None
    stop, up_to = position.stop_price, INFINITE
    if stop is not None:
        if position.high_water is None:
            return None
        up_to = position.high_water
    above = ZERO
    if not desk.config.protect:
        instrument = desk.instrument(symbol)
        lots = instrument.quantity_down(position.quantity)
        if lots < instrument.min_quantity:
            return None
        above = max(stop or ZERO, instrument.min_notional / lots)
    return QuietRange(above, position.target_price or INFINITE, up_to)


def quiet_worth(desk: Desk) -> QuietWorth | None:
    """The equity and time that leave the breaker as it is; None where the next tick or candle may have news anyway."""
    state, config = desk.state, desk.config
    if state.account is None or state.account is not desk.watched_account or not desk.ready:
        return None
    if state.safety.pause_code or config.stale_after_interval_ms or config.timing.reconcile_ms:
        return None
    return QuietWorth(desk.breaker_floor, state.breaker.day_peak, (desk.watched_day + 1) * DAY_MS)
