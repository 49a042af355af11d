"""The order state machine: what news does to an order. Fills decide, not statuses. Lack of news: see `doubt`."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from trading.domain.actions import Level
from trading.domain.events import (
    CancelRejected,
    CancelUnknown,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderFound,
    OrderRejected,
    OrderReport,
    OrderTriggered,
)
from trading.domain.instruments import ZERO
from trading.domain.orders import IN_DOUBT, NOT_SENT, Fill, Order, OrderIntent, OrderState, OrderType, Purpose, Side
from trading.engine.adoption import RESOLVED, adopt_report, is_not_ours, on_unremembered
from trading.engine.breaker import after_lost_answer, after_refusal
from trading.engine.desk import Desk
from trading.engine.doubt import mark_unknown
from trading.engine.portfolio import book_fill
from trading.engine.protection import on_unfilled, request_exit


def on_accepted(desk: Desk, event: OrderAccepted) -> str | None:
    """The order rests or is being filled."""
    order = desk.state.orders.get(event.client_order_id)
    if order is None:
        on_unremembered(desk, event.client_order_id)
        return None
    if order.state in IN_DOUBT:
        desk.put(
            replace(
                order,
                state=_open_state(order),
                exchange_order_id=event.exchange_order_id,
                accepted_ms=event.time_ms,
                query_due_ms=_next_look(desk, order),
                absences=0,
            ),
        )
    elif order.state is OrderState.REJECTED and not is_not_ours(order):
        desk.cancel_late(order)
    return order.intent.symbol


def on_rejected(desk: Desk, event: OrderRejected) -> str | None:
    """Proof that the order does not exist, unless it is known to: then it is asked about."""
    order = desk.state.orders.get(event.client_order_id)
    if order is None:
        on_unremembered(desk, event.client_order_id)
        return None
    if event.duplicate:
        if order.state in (OrderState.INTENT, OrderState.SUBMITTING):
            mark_unknown(desk, order, "an order of this id exists already")
    elif event.code == NOT_SENT and order.state in IN_DOUBT:
        desk.put(replace(order, state=OrderState.REJECTED, code=event.code, message=event.message))
    elif order.state in IN_DOUBT and not order.filled_quantity:
        _end(desk, replace(order, state=OrderState.REJECTED, code=event.code, message=event.message))
        level = Level.WARNING if order.intent.purpose is Purpose.ENTRY else Level.CRITICAL
        desk.notify(
            level,
            "ORDER_REJECTED",
            f"{order.intent.purpose} {order.intent.side} {order.intent.quantity} {order.intent.symbol}: "
            f"{event.code} {event.message}",
            order.intent.symbol,
        )
        after_refusal(desk)
    elif not order.state.is_final:
        desk.query(order)
    return order.intent.symbol


def on_filled(desk: Desk, event: OrderFilled) -> str | None:
    """Book the fill, once. Those of an order that is left to a person are asked for when it is resolved."""
    order = desk.state.orders.get(event.fill.client_order_id)
    if order is None:
        on_unremembered(desk, event.fill.client_order_id)
        return None
    if is_not_ours(order):
        return order.intent.symbol
    _book(desk, order, event.fill)
    order = desk.state.orders[order.id]
    if order.state is OrderState.REJECTED and order.remaining > 0:
        desk.cancel_late(order)
    return order.intent.symbol


def on_triggered(desk: Desk, event: OrderTriggered) -> str | None:
    """A stop has become a market or limit order."""
    order = desk.state.orders.get(event.client_order_id)
    if order is None:
        on_unremembered(desk, event.client_order_id)
        return None
    if not order.triggered and not order.state.is_final:
        order = replace(order, triggered=True)
        desk.put(replace(order, query_due_ms=_next_look(desk, order)))
    return order.intent.symbol


def on_canceled(desk: Desk, event: OrderCanceled) -> str | None:
    """The order rests no longer. Fills that the exchange counts and we have not seen are fetched."""
    order = desk.state.orders.get(event.client_order_id)
    if order is None:
        on_unremembered(desk, event.client_order_id)
        return None
    state = OrderState.EXPIRED if event.expired else OrderState.CANCELED
    reported = max(order.reported_filled, event.filled_quantity)
    if order.state.is_final:
        if reported > order.reported_filled:
            desk.put(replace(order, reported_filled=reported))
    else:
        order = replace(order, state=state, reported_filled=reported, query_due_ms=None)
        _end(desk, order)
    order = desk.state.orders[order.id]
    if order.state.is_final and order.has_unseen_fills:
        desk.query(order)
    return order.intent.symbol


def on_cancel_rejected(desk: Desk, event: CancelRejected) -> str | None:
    """Not cancelled: it may have filled just now, or be unknown yet. It counts as live and is asked about."""
    return _ask(desk, event.client_order_id)


def on_cancel_unknown(desk: Desk, event: CancelUnknown) -> str | None:
    """The cancel's outcome is lost: the order counts as live and is asked about."""
    if event.client_order_id in desk.state.orders:
        after_lost_answer(desk)
    return _ask(desk, event.client_order_id)


