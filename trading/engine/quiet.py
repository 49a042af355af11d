"""What candles may show without anything following from it that somebody acts on: for drivers that leave such out."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from msgspec.structs import replace

from trading.domain.candles import Candle
from trading.domain.instruments import ZERO
from trading.engine.desk import Desk
from trading.engine.protection import TRAIL_STEP
from trading.engine.state import SymbolState
from trading.safety.breaker import DAY_MS, largest_share

INFINITE = Decimal("Infinity")


class QuietRange(NamedTuple):
    """A candle with low > `above` and high < `below` does nothing to a held position but show a new highest price."""

    above: Decimal
    below: Decimal


class QuietWorth(NamedTuple):
    """While equity >= `least` (quote) and the time is before `until_ms` (UTC), the breaker finds nothing.

    An equity above `peak` is a new peak: from then on the least is `share` of it, if that is more. The highest is to be
    told by `note_peak`.
    """

    least: Decimal
    peak: Decimal
    share: Decimal
    until_ms: int


def quiet_range(desk: Desk, symbol: str) -> QuietRange | None:
    """The prices that leave the symbol's position as it is; None where that cannot be said of any.

    It holds for candles whose signal is not EXIT. The exchange's resting orders have a range of their own.
    """
    position = desk.state.positions.get(symbol)
    if position is None or not desk.is_steady(symbol) or desk.config.record_holds:
        return None
    stop, trail = position.stop_price, position.trail_distance
    below = position.target_price or INFINITE
    if stop is not None:
        if position.high_water is None:
            return None
        if trail is not None:
            below = min(below, stop + trail * TRAIL_STEP + trail)
    above = ZERO
    if not desk.config.protect:
        instrument = desk.instrument(symbol)
        lots = instrument.quantity_down(position.quantity)
        if lots < instrument.min_quantity:
            return None
        above = max(stop or ZERO, instrument.min_notional / lots)
    return QuietRange(above, below)


def quiet_worth(desk: Desk) -> QuietWorth | None:
    """The equity and time that tell the breaker nothing; None where the next tick or candle may have news anyway."""
    state, config = desk.state, desk.config
    if state.account is None or state.account is not desk.watched_account or not desk.ready:
        return None
    if state.safety.pause_code or config.stale_after_interval_ms or config.timing.reconcile_ms:
        return None
    share = largest_share(state.breaker, config.breaker)
    return QuietWorth(desk.breaker_floor, state.breaker.day_peak, share, (desk.watched_day + 1) * DAY_MS)


def pass_over(desk: Desk, candle: Candle, high: Decimal) -> None:
    """Take in the last of some quiet candles of a symbol, the highest price among which is `high`."""
    state = desk.state
    state.now_ms = max(state.now_ms, candle.close_time_ms)
    state.put(SymbolState(symbol=candle.symbol, last_close_ms=candle.close_time_ms, price=candle.close))
    position = state.positions.get(candle.symbol)
    if position is not None and position.stop_price is not None:
        if position.high_water is not None and high > position.high_water:
            position = desk.steady[candle.symbol] = replace(position, high_water=high)
            state.put(position)
