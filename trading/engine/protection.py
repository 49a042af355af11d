"""One position's orders, brought level by level to what they should be: entry gone, stop resting, exit sold.

`plan` looks only at the state, never at what was asked before, so it does the same after a restart as without one. On
spot a resting stop locks the coins: an exit cancels it, waits for the confirmation, reads the balance again, and sells.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from trading.domain.actions import Level
from trading.domain.candles import Candle
from trading.domain.orders import ACKNOWLEDGED, Order, OrderState, Purpose
from trading.domain.positions import Position
from trading.engine.adoption import is_left_to_a_person
from trading.engine.breaker import after_trade
from trading.engine.desk import Desk
from trading.engine.portfolio import close_position
from trading.engine.protection_watch import bare_since, watch_protection
from trading.engine.selling import guard_beside_doubt, is_dust, protect, sell

TRAIL_STEP = Decimal("0.1")
RETRY_DOUBLINGS = 6
STOPS_ENDED_MAX = 3
HOUR_MS = 3_600_000


def plan(desk: Desk, symbol: str) -> None:
    """Ask for whatever brings the symbol's orders to what its position needs. Not before the account has been read."""
    position = desk.state.positions.get(symbol)
    if not desk.ready:
        return
    if position is not None and desk.is_steady(symbol) and (desk.config.protect or not _is_over(desk, position)):
        return
    entries: list[Order] = []
    stops: list[Order] = []
    exits: list[Order] = []
    live = desk.state.live_orders(symbol)
    for order in live:
        purpose = order.intent.purpose
        if not is_left_to_a_person(order) and not _is_only_untold(desk, order):
            (entries if purpose is Purpose.ENTRY else stops if purpose is Purpose.STOP else exits).append(order)
    if position is None:
        for order in (*entries, *stops, *exits):
            desk.cancel(order)
        return
    position = _set_levels(desk, position)
    position = _decide_forced_exit(desk, position, entries, stops)
    is_free = not (entries or stops or exits)
    if is_free and _is_over(desk, position) and all(order.intent.position_id != position.id for order in live):
        desk.unread_since.pop(symbol, None)
        desk.put_off.pop(symbol, None)
        desk.unsold_since.pop(symbol, None)
        profit = close_position(desk, position)
        if profit is not None:
            after_trade(desk, lost=profit < 0)
        if symbol not in desk.foreign:
            desk.fetch_account()  # what is there is not the bot's: known before it buys again
        return
    if entries and (position.exit_reason or desk.is_stopped):
        for order in entries:
            desk.cancel(order)
    # The stop stays until the entries can add nothing more: the time without one must not depend on them.
    may_exit = bool(position.exit_reason) and not entries and desk.state.now_ms >= position.exit_retry_ms
    may_wait = position.id in desk.held_back and not can_have_no_stop(desk, position)
    if exits and all(desk.is_long_unknown(order, desk.state.now_ms) for order in exits):
        guard_beside_doubt(desk, position, stops, exits)
    elif may_exit and not may_wait and not _is_put_off(desk, symbol):
        sell(desk, position, stops, exits)
    else:
        protect(desk, position, stops, exits)
    watch_protection(desk, symbol)
    (_shorten_wait if position.exit_reason else _note_steady)(desk, symbol)


def on_position_candle(desk: Desk, position: Position, candle: Candle) -> None:
    """Trail the stop and look for the target, by a closed candle.

    Of a candle in whose course the position was first filled only the close is known to be later than that.
    """
    high, low = candle.high, candle.low
    if position.first_fill_ms is not None and position.first_fill_ms > candle.open_window_end_ms:
        high = low = candle.close
    high_water, stop, trail = position.high_water, position.stop_price, position.trail_distance
    held = position.quantity
    # Without a stop there is nothing that the highest price could move.
    if stop is not None and held and (high_water is None or high > high_water):
        high_water = high
    if high_water is not None and trail is not None and stop is not None:
        least = stop + trail * TRAIL_STEP
        # Rounding down only lowers it: most candles show without it that the stop stays where it is.
        if high_water - trail >= least:
            trailed = desk.instrument(candle.symbol).price_down(high_water - trail)
            stop = trailed if trailed >= least else stop
    if high_water is not position.high_water or stop is not position.stop_price:
        position = replace(position, high_water=high_water, stop_price=stop)
        desk.state.put(position)
    if position.exit_reason or not held:
        return
    if position.target_price is not None and high >= position.target_price:
        request_exit(desk, position, "target")
    elif stop is not None and desk.config.protect is False and low <= stop:
        request_exit(desk, position, "stop")
    elif stop is not None and low <= stop:
        _ask_about_passed_stops(desk, candle)