def on_found(desk: Desk, event: OrderFound) -> str | None:
    """The answer to a question about one order."""
    return apply_report(desk, event.report)


def apply_report(desk: Desk, report: OrderReport) -> str | None:
    """Bring an order to what the exchange shows: fills first, then its state. Older reports change nothing.

    Fills that it counts and does not show are asked for after a while: at once the answer would be the same.
    """
    order = desk.state.orders.get(report.client_order_id) or adopt_report(desk, report)
    if order is None:
        return None
    if is_not_ours(order):
        return order.intent.symbol
    for fill in sorted(report.fills, key=lambda f: (f.time_ms, f.trade_id)):
        _book(desk, desk.state.orders[order.id], fill)
    order = desk.state.orders[order.id]
    if report.filled_quantity < order.filled_quantity and not report.state.is_final:
        return order.intent.symbol
    if order.state.is_final:
        return _final_reported(desk, order, report)
    changed = replace(
        order,
        exchange_order_id=report.exchange_order_id,
        reported_filled=max(order.reported_filled, filled_by_word(order, report)),
        triggered=order.triggered or report.triggered,
        accepted_ms=order.accepted_ms if order.accepted_ms is not None else desk.state.now_ms,
        absences=0,
    )
    due = None if report.state.is_final else _next_look(desk, changed)
    changed = replace(changed, query_due_ms=due)
    if report.state.is_final:
        changed = replace(changed, state=report.state)
    elif order.state in IN_DOUBT:
        changed = replace(changed, state=_open_state(order))
    if changed.state.is_final:
        _end(desk, changed)
    elif changed != replace(order, query_due_ms=due, absences=0):
        desk.put(changed)
    elif changed != order:
        # Only our question is answered; nothing happened to the order, whose times stay what they are.
        desk.state.put(changed)
    if changed.has_unseen_fills:
        desk.query(changed, delay_ms=desk.config.timing.query_ms)
    return order.intent.symbol


def filled_by_word(order: Order, report: OrderReport) -> Decimal:
    """How much of the order the exchange says has filled, in base: all of one that it calls filled.

    The trades may come later than the state, and so may the sum of them.
    """
    return order.intent.quantity if report.state is OrderState.FILLED else report.filled_quantity


def is_known(desk: Desk, report: OrderReport) -> bool:
    """Whether it only says again how an order ended whose fills are booked: most of what a snapshot shows.

    `apply_report` would change nothing for it, at a higher cost.
    """
    order = desk.state.orders.get(report.client_order_id)
    if order is None or report.state is not order.state or not order.is_settled:
        return False
    if report.filled_quantity != order.filled_quantity:
        return False
    booked, symbol = desk.state.trades.get(report.client_order_id, ()), order.intent.symbol
    for fill in report.fills:  # noqa: SIM110 - there are many reports, and `all` takes twice as long
        if fill.trade_id not in booked or fill.symbol != symbol:
            return False
    return True


def _final_reported(desk: Desk, order: Order, report: OrderReport) -> str:
    """A finished order in a report. One that rests although we took it for gone is cancelled (a late appearance)."""
    rests = not report.state.is_final and _should_be_gone(desk, order)
    filled = filled_by_word(order, report)
    if filled > order.reported_filled:
        order = replace(order, reported_filled=filled)
        desk.put(order)
    if order.has_unseen_fills:
        desk.query(order, delay_ms=desk.config.timing.query_ms)
    if rests:
        desk.cancel_late(desk.state.orders[order.id])
    return order.intent.symbol


def _should_be_gone(desk: Desk, order: Order) -> bool:
    """Whether a finished order can rest by no delay of the news: its cancel was confirmed, and did not happen."""
    if order.state is OrderState.REJECTED:
        return True
    old = desk.state.now_ms - order.updated_ms > desk.config.timing.missing_ms
    return old and order.state is not OrderState.FILLED


