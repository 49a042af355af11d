"""Streams the demo market through signals, engine and exchange, and prints this process's memory."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path

from benchmarks.markets import MINUTE_MS
from trading.backtest.runner import carry_out
from trading.decision.bars import Bars
from trading.decision.params import StrategyParams
from trading.decision.precomputed import PrecomputedSignals
from trading.decision.signals import SignalStream
from trading.domain.actions import Action
from trading.domain.events import CandleClosed, ClockTick, Event, Started
from trading.engine.config import EngineConfig, Timing
from trading.engine.engine import Engine
from trading.exchange.costs import BINANCE_SPOT
from trading.exchange.simulated import SimulatedExchange
from trading.market.demo import DemoMarket, demo_instrument
from trading.market.demo_facts import DEMO_START_MS
from trading.safety.breaker import NO_BREAKER

CHUNK = 4_096
QUARTERS = 4
SYMBOL = "BTC/USDT"


def resident_mb() -> float:
    """This process's resident memory, in 10^6 bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def stream(candles: int) -> dict[str, float]:
    """Memory at the start, and the most of it up to half of the candles and up to their end, in MB.

    The most in a quarter, not what there is at a moment: the allocator gives some MB back now and then.
    """
    instruments = {SYMBOL: demo_instrument(SYMBOL)}
    signals = PrecomputedSignals(explain_holds=False)
    config = EngineConfig(
        bot_id="bench",
        instruments=instruments,
        capital=Decimal(10_000),
        record_holds=False,
        breaker=NO_BREAKER,
        timing=Timing(reconcile_ms=0),
    )
    engine = Engine(config, signals)
    exchange = SimulatedExchange(instruments, {"USDT": Decimal(10_000)}, BINANCE_SPOT)
    market = DemoMarket(1, MINUTE_MS)
    source = SignalStream(SYMBOL, MINUTE_MS, StrategyParams())
    first = DEMO_START_MS // MINUTE_MS

    def pump(events: list[Event]) -> None:
        while events:
            actions: list[Action] = [action for event in events for action in engine.handle(event)]
            engine.committed()
            events = [e for action in actions for e in carry_out(exchange, action, engine.state.now_ms)]

    pump([Started(time_ms=DEMO_START_MS, bot_id="bench")])
    start_mb = resident_mb()
    most_mb = dict.fromkeys(range(QUARTERS), 0.0)
    chunk = min(CHUNK, -(-candles // QUARTERS))
    for done in range(0, candles, chunk):
        table = market.table(SYMBOL, first + done, min(chunk, candles - done))
        bars = Bars(table.open_time_ms, table.open, table.high, table.low, table.close, table.volume)
        signals.put(source.push(bars))
        for candle in table.candles():
            pump(exchange.open_phase(candle))
            pump(exchange.range_phase(candle))
            close_ms = candle.close_time_ms
            pump([ClockTick(time_ms=close_ms), CandleClosed(time_ms=close_ms, candle=candle)])
        quarter = done * QUARTERS // candles
        most_mb[quarter] = max(most_mb[quarter], resident_mb())
    return {
        "start_mb": start_mb,
        "half_mb": most_mb[1],
        "end_mb": most_mb[3],
        "trades": engine.state.account.closed_positions if engine.state.account else 0,
    }


if __name__ == "__main__":
    print(json.dumps(stream(int(sys.argv[1]))))
