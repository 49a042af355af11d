"""Orders that bear the bot's tag and that it does not remember: recognised where they can be, else left to a person.

They come about in two ways. Orders that were sent while the journal could not be written have ids that follow from the
position's last committed state, so a restart finds them by working those ids out again. Orders of a database that was
lost cannot be placed: they block entries in their symbol until `tradebot resolve` says what they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from msgspec.structs import replace

from trading.domain.actions import Level, QueryOrder
from trading.domain.events import Command, OrderReport
from trading.domain.instruments import ZERO
from trading.domain.orders import Order, OrderIntent, OrderState, Purpose, Side
from trading.domain.positions import Position, PositionSide
from trading.engine.desk import Desk
from trading.engine.ids import client_order_id
from trading.engine.portfolio import distance_without_plan, write_off

NOT_REMEMBERED = "NOT_REMEMBERED"
RESOLVED = "RESOLVED"
IGNORED = "IGNORED"
LEGS_AHEAD = 50
LAST = 1_000_000_000


def is_left_to_a_person(order: Order) -> bool:
    """Whether the engine must keep its hands off the order until it is resolved."""
    return order.code == NOT_REMEMBERED and not order.state.is_final


def is_not_ours(order: Order) -> bool:
    """Whether nothing that the exchange shows of the order is the bot's, or not before a person says so."""
    return order.code in (NOT_REMEMBERED, IGNORED)


def on_unremembered(desk: Desk, client_order_id: str) -> None:
    """News of an order that we do not remember. With our tag the account is read; else it is not our business."""
    if client_order_id.startswith(desk.tag):
        desk.notify(Level.WARNING, "ORDER_NOT_REMEMBERED", f"{client_order_id} bears our tag, but is not known")
        desk.fetch_account()


def adopt_report(desk: Desk, report: OrderReport) -> Order | None:
    """Take an unremembered order in; None for one that has no part in what the bot does.

    That is one without our tag, and one that has ended and that nothing explains: of a database that was lost, or long
    forgotten. No record is made of it: the journal may have a better one.
    """
    order_id = report.client_order_id
    if (
        not order_id.startswith(desk.tag)
        or report.symbol not in desk.config.instruments
        or order_id in desk.noted_ended
    ):
        return None
    found = _of_position(desk, report)
    if found is not None:
        return found
    if report.state.is_final:
        _note_ended(desk, report)
        return None
    return _unplaced(desk, report)


def oldest_first(desk: Desk, reports: Sequence[OrderReport]) -> Sequence[OrderReport]:
    """The reports with those of unstored orders last, in the order in which their positions sent them.

    Each of them tells which ids the position's next ones have. Those that nothing explains come last of all.
    """
    unstored = [
        r for r in reports if r.client_order_id.startswith(desk.tag) and r.client_order_id not in desk.state.orders
    ]
    if not unstored:
        return reports
    ids = {report.client_order_id for report in unstored}
    legs: dict[str, int] = {}
    for symbol in {report.symbol for report in unstored} & desk.state.positions.keys():
        legs.update(_legs_of(desk, desk.state.positions[symbol], ids))
    unstored.sort(key=lambda report: legs.get(report.client_order_id, LAST))
    return [*(report for report in reports if report.client_order_id not in ids), *unstored]


def _legs_of(desk: Desk, position: Position, ids: Set[str]) -> dict[str, int]:
    """The legs of those ids that are the position's next ones: each that is found shows more that may follow it."""
    legs: dict[str, int] = {}
    while found := {order_id: leg for order_id, _, leg in _next_ids(desk, position) if order_id in ids}:
        legs.update(found)
        position = replace(position, orders_placed=max(found.values()))
    return legs


def ask_for_unstored(desk: Desk, position: Position) -> None:
    """Ask whether a stop or exit of the position was sent that was never stored: under the id that its next one has.

    The account's orders may not go back far enough to show it, or be older than it.
    """
    leg = position.orders_placed + 1
    for purpose in (Purpose.STOP, Purpose.EXIT):
        order_id = client_order_id(desk.config.bot_id, position.id, purpose, leg)
        desk.actions.append(QueryOrder(order_id, position.symbol))


