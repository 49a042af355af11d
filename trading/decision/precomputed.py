"""The signals of a backtest: computed for the whole history beforehand, looked up candle by candle."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trading.decision.bars import RowCursor
from trading.decision.signals import SignalTable
from trading.decision.voting import VERDICTS
from trading.domain.candles import Candle
from trading.domain.decisions import Signal, Verdict, Vote
from trading.domain.errors import InvalidInput


class PrecomputedSignals:
    """A `SignalSource` over signal tables. Fast where the candles of a symbol are asked for in order; any order works.

    Votes take most of the time. With `explain` False signals come without them (`votes_of` still tells those of one
    candle); with `explain_holds` False the HOLDs do. What the signals say is the same.
    """

    def __init__(self, tables: Iterable[SignalTable] = (), *, explain: bool = True, explain_holds: bool = True) -> None:
        self._explained = tuple(
            verdict for verdict in VERDICTS if explain and (explain_holds or verdict is not Verdict.HOLD)
        )
        self._readers: dict[str, _Reader] = {}
        for table in tables:
            self.put(table)

    def put(self, table: SignalTable) -> None:
        """Use this table for its symbol from now on (the next chunk of a `SignalStream`), instead of the one before."""
        self._readers[table.symbol] = _Reader(table, self._explained)

    def on_candle(self, candle: Candle) -> Signal | None:
        """See `SignalSource`. Raises `InvalidInput` for a candle that no table holds."""
        return self._reader(candle.symbol).signal(candle.open_time_ms)

    def votes_of(self, symbol: str, open_time_ms: int) -> tuple[Vote, ...]:
        """The votes on the candle that opened then, with their reasons; none where it is not warm.

        Raises:
            InvalidInput: for a candle that the symbol's table does not hold.
        """
        return self._reader(symbol).votes(open_time_ms)

    def _reader(self, symbol: str) -> _Reader:
        reader = self._readers.get(symbol)
        if reader is None:
            raise InvalidInput("candle symbol", symbol, f"one of {', '.join(sorted(self._readers)) or 'none'}")
        return reader


class _Reader:
    """Reads one table by the candles' times."""

    def __init__(self, table: SignalTable, explained: tuple[Verdict, ...]) -> None:
        self._table = table
        self._explained = explained
        self._cursor = RowCursor(table.open_time_ms)

    def votes(self, open_time_ms: int) -> tuple[Vote, ...]:
        """See `PrecomputedSignals.votes_of`."""
        row = self._cursor.row_of(open_time_ms)
        return self._table.votes_at(row) if self._table.warm[row] else ()

    def signal(self, open_time_ms: int) -> Signal | None:
        """The signal of the candle that opened then."""
        row = self._cursor.row_of(open_time_ms)
        signal = self._table.plain_signal(row)
        if signal is None or signal.verdict not in self._explained:
            return signal
        return msgspec.structs.replace(signal, votes=self._table.votes_at(row))
