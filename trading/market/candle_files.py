"""Reads candle files from disk into checked tables: one file, or every candle file of a folder.

A further format is one `Format` in `FORMATS`: how to know it by its content, and how to turn it into columns.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from trading.domain.errors import InvalidInput
from trading.market import candle_csv
from trading.market.candle_table import CandleTable, checked_table
from trading.market.symbols import unified_symbol
from trading.market.timeframes import TIMEFRAMES, interval_of, timeframe_of


@dataclass(frozen=True)
class RawCandles:
    """What a format's reader found: the columns of `candle_table.COLUMNS`, and where a row stands in the file."""

    columns: Mapping[str, NDArray[Any]]
    place: Callable[[int], str]


@dataclass(frozen=True)
class Format:
    """One file format. `suffixes` pick its files from a folder; `matches` knows it by its first bytes (unpacked)."""

    name: str
    suffixes: tuple[str, ...]
    matches: Callable[[bytes], bool]
    read: Callable[[bytes, str], RawCandles]


def _read_csv(content: bytes, name: str) -> RawCandles:
    columns, line_of_row = candle_csv.read(content, name)
    return RawCandles(columns, lambda row: f"{name} line {line_of_row(row)}")


FORMATS: tuple[Format, ...] = (
    Format(f"CSV with the first line {candle_csv.HEADER}", (".csv", ".csv.gz"), candle_csv.matches, _read_csv),
)

_NAME = re.compile(r"(?P<symbol>.+)-(?P<timeframe>[0-9]+[A-Za-z])")
_NAMING = "a file named SYMBOL-TIMEFRAME, such as BTCUSDT-5m.csv.gz"
_GZIP_MAGIC = b"\x1f\x8b"


def load_candle_file(
    path: Path, *, symbol: str | None = None, interval_ms: int | None = None, now_ms: int | None = None
) -> CandleTable:
    """The candles of one file, checked.

    Args:
        path: a candle file, plain or gzip. Its name gives symbol and timeframe where the arguments do not.
        symbol: unified symbol, instead of the name's.
        interval_ms: length of a candle, instead of the name's.
        now_ms: candles must have closed by then (UTC ms); None where any time will do.

    Raises:
        InvalidInput: names the file, and the line and column at fault.
    """
    if symbol is None or interval_ms is None:
        named = name_of(path)
        if named is None:
            raise InvalidInput("candle file name", path.name, f"{_NAMING}, or symbol and timeframe given beside it")
        symbol, interval_ms = symbol or named[0], interval_ms or named[1]
    timeframe_of(interval_ms)
    content = _content(path)
    reader = next((form for form in FORMATS if form.matches(content)), None)
    if reader is None:
        shown = content[:60].decode("utf-8", "replace").split("\n")[0]
        raise InvalidInput(f"{path.name} line 1", shown, " or ".join(form.name for form in FORMATS))
    raw = reader.read(content, path.name)
    return checked_table(symbol, interval_ms, raw.columns, raw.place, now_ms)


def load_candles(
    path: Path,
    *,
    symbols: Sequence[str] | None = None,
    interval_ms: int | None = None,
    now_ms: int | None = None,
) -> list[CandleTable]:
    """The candles of a file, or of all candle files of a folder, sorted by symbol.

    Args:
        path: file or folder (sub-folders are not looked into; files of other kinds are passed over).
        symbols: unified symbols to take; None takes all that are there.
        interval_ms: timeframe to take; None takes the only one that is there.
        now_ms: candles must have closed by then (UTC ms); None where any time will do.

    Raises:
        InvalidInput: nothing there, a symbol or timeframe missing or there twice, several timeframes to choose from,
            or a file at fault.
    """
    wanted = set(symbols) if symbols is not None else None
    if not path.is_dir():
        return [_load_single(path, wanted, interval_ms, now_ms)]
    chosen = _choose(path, wanted, interval_ms)
    return [load_candle_file(chosen[symbol], now_ms=now_ms) for symbol in sorted(chosen)]


