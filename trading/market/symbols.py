"""Symbols as people and files write them ('BTCUSDT', 'btc-usdt') brought to the unified form 'BTC/USDT'."""

from __future__ import annotations

import re

from trading.domain.errors import InvalidInput

QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "DAI", "USD", "EUR", "GBP", "TRY", "JPY", "BRL", "BTC", "ETH", "BNB")
"""Quote coins by which a name without a separator is split. Longer names come before those that they end with."""

_COIN = re.compile(r"[A-Z0-9]{1,20}")
_ALLOWED = (
    "BASE/QUOTE such as BTC/USDT (also BTC-USDT, BTC_USDT, or BTCUSDT where the quote is one of "
    + ", ".join(QUOTES)
    + ")"
)


def unified_symbol(text: str, field: str = "symbol") -> str:
    """'BTC/USDT' from 'BTC/USDT', 'BTC-USDT', 'BTC_USDT' or 'BTCUSDT', in any case. `field` is what the error calls it.

    Raises:
        InvalidInput: base and quote cannot be told apart.
    """
    name = text.strip().upper()
    parts = re.split(r"[/_-]", name)
    if len(parts) == 1:
        quote = next((q for q in QUOTES if name.endswith(q) and name != q), None)
        parts = [name.removesuffix(quote), quote] if quote else []
    if len(parts) != 2 or not all(_COIN.fullmatch(part) for part in parts) or parts[0] == parts[1]:
        raise InvalidInput(field, text, _ALLOWED)
    return f"{parts[0]}/{parts[1]}"
