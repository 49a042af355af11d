"""What a new process makes of what the last one left: requests that may have been sent, times of a wrong clock."""

from __future__ import annotations

from msgspec.structs import replace

from trading.domain.errors import InvalidInput
from trading.domain.orders import Order, OrderState
from trading.engine import doubt
from trading.engine.config import EngineConfig
from trading.engine.desk import Desk
from trading.engine.protection import RETRY_DOUBLINGS
from trading.engine.state import EngineState


def check_symbols(config: EngineConfig, state: EngineState) -> None:
    """See that the bot still trades what it holds or has orders for: nobody would look after it.

    Raises:
        InvalidInput: it does not; the message says what there is.
    """
    left = [
        f"{position.symbol}, of which {position.quantity.normalize():f} are held"
        for _, position in sorted(state.positions.items())
        if position.symbol not in config.instruments
    ]
    left += [
        f"{order.intent.symbol}, whose {order.intent.purpose} order {order.id} is {order.state}"
        for order in state.all_live_orders()
        if order.intent.symbol not in config.instruments
    ]
    if left:
        allowed = f"symbols that include {'; '.join(left)}: close or resolve it with them first"
        raise InvalidInput("symbols", ", ".join(sorted(config.instruments)), allowed)


def as_after_a_start(desk: Desk, order: Order) -> Order:
    """The order with what a new process cannot know: what was asked of it before may have been sent, or not."""
    if order.cancel_requested_ms is not None:
        # No answer to it will come here: it may be asked for again.
        long_ago = desk.state.now_ms - desk.config.timing.answer_ms
        order = replace(order, cancel_requested_ms=min(order.cancel_requested_ms, long_ago))
    if order.state in (OrderState.INTENT, OrderState.SUBMITTING):
        order = replace(order, code=doubt.INTERRUPTED)
        order = doubt.mark_unknown(desk, order, "in flight when the bot stopped")
    return order


def forget_the_future(desk: Desk) -> None:
    """Bring back to now the times that a clock which was ahead has left: else what waits for them waits as long."""
    state, now = desk.state, desk.state.now_ms
    retry_ms = now + desk.config.timing.exit_retry_ms * 2**RETRY_DOUBLINGS
    for position in list(state.positions.values()):
        bare_ms, filled_ms = position.unprotected_since_ms, position.first_fill_ms
        mended = replace(
            position,
            opened_ms=min(position.opened_ms, now),
            first_fill_ms=None if filled_ms is None else min(filled_ms, now),
            unprotected_since_ms=None if bare_ms is None else min(bare_ms, now),
            exit_retry_ms=position.exit_retry_ms if position.exit_retry_ms <= retry_ms else now,
            stop_retry_ms=position.stop_retry_ms if position.stop_retry_ms <= retry_ms else now,
        )
        if mended != position:
            state.put(mended)
    held = {position.id for position in state.positions.values()}
    for order in list(state.orders.values()):
        sent_ms = order.submitted_ms
        is_ahead = max(order.updated_ms, sent_ms or 0) > now
        # Of what is over the record stays as it is. What became of a position's earlier orders decides what comes next.
        if is_ahead and (not order.is_settled or order.intent.position_id in held):
            sent_ms = None if sent_ms is None else min(sent_ms, now)
            state.put(replace(order, updated_ms=min(order.updated_ms, now), submitted_ms=sent_ms))
    known = state.breaker
    earlier = replace(
        known,
        cause_ms=min(known.cause_ms, now),
        loss_times=tuple(min(ms, now) for ms in known.loss_times),
        api_error_times=tuple(min(ms, now) for ms in known.api_error_times),
    )
    if earlier != known:
        state.put(earlier)