def _book(desk: Desk, order: Order, fill: Fill) -> None:
    owner = desk.state.order_of_trade(fill.symbol, fill.trade_id)
    if owner == order.id:
        return
    intent = order.intent
    same_market = fill.symbol == intent.symbol and fill.side is intent.side
    if owner is not None or not same_market or fill.quantity <= 0 or fill.price <= 0:
        why = f"trade {fill.trade_id} cannot be one of order {order.id}: {fill}"
        desk.notify(Level.CRITICAL, "FILL_CONTRADICTS", why, intent.symbol)
        desk.halt("FILL_CONTRADICTS", f"trade {fill.trade_id} of {fill.symbol} contradicts what is known")
        return
    if intent.symbol not in desk.config.instruments:
        _tell_not_traded(desk, order, fill)
        return
    if _is_ahead_of_its_entry(desk, intent, fill):
        reported = max(order.reported_filled, order.filled_quantity + fill.quantity)
        unseen = replace(order, reported_filled=reported)
        desk.put(unseen)
        desk.query(unseen, delay_ms=desk.config.timing.query_ms)
        return
    book_fill(desk, order, fill)
    filled = order.filled_quantity + fill.quantity
    state = order.state
    if not state.is_final:
        state = OrderState.FILLED if filled >= order.intent.quantity else OrderState.PARTIALLY_FILLED
        if order.state is OrderState.UNKNOWN and state is OrderState.PARTIALLY_FILLED:
            desk.notify(Level.INFO, "ORDER_RESOLVED", f"{order.id} exists: it filled", order.intent.symbol)
    changed = replace(
        order,
        state=state,
        filled_quantity=filled,
        filled_notional=order.filled_notional + fill.price * fill.quantity,
        reported_filled=max(order.reported_filled, filled),
        written_off=max(order.written_off - fill.quantity, ZERO),
        accepted_ms=order.accepted_ms if order.accepted_ms is not None else fill.time_ms,
    )
    if not changed.has_unseen_fills:
        due = None if state.is_final else _next_look(desk, changed)
        changed = replace(changed, query_due_ms=due)
    desk.put(changed)
    if intent.purpose is not Purpose.ENTRY:
        return
    if state is OrderState.FILLED:
        _tell_opened(desk, changed)
    if desk.state.safety.order_failures:
        desk.state.put(replace(desk.state.safety, order_failures=0))
    position = desk.state.positions.get(intent.symbol)
    is_adopted = order.code == RESOLVED and not order.written_off
    is_of_before = position is not None and position.id != intent.position_id and not is_adopted
    if position is not None and (state is OrderState.REJECTED or is_of_before):
        # It was taken for gone, and something else may have been bought instead: more than was meant is held.
        request_exit(desk, position, "late fill")


def _tell_not_traded(desk: Desk, order: Order, fill: Fill) -> None:
    """Tell, once a process, of a trade that cannot be booked: its symbol's rules are not known any more."""
    symbol = order.intent.symbol
    if order.id not in desk.called_for_person:
        desk.called_for_person[order.id] = None
        what = f"{fill.side} {fill.quantity} {symbol} at {fill.price}, trade {fill.trade_id} of order {order.id}"
        text = f"{what}, has come to light, and the bot trades {symbol} no more: trade it again, and it is booked"
        desk.notify(Level.CRITICAL, "ORDER_NEEDS_PERSON", text, symbol)


def _is_ahead_of_its_entry(desk: Desk, intent: OrderIntent, fill: Fill) -> bool:
    """Whether a sale is told before the purchase of what it sold, as after a restart: it is asked for once more."""
    if fill.side is Side.BUY:
        return False
    position = desk.state.positions.get(fill.symbol)
    if position is None or position.id != intent.position_id or fill.quantity <= position.quantity:
        return False
    return any(
        order.intent.purpose is Purpose.ENTRY and order.intent.position_id == position.id
        for order in desk.state.live_orders(fill.symbol)
    )


def _next_look(desk: Desk, order: Order) -> int | None:
    """When to ask about an open order: soon where it should fill at once, in case the news of its fills is lost.

    One that rests is left to the periodic reconciliation.
    """
    if order.intent.type is not OrderType.MARKET and not order.triggered:
        return None
    now, due = desk.state.now_ms, order.query_due_ms
    return due if due is not None and due > now else now + desk.config.timing.answer_ms


def _tell_opened(desk: Desk, order: Order) -> None:
    intent = order.intent
    price = order.filled_notional / order.filled_quantity
    paid = f"{order.filled_notional:.2f} {desk.instrument(intent.symbol).quote}"
    text = f"{intent.symbol}: bought {order.filled_quantity.normalize():f} at {price:.8g} ({paid})"
    desk.notify(Level.INFO, "POSITION_OPENED", text, intent.symbol)


def _open_state(order: Order) -> OrderState:
    return OrderState.PARTIALLY_FILLED if order.filled_quantity > ZERO else OrderState.OPEN


def _end(desk: Desk, order: Order) -> None:
    """Put an order that has just ended other than by its last fill."""
    desk.put(order)
    if order.intent.purpose is Purpose.ENTRY and order.filled_quantity:
        _tell_opened(desk, order)
    on_unfilled(desk, order)


def _ask(desk: Desk, client_order_id: str) -> str | None:
    order = desk.state.orders.get(client_order_id)
    if order is None:
        on_unremembered(desk, client_order_id)
        return None
    if not order.is_settled:
        desk.query(order)
    return order.intent.symbol