def name_of(path: Path) -> tuple[str, int] | None:
    """Symbol and interval in ms that a candle file's name gives, or None where it gives none."""
    stem = path.name
    for suffix in sorted((s for form in FORMATS for s in form.suffixes), key=len, reverse=True):
        if stem.lower().endswith(suffix):
            stem = stem[: -len(suffix)]
            break
    match = _NAME.fullmatch(stem)
    if match is None or match["timeframe"] not in TIMEFRAMES:
        return None
    try:
        return unified_symbol(match["symbol"]), interval_of(match["timeframe"])
    except InvalidInput:
        return None


def _load_single(path: Path, wanted: set[str] | None, interval_ms: int | None, now_ms: int | None) -> CandleTable:
    if not path.exists():
        raise InvalidInput("candle file", str(path), "a file or folder that exists")
    named = name_of(path)
    if named is None:
        only = next(iter(wanted)) if wanted is not None and len(wanted) == 1 else None
        return load_candle_file(path, symbol=only, interval_ms=interval_ms, now_ms=now_ms)
    symbol, file_interval_ms = named
    if wanted is not None and wanted != {symbol}:
        raise InvalidInput("symbols", ", ".join(sorted(wanted)), f"{symbol}, all that {path.name} holds")
    if interval_ms is not None and interval_ms != file_interval_ms:
        raise InvalidInput(
            "timeframe", timeframe_of(interval_ms), f"{timeframe_of(file_interval_ms)}, which {path.name} holds"
        )
    return load_candle_file(path, now_ms=now_ms)


def _choose(folder: Path, wanted: set[str] | None, interval_ms: int | None) -> dict[str, Path]:
    """The file of each symbol to load from the folder."""
    found: dict[tuple[str, int], Path] = {}
    for file in _candle_files(folder):
        named = name_of(file)
        if named is None:
            raise InvalidInput("candle file name", file.name, _NAMING)
        if named in found:
            raise InvalidInput(
                str(folder), f"{found[named].name} and {file.name}", "one file for a symbol and timeframe"
            )
        found[named] = file
    if not found:
        suffixes = ", ".join(s for form in FORMATS for s in form.suffixes)
        raise InvalidInput(str(folder), "a folder without candle files", f"a folder with files ending in {suffixes}")
    there = {interval for symbol, interval in found if wanted is None or symbol in wanted}
    if interval_ms is None:
        if len(there) > 1:
            names = ", ".join(timeframe_of(interval) for interval in sorted(there))
            raise InvalidInput(str(folder), f"candles of {names}", "one timeframe at a time; name the one to take")
        interval_ms = next(iter(there), None)
    chosen = {symbol: file for (symbol, interval), file in found.items() if interval == interval_ms}
    if wanted is not None:
        chosen = {symbol: file for symbol, file in chosen.items() if symbol in wanted}
    missing = wanted - set(chosen) if wanted is not None else set()
    if missing or not chosen:
        held = ", ".join(f"{symbol} {timeframe_of(interval)}" for symbol, interval in sorted(found))
        asked = " ".join(filter(None, (", ".join(sorted(missing)), timeframe_of(interval_ms) if interval_ms else "")))
        raise InvalidInput(str(folder), f"nothing for {asked}", f"what it holds: {held}")
    return chosen


def _candle_files(folder: Path) -> list[Path]:
    suffixes = tuple(s for form in FORMATS for s in form.suffixes)
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InvalidInput("candle folder", str(folder), f"a folder that can be read ({error.strerror})") from error
    return [e for e in entries if e.name.lower().endswith(suffixes) and not e.name.startswith(".") and e.is_file()]


def _content(path: Path) -> bytes:
    """The file's bytes, unpacked where they are gzip."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput("candle file", str(path), f"a file that can be read ({error.strerror})") from error
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInput(path.name, "damaged gzip", f"a whole gzip file ({error})") from error
