"""What all answers share: how money and times are written."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

T = TypeVar("T")

Exact = Annotated[
    Decimal,
    PlainSerializer(lambda value: format(value, "f"), return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "examples": ["1234.5600"]}),
]
"""Money, price or quantity: every digit, as text, never with an exponent."""

Time = Annotated[
    datetime,
    PlainSerializer(lambda value: value.isoformat(timespec="milliseconds").replace("+00:00", "Z"), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2025-06-01T12:30:00.000Z"]}),
]
"""A time in UTC, ISO 8601 with milliseconds."""


class Model(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True)


class Page(Model, Generic[T]):
    """A part of a list. `next_offset` is where the next part begins, null at the list's end."""

    items: list[T]
    limit: int = Field(examples=[100])
    offset: int = Field(examples=[0])
    next_offset: int | None = Field(examples=[100])


def page_of(found: list[T], limit: int, offset: int) -> Page[T]:
    """A page from one item more than it holds: whether there is a next one is known by that."""
    more = len(found) > limit
    return Page(items=found[:limit], limit=limit, offset=offset, next_offset=offset + limit if more else None)


def moment(ms: int) -> datetime:
    """The time of UTC milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def maybe_moment(ms: int | None) -> datetime | None:
    """The time of UTC milliseconds, None for None."""
    return None if ms is None else moment(ms)
