"""One coin pair with round rules; candles, signals and fills in a line each."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from trading.decision.params import StrategyParams
from trading.domain.candles import Candle
from trading.domain.decisions import Signal, Verdict
from trading.domain.instruments import Instrument
from trading.engine.config import EngineConfig
from trading.safety.breaker import BreakerLimits
from trading.safety.checks import Limits

D = Decimal
MINUTE = 60_000
T0 = 1_000_000 * MINUTE
BOT = "bot"

BTC = Instrument(
    symbol="BTC/USDT",
    base="BTC",
    quote="USDT",
    tick_size=D("0.01"),
    lot_step=D("0.001"),
    min_quantity=D("0.001"),
    max_quantity=D(100),
    min_notional=D(5),
)
ETH = replace(BTC, symbol="ETH/USDT", base="ETH")
DOGE = Instrument(
    symbol="DOGE/USDT",
    base="DOGE",
    quote="USDT",
    tick_size=D("0.00001"),
    lot_step=D(1),
    min_quantity=D(1),
    max_quantity=D(1_000_000),
    min_notional=D(5),
)
INSTRUMENTS = {instrument.symbol: instrument for instrument in (BTC, ETH, DOGE)}

# Whole numbers: an ATR of 2 puts the stop 2 below the entry price, the target 6 above, the trailing stop 4 behind.
ROUND_PARAMS = StrategyParams(
    risk_per_trade_pct=D(5),
    stop_atr_multiple=D(1),
    target_atr_multiple=D(3),
    trail_atr_multiple=D(2),
    slippage_reserve_pct=D(0),
)
# A breaker that never trips, for runs that must lose money freely.
NEVER = 1_000_000
NO_BREAKER = BreakerLimits(
    daily_drawdown_pct=D(100),
    weekly_drawdown_pct=D(100),
    total_drawdown_pct=D(100),
    losing_streak=NEVER,
    losses_per_hour=NEVER,
    order_failures=NEVER,
    api_errors_per_minute=NEVER,
)
WIDE_LIMITS = Limits(max_position_notional=D(5_000), max_symbol_pct=D(60), max_orders_per_minute=1_000)


def config(**changes: object) -> EngineConfig:
    """10,000 USDT, round parameters, at most 1,000 a position; periodic reconciliation as it is by default."""
    fields: dict[str, object] = {
        "bot_id": BOT,
        "instruments": INSTRUMENTS,
        "capital": D(10_000),
        "params": ROUND_PARAMS,
    }
    return EngineConfig(**(fields | changes))  # type: ignore[arg-type]


def candle(
    minute: int,
    close: str,
    *,
    open_: str | None = None,
    high: str | None = None,
    low: str | None = None,
    volume: str = "1000000",
    symbol: str = BTC.symbol,
) -> Candle:
    """The candle that opens `minute` minutes after `T0`; without more it stays at its close."""
    prices = [D(p) for p in (open_ or close, close, *(p for p in (high, low) if p))]
    return Candle(
        symbol, T0 + minute * MINUTE, MINUTE, D(open_ or close), max(prices), min(prices), D(close), D(volume)
    )


def signal(verdict: Verdict, atr: float = 2.0) -> Signal:
    """A signal without votes."""
    score = {Verdict.ENTER_LONG: 0.8, Verdict.EXIT: -0.8, Verdict.HOLD: 0.0}[verdict]
    return Signal(verdict=verdict, score=score, confidence=0.9, regime="trend", atr=atr)


ENTER = signal(Verdict.ENTER_LONG)
EXIT = signal(Verdict.EXIT)
HOLD = signal(Verdict.HOLD)
