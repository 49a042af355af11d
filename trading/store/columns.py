"""The columns that tables are made of: exact money, UTC milliseconds, texts that are never null."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Text

metadata = MetaData()


class ExactDecimal(sa.types.TypeDecorator[Decimal]):
    """A Decimal, digit for digit: text where the database has no exact numbers of its own, else NUMERIC."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """NUMERIC on PostgreSQL, text on SQLite."""
        return dialect.type_descriptor(sa.Numeric() if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> Any:
        """As the driver wants it."""
        return str(value) if value is not None and dialect.name != "postgresql" else value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Decimal | None:
        """The Decimal that was stored, exponent included."""
        return None if value is None else Decimal(value)


def text(name: str, **options: Any) -> Column[str]:
    """A text, empty where there is none."""
    return Column(name, Text, nullable=False, **options)


def money(name: str) -> Column[Decimal]:
    """An exact amount."""
    return Column(name, ExactDecimal, nullable=False)


def maybe_money(name: str) -> Column[Decimal]:
    """An exact amount, or none."""
    return Column(name, ExactDecimal)


def ms(name: str, **options: Any) -> Column[int]:
    """A time or a length of time in milliseconds."""
    return Column(name, BigInteger, nullable=False, **options)


def maybe_ms(name: str) -> Column[int]:
    """A time, or none."""
    return Column(name, BigInteger)


def count(name: str) -> Column[int]:
    """A whole number."""
    return Column(name, Integer, nullable=False)


def flag(name: str) -> Column[bool]:
    """A yes or no."""
    return Column(name, Boolean, nullable=False)


def only_row() -> Column[int]:
    """The key of a table with one row."""
    return Column("id", Integer, primary_key=True, autoincrement=False)


def serial(name: str) -> Column[int]:
    """A key that the database numbers."""
    return Column(name, BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
