"""The bot's state as one readable value for people and scripts: a copy; the journal is the truth."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import msgspec

from trading.domain.errors import InvalidInput
from trading.domain.orders import Order
from trading.domain.positions import Account, Position
from trading.engine.engine import Engine
from trading.engine.state import SafetyState, SymbolState

FORMAT = 1


class TradingState(msgspec.Struct, frozen=True, kw_only=True):
    """What a bot was, at `time_ms` of its events (UTC). Money in the account's quote coin."""

    bot_id: str
    time_ms: int
    equity: Decimal
    account: Account | None
    safety: SafetyState
    positions: list[Position]
    orders: list[Order]
    symbols: list[SymbolState]
    format: int = FORMAT

    @classmethod
    def of(cls, engine: Engine) -> TradingState:
        """The state of this engine now: open positions, and orders that are not settled."""
        state = engine.state
        return cls(
            bot_id=state.bot_id,
            time_ms=state.now_ms,
            equity=engine.equity(),
            account=state.account,
            safety=state.safety,
            positions=[state.positions[symbol] for symbol in sorted(state.positions)],
            orders=[order for symbol in sorted(state.live) for order in state.live_orders(symbol)],
            symbols=[state.symbols[symbol] for symbol in sorted(state.symbols)],
        )

    def save(self, path: Path) -> None:
        """Write it as indented JSON, whole or not at all: a reader never sees half of it.

        Raises:
            OSError: it could not be written; what was there before still is.
        """
        text = msgspec.json.format(msgspec.json.encode(self), indent=2)
        part = path.with_name(path.name + ".part")
        with part.open("wb") as file:
            file.write(text + b"\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @classmethod
    def load(cls, path: Path) -> TradingState:
        """Read it again.

        Raises:
            InvalidInput: there is none, or it is not one of this program's.
        """
        try:
            state = msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.MsgspecError) as error:
            raise InvalidInput("state file", str(path), f"a readable state of this program ({error})") from error
        if state.format != FORMAT:
            raise InvalidInput("state file format", state.format, str(FORMAT))
        return state
