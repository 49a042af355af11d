"""The trading rules of popular spot pairs, close to Binance's, for the simulated exchange; and the names of symbols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from trading.domain.errors import InvalidInput
from trading.domain.instruments import Instrument

DOLLARS = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USD")
"""Quotes that the table's ticks and minima are meant for."""
QUOTES = (*DOLLARS, "EUR", "GBP", "TRY", "BRL", "JPY", "BTC", "ETH", "BNB")
MIN_NOTIONAL = Decimal(5)
FALLBACK_MAX_QUANTITY = Decimal(9_000_000)
FALLBACK_DECIMALS = 5
PRICE_DECIMALS_MAX = 10


class _Rules(NamedTuple):
    tick: str
    step: str
    max_quantity: int


_TABLE = {
    "BTC": _Rules("0.01", "0.00001", 9_000),
    "ETH": _Rules("0.01", "0.0001", 9_000),
    "BNB": _Rules("0.01", "0.001", 9_000),
    "SOL": _Rules("0.01", "0.001", 90_000),
    "XRP": _Rules("0.0001", "0.1", 9_000_000),
    "DOGE": _Rules("0.00001", "1", 9_000_000),
    "ADA": _Rules("0.0001", "0.1", 900_000),
    "TRX": _Rules("0.0001", "0.1", 9_000_000),
    "AVAX": _Rules("0.01", "0.01", 90_000),
    "DOT": _Rules("0.001", "0.01", 90_000),
    "LINK": _Rules("0.01", "0.01", 90_000),
    "LTC": _Rules("0.01", "0.001", 90_000),
    "BCH": _Rules("0.1", "0.001", 90_000),
    "XLM": _Rules("0.0001", "1", 9_000_000),
    "UNI": _Rules("0.001", "0.01", 90_000),
    "ATOM": _Rules("0.001", "0.01", 90_000),
    "ETC": _Rules("0.01", "0.01", 90_000),
    "NEAR": _Rules("0.001", "0.1", 900_000),
    "APT": _Rules("0.001", "0.01", 90_000),
    "ARB": _Rules("0.0001", "0.1", 900_000),
    "OP": _Rules("0.001", "0.01", 900_000),
    "SUI": _Rules("0.0001", "0.1", 900_000),
    "FIL": _Rules("0.001", "0.01", 90_000),
    "SHIB": _Rules("0.00000001", "1", 9_000_000_000),
    "PEPE": _Rules("0.00000001", "1", 9_000_000_000),
}


def default_instruments(
    symbols: Iterable[str], price_decimals: Mapping[str, int] | None = None
) -> dict[str, Instrument]:
    """The rules of these symbols, by unified name.

    A pair that the table does not have gets `fallback_instrument`, for which `price_decimals` must say how many
    decimals its prices have (those of its candles, say).

    Raises:
        InvalidInput: a name that is not `BASE/QUOTE` (or `BASEQUOTE`), or an unknown pair without price decimals.
    """
    found: dict[str, Instrument] = {}
    for name in symbols:
        symbol = unified_symbol(name)
        decimals = (price_decimals or {}).get(symbol)
        instrument = table_instrument(symbol)
        if instrument is None:
            if decimals is None:
                raise InvalidInput("symbol", symbol, f"one of {known_bases()} against {', '.join(DOLLARS)}")
            instrument = fallback_instrument(symbol, decimals)
        found[symbol] = instrument
    return found


def table_instrument(symbol: str) -> Instrument | None:
    """The rules of a pair in the table, or None."""
    base, quote = split_symbol(symbol)
    rules = _TABLE.get(base)
    if rules is None or quote not in DOLLARS:
        return None
    step = Decimal(rules.step)
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=Decimal(rules.tick),
        lot_step=step,
        min_quantity=step,
        max_quantity=Decimal(rules.max_quantity),
        min_notional=MIN_NOTIONAL,
    )


def fallback_instrument(symbol: str, price_decimals: int) -> Instrument:
    """Rules for a pair of which only the decimals of its prices are known.

    The tick is one unit of the last decimal. The step has `5 - price_decimals` decimals (at least 0), since exchanges
    give coins that cost little many decimals in price and few in quantity: 2 and 3 for SOL, 4 and 1 for ADA, 5 and 0
    for DOGE. The smallest order is one step, worth at least 5 of the quote.

    Raises:
        InvalidInput: decimals out of 0 to 10.
    """
    if not 0 <= price_decimals <= PRICE_DECIMALS_MAX:
        raise InvalidInput(f"price decimals of {symbol}", price_decimals, f"0 to {PRICE_DECIMALS_MAX}")
    base, quote = split_symbol(symbol)
    step = Decimal(1).scaleb(-max(0, FALLBACK_DECIMALS - price_decimals))
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=Decimal(1).scaleb(-price_decimals),
        lot_step=step,
        min_quantity=step,
        max_quantity=FALLBACK_MAX_QUANTITY,
        min_notional=MIN_NOTIONAL,
    )


def known_bases() -> str:
    """The coins in the table, for messages."""
    return ", ".join(sorted(_TABLE))


def split_symbol(symbol: str) -> tuple[str, str]:
    """Base and quote of a unified name.

    Raises:
        InvalidInput: not of the form `BASE/QUOTE`.
    """
    base, slash, quote = symbol.partition("/")
    if not slash or not _is_coin(base) or not _is_coin(quote) or base == quote:
        raise InvalidInput("symbol", symbol, "BASE/QUOTE in capitals, such as BTC/USDT")
    return base, quote


def unified_symbol(name: str) -> str:
    """`BTC/USDT` for `BTCUSDT`; a unified name stays as it is.

    Raises:
        InvalidInput: the name ends in no quote coin of `QUOTES`.
    """
    if "/" in name:
        split_symbol(name)
        return name
    for quote in sorted(QUOTES, key=len, reverse=True):
        base = name.removesuffix(quote)
        if base != name and _is_coin(base):
            return f"{base}/{quote}"
    raise InvalidInput("symbol", name, f"BASE/QUOTE, or a name that ends in one of {', '.join(QUOTES)}")


def exchange_symbol(symbol: str) -> str:
    """`BTCUSDT` for `BTC/USDT`.

    Raises:
        InvalidInput: not of the form `BASE/QUOTE`.
    """
    return "".join(split_symbol(symbol))


def _is_coin(name: str) -> bool:
    return name.isascii() and name.isalnum() and name == name.upper()
