"""Reads candle files from disk into checked tables: one file, or every candle file of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trading.domain.errors import InvalidInput
from trading.market import candle_json
from trading.market.candle_formats import RawCandles, read_content
from trading.market.candle_names import NAMING, SUFFIXES, CandleFileName, parsed, says_no_candles
from trading.market.candle_parts import merged
from trading.market.candle_table import CandleTable, checked_table
from trading.market.candle_unpack import unpacked
from trading.market.timeframes import timeframe_of


def load_candle_file(
    path: Path, *, symbol: str | None = None, interval_ms: int | None = None, now_ms: int | None = None
) -> CandleTable:
    """The candles of one file, checked.

    Args:
        path: a candle file of any of `FORMATS`, plain, gzip or ZIP. Its name gives symbol and timeframe where
            the arguments do not.
        symbol: unified symbol, instead of the name's.
        interval_ms: length of a candle, instead of the name's.
        now_ms: candles must have closed by then (UTC ms); None where any time will do.

    Raises:
        InvalidInput: names the file, and the line (or row) and column at fault.
    """
    if symbol is None or interval_ms is None:
        named = name_of(path)
        if named is None:
            raise InvalidInput("candle file name", path.name, f"{NAMING}, or symbol and timeframe given beside it")
        symbol, interval_ms = symbol or named[0], interval_ms or named[1]
    timeframe_of(interval_ms)
    raw = _raw(path)
    return checked_table(symbol, interval_ms, raw.columns, raw.place, now_ms, raw.time_name)


def load_candles(
    path: Path,
    *,
    symbols: Sequence[str] | None = None,
    interval_ms: int | None = None,
    now_ms: int | None = None,
) -> list[CandleTable]:
    """The candles of a file, or of all candle files of a folder, sorted by symbol.

    Args:
        path: file or folder (sub-folders are not looked into; files of other kinds are passed over). Files of one
            market that name their month or day, as BTCUSDT-1m-2024-01.zip, become one table.
        symbols: unified symbols to take; None takes all that are there.
        interval_ms: timeframe to take; None takes the only one that is there.
        now_ms: candles must have closed by then (UTC ms); None where any time will do.

    Raises:
        InvalidInput: nothing there, a symbol or timeframe missing or there twice, several timeframes to choose from,
            candles that differ between two files of a market, or a file at fault.
    """
    wanted = set(symbols) if symbols is not None else None
    if not path.is_dir():
        return [_load_single(path, wanted, interval_ms, now_ms)]
    chosen = _choose(path, wanted, interval_ms)
    return [_load_parts(chosen[symbol], now_ms) for symbol in sorted(chosen)]


def name_of(path: Path) -> tuple[str, int] | None:
    """Symbol and interval in ms that a candle file's name gives, or None where it gives none."""
    named = parsed(path)
    return None if named is None else (named.symbol, named.interval_ms)


def _load_parts(paths: Sequence[Path], now_ms: int | None) -> CandleTable:
    tables = [load_candle_file(path, now_ms=now_ms) for path in paths]
    # The files' texts are not kept: the one at fault is read again to say where the fault is.
    return merged(tables, lambda number, row: _raw(paths[number]).place(row))


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


def _choose(folder: Path, wanted: set[str] | None, interval_ms: int | None) -> dict[str, list[Path]]:
    """The files of each symbol to load from the folder: one, or the parts of its history."""
    found = _found(folder)
    if not found:
        raise InvalidInput(
            str(folder), "a folder without candle files", f"a folder with files ending in {', '.join(SUFFIXES)}"
        )
    there = {interval for symbol, interval in found if wanted is None or symbol in wanted}
    if interval_ms is None:
        if len(there) > 1:
            names = ", ".join(timeframe_of(interval) for interval in sorted(there))
            raise InvalidInput(str(folder), f"candles of {names}", "one timeframe at a time; name the one to take")
        interval_ms = next(iter(there), None)
    chosen = {symbol: files for (symbol, interval), files in found.items() if interval == interval_ms}
    if wanted is not None:
        chosen = {symbol: files for symbol, files in chosen.items() if symbol in wanted}
    missing = wanted - set(chosen) if wanted is not None else set()
    if missing or not chosen:
        held = ", ".join(f"{symbol} {timeframe_of(interval)}" for symbol, interval in sorted(found))
        asked = " ".join(filter(None, (", ".join(sorted(missing)), timeframe_of(interval_ms) if interval_ms else "")))
        raise InvalidInput(str(folder), f"nothing for {asked}", f"what it holds: {held}")
    return chosen


def _found(folder: Path) -> dict[tuple[str, int], list[Path]]:
    """The folder's candle files by symbol and interval, each list sorted by name."""
    found: dict[tuple[str, int], list[tuple[Path, CandleFileName]]] = {}
    for file in _candle_files(folder):
        named = parsed(file)
        if named is None:
            raise InvalidInput("candle file name", file.name, NAMING)
        there = found.setdefault((named.symbol, named.interval_ms), [])
        # Two whole histories may be of two markets (spot and futures), which nothing may mix.
        if there and (named.period is None or there[0][1].period is None):
            raise InvalidInput(
                str(folder),
                f"{there[0][0].name} and {file.name}",
                "one file for a symbol and timeframe, or parts of it named by month or day",
            )
        there.append((file, named))
    return {market: [file for file, _ in files] for market, files in found.items()}


def _candle_files(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise InvalidInput("candle folder", str(folder), f"a folder that can be read ({error.strerror})") from error
    return [
        entry
        for entry in entries
        if entry.name.lower().endswith(SUFFIXES)
        and not entry.name.startswith(".")
        and entry.is_file()
        and not says_no_candles(entry)
        and not _is_other_json(entry)
    ]


def _is_other_json(path: Path) -> bool:
    """Whether this is JSON for something else, as freqtrade's list of pairs: neither name nor content say candles."""
    if not path.name.lower().endswith((".json", ".json.gz")) or parsed(path) is not None:
        return False
    return not candle_json.matches(unpacked(path))


def _raw(path: Path) -> RawCandles:
    return read_content(unpacked(path), path.name)
