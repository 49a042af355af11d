"""Options that several commands share, and the settings of commands that only look at the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from trading.domain.errors import InvalidInput

if TYPE_CHECKING:
    from trading.config import Settings

F = TypeVar("F", bound=Callable[..., Any])

READER_SETTINGS = ("DATA_DIR", "DATABASE_URL", "TRADING_MARKET_DATA")
"""The settings that commands beside the bot need. A mistake in any other must not keep a person from looking."""


def json_option(command: F) -> F:
    """`--json`: for scripts."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON: money as exact text, times as UTC milliseconds."
    )(command)


def data_dir_option(command: F) -> F:
    """`--data-dir`: which bot."""
    return click.option("--data-dir", metavar="PATH", help="Folder of the bot's database [DATA_DIR, else ./data].")(
        command
    )


def debug_option(command: F) -> F:
    """`--debug` after the command too; `trading.cli.main` looks for it."""
    return click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")(command)


def reader_settings(data_dir: str | None) -> Settings:
    """The settings of a command that reads what the bot has written.

    Raises:
        ConfigError: one of `READER_SETTINGS` is unusable.
    """
    from trading.config import load_settings

    return load_settings({"DATA_DIR": data_dir} if data_dir else None, only=READER_SETTINGS)


def utc_ms(text: str, option: str) -> int:
    """Milliseconds of '2025-06-01', '2025-06-01 12:30' or an ISO time; UTC where it names no zone.

    Raises:
        InvalidInput: no such time.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(option, text, "a date or time such as 2025-06-01 or 2025-06-01T12:30 (UTC)") from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return int(moment.timestamp() * 1000)
