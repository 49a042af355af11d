"""Looks whether the places that the settings name can be used: folders, key files, database, candles. Only looks."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from trading.config import Examined, Settings
from trading.domain.errors import TradingError

FREE_BYTES_MIN = 2 * 1024**3
"""Less free space is told: what the database of a year of ten symbols may take."""

OTHERS = stat.S_IRGRP | stat.S_IROTH


@dataclass(frozen=True)
class PlaceCheck:
    """One place: the setting that names it, where it is, whether it can be used, and what was found."""

    setting: str
    place: str
    usable: bool
    found: str


def check_places(examined: Examined) -> Iterator[PlaceCheck]:
    """Every place that the settings name, each as it is looked at; not those whose settings are at fault anyway."""
    settings = examined.settings
    broken = {problem.setting for problem in examined.problems}
    if "DATA_DIR" not in broken:
        yield check_folder("DATA_DIR", settings.data_dir)
    if "MODEL_DIR" not in broken:
        yield check_folder("MODEL_DIR", settings.model_dir)
    for name, given in examined.gathered.values.items():
        if given.file is not None:
            yield check_key_file(f"{name}_FILE", given.file)
    if not broken & {"DATABASE_URL", "DATABASE_URL_FILE", "DATA_DIR"}:
        yield check_database(settings)
    if not broken & {"TRADING_MARKET_DATA", "TRADING_SYMBOLS", "TRADING_TIMEFRAME"}:
        yield check_candles(settings)


def check_folder(name: str, path: Path) -> PlaceCheck:
    """Whether the folder is there and writable, or can be made; and the free space of its disk."""
    nearest = path.absolute()
    try:
        while not nearest.exists():
            nearest = nearest.parent
        is_there = nearest == path.absolute()
        if not nearest.is_dir():
            return PlaceCheck(name, str(path), False, f"{nearest} is not a folder; move it away or set {name}")
        if not os.access(nearest, os.W_OK | os.X_OK):
            what = "it" if is_there else str(nearest)
            return PlaceCheck(name, str(path), False, f"this user may not write to {what}; change that or set {name}")
        free = shutil.disk_usage(nearest).free
    except OSError as error:
        return PlaceCheck(name, str(path), False, f"cannot be looked at ({error.strerror}); set {name} to another")
    found = "there and writable" if is_there else "not there yet, can be made"
    few = f", less than the {FREE_BYTES_MIN / 1e9:.1f} GB that a year may need" if free < FREE_BYTES_MIN else ""
    return PlaceCheck(name, str(path), True, f"{found}, {free / 1e9:.1f} GB free{few}")


def check_key_file(name: str, path: Path) -> PlaceCheck:
    """Whether others than its owner may read a file with a secret. That it can be read is known: its secret was."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        return PlaceCheck(name, str(path), False, f"cannot be looked at ({error.strerror})")
    others = f"; its mode {mode:03o} lets others read it, `chmod 600` keeps it to you" if mode & OTHERS else ""
    return PlaceCheck(name, str(path), True, f"readable{others}")


def check_database(settings: Settings) -> PlaceCheck:
    """Whether the database opens for reading. None yet, or one of an older version, is what `run` sees to."""
    from trading.store.errors import NoDatabaseYet, OlderSchema
    from trading.store.files import database_path, network_file_system
    from trading.store.queries import Queries

    address = urlsplit(settings.database)
    if not address.hostname and (kind := network_file_system(database_path(settings.database))):
        found = f"on a network file system ({kind}), where SQLite can lose data; put DATA_DIR on a local disk"
        return PlaceCheck("DATABASE_URL", str(settings.data_dir), False, found)
    place = f"{address.hostname}{address.path}" if address.hostname else settings.database.partition(":///")[2]
    try:
        queries = Queries.open(settings.database)
    except NoDatabaseYet:
        return PlaceCheck("DATABASE_URL", place, True, "none yet: the first `tradebot run` makes it")
    except OlderSchema:
        return PlaceCheck("DATABASE_URL", place, True, "of an older version: the next `tradebot run` updates it")
    except TradingError as error:
        return PlaceCheck("DATABASE_URL", place, False, str(error))
    try:
        status = queries.status()
    except TradingError as error:
        return PlaceCheck("DATABASE_URL", place, False, str(error))
    finally:
        queries.close()
    latched = "; the kill switch is set" if status.kill.active else ""
    halted = f"; halted: {status.safety.halted}" if status.safety.halted else ""
    return PlaceCheck("DATABASE_URL", place, True, f"opens{latched}{halted}")


def check_candles(settings: Settings) -> PlaceCheck:
    """Whether the candles that would be traded can be read, all of them."""
    if settings.is_demo:
        return PlaceCheck("TRADING_MARKET_DATA", "demo", True, "made up, reads nothing")
    from trading.live.assembly import make_feed

    try:
        feed = make_feed(settings)
    except TradingError as error:
        return PlaceCheck("TRADING_MARKET_DATA", settings.market_data, False, str(error))
    return PlaceCheck("TRADING_MARKET_DATA", settings.market_data, True, f"readable: {', '.join(feed.symbols)}")
