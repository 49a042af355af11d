"""The orders that sell a position, its stop and its exit, and the evidence that an exit waits for."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from trading.domain.actions import Level
from trading.domain.instruments import ZERO
from trading.domain.orders import (
    ABSENT,
    ACKNOWLEDGED,
    LOST,
    NOT_SENT,
    Order,
    OrderIntent,
    OrderState,
    OrderType,
    Purpose,
    Side,
)
from trading.domain.positions import Balance, Position
from trading.engine.adoption import IGNORED, RESOLVED
from trading.engine.desk import Desk, Holding
from trading.engine.ids import client_order_id

TAKEN_FOR_GONE = (ABSENT, LOST, RESOLVED)
NO_REFUSAL = (*TAKEN_FOR_GONE, NOT_SENT, IGNORED)
"""Codes of orders that count as rejected, and that the exchange did not refuse."""
REFUSED_MS = 600_000
"""A stop that was refused beside a doubtful sale is tried again after it, if no candle has closed before."""


def sell(desk: Desk, position: Position, stops: list[Order], exits: list[Order]) -> None:
    """Cancel the stop, wait for the confirmation, read the balance, sell what is held."""
    for order in stops:
        if not _is_working(desk, order):
            desk.cancel(order)
    if stops or exits or is_dust(desk, position, desk.held(position)):
        desk.unread_since.pop(position.symbol, None)
        _read_if_stop_in_doubt(desk, stops)
        return
    holding = desk.fresh_holding(position.symbol)
    if holding is None:
        desk.fetch_account()
        since = desk.unread_since.setdefault(position.symbol, desk.state.now_ms)
        # Longer than a request may take: else an exchange that is slow would never be sold at.
        if desk.state.now_ms - since > desk.config.timing.protect_ms + desk.config.timing.account_ms:
            desk.put_off[position.symbol] = desk.answers
            del desk.unread_since[position.symbol]
            protect(desk, position, stops, exits)
        return
    desk.unread_since.pop(position.symbol, None)
    instrument = desk.instrument(position.symbol)
    wanted = instrument.quantity_down(desk.held(position))
    quantity = min(wanted, instrument.quantity_down(holding.balance.free))
    is_too_early = quantity < wanted and (not quantity or _is_news(desk, position.symbol))
    if is_too_early or _may_sell_the_owners(desk, position, holding):
        retry = desk.state.now_ms + desk.config.timing.exit_retry_ms
        desk.state.put(replace(position, exit_retry_ms=retry, stop_retry_ms=retry))
        desk.forget_balance(position.symbol)
        return
    desk.short_since.pop(position.symbol, None)
    _place(desk, position, Purpose.EXIT, quantity, None)


def guard_beside_doubt(desk: Desk, position: Position, stops: list[Order], exits: list[Order]) -> None:
    """Put the stop back while nothing can be heard of a sale, where the account shows that it has not happened.

    It is not sent again. Should it arrive late, it must find too few coins beside those that the stop locks: where the
    owner has as many, no stop goes back. Nor does one that the price has passed, which would be refused. One that rests
    only grows with what is held.
    """
    symbol, now, timing = position.symbol, desk.state.now_ms, desk.config.timing
    theirs, held = position.foreign_quantity, desk.held(position)
    for stop in stops:
        if stop.remaining > held and not stop.triggered:
            desk.cancel(stop)
    _read_if_stop_in_doubt(desk, stops)
    known = desk.state.symbols.get(symbol)
    if theirs is None or not held or known is None or position.stop_price is None:
        return
    resting = sum((stop.remaining for stop in stops), ZERO)
    if stops and desk.instrument(symbol).is_dust(held - resting, position.stop_price):
        return  # it is not moved: another might find no way back
    if known.price <= position.stop_price or _is_stop_refused_since(desk, position, known.last_close_ms):
        return
    holding = desk.fresh_holding(symbol)
    is_late = holding is not None and all(desk.is_long_unknown(order, holding.asked_ms) for order in exits)
    balance = holding.balance if holding is not None else Balance(ZERO)
    if is_late and balance.total >= theirs + held and balance.free + resting >= held:
        if all(balance.total - held < order.remaining for order in exits):
            protect(desk, position, stops, [])
    elif now - desk.reconciled_ms >= (timing.missing_ms if is_late else timing.exit_retry_ms):
        desk.fetch_account()


def _is_stop_refused_since(desk: Desk, position: Position, time_ms: int) -> bool:
    """Whether the exchange refused a stop of the position after that: the price was beyond it, whatever was seen then.

    It is tried again after a while where no candle closes.
    """
    return any(
        order.intent.position_id == position.id
        and order.intent.purpose is Purpose.STOP
        and order.state is OrderState.REJECTED
        and order.code not in NO_REFUSAL
        and time_ms < order.updated_ms
        and desk.state.now_ms - order.updated_ms < REFUSED_MS
        for order in desk.state.orders.values()
    )


def _may_sell_the_owners(desk: Desk, position: Position, holding: Holding) -> bool:
    """Whether an exit could take the owner's coins: another sale was taken for gone, and may have sold, unseen yet.

    It has not where `holding`, asked for since, has the owner's coins and the position's. Where it has not the owner
    may have taken some out: so that is waited for no longer than coins that are missing are.
    """
    theirs = position.foreign_quantity
    if theirs is None or is_dust(desk, position, theirs):
        return False
    if is_dust(desk, position, theirs + desk.held(position) - holding.balance.total):
        return False
    return any(
        order.intent.position_id == position.id
        and order.intent.side is Side.SELL
        and order.code in TAKEN_FOR_GONE
        and desk.state.now_ms - order.updated_ms < desk.config.timing.missing_ms
        for order in desk.state.orders.values()
    )


def _read_if_stop_in_doubt(desk: Desk, stops: list[Order]) -> None:
    """Ask for the account where a stop has long been in doubt: coins that no order locks are evidence."""
    is_old = desk.state.now_ms - desk.reconciled_ms >= desk.config.timing.exit_retry_ms
    if is_old and any(desk.is_long_unknown(order, desk.state.now_ms) for order in stops):
        desk.fetch_account()


def _is_news(desk: Desk, symbol: str) -> bool:
    """Whether coins are locked, or missing, since a moment ago only: the answer may be older than our cancel or fill.

    Then it is asked for again, for as long as a position may be bare; what is free is sold then, rather than nothing.
    """
    since = desk.short_since.setdefault(symbol, desk.state.now_ms)
    return desk.state.now_ms - since < desk.config.timing.protect_ms


def _is_working(desk: Desk, stop: Order) -> bool:
    """A triggered stop is left to fill, for a bounded time."""
    if not (stop.triggered or stop.filled_quantity) or stop.state not in ACKNOWLEDGED:
        return False
    return desk.state.now_ms - stop.updated_ms <= desk.config.timing.stop_fill_ms


def protect(desk: Desk, position: Position, stops: list[Order], exits: list[Order]) -> None:
    """Keep one stop resting for all that is held, at the price where it should be."""
    if not desk.config.protect or position.stop_price is None or exits:
        return
    if desk.state.now_ms < position.stop_retry_ms:
        return
    instrument = desk.instrument(position.symbol)
    held = desk.held(position)
    if not held:
        live = desk.state.live_orders(position.symbol)
        if all(order.intent.purpose is not Purpose.ENTRY for order in live):
            for stop in stops:
                desk.cancel(stop)  # it would sell what is not the bot's
        return
    quantity = min(instrument.quantity_down(held), instrument.max_quantity)
    if not quantity or not instrument.takes(quantity, position.stop_price):
        return
    for stop in stops:
        fits = stop.remaining == quantity and stop.intent.stop_price == position.stop_price
        if not fits and stop.state in ACKNOWLEDGED and not stop.triggered:
            desk.cancel(stop)
    if not stops:
        _place(desk, position, Purpose.STOP, quantity, position.stop_price)


def _place(desk: Desk, position: Position, purpose: Purpose, quantity: Decimal, stop_price: Decimal | None) -> None:
    leg = position.orders_placed + 1
    intent = OrderIntent(
        client_order_id=client_order_id(desk.config.bot_id, position.id, purpose, leg),
        position_id=position.id,
        symbol=position.symbol,
        side=Side.SELL,
        type=OrderType.MARKET if stop_price is None else OrderType.STOP_MARKET,
        quantity=min(quantity, desk.instrument(position.symbol).max_quantity),
        stop_price=stop_price,
        purpose=purpose,
        leg=leg,
        created_ms=desk.state.now_ms,
        reduces=True,
        reason=position.exit_reason if stop_price is None else "protect",
    )
    desk.state.put(replace(position, orders_placed=leg))
    refusal = desk.submit(intent)
    if refusal is not None:
        desk.notify(Level.CRITICAL, refusal.code, f"{purpose} of {position.symbol}: {refusal.message}", position.symbol)


def is_dust(desk: Desk, position: Position, quantity: Decimal) -> bool:
    """Whether the exchange would not take a sale of so much."""
    if not quantity:
        return True
    instrument = desk.instrument(position.symbol)
    price = desk.price(position.symbol) or position.average_entry
    return instrument.is_dust(quantity, price)
