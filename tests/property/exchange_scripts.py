"""Random scripts for the simulated exchange: orders, cancels and candles around a price of 100."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from hypothesis import strategies as st

from trading.domain.candles import Candle
from trading.domain.events import Event, OrderFilled
from trading.domain.instruments import Instrument
from trading.domain.orders import Liquidity, OrderIntent, OrderState, OrderType, Purpose, Side, TimeInForce
from trading.exchange.costs import NO_COSTS, Costs, FeePolicy, FillAt
from trading.exchange.simulated import SimulatedExchange

MINUTE = 60_000
START = 1_000 * MINUTE
SYMBOLS = ("BTC/USDT", "ETH/USDT")
INSTRUMENTS = {
    symbol: Instrument(
        symbol=symbol,
        base=symbol[:3],
        quote="USDT",
        tick_size=Decimal("0.01"),
        lot_step=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        max_quantity=Decimal(1_000),
        min_notional=Decimal(5),
    )
    for symbol in SYMBOLS
}
BALANCES = {"USDT": Decimal(3_000), "BTC": Decimal(5), "ETH": Decimal(1), "BNB": Decimal("0.001")}
COSTS = (
    NO_COSTS,
    Costs(
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.00075"),
        half_spread_bps=Decimal(3),
        price_impact=Decimal("0.5"),
        max_volume_share=Decimal("0.1"),
        latency_ms=700,
    ),
    Costs(
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.002"),
        half_spread_bps=Decimal(0),
        price_impact=Decimal(2),
        max_volume_share=Decimal("0.25"),
        latency_ms=10_000,
        fee_policy=FeePolicy.QUOTE,
    ),
    Costs(
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
        half_spread_bps=Decimal(50),
        price_impact=Decimal(0),
        max_volume_share=None,
        fee_policy=FeePolicy.THIRD_COIN,
        fee_coin="BNB",
        fee_coin_price=Decimal(600),
        fee_discount=Decimal("0.25"),
    ),
)


class Player(Protocol):
    """What a script is played on."""

    def submit(self, intent: OrderIntent, now_ms: int) -> list[Event]: ...
    def cancel(self, client_order_id: str, symbol: str, now_ms: int) -> list[Event]: ...
    def open_phase(self, candle: Candle, /) -> list[Event]: ...
    def range_phase(self, candle: Candle, /) -> list[Event]: ...


@dataclass(frozen=True)
class Step:
    """An order, a cancel of an earlier one, or a candle, with an order or none sent between its phases."""

    now_ms: int
    order: OrderIntent | None = None
    cancel: tuple[str, str] | None = None
    candle: Candle | None = None
    between: OrderIntent | None = None


@dataclass(frozen=True)
class Script:
    """Costs, fill policy and what happens."""

    costs: Costs
    fill_at: FillAt
    steps: list[Step]


@dataclass
class Seen:
    """What a set of scripts brought about."""

    kinds: set[type] = field(default_factory=set)
    liquidity: set[Liquidity] = field(default_factory=set)
    states: set[OrderState] = field(default_factory=set)


def new_exchange(script: Script) -> SimulatedExchange:
    """A fresh exchange for the script."""
    return SimulatedExchange(INSTRUMENTS, BALANCES, script.costs, script.fill_at)


def play(player: Player, step: Step) -> list[Event]:
    """Do one step; its events in order."""
    if step.order is not None:
        return player.submit(step.order, step.now_ms)
    if step.cancel is not None:
        return player.cancel(*step.cancel, step.now_ms)
    assert step.candle is not None
    events = player.open_phase(step.candle)
    if step.between is not None:
        events += player.submit(step.between, step.now_ms)
    return events + player.range_phase(step.candle)


@st.composite
def scripts(draw: st.DrawFn, fill_at: st.SearchStrategy[FillAt] | None = None) -> Script:
    """Up to 30 steps, drawn from a seed: hypothesis varies seed and length, and shrinks the length."""
    seed, length = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 30))
    costs = draw(st.sampled_from(COSTS))
    return make_script(
        random.Random(seed), length, costs, draw(st.sampled_from(FillAt) if fill_at is None else fill_at)
    )


def make_script(chance: random.Random, length: int, costs: Costs, fill_at: FillAt) -> Script:
    """A script of `length` steps."""
    names: list[tuple[str, str]] = []
    minute = dict.fromkeys(SYMBOLS, 0)
    ticks = dict.fromkeys(SYMBOLS, 10_000)
    steps = [Step(START, candle=_candle(chance, symbol, minute, ticks)) for symbol in SYMBOLS]
    for number in range(length):
        now_ms = START + max(minute.values()) * MINUTE + chance.choice((0, 0, 0, 200, 30_000))
        symbol = chance.choice(SYMBOLS)
        kind = chance.random()
        if kind < 0.45 or (kind < 0.6 and not names):
            order = _order(chance, number, symbol, ticks[symbol], now_ms)
            names.append((order.client_order_id, symbol))
            steps.append(Step(now_ms, order=order))
        elif kind < 0.6:
            steps.append(Step(now_ms, cancel=chance.choice(names)))
        else:
            at_open = START + minute[symbol] * MINUTE
            between = None
            if chance.random() < 0.3:
                between = _order(chance, number, symbol, ticks[symbol], at_open)
                names.append((between.client_order_id, symbol))
            steps.append(Step(at_open, candle=_candle(chance, symbol, minute, ticks), between=between))
    return Script(costs, fill_at, steps)


def follow(costs: tuple[Costs, ...], seeds: int = 60) -> Seen:
    """What the scripts of the first seeds bring about."""
    seen = Seen()
    for seed in range(seeds):
        script = make_script(random.Random(seed), 30, costs[seed % len(costs)], list(FillAt)[seed % 2])
        exchange = new_exchange(script)
        for step in script.steps:
            for event in play(exchange, step):
                seen.kinds.add(type(event))
                if isinstance(event, OrderFilled):
                    seen.liquidity.add(event.fill.liquidity)
            seen.states.update(order.state for order in exchange.state().orders)
    return seen


def _candle(chance: random.Random, symbol: str, minute: dict[str, int], ticks: dict[str, int]) -> Candle:
    open_ = max(1_000, ticks[symbol] + chance.choice((0, 0, 0, 0, chance.randint(-800, 800))))
    low = max(500, open_ - chance.choice((0, chance.randint(0, 600))))
    high = open_ + chance.choice((0, chance.randint(0, 600)))
    close = chance.randint(low, high)
    ticks[symbol] = close
    open_ms = START + minute[symbol] * MINUTE
    minute[symbol] += 1
    price = [Decimal(value).scaleb(-2) for value in (open_, high, low, close)]
    volume = Decimal(chance.choice((0, 3, 40, 500, 10_000)))
    return Candle(symbol, open_ms, MINUTE, *price, volume)


def _order(chance: random.Random, number: int, symbol: str, ticks: int, now_ms: int) -> OrderIntent:
    side = chance.choice(list(Side))
    type_ = chance.choice(list(OrderType))
    away = chance.randint(-100, 500) * (1 if side is Side.BUY else -1)
    stop_price = Decimal(ticks + away).scaleb(-2) if type_ in (OrderType.STOP_MARKET, OrderType.STOP_LIMIT) else None
    price = None
    if type_ in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        near = (ticks + away) if stop_price is not None else ticks
        price = Decimal(near + chance.randint(-300, 300)).scaleb(-2)
    return OrderIntent(
        client_order_id=f"{number:032x}",
        position_id="position",
        symbol=symbol,
        side=side,
        type=type_,
        quantity=Decimal(chance.choice((chance.randint(1, 500), chance.randint(500, 20_000)))).scaleb(-3),
        purpose=Purpose.ENTRY,
        created_ms=now_ms,
        price=price,
        stop_price=stop_price,
        time_in_force=chance.choice(list(TimeInForce)) if price is not None else TimeInForce.GTC,
        post_only=type_ is OrderType.LIMIT and chance.random() < 0.2,
    )