def _ask_about_passed_stops(desk: Desk, candle: Candle) -> None:
    """Ask about a stop that the market has passed and of whose trigger nothing was heard: it may be gone."""
    for order in desk.state.live_orders(candle.symbol):
        price, since = order.intent.stop_price, order.accepted_ms
        was_passed = price is not None and since is not None and since <= candle.open_time_ms and candle.low <= price
        is_calm = order.state in ACKNOWLEDGED and not order.triggered and order.cancel_requested_ms is None
        if was_passed and is_calm and order.query_due_ms is None:
            desk.query(order)


def request_exit(desk: Desk, position: Position, reason: str) -> Position:
    """Decide the exit of a position, if none is decided yet. `plan` carries it out."""
    if position.exit_reason:
        return position
    position = replace(position, exit_reason=reason)
    desk.state.put(position)
    return position


def on_unfilled(desk: Desk, order: Order) -> None:
    """A stop or exit has ended without a fill: sell, or try again after a while, never in the same instant.

    Where a stop is refused the price is beyond it: sell. One that ended otherwise, not by our cancel, is placed again,
    but not for ever: where stops end again and again none rests.
    """
    position = desk.state.positions.get(order.intent.symbol)
    if position is None or position.id != order.intent.position_id or order.reported_filled:
        return
    now, timing = desk.state.now_ms, desk.config.timing
    if order.intent.purpose is Purpose.STOP:
        retry_ms = now + timing.exit_retry_ms
        if order.state is not OrderState.REJECTED:
            if order.cancel_requested_ms is not None:
                return
            text = f"the stop of {position.symbol} has ended at the exchange ({order.state}) with nothing sold"
            desk.notify(Level.WARNING, "STOP_ENDED", text, position.symbol)
        unfilled = _ended_unfilled(desk, order)
        refused = sum(o.state is OrderState.REJECTED for o in unfilled)
        ended = sum(_has_ended_by_itself(o) and o.updated_ms >= now - HOUR_MS for o in unfilled)
        if order.state is OrderState.REJECTED or ended >= STOPS_ENDED_MAX:
            why = "stop refused" if order.state is OrderState.REJECTED else "stops do not rest"
            position = request_exit(desk, position, why)
            desk.held_back.pop(position.id, None)
            # An exit that was refused often may wait for long where a stop rests meanwhile. Here none can.
            position = replace(position, exit_retry_ms=min(position.exit_retry_ms, now + timing.protect_ms))
            retry_ms = now + _wait_ms(desk, refused + ended)
        desk.state.put(replace(position, stop_retry_ms=retry_ms))
    elif order.intent.purpose is Purpose.EXIT:
        wait_ms = _wait_ms(desk, len(_ended_unfilled(desk, order)))
        if position.stop_retry_ms > now or can_have_no_stop(desk, position):
            wait_ms = min(wait_ms, timing.protect_ms)  # no stop will rest meanwhile
        desk.state.put(replace(position, exit_retry_ms=now + wait_ms))


def _ended_unfilled(desk: Desk, order: Order) -> list[Order]:
    """The orders of the same position and purpose, this one among them, that have ended with nothing filled."""
    intent = order.intent
    return [
        o
        for o in desk.state.orders.values()
        if o.intent.position_id == intent.position_id
        and o.intent.purpose is intent.purpose
        and o.state.is_final
        and not o.reported_filled
    ]


def _has_ended_by_itself(order: Order) -> bool:
    """Whether it was neither refused nor ended by our cancel."""
    return order.state is not OrderState.REJECTED and order.cancel_requested_ms is None


def _wait_ms(desk: Desk, failures: int) -> int:
    """How long to wait after so many failures: twice as long after each."""
    return desk.config.timing.exit_retry_ms * int(2 ** min(failures - 1, RETRY_DOUBLINGS))


def _shorten_wait(desk: Desk, symbol: str) -> None:
    """A decided exit waits for long only while a stop rests; where none has come, as long as a position may be bare."""
    position = desk.state.positions.get(symbol)
    latest_ms = desk.state.now_ms + desk.config.timing.protect_ms
    if position is None or position.exit_retry_ms <= latest_ms:
        return
    since = position.unprotected_since_ms
    if since is not None and desk.state.now_ms - since > desk.config.timing.protect_ms:
        desk.state.put(replace(position, exit_retry_ms=latest_ms))


