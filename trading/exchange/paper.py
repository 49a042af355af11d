"""The paper exchange: the simulated one behind its own file, so that it outlives the bot as a real exchange would."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from trading.domain.candles import Candle
from trading.domain.errors import InvalidInput, InvariantViolated
from trading.domain.events import CancelUnknown, Event, OrderUnknown, QueryFailed
from trading.domain.instruments import Instrument
from trading.domain.orders import Approved, OrderIntent
from trading.exchange.costs import Costs, FillAt
from trading.exchange.paper_file import PaperFile, PaperFileError
from trading.exchange.records import SimOrder, SimState
from trading.exchange.simulated import SimulatedExchange

_FIELD = "paper exchange file"


class PaperBook:
    """A `SimulatedExchange` whose every change is on disk before its answer is returned. Synchronous.

    After the death of the process the file opens to the state that the answers so far have shown. Phases of a candle
    that are already in it answer with no events and change nothing; the bot learns what it missed by asking.

    A candle that changes no order is not written: its cursor and price go to disk with the next change, or with
    `close`. Until then the file is a few candles behind, all of which may be played again, since nothing happened in
    them; a driver that does not play them again gives the last known prices by `observe`.

    Args:
        path: the file. Made with `balances` if it does not exist; otherwise its own balances count.
        instruments, costs, fill_at: as for `SimulatedExchange`; they may differ from those of an earlier run.

    Raises:
        InvalidInput: the file is foreign, damaged, in use, for other quote coins, or holds open orders that the given
            instruments do not allow. It is left as it is.
    """

    def __init__(
        self,
        path: Path,
        instruments: Mapping[str, Instrument],
        balances: Mapping[str, Decimal],
        costs: Costs,
        fill_at: FillAt = FillAt.NEXT_OPEN,
    ) -> None:
        self._simulated = SimulatedExchange(instruments, balances, costs, fill_at, record_changes=True)
        self.instruments: Mapping[str, Instrument] = self._simulated.instruments
        quotes = sorted({instrument.quote for instrument in instruments.values()})
        is_new = not path.exists()
        self._file = PaperFile.create(path, self._simulated.state(), quotes) if is_new else PaperFile.open(path)
        self._saved_cursors: dict[str, int] = {}
        self._is_stale = True
        self._is_closed = False
        try:
            if self._file.quotes() != quotes:
                made_for = ", ".join(self._file.quotes())
                raise InvalidInput(_FIELD, str(path), f"a file for {', '.join(quotes)}; this one is for {made_for}")
            self._reload(check_rules=True)
        except PaperFileError as error:
            self._file.close()
            raise InvalidInput(_FIELD, str(path), f"a file that can be read ({error})") from error
        except BaseException:
            self._file.close()
            raise

    # -- requests

    def submit(self, intent: OrderIntent, now_ms: int) -> list[Event]:
        """See `SimulatedExchange.submit`.

        Raises:
            PaperFileError: the change could not be saved, and is undone.
        """
        return self._durably(lambda: self._simulated.submit(intent, now_ms))

    def cancel(self, client_order_id: str, symbol: str, now_ms: int) -> list[Event]:
        """See `SimulatedExchange.cancel`.

        Raises:
            PaperFileError: the change could not be saved, and is undone.
        """
        return self._durably(lambda: self._simulated.cancel(client_order_id, symbol, now_ms))

    def query(self, client_order_id: str, symbol: str, now_ms: int) -> list[Event]:
        """See `SimulatedExchange.query`.

        Raises:
            PaperFileError: a change failed before, and the file still cannot be read.
        """
        self._refresh()
        return self._simulated.query(client_order_id, symbol, now_ms)

    def account(self, token: int, now_ms: int) -> list[Event]:
        """See `SimulatedExchange.account`.

        Raises:
            PaperFileError: a change failed before, and the file still cannot be read.
        """
        self._refresh()
        return self._simulated.account(token, now_ms)

    # -- the market

    def open_phase(self, *candles: Candle) -> list[Event]:
        """See `SimulatedExchange.open_phase`; several candles, of one open time, are one transaction.

        Raises:
            PaperFileError: the changes could not be saved, and are undone; the phase can be repeated.
        """
        return self._durably(lambda: [event for c in candles for event in self._simulated.open_phase(c)])

    def range_phase(self, *candles: Candle) -> list[Event]:
        """See `SimulatedExchange.range_phase`; several candles, of one open time, are one transaction.

        Raises:
            PaperFileError: the changes could not be saved, and are undone; the phase can be repeated.
        """
        return self._durably(lambda: [event for c in candles for event in self._simulated.range_phase(c)])

    def observe(self, symbol: str, close_time_ms: int, price: Decimal) -> None:
        """See `SimulatedExchange.observe`."""
        self._refresh()
        self._simulated.observe(symbol, close_time_ms, price)

    def fill_waiting(self, now_ms: int) -> list[Event]:
        """See `SimulatedExchange.fill_waiting`.

        Raises:
            PaperFileError: the changes could not be saved, and are undone.
        """
        return self._durably(lambda: self._simulated.fill_waiting(now_ms))

    def has_orders(self, symbol: str) -> bool:
        """See `SimulatedExchange.has_orders`."""
        self._refresh()
        return self._simulated.has_orders(symbol)

    # -- the data

    def state(self) -> SimState:
        """Everything in memory: what the file holds, but for prices and cursors that moved without a change."""
        self._refresh()
        return self._simulated.state()

    def check(self) -> None:
        """See `SimulatedExchange.check`."""
        self._refresh()
        self._simulated.check()

    def close(self) -> None:
        """Save cursors and prices, and let go of the file. Nothing can be asked afterwards; closing again is harmless.

        Raises:
            PaperFileError: they could not be saved. The file is closed all the same.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if not self._is_stale:
                self._save(only_if_changed=False)
        finally:
            self._file.close()

    def _durably(self, act: Callable[[], list[Event]]) -> list[Event]:
        self._refresh()
        self._is_stale = True
        events = act()
        self._save(only_if_changed=True)
        self._is_stale = False
        return events

    def _refresh(self) -> None:
        """After a failed save memory is ahead of the file, whose word counts: read it again."""
        if self._is_closed:
            raise PaperFileError(f"{self._file.path} is closed")
        if not self._is_stale:
            return
        try:
            self._reload(check_rules=False)
        except InvalidInput as error:
            raise PaperFileError(str(error)) from error

    def _reload(self, *, check_rules: bool) -> None:
        state = self._file.load()
        if check_rules:
            for order in state.orders:
                if not order.state.is_final:
                    _check_rules(self._file.path, order, self.instruments)
        try:
            self._simulated.load(state)
        except InvariantViolated as error:
            raise InvalidInput(_FIELD, str(self._file.path), f"a file whose sums add up ({error})") from error
        self._simulated.take_changes()
        self._saved_cursors = {market.symbol: market.cursor for market in state.markets}
        self._is_stale = False

    def _save(self, *, only_if_changed: bool) -> None:
        changes = self._simulated.take_changes()
        if only_if_changed and not changes:
            return
        next_order_id, next_trade_id = self._simulated.next_ids()
        moved = [m for m in self._simulated.markets() if m.cursor != self._saved_cursors.get(m.symbol) or m.used]
        self._file.save(changes, moved, next_order_id, next_trade_id)
        self._saved_cursors.update((market.symbol, market.cursor) for market in moved)


