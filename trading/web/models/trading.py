"""Positions, orders, fills, trades and the series that charts show."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from trading.commands.output import rounded
from trading.domain.candles import Candle
from trading.domain.instruments import ZERO
from trading.domain.orders import Fill, Order
from trading.domain.positions import Correction, Position
from trading.store.batch import EquityPoint
from trading.web.models.base import Exact, Model, Time, maybe_moment, moment

ID_EXAMPLE = "0123456789abcdef0123456789abcdef"


class PositionView(Model):
    """A position at the last price. Its id is also that of the decision that opened it."""

    id: str = Field(examples=[ID_EXAMPLE])
    symbol: str = Field(examples=["BTC/USDT"])
    side: str = Field(examples=["long"])
    state: str = Field(description="entering, open, closing or closed", examples=["open"])
    opened_at: Time
    opened_ms: int = Field(description="the same in UTC ms, for charts", examples=[1748781000000])
    decision_price: Exact = Field(description="the price that the decision saw")
    quantity: Exact = Field(description="what is held, in base")
    average_entry: Exact | None = Field(description="null before the first fill")
    price: Exact | None = Field(description="the last price; null before the first candle")
    value: Exact | None = Field(description="quantity at the last price, in quote")
    profit: Exact | None = Field(description="after fees and funding, in quote")
    profit_pct: Exact | None = Field(description="of what it cost")
    fees: Exact
    funding: Exact
    stop_price: Exact | None
    target_price: Exact | None
    trail_distance: Exact | None
    open_risk: Exact | None = Field(description="what is lost from the last price to the stop, in quote")
    unprotected_since: Time | None = Field(description="since when more than dust has no stop at the exchange")
    exit_reason: str = Field(description="set once an exit has been decided", examples=[""])

    @classmethod
    def of(cls, position: Position, price: Decimal | None) -> PositionView:
        """The position at this price."""
        known = price if position.quantity else ZERO
        profit = None if known is None else position.net_profit(known)
        return cls(
            id=position.id,
            symbol=position.symbol,
            side=position.side,
            state=_state_of(position),
            opened_at=moment(position.opened_ms),
            opened_ms=position.opened_ms,
            decision_price=position.decision_price,
            quantity=position.quantity,
            average_entry=rounded(position.average_entry) if position.bought else None,
            price=price,
            value=None if known is None else position.quantity * known,
            profit=profit,
            profit_pct=_percent_of(profit, position.cost),
            fees=position.fees,
            funding=position.funding,
            stop_price=position.stop_price,
            target_price=position.target_price,
            trail_distance=position.trail_distance,
            open_risk=open_risk(position, price),
            unprotected_since=maybe_moment(position.unprotected_since_ms),
            exit_reason=position.exit_reason,
        )


class OrderView(Model):
    """An order and all that is known of it."""

    id: str = Field(description="the client order id", examples=[ID_EXAMPLE])
    exchange_order_id: str | None = Field(examples=["17"])
    position_id: str = Field(examples=[ID_EXAMPLE])
    symbol: str = Field(examples=["BTC/USDT"])
    side: str = Field(examples=["buy"])
    type: str = Field(examples=["market"])
    purpose: str = Field(description="entry, stop or exit", examples=["entry"])
    state: str = Field(examples=["filled"])
    is_live: bool = Field(description="whether it may rest at the exchange")
    is_in_doubt: bool = Field(description="its outcome, or trades of it, are not known; `resolve` lets a person decide")
    quantity: Exact
    filled_quantity: Exact
    average_price: Exact | None = Field(description="of the fills; null before the first")
    price: Exact | None = Field(description="of a limit order")
    stop_price: Exact | None = Field(description="of a stop order")
    time_in_force: str = Field(examples=["gtc"])
    reduces: bool = Field(description="it can only make a position smaller")
    reason: str = Field(description="why the bot placed it", examples=["trend and momentum agree"])
    created_at: Time
    created_ms: int = Field(examples=[1748781000000])
    updated_at: Time
    cancel_requested_at: Time | None
    code: str = Field(description="of a refusal", examples=[""])
    message: str = Field(description="of a refusal or a doubt", examples=[""])

    @classmethod
    def of(cls, order: Order) -> OrderView:
        """The order."""
        intent, filled = order.intent, order.filled_quantity
        return cls(
            id=order.id,
            exchange_order_id=order.exchange_order_id,
            position_id=intent.position_id,
            symbol=intent.symbol,
            side=intent.side,
            type=intent.type,
            purpose=intent.purpose,
            state=order.state,
            is_live=order.is_live,
            is_in_doubt=order.is_in_doubt,
            quantity=intent.quantity,
            filled_quantity=filled,
            average_price=rounded(order.filled_notional / filled) if filled else None,
            price=intent.price,
            stop_price=intent.stop_price,
            time_in_force=intent.time_in_force,
            reduces=intent.reduces,
            reason=intent.reason,
            created_at=moment(intent.created_ms),
            created_ms=intent.created_ms,
            updated_at=moment(order.updated_ms),
            cancel_requested_at=maybe_moment(order.cancel_requested_ms),
            code=order.code,
            message=order.message,
        )


class FillView(Model):
    """One trade of one order, as the exchange reported it."""

    trade_id: str = Field(examples=["12"])
    order_id: str = Field(examples=[ID_EXAMPLE])
    symbol: str = Field(examples=["BTC/USDT"])
    side: str = Field(examples=["buy"])
    price: Exact
    quantity: Exact
    fee: Exact = Field(description="in units of fee_coin")
    fee_coin: str = Field(examples=["USDT"])
    liquidity: str = Field(examples=["taker"])
    time: Time
    time_ms: int = Field(examples=[1748781000000])

    @classmethod
    def of(cls, fill: Fill) -> FillView:
        """The fill."""
        return cls(
            trade_id=fill.trade_id,
            order_id=fill.client_order_id,
            symbol=fill.symbol,
            side=fill.side,
            price=fill.price,
            quantity=fill.quantity,
            fee=fill.fee,
            fee_coin=fill.fee_coin,
            liquidity=fill.liquidity,
            time=moment(fill.time_ms),
            time_ms=fill.time_ms,
        )


class TradeView(Model):
    """A finished trade: a position that was opened and closed. Its id is also that of the decision that opened it."""

    id: str = Field(examples=[ID_EXAMPLE])
    symbol: str = Field(examples=["BTC/USDT"])
    side: str = Field(examples=["long"])
    opened_at: Time
    opened_ms: int = Field(examples=[1748781000000])
    closed_at: Time
    closed_ms: int = Field(examples=[1748784600000])
    decision_price: Exact
    quantity: Exact = Field(description="what was bought, in base")
    average_entry: Exact
    average_exit: Exact
    cost: Exact
    proceeds: Exact
    fees: Exact
    funding: Exact
    profit: Exact = Field(description="after fees and funding, in quote")
    profit_pct: Exact = Field(description="of what it cost")
    exit_reason: str = Field(examples=["target reached"])

    @classmethod
    def of(cls, position: Position) -> TradeView:
        """The closed position."""
        closed_ms = position.closed_ms or 0
        profit = position.net_profit(ZERO)
        return cls(
            id=position.id,
            symbol=position.symbol,
            side=position.side,
            opened_at=moment(position.opened_ms),
            opened_ms=position.opened_ms,
            closed_at=moment(closed_ms),
            closed_ms=closed_ms,
            decision_price=position.decision_price,
            quantity=position.bought,
            average_entry=rounded(position.average_entry),
            average_exit=rounded(position.average_exit),
            cost=position.cost,
            proceeds=position.proceeds,
            fees=position.fees,
            funding=position.funding,
            profit=profit,
            profit_pct=_percent_of(profit, position.cost) or ZERO,
            exit_reason=position.exit_reason,
        )


class CorrectionView(Model):
    """A change of a position that no fill explains."""

    id: str
    position_id: str = Field(examples=[ID_EXAMPLE])
    symbol: str = Field(examples=["BTC/USDT"])
    kind: str = Field(examples=["base_fee"])
    quantity: Exact = Field(description="added to the position, in base")
    cost: Exact = Field(description="added to its cost, in quote")
    cash: Exact = Field(description="added to the account's cash, in quote")
    time: Time
    note: str = Field(examples=[""])

    @classmethod
    def of(cls, correction: Correction) -> CorrectionView:
        """The correction."""
        return cls(
            id=correction.id,
            position_id=correction.position_id,
            symbol=correction.symbol,
            kind=correction.kind,
            quantity=correction.quantity,
            cost=correction.cost,
            cash=correction.cash,
            time=moment(correction.time_ms),
            note=correction.note,
        )


class PositionDetail(Model):
    """A position, open or closed, with everything that belongs to it."""

    position: PositionView
    trade: TradeView | None = Field(description="null while it is open")
    orders: list[OrderView] = Field(description="newest first")
    fills: list[FillView] = Field(description="oldest first")
    corrections: list[CorrectionView] = Field(description="oldest first")


class EquityView(Model):
    """What the bot was worth at one moment: equity = cash + exposure - fees paid from outside, in quote."""

    time_ms: int = Field(examples=[1748781000000])
    equity: Exact
    cash: Exact
    exposure: Exact

    @classmethod
    def of(cls, point: EquityPoint) -> EquityView:
        """The point."""
        return cls(time_ms=point.time_ms, equity=point.equity, cash=point.cash, exposure=point.exposure)


class CandleView(Model):
    """One candle; `time_ms` is its open time."""

    time_ms: int = Field(examples=[1748781000000])
    open: Exact
    high: Exact
    low: Exact
    close: Exact
    volume: Exact

    @classmethod
    def of(cls, candle: Candle) -> CandleView:
        """The candle."""
        return cls(
            time_ms=candle.open_time_ms,
            open=candle.open,
            high=candle.high,
            low=candle.low,
            close=candle.close,
            volume=candle.volume,
        )


class CandleSeries(Model):
    """Candles of one symbol, oldest first."""

    symbol: str = Field(examples=["BTC/USDT"])
    timeframe: str = Field(examples=["5m"])
    interval_ms: int = Field(examples=[300000])
    items: list[CandleView]


class EquitySeries(Model):
    """Equity, oldest first: the last point of each `step_ms`."""

    quote: str | None = Field(examples=["USDT"])
    step_ms: int = Field(examples=[60000])
    items: list[EquityView]


def _state_of(position: Position) -> str:
    if position.is_closed:
        return "closed"
    return "closing" if position.exit_reason else "open" if position.bought else "entering"


def open_risk(position: Position, price: Decimal | None) -> Decimal | None:
    """What is lost if the price falls from here to the stop, in quote; None where either is not known."""
    if not position.quantity:
        return ZERO
    if price is None or position.stop_price is None:
        return None
    return max(ZERO, (price - position.stop_price) * position.quantity)


def _percent_of(profit: Decimal | None, cost: Decimal) -> Decimal | None:
    return rounded(profit / cost * 100) if profit is not None and cost else None
