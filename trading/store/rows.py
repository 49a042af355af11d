"""Records to rows and back. Enumerations are stored by their value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from trading.domain.actions import Notify
from trading.domain.decisions import Decision, Vote
from trading.domain.events import Event
from trading.domain.orders import Order
from trading.domain.positions import Position
from trading.safety.breaker import BreakerState
from trading.store.schema import ONLY_ROW

R = TypeVar("R", bound=msgspec.Struct)
Row = dict[str, Any]
Fields = Mapping[Any, Any]

_VOTES = msgspec.json.Decoder(tuple[Vote, ...])
_BREAKER = msgspec.json.Decoder(BreakerState)
_encode = msgspec.json.Encoder().encode


def plain(record: msgspec.Struct) -> Row:
    """The record's fields by name, as drivers take them: money as its exact digits."""
    row: Row = msgspec.to_builtins(record)
    return row


def without_nul(row: Row) -> Row:
    """The row with texts that PostgreSQL takes: it has no character zero, which an exchange's message may hold."""
    return {
        name: value.replace("\0", "\ufffd") if type(value) is str and "\0" in value else value
        for name, value in row.items()
    }


def order_row(order: Order, place: int) -> Row:
    """An order with its intent, flat."""
    row = plain(order)
    row.update(row.pop("intent"))
    row["place"] = place
    row["settled"] = order.is_settled
    return row


def position_row(position: Position, place: int) -> Row:
    """A position; `traded` tells those that ever held anything."""
    row = plain(position)
    row["place"] = place
    row["traded"] = bool(position.bought or position.sold or position.adjusted)
    return row


def decision_row(decision: Decision, seq: int) -> Row:
    """A decision as a run of one."""
    row = plain(decision)
    row["votes"] = _encode(decision.votes).decode()
    row["seq"] = seq
    row["first_ms"] = decision.time_ms
    row["count"] = 1
    return row


def breaker_row(breaker: BreakerState) -> Row:
    """The breaker's memory, as JSON."""
    return {"id": ONLY_ROW, "data": _encode(breaker).decode()}


def alert_row(note: Notify, time_ms: int, created_ms: int) -> Row:
    """An alert, which its table numbers."""
    return {
        "time_ms": time_ms,
        "created_ms": created_ms,
        "level": note.level.value,
        "code": note.code,
        "symbol": note.symbol,
        "text": note.text,
        "acknowledged_ms": None,
        "acknowledged_by": "",
    }


def event_row(time_ms: int, event: Event | Notify, symbol: str) -> Row:
    """What came in, or was told, as JSON."""
    return {"time_ms": time_ms, "type": type(event).__name__, "symbol": symbol, "data": _encode(event).decode()}


def to_breaker(row: Fields) -> BreakerState:
    """The breaker's memory from its row."""
    return _BREAKER.decode(row["data"])


def to_record(kind: type[R]) -> Callable[[Fields], R]:
    """A function from a row to a record whose fields are the row's columns."""

    def convert(row: Fields) -> R:
        return msgspec.convert(_fields(row), kind)

    return convert


def to_order(row: Fields) -> Order:
    """An order from its flat row."""
    fields = _fields(row)
    fields["intent"] = fields
    return msgspec.convert(fields, Order)


def to_decision(row: Fields) -> Decision:
    """A decision from its row: of a run, the last."""
    fields = _fields(row)
    fields["votes"] = _VOTES.decode(row["votes"])
    return msgspec.convert(fields, Decision)


def _fields(row: Fields) -> Row:
    # SQLAlchemy's names may be a subclass of str, which msgspec does not take as keys.
    return {str(name): value for name, value in row.items()}