class PaperExchange:
    """The `Exchange` of paper trading: a `PaperBook` with asynchronous methods.

    Nothing in it waits: a commit holds the event loop for as long as the disk takes, so that no other task can see a
    state that is not saved. When the file fails, requests answer as an exchange out of reach would.
    """

    def __init__(self, book: PaperBook) -> None:
        self.instruments: Mapping[str, Instrument] = book.instruments
        self._book = book

    async def submit(self, order: Approved[OrderIntent], now_ms: int) -> Sequence[Event]:
        """Send the order; `OrderUnknown` when the file fails."""
        try:
            return self._book.submit(order.value, now_ms)
        except PaperFileError as error:
            return [OrderUnknown(time_ms=now_ms, client_order_id=order.value.client_order_id, message=str(error))]

    async def cancel(self, client_order_id: str, symbol: str, now_ms: int) -> Sequence[Event]:
        """Cancel it; `CancelUnknown` when the file fails."""
        try:
            return self._book.cancel(client_order_id, symbol, now_ms)
        except PaperFileError as error:
            return [CancelUnknown(time_ms=now_ms, client_order_id=client_order_id, message=str(error))]

    async def query(self, client_order_id: str, symbol: str, now_ms: int) -> Sequence[Event]:
        """Look for it; `QueryFailed` when the file fails."""
        try:
            return self._book.query(client_order_id, symbol, now_ms)
        except PaperFileError as error:
            return [QueryFailed(time_ms=now_ms, subject=client_order_id, message=str(error))]

    async def account(self, token: int, now_ms: int) -> Sequence[Event]:
        """Balances, orders and trades; `QueryFailed` when the file fails."""
        try:
            return self._book.account(token, now_ms)
        except PaperFileError as error:
            return [QueryFailed(time_ms=now_ms, subject="account", message=str(error))]

    async def open_phase(self, candles: Sequence[Candle]) -> Sequence[Event]:
        """The opens of these candles, sorted by symbol, in one transaction.

        Raises:
            PaperFileError: the changes could not be saved, and are undone; the phase can be repeated.
        """
        return self._book.open_phase(*sorted(candles, key=lambda candle: candle.symbol))

    async def range_phase(self, candles: Sequence[Candle]) -> Sequence[Event]:
        """The ranges of these candles, sorted by symbol, in one transaction.

        Raises:
            PaperFileError: the changes could not be saved, and are undone; the phase can be repeated.
        """
        return self._book.range_phase(*sorted(candles, key=lambda candle: candle.symbol))

    async def observe(self, symbol: str, close_time_ms: int, price: Decimal) -> None:
        """The last known price of a market, after a restart that does not play its candles again."""
        self._book.observe(symbol, close_time_ms, price)

    async def fill_waiting(self, now_ms: int) -> Sequence[Event]:
        """Fill what waits for an open at the last price, when no further candle will come.

        Raises:
            PaperFileError: the changes could not be saved, and are undone.
        """
        return self._book.fill_waiting(now_ms)

    async def close(self) -> None:
        """Save prices and cursors and let go of the file."""
        self._book.close()


def _check_rules(path: Path, order: SimOrder, instruments: Mapping[str, Instrument]) -> None:
    intent = order.intent
    instrument = instruments.get(intent.symbol)
    if instrument is None:
        allowed = f"a file without open orders in {intent.symbol}, or {intent.symbol} among the symbols"
        raise InvalidInput(_FIELD, str(path), allowed)
    prices = [price for price in (intent.price, intent.stop_price) if price is not None]
    if not all(map(instrument.is_tick, prices)) or not instrument.is_lot(intent.quantity):
        allowed = f"a file whose open orders in {intent.symbol} fit its tick {instrument.tick_size} and step"
        raise InvalidInput(_FIELD, str(path), f"{allowed} {instrument.lot_step}")
