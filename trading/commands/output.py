"""How commands print: JSON for scripts, tables for people, numbers and times the same everywhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from rich.text import Text

CENT = Decimal("0.01")
EIGHT_PLACES = Decimal("1E-8")
WIDTH_OF_A_PIPE = 240
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


def print_json(value: object) -> None:
    """Indented JSON on standard output; structs and decimals become objects and exact text."""
    click.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, right: Iterable[str] = (), title: str = ""
) -> None:
    """A table on standard output: as wide as the terminal, or as wide as it needs to be elsewhere.

    Args:
        right: names of the columns that are aligned to the right.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    to_right = set(right)
    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in to_right else "left", no_wrap=not sys.stdout.isatty())
    for row in rows:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else WIDTH_OF_A_PIPE
    Console(markup=False, highlight=False, emoji=False, width=width).print(table)


def print_facts(facts: Iterable[tuple[str, str | Text]]) -> None:
    """Names and values, one a line."""
    from rich.console import Console
    from rich.text import Text

    lines = list(facts)
    width = max(len(name) for name, _ in lines) + 2
    console = Console(markup=False, highlight=False, emoji=False, soft_wrap=True)
    for name, value in lines:
        console.print(Text.assemble((name.ljust(width), "bold"), value))


def print_line(text: str, end: str | Text, *, style: str = "") -> None:
    """A line of text on standard output, whole even on a narrow terminal; `end` follows with a style of its own."""
    from rich.console import Console
    from rich.text import Text

    Console(markup=False, highlight=False, emoji=False, soft_wrap=True).print(Text.assemble((f"{text}  ", style), end))


def rounded(value: Decimal) -> Decimal:
    """At most eight decimals, no trailing zeros. For averages, whose digits never end."""
    return value.quantize(EIGHT_PLACES, ROUND_HALF_EVEN).normalize()


def money(value: Decimal) -> str:
    """Two decimals and thousands: 12,345.68."""
    return f"{value.quantize(CENT, ROUND_HALF_EVEN):,}"


def number(value: Decimal | None) -> str:
    """All its digits and no trailing zeros; '-' for None."""
    return "-" if value is None else format(value.normalize(), "f")


def price(value: Decimal | None) -> str:
    """As `rounded`; '-' for None."""
    return "-" if value is None else number(rounded(value))


def percent(value: Decimal) -> str:
    """With sign and two decimals: +1.25 %."""
    return f"{value.quantize(CENT, ROUND_HALF_EVEN):+,} %"


def signed(value: Decimal) -> Text:
    """Money with its sign, green or red."""
    from rich.text import Text

    rounded = value.quantize(CENT, ROUND_HALF_EVEN)
    return Text(f"{rounded:+,}", style="green" if rounded > 0 else "red" if rounded < 0 else "")


def moment(ms: int | None) -> str:
    """UTC to the minute: 2025-06-01 12:30; '-' for None."""
    return "-" if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def duration(ms: int) -> str:
    """A length of time in its two largest units: '3 d 4 h', '12 min 5 s', '3 s'."""
    seconds = max(0, ms) // 1000
    if seconds >= DAY_S:
        return f"{seconds // DAY_S} d {seconds % DAY_S // HOUR_S} h"
    if seconds >= HOUR_S:
        return f"{seconds // HOUR_S} h {seconds % HOUR_S // MINUTE_S} min"
    if seconds >= MINUTE_S:
        return f"{seconds // MINUTE_S} min {seconds % MINUTE_S} s"
    return f"{seconds} s"


def shown(text: str) -> str:
    """A text from the database without what could steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def plain(value: Any) -> Any:
    """Structs, mappings and lists as JSON's own types; decimals as exact text without an exponent."""
    match value:
        case Decimal():
            return format(value, "f")
        case msgspec.Struct():
            return plain(msgspec.structs.asdict(value))
        case dict():
            return {str(name): plain(item) for name, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return value