def _set_levels(desk: Desk, position: Position) -> Position:
    """Stop and target from the average entry price, until trailing has moved the stop."""
    if not position.bought or position.stop_distance is None:
        return position
    instrument = desk.instrument(position.symbol)
    entry, stop = position.average_entry, position.stop_price
    if stop is None or (position.high_water is None and not position.sold):
        stop = max(instrument.price_down(entry - position.stop_distance), instrument.tick_size)
    target = None
    if position.target_distance is not None:
        target = instrument.price_up(entry + position.target_distance)
    if stop == position.stop_price and target == position.target_price:
        return position
    position = replace(position, stop_price=stop, target_price=target)
    desk.state.put(position)
    return position


def _is_only_untold(desk: Desk, order: Order) -> bool:
    """Whether the order can do nothing any more, and only the trades of what it did are still to be shown.

    Nothing waits for those of a sale: what is left is sold without it. Those of an entry make the position larger, and
    are waited for as long as it may be bare.
    """
    if not order.state.is_final:
        return False
    is_sale = order.intent.purpose is not Purpose.ENTRY
    return is_sale or desk.state.now_ms - order.updated_ms > desk.config.timing.protect_ms


def _is_over(desk: Desk, position: Position) -> bool:
    """Nothing held but dust. No order of it is live when this is asked."""
    return is_dust(desk, position, position.quantity)


def _decide_forced_exit(desk: Desk, position: Position, entries: list[Order], stops: list[Order]) -> Position:
    """Exits that follow from the orders: a stop that works or worked, a position bare for too long."""
    if position.exit_reason or not position.bought or desk.protecting:
        return position
    if position.sold or any(o.triggered for o in stops) or desk.held(position) < position.quantity:
        return request_exit(desk, position, "stop")
    if not entries and _too_small_to_protect(desk, position):
        return request_exit(desk, position, "too small to protect")
    since = position.unprotected_since_ms
    bare_ms = 0 if since is None else desk.state.now_ms - since
    if bare_ms > desk.config.timing.protect_ms and bare_since(desk, position) is not None:
        desk.notify(
            Level.CRITICAL,
            "UNPROTECTED",
            f"{position.symbol} had no acknowledged stop for {bare_ms} ms; closing it",
            position.symbol,
        )
        return request_exit(desk, position, "unprotected")
    return position


def can_have_no_stop(desk: Desk, position: Position) -> bool:
    """Whether something was bought for which no stop can rest: there is no price for one, or it is worth too little."""
    if not desk.config.protect or not position.bought:
        return False
    return position.stop_price is None or _too_small_to_protect(desk, position)


def _too_small_to_protect(desk: Desk, position: Position) -> bool:
    """Whether the exchange would take a sale now, but not a stop: the stop's notional is under the minimum."""
    if not desk.config.protect or position.stop_price is None:
        return False
    return desk.instrument(position.symbol).is_dust(desk.held(position), position.stop_price)


def _is_put_off(desk: Desk, symbol: str) -> bool:
    """Whether the stop stays in place because the account could not be read when an exit had last taken it away."""
    answers = desk.put_off.get(symbol)
    if answers is None:
        return False
    if desk.answers > answers:
        del desk.put_off[symbol]
        return False
    desk.fetch_account()
    return True


def _note_steady(desk: Desk, symbol: str) -> None:
    """With one acknowledged stop for all of it and no other order, a position that is kept waits for nothing.

    So does one that needs no stop, until its worth makes it dust.
    """
    position = desk.state.positions.get(symbol)
    if position is None or position.unprotected_since_ms is not None:
        return
    live = desk.state.live_orders(symbol)
    if not desk.config.protect:
        if not live:
            desk.steady[symbol] = position
        return
    if len(live) != 1:
        return
    stop = live[0]
    if (
        stop.intent.purpose is Purpose.STOP
        and stop.state is OrderState.OPEN
        and stop.cancel_requested_ms is None
        and stop.query_due_ms is None
        and stop.intent.stop_price == position.stop_price
        and not stop.triggered
        and stop.reported_filled == stop.filled_quantity
    ):
        desk.steady[symbol] = position
