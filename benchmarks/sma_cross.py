"""SMA 20/50, long only, one unit, filled at the close, fee 0.1 %: the engine beside a naked loop and two libraries."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from decimal import Decimal
from functools import partial

import numpy as np
import talib

from benchmarks.markets import INSTRUMENT, SYMBOL, random_walk
from benchmarks.rows import Row, fastest, fastest_in_turns
from trading.backtest.runner import BacktestRunner
from trading.decision.sma_cross import SmaCross, cross_verdicts
from trading.decision.voting import VERDICTS
from trading.domain.decisions import Verdict
from trading.engine.config import EngineConfig, Timing
from trading.exchange.costs import Costs, FeePolicy, FillAt
from trading.exchange.simulated import SimulatedExchange
from trading.market.candle_table import CandleTable
from trading.safety.breaker import NO_BREAKER
from trading.safety.checks import Limits

CASH = 1_000_000
FEE = Decimal("0.001")
FAST, SLOW = 20, 50
ROUNDS = 7
ENTER, LEAVE = VERDICTS.index(Verdict.ENTER_LONG), VERDICTS.index(Verdict.EXIT)
COSTS = Costs(
    maker_fee=FEE,
    taker_fee=FEE,
    half_spread_bps=Decimal(0),
    price_impact=Decimal(0),
    max_volume_share=None,
    fee_policy=FeePolicy.QUOTE,
)
CONFIG = EngineConfig(
    bot_id="bench",
    instruments={SYMBOL: INSTRUMENT},
    capital=Decimal(CASH),
    fixed_quantity=Decimal(1),
    protect=False,
    record_holds=False,
    breaker=NO_BREAKER,
    timing=Timing(reconcile_ms=0),
    limits=Limits(max_position_notional=Decimal(CASH)),
)


def engine(table: CandleTable, *, every_candle: bool = True) -> float:
    """Through `Engine.handle`, with the simulated exchange; the final equity.

    Without `every_candle`, as `tradebot backtest` does it: candles that would change nothing are not handed over
    (`tests/property/test_backtest_skipping.py` shows that they would not).
    """
    exchange = SimulatedExchange({SYMBOL: INSTRUMENT}, {"USDT": Decimal(CASH)}, COSTS, FillAt.CLOSE)
    signals = SmaCross(SYMBOL, table.open_time_ms, table.close, fast=FAST, slow=SLOW)
    rows = {}
    if not every_candle:
        codes = _codes(table)
        rows = {"entry_rows": {SYMBOL: codes == ENTER}, "exit_rows": {SYMBOL: codes == LEAVE}}
    runner = BacktestRunner([table], CONFIG, exchange, signals, **rows)
    runner.run(close_at_end=False)
    return float(runner.engine.equity())


def naked_loop(table: CandleTable) -> float:
    """The same in floats, without orders, checks or books."""
    codes = _codes(table).tolist()
    cash, held, fee = float(CASH), 0.0, float(FEE)
    price = 0.0
    for code, price in zip(codes, table.close.tolist(), strict=True):
        if code == ENTER and not held:
            held, cash = 1.0, cash - price * (1 + fee)
        elif code == LEAVE and held:
            held, cash = 0.0, cash + price * (1 - fee)
    return cash + held * price


def backtesting_py(table: CandleTable) -> float:
    """backtesting.py: one strategy over a data frame."""
    import pandas as pd
    from backtesting import Backtest, Strategy

    frame = pd.DataFrame(
        {name.title(): getattr(table, name) for name in ("open", "high", "low", "close", "volume")},
        index=pd.to_datetime(table.open_time_ms, unit="ms"),
    )

    class Cross(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            self.fast = self.I(talib.SMA, table.close, FAST)
            self.slow = self.I(talib.SMA, table.close, SLOW)

        def next(self) -> None:
            fast, slow = self.fast, self.slow
            # Its own `crossover` overlooks a cross that begins with equal averages.
            if fast[-1] > slow[-1]:
                if not fast[-2] > slow[-2] and not self.position:
                    self.buy(size=1)
            elif fast[-1] < slow[-1] and not fast[-2] < slow[-2]:
                self.position.close()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        test = Backtest(frame, Cross, cash=CASH, commission=float(FEE), trade_on_close=True, finalize_trades=False)
        return float(test.run()["Equity Final [$]"])


def vectorbt(table: CandleTable) -> float:
    """vectorbt: entries and exits as arrays, matched by compiled code."""
    import vectorbt as vbt

    codes = _codes(table)
    portfolio = vbt.Portfolio.from_signals(
        table.close, codes == ENTER, codes == LEAVE, size=1.0, fees=float(FEE), init_cash=float(CASH)
    )
    return float(portfolio.value().iloc[-1])


def _codes(table: CandleTable) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    return cross_verdicts(talib.SMA(table.close, FAST), talib.SMA(table.close, SLOW))


def flat_at_the_end(candles: int) -> CandleTable:
    """The first seed's market in which the last cross is a sale.

    What is still held at the end is valued differently: backtesting.py already takes the fee of its sale off.
    """
    for seed in itertools.count(7):
        table = random_walk(candles, seed)
        crosses = [code for code in _codes(table).tolist() if code in (ENTER, LEAVE)]
        if crosses and crosses[-1] == LEAVE:
            return table
    raise AssertionError("unreachable")


PEERS: dict[str, Callable[[CandleTable], float]] = {
    "naked Python loop": naked_loop,
    "backtesting.py": backtesting_py,
    "vectorbt": vectorbt,
}


def measure(candles: int) -> list[Row]:
    """Candles a second of the engine and of each peer that is installed. Raises unless all end at the same cent."""
    table = flat_at_the_end(candles)
    every_s, equity = fastest(lambda: engine(table), 2)
    missing: dict[str, str | None] = {}
    runs: dict[str, Callable[[], float]] = {"engine": partial(engine, table, every_candle=False)}
    for name, peer in PEERS.items():
        try:
            peer(table)  # once for imports and compilation, which are not what is compared
        except ImportError as error:
            missing[name] = error.name
        else:
            runs[name] = partial(peer, table)
    taken = fastest_in_turns(runs, ROUNDS)
    own_s, same = taken["engine"]
    if same != equity:
        raise AssertionError(f"{equity} with every candle, {same} without those that change nothing")
    for name, (_, theirs) in taken.items():
        if abs(theirs - equity) >= 0.005:
            raise AssertionError(f"{name} ends at {theirs:.4f}, the engine at {equity:.4f}")
    rows = [
        Row("SMA cross, Engine.handle, every candle handed over", candles / every_s, "candles/s"),
        Row("SMA cross, Engine.handle, as `backtest` runs it", candles / own_s, "candles/s"),
    ]
    for name in PEERS:
        if name in missing:
            beside = f"not installed ({missing[name]})"
            rows.append(Row(f"SMA cross, {name}", float("nan"), "candles/s", beside=beside))
            continue
        peer_s = taken[name][0]
        ratio = peer_s / own_s
        judged = name == "backtesting.py"
        rows.append(
            Row(
                f"SMA cross, {name}",
                candles / peer_s,
                "candles/s",
                beside=f"engine {ratio:.2f} x as fast ({peer_s / every_s:.2f} x with every candle); same equity",
                goal="engine ≥ 4 x (required ≥ 1 x)" if judged else "",
                met=ratio >= 4 if judged else None,
            )
        )
    return rows
