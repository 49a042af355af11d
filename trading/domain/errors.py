"""The error tree. A `TradingError` is something a user can cause or mend; its text says what and how."""

from __future__ import annotations


class TradingError(Exception):
    """Base of every error that this project raises on purpose."""


class InvalidInput(TradingError):
    """A value from outside that cannot be used.

    Args:
        field: name of the setting, column or argument, as the user wrote it.
        value: what was given (never a secret).
        allowed: what would have been accepted.
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        self.field = field
        self.value = value
        self.allowed = allowed
        super().__init__(f"{field}: {value!r} is not usable; allowed: {allowed}")


class InvariantViolated(TradingError):
    """The program contradicts itself; nothing may be traded on top of that."""
