"""Identifiers as pure functions of what they name, so that a restart arrives at the same ones."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from trading.domain.orders import Purpose

ID_DIGITS = 32
TAG_DIGITS = 6


@cache
def bot_tag(bot_id: str) -> str:
    """The six hex digits by which a bot knows its own orders."""
    return sha256(f"bot|{bot_id}".encode()).hexdigest()[:TAG_DIGITS]


def decision_id(bot_id: str, symbol: str, time_ms: int) -> str:
    """The id of the decision on a symbol's candle (close time, UTC ms), and of the position that it opens."""
    return sha256(f"decision|{bot_id}|{symbol}|{time_ms}".encode()).hexdigest()[:ID_DIGITS]


def client_order_id(bot_id: str, position_id: str, purpose: Purpose, leg: int, revision: int = 0) -> str:
    """32 lower-case hex digits, the first six the bot's tag."""
    digest = sha256(f"order|{bot_id}|{position_id}|{purpose}|{leg}|{revision}".encode()).hexdigest()
    return bot_tag(bot_id) + digest[: ID_DIGITS - TAG_DIGITS]
