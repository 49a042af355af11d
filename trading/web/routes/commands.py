"""What a person asks of the bot: close, cancel, resolve, pause, resume, stop."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from trading.domain.events import CommandKind
from trading.domain.orders import Order
from trading.store.queries import Queries
from trading.web.access import Identity, Scope, require
from trading.web.commanding import CommandKey, give
from trading.web.context import Context, Reader, Writer
from trading.web.filters import Id, PagingQuery
from trading.web.models.base import Page, page_of
from trading.web.models.operations import CommandView, Resolution, Stop
from trading.web.models.safety import Reason
from trading.web.problems import Problem

router = APIRouter(prefix="/api/v1", tags=["commands"])

Trader = Annotated[Identity, require(Scope.TRADE)]
ACCEPTED = HTTPStatus.ACCEPTED


@router.get("/commands", dependencies=[require(Scope.READ)])
def commands(queries: Reader, paging: PagingQuery) -> Page[CommandView]:
    """Commands and the bot's answers, newest first."""
    found = queries.commands(limit=paging.limit + 1, offset=paging.offset)
    return page_of([CommandView.of(command) for command in found], *paging)


@router.get("/commands/{command_id}", dependencies=[require(Scope.READ)])
def command(
    queries: Reader, command_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{8,64}$", examples=["close-btc-20250601"])]
) -> CommandView:
    """One command: whether the bot has taken it, and what it answered."""
    found = queries.commands(command_id=command_id, limit=1)
    if not found:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no command {command_id}")
    return CommandView.of(found[0])


@router.post("/positions/{position_id}/close", status_code=ACCEPTED)
def close(identity: Trader, context: Context, engine: Writer, position_id: Id, key: CommandKey = None) -> CommandView:
    """Sell what the position holds, at market."""
    position = Queries(engine).position(position_id)
    if position is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no position {position_id}")
    if position.is_closed and key is None:
        raise Problem(HTTPStatus.CONFLICT, f"the position in {position.symbol} is closed already", code="CLOSED")
    return give(
        engine,
        CommandKind.CLOSE_POSITION,
        identity,
        context.now_ms(),
        target=position.symbol,
        reason="closed by operator",
        key=key,
    )


@router.post("/positions/close-all", status_code=ACCEPTED)
def close_all(
    identity: Trader, context: Context, engine: Writer, wanted: Reason, key: CommandKey = None
) -> CommandView:
    """Sell everything that is held and cancel every entry order. The bot goes on and may buy again."""
    return give(engine, CommandKind.CLOSE_ALL, identity, context.now_ms(), reason=wanted.reason, key=key)


@router.post("/orders/{order_id}/cancel", status_code=ACCEPTED)
def cancel(identity: Trader, context: Context, engine: Writer, order_id: Id, key: CommandKey = None) -> CommandView:
    """Cancel an order. A cancelled stop is placed anew: a position is never left without one."""
    _live_order(Queries(engine), order_id)
    return give(engine, CommandKind.CANCEL_ORDER, identity, context.now_ms(), target=order_id, key=key)


@router.post("/orders/cancel-entries", status_code=ACCEPTED)
def cancel_entries(identity: Trader, context: Context, engine: Writer, key: CommandKey = None) -> CommandView:
    """Cancel every order that would open a position."""
    return give(engine, CommandKind.CANCEL_ENTRIES, identity, context.now_ms(), key=key)


@router.post("/orders/{order_id}/resolve", status_code=ACCEPTED)
def resolve(
    identity: Trader, context: Context, engine: Writer, order_id: Id, wanted: Resolution, key: CommandKey = None
) -> CommandView:
    """Decide about an order whose outcome the exchange does not tell: look there first.

    One that has ended, and trades of which are not shown, can only be ignored.
    """
    order = _known_order(Queries(engine), order_id)
    if not order.is_in_doubt:
        detail = f"the order {order_id} is not in doubt, it is {order.state}"
        raise Problem(HTTPStatus.CONFLICT, detail, code="NOT_IN_DOUBT")
    if wanted.choice not in order.resolutions:
        detail = f"the order {order_id} has ended, and its trades are not shown: it can only be ignored"
        raise Problem(HTTPStatus.CONFLICT, detail, code="NOTHING_TO_BOOK")
    return give(engine, CommandKind.RESOLVE, identity, context.now_ms(), target=order_id, reason=wanted.choice, key=key)


@router.post("/bot/pause", status_code=ACCEPTED)
def pause(identity: Trader, context: Context, engine: Writer, wanted: Reason, key: CommandKey = None) -> CommandView:
    """Open nothing until somebody resumes. Without a bot, the next one begins paused."""
    now_ms = context.now_ms()
    return give(engine, CommandKind.PAUSE, identity, now_ms, reason=wanted.reason, key=key, needs_bot=False)


@router.post("/bot/resume", status_code=ACCEPTED)
def resume(
    identity: Annotated[Identity, require(Scope.ADMIN)],
    context: Context,
    engine: Writer,
    wanted: Reason,
    key: CommandKey = None,
) -> CommandView:
    """Clear pause and halt. It never touches the kill switch."""
    now_ms = context.now_ms()
    return give(engine, CommandKind.RESUME, identity, now_ms, reason=wanted.reason, key=key, needs_bot=False)


@router.post("/bot/stop", status_code=ACCEPTED)
def stop(identity: Trader, context: Context, engine: Writer, wanted: Stop, key: CommandKey = None) -> CommandView:
    """End the bot in order: entries cancelled, positions by policy, checked with the exchange."""
    return give(engine, CommandKind.STOP, identity, context.now_ms(), target=wanted.policy or "", key=key)


def _known_order(queries: Queries, order_id: str) -> Order:
    order = queries.order(order_id)
    if order is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no order {order_id}")
    return order


def _live_order(queries: Queries, order_id: str) -> Order:
    order = _known_order(queries, order_id)
    if not order.is_live:
        raise Problem(HTTPStatus.CONFLICT, f"the order {order_id} is {order.state} already", code="NOT_OPEN")
    return order
