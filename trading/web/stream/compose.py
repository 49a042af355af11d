"""From what was read to what is sent: the same shapes as the answers of the REST interface."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby
from operator import attrgetter

from pydantic import BaseModel

from trading.domain.candles import Candle
from trading.domain.orders import Fill, Order
from trading.domain.positions import Position
from trading.engine.state import SymbolState
from trading.market.timeframes import timeframe_of
from trading.store.alerts import Alert
from trading.store.batch import EquityPoint
from trading.store.following import Changes, Present, Series
from trading.store.queries import DecisionRun
from trading.web.models.alerts import AlertView
from trading.web.models.decisions import DecisionView
from trading.web.models.trading import CandleSeries, CandleView, EquityView, FillView, OrderView, PositionView
from trading.web.stream.board import Draft, Kind


class Composer:
    """Makes drafts, and keeps what they need beside what has changed: open positions and last prices."""

    def __init__(self) -> None:
        self._prices: dict[str, Decimal] = {}
        self._positions: dict[str, Position] = {}
        self._moved: set[str] = set()

    def present(self, found: Present) -> list[Draft]:
        """Everything there is."""
        self._prices, self._positions, self._moved = {}, {}, set()
        self._keep(found.symbols, found.positions)
        self._moved.clear()
        return [
            *map(_decision, found.decisions),
            *map(_order, found.orders),
            *map(_trade, found.fills),
            *map(self._position, found.positions),
            *map(_alert, found.alerts),
            *_candles(found.candles),
            *_equity(found.equity),
        ]

    def changes(self, found: Changes) -> list[Draft]:
        """What happened, each thing by itself, in the order in which one leads to the other."""
        self._keep(found.symbols, found.positions)
        return [
            *map(_decision, found.decisions),
            *map(_order, found.orders),
            *map(_trade, found.fills),
            *map(self._position, found.positions),
            *map(_alert, found.seen),
            *map(_alert, found.alerts),
        ]

    def series(self, found: Series) -> list[Draft]:
        """What comes with every candle: the newest of each symbol, and what open positions are worth by it."""
        moved = [position for position in self._positions.values() if position.symbol in self._moved]
        self._moved.clear()
        return [
            *_candles(found.candles),
            *map(_decision, found.decisions),
            *map(self._position, moved),
            *_equity(found.equity),
        ]

    def _keep(self, symbols: Iterable[SymbolState], positions: Iterable[Position]) -> None:
        for symbol in symbols:
            self._prices[symbol.symbol] = symbol.price
            self._moved.add(symbol.symbol)
        for position in positions:
            if position.is_closed:
                self._positions.pop(position.id, None)
            else:
                self._positions[position.id] = position

    def _position(self, position: Position) -> Draft:
        view = PositionView.of(position, self._prices.get(position.symbol))
        return draft(Kind.POSITION, position.id, view, ends=position.is_closed)


def draft(kind: Kind, key: str, view: BaseModel, *, ends: bool = False) -> Draft:
    """A draft that tells of this."""
    return Draft(kind, key, view.model_dump_json(), ends)


def _order(order: Order) -> Draft:
    return draft(Kind.ORDER, order.id, OrderView.of(order), ends=not order.is_live)


def _trade(fill: Fill) -> Draft:
    return draft(Kind.TRADE, f"{fill.symbol} {fill.trade_id}", FillView.of(fill))


def _decision(run: DecisionRun) -> Draft:
    return draft(Kind.DECISION, run.decision.symbol, DecisionView.of(run))


def _alert(alert: Alert) -> Draft:
    return draft(Kind.ALERT, str(alert.seq), AlertView.of(alert))


def _equity(point: EquityPoint | None) -> list[Draft]:
    return [] if point is None else [draft(Kind.EQUITY, "", EquityView.of(point))]


def _candles(candles: Iterable[Candle]) -> list[Draft]:
    """Of each symbol one, with the candles in the order given, which is by symbol and time."""
    found: list[Draft] = []
    for symbol, group in groupby(candles, attrgetter("symbol")):
        of_symbol = list(group)
        interval_ms = of_symbol[-1].interval_ms
        series = CandleSeries(
            symbol=symbol,
            timeframe=timeframe_of(interval_ms),
            interval_ms=interval_ms,
            items=[CandleView.of(candle) for candle in of_symbol],
        )
        found.append(draft(Kind.CANDLE, symbol, series))
    return found
