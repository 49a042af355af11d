"""Orders in doubt: those with a lost outcome, and those not to be found. Only evidence resolves them."""

from __future__ import annotations

from msgspec.structs import replace

from trading.domain.actions import Level
from trading.domain.events import OrderAbsent, OrderUnknown, QueryFailed
from trading.domain.orders import ABSENT, IN_DOUBT, LOST, Order, OrderState, Purpose
from trading.engine.adoption import on_unremembered
from trading.engine.breaker import after_lost_answer
from trading.engine.desk import Desk
from trading.engine.entries import enter_again
from trading.engine.portfolio import write_off

ABSENCES_NEEDED = 2
PERSON_MS = 600_000
"""An order in doubt for longer calls for a person."""

INTERRUPTED = "INTERRUPTED"
"""Code of an order in doubt because the bot ended between recording it and hearing of it."""


def on_unknown(desk: Desk, event: OrderUnknown) -> str | None:
    """The outcome is lost. Only evidence resolves that; the first question waits for the exchange to settle."""
    order = desk.state.orders.get(event.client_order_id)
    if order is None:
        on_unremembered(desk, event.client_order_id)
        return None
    after_lost_answer(desk)
    order = desk.state.orders[order.id]
    if order.state in (OrderState.INTENT, OrderState.SUBMITTING):
        mark_unknown(desk, order, event.message)
    return order.intent.symbol


def mark_unknown(desk: Desk, order: Order, why: str) -> Order:
    """Put an order in doubt and plan the first question about it; the order as it is then."""
    unknown = replace(order, state=OrderState.UNKNOWN, message=why, updated_ms=desk.state.now_ms)
    desk.touch(order.intent.symbol)
    desk.query(unknown, delay_ms=desk.config.timing.query_ms)
    desk.notify(Level.WARNING, "ORDER_UNKNOWN", f"outcome of {order.id} lost: {why}", order.intent.symbol)
    return desk.state.orders[order.id]


def on_absent(desk: Desk, event: OrderAbsent) -> str | None:
    """Not to be found. That ends an order only if it can no longer appear, and was absent often enough.

    Before the account has been read nothing can follow from its end: the last time is not counted then.
    """
    order = desk.state.orders.get(event.client_order_id)
    if order is None or order.is_settled:
        return None
    needed = _absences_needed(desk, order)
    absences = order.absences + 1 if event.conclusive else 0
    if absences < needed or not desk.ready:
        # Nothing has happened to the order: its times stay what they are. It is asked about again.
        counted = replace(order, absences=min(absences, needed - 1))
        if order.query_due_ms is None:
            desk.query(counted, delay_ms=desk.config.timing.query_ms)
        elif counted != order:
            desk.state.put(counted)
        return order.intent.symbol
    order = replace(order, absences=absences, query_due_ms=None)
    if order.state in IN_DOUBT:
        never_arrived(desk, order, event.message)
    else:
        _lost_by_exchange(desk, order)
    return order.intent.symbol


def _absences_needed(desk: Desk, order: Order) -> int:
    """How often an order must be absent to count as gone.

    What the exchange had and no longer shows may have traded, with its history late: an exit or entry waits as long as
    coins that are missing do. A stop does not: its position is bare meanwhile, and a second one sells nothing yet.
    """
    rests = order.intent.purpose is Purpose.STOP and not order.triggered and not order.state.is_final
    if rests or order.state in IN_DOUBT:
        return ABSENCES_NEEDED
    return ABSENCES_NEEDED + desk.config.timing.missing_ms // desk.config.timing.query_ms


def never_arrived(desk: Desk, order: Order, why: str) -> None:
    """Leave a tombstone: should it appear after all, it is cancelled and what it bought is sold."""
    desk.put(replace(order, state=OrderState.REJECTED, code=ABSENT, message=why))
    desk.notify(Level.INFO, "ORDER_RESOLVED", f"{order.id} never reached the exchange", order.intent.symbol)
    if order.intent.purpose is Purpose.ENTRY and order.code == INTERRUPTED:
        enter_again(desk, order)


def _lost_by_exchange(desk: Desk, order: Order) -> None:
    """The exchange had it and knows nothing of it any more, as after a reset: a tombstone too, and an alarm.

    Trades of it that the exchange told of and does not show cannot be booked: a person must look before more is bought.
    """
    intent = order.intent
    unseen = order.unseen_quantity
    state = order.state if order.state.is_final else OrderState.REJECTED
    why = "acknowledged, then lost by the exchange: in none of order, open and closed orders, trades"
    order = write_off(desk, order)
    desk.put(replace(order, state=state, code=LOST, message=why))
    text = f"{intent.purpose} order {order.id} ({intent.side} {intent.quantity} {intent.symbol}) was {why}"
    if unseen:
        text += f"; {unseen} of it filled by its word, without trades that could be booked"
        desk.halt(LOST, text)
    desk.notify(Level.CRITICAL, LOST, text, intent.symbol)


def on_query_failed(desk: Desk, event: QueryFailed) -> str | None:
    """No answer. Nothing follows for any order; the question may be asked again in its time."""
    after_lost_answer(desk)
    return None


def call_for_person(desk: Desk, order: Order) -> None:
    """Tell, once a process, of an order whose outcome, or trades, have not shown for so long that they may never."""
    since = order.submitted_ms if order.submitted_ms is not None else order.intent.created_ms
    if order.has_unseen_fills:
        since = order.updated_ms
    # What was bought without a trade that shows it is in no position, and has no stop.
    is_bare = order.has_unseen_fills and order.intent.purpose is Purpose.ENTRY
    bound_ms = desk.config.timing.protect_ms if is_bare else PERSON_MS
    if desk.state.now_ms - since < bound_ms or order.id in desk.called_for_person:
        return
    desk.called_for_person[order.id] = None
    intent = order.intent
    what = f"{intent.purpose} order {order.id} ({intent.side} {intent.quantity} {intent.symbol})"
    age = f"{(desk.state.now_ms - since) // 1_000} s"
    text = f"the outcome of {what} has been unknown for {age}; no entries in {intent.symbol} until it is known"
    if order.has_unseen_fills:
        text = f"the exchange says that {order.unseen_quantity} more of {what} filled, and has shown no trade for {age}"
        text += ": it is in no position, and has no stop" if is_bare else ""
        text += f"; no entries in {intent.symbol} until it does"
        text += f", or `tradebot resolve {order.id} ignore`" if order.state.is_final else ""
    desk.notify(Level.CRITICAL, "ORDER_NEEDS_PERSON", text, intent.symbol)
