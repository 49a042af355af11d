"""Symbols as people and files write them ('btcusdt', 'BTC-USDT') brought to the unified form 'BTC/USDT'."""

from __future__ import annotations

import re

from trading.domain.errors import InvalidInput
from trading.exchange import instruments

_ALLOWED = (
    "BASE/QUOTE such as BTC/USDT (also BTC-USDT, BTC_USDT, or BTCUSDT where the quote is one of "
    f"{', '.join(instruments.QUOTES)})"
)


def unified_symbol(text: str, field: str = "symbol") -> str:
    """'BTC/USDT' from 'BTC/USDT', 'BTC-USDT', 'BTC_USDT' or 'BTCUSDT', in any case. `field` is what the error calls it.

    Raises:
        InvalidInput: base and quote cannot be told apart.
    """
    try:
        return instruments.unified_symbol(re.sub("[-_]", "/", text.strip().upper()))
    except InvalidInput as error:
        raise InvalidInput(field, text, _ALLOWED) from error