def resolve(desk: Desk, command: Command) -> str | None:
    """Do with an order what a person decided (`reason`): the symbol that it concerns, None where it was refused.

    adopt: the order is the bot's; its fills are booked and get a stop 5 % under their price. close: the same, and all
    is sold at once. ignore: it does not exist, or is none of the bot's; what it did is not booked. Of an order that
    has ended and whose trades are not shown, what it sold is gone.
    """
    order = desk.state.orders.get(command.target)
    choice = command.reason
    allowed = order.resolutions if order is not None else ()
    if order is None or choice not in allowed or not desk.ready:
        why = f"allowed is {', '.join(allowed)}" if allowed else "no order in doubt has this id"
        why = why if desk.ready else "the account has not been read since the start"
        desk.notify(Level.WARNING, "CANNOT_RESOLVE", f"resolve {command.target} {choice}: {why}")
        return None
    symbol = order.intent.symbol
    desk.touch(symbol)
    desk.notify(Level.INFO, "ORDER_RESOLVED", f"{order.id}: {choice}, by {command.by}", symbol)
    if order.state.is_final:
        order = write_off(desk, order)
        code = IGNORED if order.code == NOT_REMEMBERED else RESOLVED
        why = f"ignored by {command.by}: its trades were not shown"
        desk.state.put(replace(order, code=code, message=why, query_due_ms=None))
        return symbol
    if choice == "ignore":
        # One that we placed and that a person has not found may still appear, and then is cancelled as any late one.
        code = IGNORED if order.code == NOT_REMEMBERED else RESOLVED
        why = f"ignored by {command.by}"
        desk.put(replace(order, state=OrderState.REJECTED, code=code, message=why, query_due_ms=None))
        return symbol
    if order.code == NOT_REMEMBERED and order.intent.side is Side.BUY and symbol not in desk.state.positions:
        desk.state.put(_position_for(desk, order))
    order = replace(order, code=RESOLVED, message=f"{choice} by {command.by}")
    desk.query(order)
    position = desk.state.positions.get(symbol)
    if choice == "close":
        if position is not None:
            desk.state.put(replace(position, exit_reason=position.exit_reason or "closed by operator"))
        desk.cancel(desk.state.orders[order.id])
    return symbol


def _of_position(desk: Desk, report: OrderReport) -> Order | None:
    """The order as one of the open position's next ones, if its id is one of those."""
    position = desk.state.positions.get(report.symbol)
    if position is None:
        return None
    for order_id, purpose, leg in _next_ids(desk, position):
        if order_id == report.client_order_id:
            order = _order(desk, report, position.id, purpose, leg)
            desk.state.put(replace(position, orders_placed=leg))
            desk.state.put(order)
            desk.touch(report.symbol)
            ask_for_unstored(desk, desk.state.positions[report.symbol])
            desk.notify(
                Level.WARNING, "ORDER_ADOPTED", f"{purpose} order {order.id} was sent but not stored", report.symbol
            )
            return order
    return None


def _next_ids(desk: Desk, position: Position) -> Iterator[tuple[str, Purpose, int]]:
    """Id, purpose and leg of the orders that the position may have sent after the last that was stored."""
    for leg in range(position.orders_placed + 1, position.orders_placed + LEGS_AHEAD + 1):
        for purpose in (Purpose.STOP, Purpose.EXIT):
            yield client_order_id(desk.config.bot_id, position.id, purpose, leg), purpose, leg


def _note_ended(desk: Desk, report: OrderReport) -> None:
    """Keep in mind an order that has ended and is not remembered; tell a new database of one that has traded."""
    desk.noted_ended[report.client_order_id] = None
    if report.filled_quantity and desk.is_new:
        text = f"{report.client_order_id} ({_what(report)}) is not remembered; its coins are not traded"
        desk.notify(Level.WARNING, NOT_REMEMBERED, text, report.symbol)


def _unplaced(desk: Desk, report: OrderReport) -> Order:
    """An order that nothing explains and that may still act: it waits for a person."""
    purpose = Purpose.ENTRY if report.side is Side.BUY else Purpose.EXIT
    order = replace(
        _order(desk, report, report.client_order_id, purpose, 0),
        state=OrderState.UNKNOWN,
        code=NOT_REMEMBERED,
        message="bears our tag, but this database does not know it",
    )
    text = (
        f"{order.id} ({_what(report)}) is not known; no entries in {report.symbol} before `tradebot resolve {order.id}`"
    )
    desk.notify(Level.CRITICAL, NOT_REMEMBERED, text, report.symbol)
    desk.state.put(order)
    desk.touch(report.symbol)
    return order


def _what(report: OrderReport) -> str:
    return f"{report.side} {report.quantity} {report.symbol}, filled {report.filled_quantity}, {report.state}"


def _order(desk: Desk, report: OrderReport, position_id: str, purpose: Purpose, leg: int) -> Order:
    now = desk.state.now_ms
    return Order(
        intent=OrderIntent(
            client_order_id=report.client_order_id,
            position_id=position_id,
            symbol=report.symbol,
            side=report.side,
            type=report.type,
            quantity=report.quantity,
            price=report.price,
            stop_price=report.stop_price,
            purpose=purpose,
            leg=leg,
            created_ms=now,
            reduces=purpose is not Purpose.ENTRY,
            reason="adopted",
        ),
        state=OrderState.SUBMITTING,
        exchange_order_id=report.exchange_order_id,
        submitted_ms=now,
        updated_ms=now,
    )


def _position_for(desk: Desk, order: Order) -> Position:
    price = order.intent.price or desk.price(order.intent.symbol) or ZERO
    return Position(
        id=order.intent.position_id,
        symbol=order.intent.symbol,
        side=PositionSide.LONG,
        opened_ms=desk.state.now_ms,
        decision_price=price,
        stop_distance=distance_without_plan(desk, order.intent.symbol, price) if price else None,
    )
