"""Carries fills, triggers, expiries and cancels out on the books, and says so in events."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from trading.domain.events import Event, OrderCanceled, OrderFilled, OrderTriggered
from trading.domain.instruments import ZERO
from trading.domain.orders import Fill, Liquidity, OrderState, OrderType, Side, TimeInForce
from trading.exchange.books import Book, Books
from trading.exchange.costs import Costs, FeePolicy
from trading.exchange.matching import has_limit, is_worse, limit_price_of
from trading.exchange.records import SimOrder

_ONE = Decimal(1)


class _Deal(NamedTuple):
    quantity: Decimal
    price: Decimal
    liquidity: Liquidity


class Execution:
    """What can happen to an accepted order. Every method appends its events to the list it is given."""

    def __init__(self, books: Books, costs: Costs) -> None:
        self._books = books
        self._costs = costs

    def trigger(self, book: Book, order: SimOrder, base: Decimal, time_ms: int, events: list[Event]) -> None:
        """The stop price is reached while the market is at `base`: from now on a market or a limit order."""
        order.triggered = True
        order.updated_ms = time_ms
        self._books.touch(order)
        events.append(OrderTriggered(time_ms=time_ms, client_order_id=order.intent.client_order_id))
        self.take(book, order, base, time_ms, events)

    def take(
        self, book: Book, order: SimOrder, base: Decimal, time_ms: int, events: list[Event], *, any_volume: bool = False
    ) -> None:
        """Trade with the market around `base`, as a taker.

        A price that spread and impact push beyond the limit fills nothing. What a buy cannot pay for expires; so does
        the rest of an immediate-or-cancel order. `any_volume` lifts the bound on the candle's volume.
        """
        intent = order.intent
        quantity = order.remaining if any_volume else self._available(book, order.remaining)
        if intent.time_in_force is TimeInForce.FOK and quantity < order.remaining:
            self.expire(order, time_ms, events)
            return
        price = self._taker_price(book, intent.side, base, quantity)
        short = False
        if has_limit(intent):
            if is_worse(intent.side, price, limit_price_of(intent)):
                quantity = ZERO
        elif intent.side is Side.BUY:
            payable = self._payable(book, order, price)
            if payable < quantity:
                short, quantity = True, payable
                price = self._taker_price(book, intent.side, base, quantity)
        if quantity > 0:
            self._fill(book, order, _Deal(quantity, price, Liquidity.TAKER), time_ms, events)
        if order.state.is_final:
            return
        if short or intent.time_in_force is not TimeInForce.GTC:
            self.expire(order, time_ms, events)
        elif order.arriving and intent.type is not OrderType.MARKET:
            order.arriving = False
            self._books.touch(order)

    def fill_resting(self, book: Book, order: SimOrder, time_ms: int, events: list[Event]) -> None:
        """The market has traded through a limit order that rested: it fills at its own price, as a maker."""
        quantity = self._available(book, order.remaining)
        if quantity > 0:
            deal = _Deal(quantity, limit_price_of(order.intent), Liquidity.MAKER)
            self._fill(book, order, deal, time_ms, events)

    def expire(self, order: SimOrder, time_ms: int, events: list[Event]) -> None:
        """The exchange ends the order by the order type's rules."""
        self._end(order, OrderState.EXPIRED, time_ms, events)

    def cancel(self, order: SimOrder, time_ms: int, events: list[Event]) -> None:
        """The owner ends the order."""
        self._end(order, OrderState.CANCELED, time_ms, events)

    def _end(self, order: SimOrder, state: OrderState, time_ms: int, events: list[Event]) -> None:
        self._books.ledger.lock(order.lock_coin, -order.locked)
        order.locked = ZERO
        self._books.finish(order, state, time_ms)
        events.append(
            OrderCanceled(
                time_ms=time_ms,
                client_order_id=order.intent.client_order_id,
                filled_quantity=order.filled,
                expired=state is OrderState.EXPIRED,
            )
        )

    def _available(self, book: Book, wanted: Decimal) -> Decimal:
        """How much of `wanted` the candle's volume still has for us."""
        share = self._costs.max_volume_share
        if share is None:
            return wanted
        return min(wanted, book.instrument.quantity_down(share * book.volume - book.used))

    def _taker_price(self, book: Book, side: Side, base: Decimal, quantity: Decimal) -> Decimal:
        share = ZERO
        if self._costs.price_impact:
            highest = self._costs.max_volume_share or _ONE
            volume = book.volume
            share = min((book.used + quantity) / volume, highest) if volume else highest
        return self._costs.taker_price(book.instrument, side, base, share)

    def _payable(self, book: Book, order: SimOrder, price: Decimal) -> Decimal:
        """How much of a buy the free quote and what is locked for the order can pay, in whole lots."""
        unit = price * (_ONE + self._costs.quote_share(Liquidity.TAKER))
        cash = self._books.ledger.free(order.lock_coin) + order.locked
        return book.instrument.quantity_down(cash / unit)

    def _fill(self, book: Book, order: SimOrder, deal: _Deal, time_ms: int, events: list[Event]) -> None:
        self._settle(book, order, deal)
        coin, fee, value = self._charge(book, order, deal)
        fill = Fill(
            trade_id=str(self._books.next_trade_id),
            client_order_id=order.intent.client_order_id,
            symbol=order.intent.symbol,
            side=order.intent.side,
            price=deal.price,
            quantity=deal.quantity,
            fee=fee,
            fee_coin=coin,
            time_ms=time_ms,
            liquidity=deal.liquidity,
            fee_value=value,
        )
        order.filled += deal.quantity
        order.updated_ms = time_ms
        book.used += deal.quantity
        self._books.add_fill(order, fill)
        events.append(OrderFilled(time_ms=time_ms, fill=fill))
        if order.remaining == 0:
            self._books.finish(order, OrderState.FILLED, time_ms)
        else:
            order.state = OrderState.PARTIALLY_FILLED

    def _settle(self, book: Book, order: SimOrder, deal: _Deal) -> None:
        """Unlock what the fill uses and exchange the coins. Only a market buy can keep less locked than planned."""
        ledger, instrument = self._books.ledger, book.instrument
        notional = deal.price * deal.quantity
        planned = order.unit_lock * (order.remaining - deal.quantity)
        if order.intent.side is Side.BUY:
            cost = notional * (_ONE + self._costs.quote_share(deal.liquidity))
            kept = min(planned, order.locked + ledger.free(instrument.quote) - cost)
            ledger.lock(instrument.quote, kept - order.locked)
            ledger.trade(instrument.quote, notional, instrument.base, deal.quantity)
        else:
            kept = planned
            ledger.lock(instrument.base, kept - order.locked)
            ledger.trade(instrument.base, deal.quantity, instrument.quote, notional)
        order.locked = kept

    def _charge(self, book: Book, order: SimOrder, deal: _Deal) -> tuple[str, Decimal, Decimal | None]:
        """Take the fee; its coin, its amount, and its worth in quote where a third coin paid it."""
        costs, ledger = self._costs, self._books.ledger
        if costs.fee_policy is FeePolicy.THIRD_COIN:
            fee = costs.third_coin_fee(deal.price * deal.quantity, deal.liquidity)
            if fee <= ledger.free(costs.fee_coin):
                ledger.charge(costs.fee_coin, fee)
                return costs.fee_coin, fee, fee * costs.fee_coin_price
        coin, fee = costs.plain_fee(book.instrument, order.intent.side, deal.price, deal.quantity, deal.liquidity)
        ledger.charge(coin, fee)
        return coin, fee, None
