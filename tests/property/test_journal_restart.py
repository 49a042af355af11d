"""Whatever the engine did, and wherever commits failed and processes ended, a restart finds the engine's state."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.unit.store.store_helpers import (
    ACCOUNT,
    BTC,
    ETH,
    HALTED,
    T0,
    decision,
    fill,
    open_journal,
    order,
    position,
)
from trading.domain.decisions import Verdict
from trading.domain.orders import Order, OrderState
from trading.domain.positions import Correction, CorrectionKind
from trading.engine import state as engine_state
from trading.engine.state import EngineState, SymbolState
from trading.safety.breaker import BreakerState
from trading.store import recovery
from trading.store.batch import Batch
from trading.store.errors import JournalError
from trading.store.journal import Journal

FINISHED_KEPT = 3
SYMBOLS = (BTC, ETH, "SOL/USDT")
AMOUNTS = tuple(map(Decimal, ("0", "0.10", "1E+3", "0E-8", "123456789.123456789", "1e-18", "-7.00")))
LIVE = (OrderState.INTENT, OrderState.SUBMITTING, OrderState.OPEN, OrderState.UNKNOWN, OrderState.PARTIALLY_FILLED)
FINAL = (OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED)
PUTS = (
    "order",
    "order",
    "order",
    "finish",
    "fill",
    "position",
    "close",
    "symbol",
    "account",
    "safety",
    "breaker",
    "decision",
)

Step = tuple[str, int, int]
steps = st.lists(
    st.tuples(st.sampled_from((*PUTS, "commit", "commit", "fail", "restart")), st.integers(0, 8), st.integers(0, 6)),
    max_size=60,
)


class Bot:
    """An engine's state, changed as an engine may change it, and its journal."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = EngineState("bot-1")
        self.journal = open_journal(path)
        self.number = 0
        self.booked: str | None = None

    def do(self, step: Step) -> None:
        what, key, value = step
        match what:
            case "commit":
                self.commit()
            case "fail":
                self.fail()
            case "restart":
                self.journal.close()
                self.journal = open_journal(self.path)
                self.journal.load()
            case _:
                getattr(self, f"put_{what}")(key, value)

    def commit(self) -> None:
        self.journal.commit(Batch(time_ms=T0, changes=tuple(self.state.changes)))
        self.state.take_changes()

    def fail(self) -> None:
        """A commit with all that is to be committed, and one fill too many."""
        if self.booked is None:
            return
        bad = (*self.state.changes, fill(self.booked, 0), fill(self.booked, 0))
        with pytest.raises(JournalError):
            self.journal.commit(Batch(time_ms=T0, changes=bad))

    def put_order(self, key: int, value: int) -> None:
        """A new order, or a change of one that is remembered; a final state is never left."""
        known = sorted(self.state.orders)
        if key < len(known):
            self._change(self.state.orders[known[key]], LIVE[value % len(LIVE)], value)
            return
        # Ids in no order of their making, as the real ones are.
        self.number += 1
        self.state.put(order(self.number * 7919 % 1_009, LIVE[value % len(LIVE)], symbol=SYMBOLS[key % 3]))

    def put_finish(self, key: int, value: int) -> None:
        known = sorted(self.state.orders)
        if known:
            self._change(self.state.orders[known[key % len(known)]], FINAL[value % len(FINAL)], value)

    def _change(self, before: Order, state: OrderState, value: int) -> None:
        reported = before.reported_filled + abs(AMOUNTS[value])
        self.state.put(
            replace(
                before,
                state=before.state if before.state.is_final else state,
                reported_filled=reported,
                filled_quantity=before.filled_quantity if value % 2 else reported,
                updated_ms=before.updated_ms + value,
                message=str(value),
            )
        )

    def put_fill(self, key: int, _: int) -> None:
        known = sorted(self.state.orders)
        if known:
            self.number += 1
            self.booked = f"t{self.number}"
            number = int(known[key % len(known)], 16)
            self.state.put(fill(self.booked, number))

    def put_position(self, key: int, value: int) -> None:
        symbol = SYMBOLS[key % 3]
        before = self.state.positions.get(symbol)
        if before is None:
            self.number += 1
            before = position(f"p{self.number}", symbol=symbol)
        self.state.put(replace(before, bought=before.bought + AMOUNTS[value], stop_price=AMOUNTS[value]))
        self.number += 1
        self.state.put(
            Correction(
                id=f"c{self.number}",
                position_id=before.id,
                symbol=symbol,
                kind=CorrectionKind.FUNDING,
                quantity=AMOUNTS[value],
                cost=AMOUNTS[key % 7],
                time_ms=T0,
            )
        )

    def put_close(self, key: int, value: int) -> None:
        before = self.state.positions.get(SYMBOLS[key % 3])
        if before is not None:
            self.state.put(replace(before, closed_ms=T0 + value))

    def put_symbol(self, key: int, value: int) -> None:
        self.state.put(SymbolState(symbol=SYMBOLS[key % 3], last_close_ms=T0 + value, price=AMOUNTS[value]))

    def put_account(self, key: int, value: int) -> None:
        self.state.put(replace(ACCOUNT, cash=AMOUNTS[value], closed_positions=key))

    def put_safety(self, key: int, value: int) -> None:
        self.state.put(replace(HALTED, losing_streak=key, pause_code="API_ERRORS" if value else ""))

    def put_breaker(self, key: int, value: int) -> None:
        self.state.put(BreakerState(day_peak=AMOUNTS[value], loss_times=(T0, T0 + key), warned=("DRAWDOWN_DAILY",)))

    def put_decision(self, key: int, value: int) -> None:
        self.number += 1
        verdict = Verdict.HOLD if value else Verdict.EXIT
        self.state.put(decision(self.number, verdict, symbol=SYMBOLS[key % 3]))


def assert_same(restored: EngineState, original: EngineState) -> None:
    """Equal in every record, in the digits of every amount, and in the order in which an engine meets them."""
    assert restored.records() == original.records()
    assert list(map(repr, restored.records())) == list(map(repr, original.records()))
    assert restored.trades == {order: trades for order, trades in original.trades.items() if order in original.orders}
    assert list(restored.positions) == list(original.positions)
    assert list(restored._finished) == list(original._finished)
    for symbol in SYMBOLS:
        assert restored.live_orders(symbol) == original.live_orders(symbol)


def restored_from(journal: Journal) -> EngineState:
    state = EngineState("bot-1")
    state.restore(journal.load())
    return state


@given(done=steps)
def test_a_restart_finds_what_was_committed(done: list[Step]) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(engine_state, "FINISHED_ORDERS_KEPT", FINISHED_KEPT)
        patch.setattr(recovery, "FINISHED_ORDERS_KEPT", FINISHED_KEPT)
        path = Path(folder) / "tradebot.db"
        bot = Bot(path)
        for step in done:
            bot.do(step)
        bot.commit()
        assert_same(restored_from(bot.journal), bot.state)
        bot.journal.close()
        again = open_journal(path)
        assert_same(restored_from(again), bot.state)
        again.close()


@given(done=steps, lost=steps)
def test_what_was_not_committed_was_not_done(done: list[Step], lost: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tradebot.db"
        bot = Bot(path)
        for step in done:
            bot.do(step)
        bot.commit()
        before = restored_from(bot.journal)
        for step in lost:
            if step[0] != "commit":
                bot.do(step)
        again = open_journal(path)
        assert_same(restored_from(again), before)
        again.close()
        bot.journal.close()
