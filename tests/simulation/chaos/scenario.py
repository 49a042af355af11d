"""What a seed decides besides the faults: the market, the costs, the account, how eager the strategy is."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import msgspec
from msgspec.structs import replace

from tests.simulation.chaos.faults import MINUTE, Fault, Kind
from tests.support.builders import BTC, DOGE, ETH, T0, WIDE_LIMITS, D, config
from tests.support.builders import MINUTE as MINUTE_MS
from tests.support.signals import RandomSignals
from trading.decision.source import SignalSource
from trading.domain.candles import Candle
from trading.domain.decisions import Signal
from trading.domain.instruments import Instrument
from trading.engine.config import EngineConfig, Timing
from trading.exchange.costs import BINANCE_SPOT, Costs, FeePolicy
from trading.safety.breaker import NO_BREAKER, BreakerLimits

NOISE_MINUTES = 8
SETTLE_MINUTES = 5
"""Longer than the longest wait between two tries of a refused exit and one periodic reconciliation together."""
CLOSE_MINUTES = 3
MINUTES = 1 + NOISE_MINUTES + SETTLE_MINUTES + CLOSE_MINUTES
TIMING = Timing(reconcile_ms=60_000)

_START = {BTC.symbol: D(100), ETH.symbol: D(50), DOGE.symbol: D("0.1")}
_PLENTY = D(10_000_000)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One run's surroundings.

    candles: by minute, one a symbol, sorted by symbol. owned: what of each coin is the owner's and not the bot's.
    chatty: the exchange tells by its stream what it has answered already. jostle: requests of a round overtake another.
    """

    config: EngineConfig
    costs: Costs
    balances: dict[str, Decimal]
    owned: dict[str, Decimal]
    candles: tuple[tuple[Candle, ...], ...]
    enter: float
    exit: float
    chatty: bool
    jostle: bool


class QuietLater:
    """Random signals that hold back from `until_ms` on, so that what is under way can come to its end."""

    def __init__(self, seed: int, scenario: Scenario, until_ms: int) -> None:
        self._signals = RandomSignals(seed, enter=scenario.enter, exit_=scenario.exit, atr_pct=0.6)
        self._until_ms = until_ms

    def on_candle(self, candle: Candle) -> Signal | None:
        """See `SignalSource`."""
        return self._signals.on_candle(candle) if candle.open_time_ms < self._until_ms else None


def signals_of(seed: int, scenario: Scenario) -> SignalSource:
    """The strategy of a run: no entries and exits after the noise."""
    return QuietLater(seed, scenario, T0 + NOISE_MINUTES * MINUTE_MS)


def scenario_of(seed: int, faults: tuple[Fault, ...]) -> Scenario:
    """The surroundings of the run with this seed. The faults that strike the market are in its candles."""
    rng = Random(f"scenario|{seed}")
    small = rng.random() < 0.15
    capital = D(40) if small else D(10_000)
    policy = rng.choice((FeePolicy.RECEIVED, FeePolicy.RECEIVED, FeePolicy.QUOTE, FeePolicy.THIRD_COIN))
    third = {"fee_coin": "BNB", "fee_coin_price": D(600)} if policy is FeePolicy.THIRD_COIN else {}
    owned = {BTC.base: D(3), DOGE.base: D(7), "USDT": D(5_000)}
    balances = owned | {"USDT": owned["USDT"] + capital}
    if third:
        balances["BNB"] = D(1) if rng.random() < 0.5 else D("0.001")
    most = D(12) if small else D(2_000)
    limits = replace(WIDE_LIMITS, max_position_notional=most, max_symbol_pct=D(30))
    return Scenario(
        config=config(
            capital=capital,
            timing=TIMING,
            limits=limits,
            breaker=BreakerLimits() if rng.random() < 0.4 else NO_BREAKER,
            stale_after_interval_ms=MINUTE_MS,
            record_holds=False,
        ),
        costs=replace(BINANCE_SPOT, fee_policy=policy, latency_ms=rng.choice((0, 50, 100)), **third),
        balances=balances,
        owned=owned,
        candles=random_candles(rng, MINUTES, faults, small=small),
        enter=rng.choice((0.3, 0.5, 0.8)),
        exit=rng.choice((0.05, 0.15, 0.3)),
        chatty=rng.random() < 0.4,
        jostle=rng.random() < 0.4,
    )


def random_candles(
    rng: Random, minutes: int, faults: tuple[Fault, ...] = (), *, small: bool = False, calm_after: int = NOISE_MINUTES
) -> tuple[tuple[Candle, ...], ...]:
    """Random walks of three symbols by minute, with the gaps and thin minutes of `faults`; plenty of volume at last."""
    gaps = {f.at: f.seconds for f in faults if f.kind is Kind.GAP and f.on == MINUTE}
    thin = {f.at + i for f in faults if f.kind is Kind.THIN and f.on == MINUTE for i in range(f.times)}
    sigma = rng.choice((0.001, 0.003, 0.008))
    prices = dict(_START)
    rows = []
    for minute in range(minutes):
        calm = minute > calm_after
        row = []
        for instrument in (BTC, DOGE, ETH):
            last = prices[instrument.symbol]
            jump = 1 - gaps.get(minute, 0) / 100
            open_ = _price(instrument, float(last) * jump)
            walk = [float(open_)]
            for _ in range(4):
                walk.append(walk[-1] * (1 + rng.gauss(0, sigma / 2)))
            close = _price(instrument, walk[-1])
            high = max(open_, close, _price(instrument, max(walk)))
            low = min(open_, close, _price(instrument, min(walk)))
            volume = _volume(rng, small=small) / last
            volume = D(round(volume)) + 1 if not calm else _PLENTY
            if minute in thin:
                volume = D(0) if rng.random() < 0.5 else instrument.lot_step * 20
            row.append(Candle(instrument.symbol, T0 + minute * MINUTE_MS, MINUTE_MS, open_, high, low, close, volume))
            prices[instrument.symbol] = close
        rows.append(tuple(sorted(row, key=lambda candle: candle.symbol)))
    return tuple(rows)


def _volume(rng: Random, *, small: bool) -> Decimal:
    """Turnover of a minute in quote: mostly plenty, now and then so little that an order fills in parts."""
    if rng.random() < 0.75:
        return _PLENTY
    return D(rng.randrange(20, 200) if small else rng.randrange(500, 15_000))


def _price(instrument: Instrument, value: float) -> Decimal:
    return max(instrument.price_nearest(D(repr(round(value, 10)))), instrument.tick_size)
