"""The two scenarios in which the bot dies at every step: made-up candles, and recorded ones."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from msgspec.structs import replace

from tests.simulation.chaos.bot import Disk
from tests.simulation.chaos.faults import MOMENT, Fault, Kind, Schedule
from tests.simulation.chaos.replay import Ending, replay
from tests.simulation.chaos.scenario import TIMING, Scenario, random_candles
from tests.support.builders import ROUND_PARAMS, D, config
from tests.support.signals import RandomSignals
from trading.decision.source import SignalSource
from trading.domain.candles import Candle
from trading.engine.config import EngineConfig
from trading.exchange.costs import BINANCE_SPOT
from trading.exchange.instruments import default_instruments
from trading.market.batches import batches
from trading.market.candle_files import load_candles
from trading.safety.breaker import NO_BREAKER
from trading.safety.checks import Limits

MADE_UP_MINUTES = 40
RECORDED_SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
RECORDED_INTERVAL_MS = 300_000
RECORDED_FROM = 13_000
RECORDED_CANDLES = 36
CAPITAL = D(10_000)
OWNED = {"BTC": D(3), "USDT": D(5_000)}
# Three positions stay clear of the limits on exposure: an entry that is placed anew after a crash is checked anew, with
# the prices of all symbols, and one at the very edge may be refused then.
LIMITS = Limits(
    max_position_notional=D(2_000), max_symbol_pct=D(30), max_strategy_pct=D(90), max_orders_per_minute=1_000
)


class Scene(NamedTuple):
    """A scenario, its strategy, and how it ends where nothing is in the way."""

    scenario: Scenario
    signals: Callable[[], SignalSource]
    undisturbed: Ending

    def play(self, *faults: Fault, log: bool = False, disk: Disk | None = None) -> Ending:
        """The same with faults; on a database of its own, if one is given."""
        return replay(self.scenario, self.signals, Schedule(seed=1, faults=faults), log=log, disk=disk)


@cache
def made_up() -> Scene:
    """Random walks; every tenth minute or so too thin for the whole order."""
    rows = random_candles(Random("crash at every step"), MADE_UP_MINUTES, calm_after=MADE_UP_MINUTES)
    settings = config(capital=CAPITAL, timing=TIMING, limits=LIMITS, breaker=NO_BREAKER, record_holds=False)
    return _scene(settings, rows, Decimal("0.1"), lambda: RandomSignals(1, enter=0.4, exit_=0.15, atr_pct=0.3))


@cache
def recorded(folder: Path) -> Scene:
    """Three hours of three symbols. So little of the volume is the bot's that its orders fill in parts now and then."""
    tables = load_candles(folder, symbols=RECORDED_SYMBOLS, interval_ms=RECORDED_INTERVAL_MS)
    parts = [table.part(slice(RECORDED_FROM, RECORDED_FROM + RECORDED_CANDLES)) for table in tables]
    decimals = {table.symbol: table.price_decimals() for table in tables}
    settings = EngineConfig(
        bot_id="bot",
        instruments=default_instruments(RECORDED_SYMBOLS, decimals),
        capital=CAPITAL,
        params=ROUND_PARAMS,
        limits=LIMITS,
        timing=TIMING,
        breaker=NO_BREAKER,
        record_holds=False,
    )
    signals = lambda: RandomSignals(1, enter=0.35, exit_=0.2, atr_pct=0.2)  # noqa: E731 - one line says it
    return _scene(settings, tuple(batches(parts)), Decimal("0.0003"), signals)


def crash(moment: int) -> Fault:
    """The bot dies at this moment, counted over all its lives."""
    return Fault(kind=Kind.CRASH, on=MOMENT, at=moment)


def _scene(
    settings: EngineConfig,
    rows: tuple[tuple[Candle, ...], ...],
    volume_share: Decimal,
    signals: Callable[[], SignalSource],
) -> Scene:
    scenario = Scenario(
        config=settings,
        costs=replace(BINANCE_SPOT, max_volume_share=volume_share),
        balances=OWNED | {"USDT": OWNED["USDT"] + CAPITAL},
        owned=OWNED,
        candles=rows,
        enter=0,
        exit=0,
        chatty=False,
        jostle=False,
    )
    return Scene(scenario, signals, replay(scenario, signals, Schedule(seed=1)))
