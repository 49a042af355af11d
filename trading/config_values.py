"""Turns the text of each setting into its value, strictly: what is not clearly meant raises ValueError."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_address, ip_network
from pathlib import Path

from trading.domain.errors import InvalidInput
from trading.market.symbols import unified_symbol
from trading.market.timeframes import TIMEFRAMES
from trading.store.address import is_server, server_address

DEMO = "demo"
SYMBOLS_MAX = 500
SECRET_MIN = 8
HOSTS_MAX = 50
AMOUNT_MAX = "999999999999999"

_NUMBER = re.compile(r"[0-9]{1,15}(\.(?P<decimals>[0-9]{1,12}))?")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,19}")
_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,253}")
_DATABASE = re.compile(r"sqlite:///(?!:memory:)[^?]*[^?/]")


def boolean(text: str) -> bool:
    """'true' or 'false', in any case; nothing else is a yes or a no."""
    return {"true": True, "false": False}[_among(text.lower(), ("true", "false"))]


def number(low: str, high: str, *, above: bool = False, decimals: int = 12) -> Callable[[str], Decimal]:
    """A decimal number from `low` (with `above`: more than it) to `high`, without sign, exponent or separators."""

    def parse(text: str) -> Decimal:
        match = _NUMBER.fullmatch(text)
        _require(match is not None and len(match["decimals"] or "") <= decimals)
        value = Decimal(text)
        _require(Decimal(low) <= value <= Decimal(high) and not (above and value == Decimal(low)))
        return value

    return parse


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`, in plain digits."""

    def parse(text: str) -> int:
        _require(_WHOLE_NUMBER.fullmatch(text) is not None and low <= int(text) <= high)
        return int(text)

    return parse


def speed(text: str) -> Decimal:
    """A number from 0 to a million; 'max' is 0."""
    return Decimal(0) if text == "max" else number("0", "1000000")(text)


def symbols(text: str) -> tuple[str, ...]:
    """Unified symbols from a comma list: each once, all of one quote coin."""
    try:
        found = tuple(unified_symbol(part) for part in text.split(","))
    except InvalidInput as error:
        raise ValueError(str(error)) from error
    _require(len(found) <= SYMBOLS_MAX and len(set(found)) == len(found))
    _require(len({symbol.split("/")[1] for symbol in found}) == 1)
    return found


def timeframe(text: str) -> str:
    """The name of a timeframe."""
    return _among(text, tuple(TIMEFRAMES))


def market_data(text: str) -> str:
    """'demo', or a path that exists."""
    if text == DEMO:
        return text
    path = _path(text)
    _require(path.exists())
    return str(path)


def directory(text: str) -> Path:
    """A path at which there is a folder, or nothing yet and no file in the way of making one."""
    path = _path(text)
    _require(can_be_folder(path))
    return path


def can_be_folder(path: Path) -> bool:
    """Whether a folder is there, or nothing is and nothing but folders is above it."""
    if path.is_dir():
        return True
    above = next((parent for parent in path.absolute().parents if parent.exists()), None)
    return not path.exists() and not path.is_symlink() and (above is None or above.is_dir())


def host(text: str) -> str:
    """A host name or an address."""
    _require(_HOST.fullmatch(text) is not None)
    return text


def database_url(text: str) -> str:
    """The URL of a database that this version can use."""
    if is_server(text):
        try:
            server_address(text)
        except InvalidInput:
            raise ValueError from None
    else:
        _require(_DATABASE.fullmatch(text) is not None)
    return text


def secret(text: str) -> str:
    """A secret that cannot be guessed in a few tries."""
    _require(len(text) >= SECRET_MIN)
    return text


def hosts(text: str) -> tuple[str, ...]:
    """Host names or addresses from a comma list, in lower case, without ports."""
    found = tuple(part.strip().lower() for part in text.split(","))
    _require(len(found) <= HOSTS_MAX)
    for name in found:
        _require(_HOST.fullmatch(name) is not None and (":" not in name or _is_address(name)))
    return found


def networks(text: str) -> tuple[str, ...]:
    """Addresses or networks from a comma list."""
    found = tuple(str(ip_network(part.strip())) for part in text.split(","))
    _require(len(found) <= HOSTS_MAX)
    return found


def _path(text: str) -> Path:
    try:
        path = Path(text).expanduser()
        path.exists()
    except (OSError, RuntimeError) as error:  # no such user, a name too long, a folder that may not be entered
        raise ValueError(str(error)) from error
    return path


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _among(text: str, allowed: tuple[str, ...]) -> str:
    _require(text in allowed)
    return text


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError("not allowed")
