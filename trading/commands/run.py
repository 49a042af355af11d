"""`tradebot run`: starts the bot and stays until it is stopped."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click

from trading.commands.options import data_dir_option, debug_option
from trading.exit_codes import INTERRUPTED

if TYPE_CHECKING:
    from trading.config import Settings

EPILOG = """\b
Examples:
  tradebot run                                     (paper money, made-up market)
  tradebot run --market-data candles/ --speed max  (replay of recorded candles)
  TRADING_SYMBOLS=BTC/USDT tradebot run --seed 7
Ctrl-C or SIGTERM ends it in order; a second one ends it at once.
"""

_SETTING = {
    "market_data": "TRADING_MARKET_DATA",
    "symbols": "TRADING_SYMBOLS",
    "timeframe": "TRADING_TIMEFRAME",
    "seed": "TRADING_SEED",
    "balance": "TRADING_PAPER_BALANCE",
    "policy": "TRADING_SHUTDOWN_POLICY",
    "data_dir": "DATA_DIR",
    "log_level": "LOG_LEVEL",
    "log_format": "LOG_FORMAT",
}
"""The setting that each option stands for."""


@click.command(epilog=EPILOG)
@click.option("--market-data", metavar="DEMO|PATH", help="'demo', or a candle file or folder [TRADING_MARKET_DATA].")
@click.option("--symbols", metavar="LIST", help="What to trade: BTC/USDT,ETH/USDT [TRADING_SYMBOLS].")
@click.option("--timeframe", metavar="NAME", help="Length of a candle: 1m, 5m, 1h … [TRADING_TIMEFRAME].")
@click.option(
    "--speed",
    metavar="NUMBER|max",
    help="Demo: candles per second [TRADING_DEMO_SPEED]. Replay: factor of real time [TRADING_REPLAY_SPEED].",
)
@click.option("--seed", metavar="NUMBER", help="Which demo market [TRADING_SEED].")
@click.option("--balance", metavar="AMOUNT", help="What a new paper account begins with [TRADING_PAPER_BALANCE].")
@click.option(
    "--policy", metavar="NAME", help="Positions at the end: flatten, cancel or keep [TRADING_SHUTDOWN_POLICY]."
)
@click.option("--stop-at-end", is_flag=True, help="End with the replay instead of staying up.")
@data_dir_option
@click.option("--log-level", metavar="NAME", help="DEBUG, INFO, WARNING, ERROR or CRITICAL [LOG_LEVEL].")
@click.option("--log-format", metavar="NAME", help="auto, json or console [LOG_FORMAT].")
@click.option("--dashboard", is_flag=True, help="Serve the dashboard too, on DASHBOARD_HOST and DASHBOARD_PORT.")
@debug_option
def command(speed: str | None, stop_at_end: bool, dashboard: bool, **options: str | None) -> int:
    """Trade until stopped. Without settings: paper money on a made-up market."""
    with _interrupted_at_once():
        import asyncio

        from trading.live.assembly import make_bot
        from trading.live.beside import DashboardBeside
        from trading.live.helpers import helpers
        from trading.monitoring.logs import end_log, start_log

        settings = settings_of(options, speed)
        start_log(settings, keep=True)
        bot = make_bot(settings, stop_at_end=stop_at_end)
        beside = DashboardBeside(_given(options), bot.manager.notify) if dashboard else None
        try:
            if beside is not None:
                beside.start()
            _say_what_runs(settings, bot.feed.label, is_real=bot.feed.is_real)
            bot.port.start()
            with helpers(settings, bot.manager):
                return asyncio.run(bot.manager.run())
        finally:
            bot.port.close()
            bot.release()
            if beside is not None:
                beside.stop()
            end_log()


def _given(options: dict[str, str | None]) -> dict[str, str]:
    """By setting name, what the command line gave."""
    return {_SETTING[name]: value for name, value in options.items() if value is not None}


@contextmanager
def _interrupted_at_once() -> Iterator[None]:
    """Ctrl-C ends the process until the bot takes the signals over: it has sent nothing, and its locks end with it.

    Python's own way, a KeyboardInterrupt, can be lost: raised inside a destructor or a library's bare `except`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        os.write(2, b"interrupted\n")
        os._exit(INTERRUPTED)

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def settings_of(options: dict[str, str | None], speed: str | None) -> Settings:
    """The settings in force with these options; `speed` is that of the demo or of the replay, whichever runs."""
    from trading.config import load_settings

    overrides = _given(options)
    settings = load_settings(overrides)
    if speed is None:
        return settings
    name = "TRADING_DEMO_SPEED" if settings.is_demo else "TRADING_REPLAY_SPEED"
    return load_settings({**overrides, name: speed})


def _say_what_runs(settings: Settings, label: str, *, is_real: bool) -> None:
    """Log the settings in force (secrets masked) and what the prices are."""
    from trading import __version__
    from trading.config import NOT_SET
    from trading.monitoring.logs import get_logger

    log = get_logger(__name__)
    in_force = {line.name: line.value for line in settings.describe() if line.value != NOT_SET}
    log.info("bot.settings", version=__version__, **in_force)
    for note in settings.notes:
        log.warning("bot.setting_without_effect", note=note)
    (log.info if is_real else log.warning)("market.label", label=label)
