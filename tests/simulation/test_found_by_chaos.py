"""What random schedules of faults have found, each as the shortest story that shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from tests.support.builders import BOT, BTC, ENTER, ETH, MINUTE, T0, D, candle, config
from tests.support.heard import Heard
from tests.support.rig import Rig
from tests.support.signals import ScriptedSignals
from trading.domain.actions import Action, CancelOrder, FetchAccount, SubmitOrder
from trading.domain.candles import Candle
from trading.domain.events import (
    AccountSnapshot,
    CandleClosed,
    ClockTick,
    Command,
    CommandKind,
    Event,
    OrderFilled,
    OrderReport,
    Started,
)
from trading.domain.orders import NOT_SENT, Fill, OrderIntent, OrderState, OrderType, Purpose
from trading.domain.positions import Balance
from trading.engine.config import EngineConfig, Timing
from trading.engine.engine import Engine
from trading.engine.ids import client_order_id
from trading.engine.state import EngineState
from trading.exchange.costs import NO_COSTS
from trading.exchange.simulated import SimulatedExchange
from trading.live.commit_line import CommitLine
from trading.safety.breaker import BreakerLimits
from trading.store.batch import Batch
from trading.store.errors import JournalError
from trading.store.memory import MemoryJournal


def stop_of(rig: Rig) -> str:
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    assert stop.intent.purpose is Purpose.STOP
    return stop.id


class FailingJournal(MemoryJournal):
    """A journal whose next commits fail, as many as `failures` says."""

    failures = 0

    def commit(self, batch: Batch) -> None:
        if self.failures:
            self.failures -= 1
            raise JournalError("the disk is full")
        super().commit(batch)


def a_fill(intent: OrderIntent) -> Fill:
    """All of the order, at 100, free of charge."""
    return Fill(
        trade_id="1",
        client_order_id=intent.client_order_id,
        symbol=intent.symbol,
        side=intent.side,
        price=D(100),
        quantity=intent.quantity,
        fee=D(0),
        fee_coin="USDT",
        time_ms=intent.created_ms,
    )


class Line:
    """A commit line over a fresh engine, one batch of events after the other."""

    def __init__(self, settings: EngineConfig | None = None) -> None:
        self.signals = ScriptedSignals()
        self.engine = Engine(settings or config(), self.signals)
        self.journal = FailingJournal()
        self.now_s = 0.0
        self._line = CommitLine(
            self.engine, self.journal, alerts=Heard(lambda note: None), monotonic=lambda: self.now_s
        )

    def take(self, *events: Event) -> list[Action]:
        actions = asyncio.run(self._line.take(events))
        return [a for a in actions if isinstance(a, SubmitOrder | CancelOrder | FetchAccount)]

    def wait(self, *events: Event) -> None:
        """These lead to nothing, and their commit can wait for later ones."""
        assert asyncio.run(self._line.take(events, may_wait=True)) == []

    def close(self, *candles: Candle) -> list[Action]:
        """These candles close, in one batch."""
        return self.take(*(CandleClosed(time_ms=shown.close_time_ms, candle=shown) for shown in candles))

    def fill(self, actions: Sequence[Action]) -> None:
        """The one order among the actions fills."""
        (sent,) = [a for a in actions if isinstance(a, SubmitOrder)]
        fill = a_fill(sent.order.value)
        self.take(OrderFilled(time_ms=fill.time_ms, fill=fill))

    def read_account(self, actions: Sequence[Action], *reports: OrderReport, **balances: str) -> list[Action]:
        """Answer the question for the account among these actions."""
        (fetch,) = [a for a in actions if isinstance(a, FetchAccount)]
        return self.take(
            AccountSnapshot(
                time_ms=self.engine.state.now_ms,
                token=fetch.token,
                balances={coin: Balance(D(amount)) for coin, amount in balances.items()},
                orders=reports,
            )
        )


# -- commits that fail


def test_the_first_account_snapshot_is_heard_although_its_commit_failed() -> None:
    """Its question counted as answered, so that the second look at it, after the failed commit, passed it over."""
    line = Line()
    asked = line.take(Started(time_ms=T0, bot_id=BOT))
    line.journal.failures = 1
    line.read_account(asked, USDT="10000")
    assert line.engine.state.account is not None
    assert line.engine.state.account.cash == D(10_000)


def test_a_question_whose_commit_failed_counts_as_never_asked() -> None:
    """It was not sent; waiting for its answer would leave a restarted bot idle, or a position without its exit."""
    line = Line()
    line.journal.failures = 1
    again = line.take(Started(time_ms=T0, bot_id=BOT))
    assert [type(action) for action in again] == [FetchAccount]
    line.now_s = 2.0
    line.read_account(again, USDT="10000")
    assert line.engine.ready


def test_a_fill_found_by_a_snapshot_gets_its_stop_although_the_commit_failed() -> None:
    """Seed 1166: news of the fill was lost, a snapshot found it, its commit failed: bare until the next snapshot."""
    line = Line()
    line.signals.coming = ENTER
    line.read_account(line.take(Started(time_ms=T0, bot_id=BOT)), USDT="10000")
    (sent,) = line.close(candle(0, "100"))
    assert isinstance(sent, SubmitOrder)
    asked = line.take(Command(time_ms=T0 + MINUTE, id="1", kind=CommandKind.RECONCILE, by="owner"))
    fill = a_fill(sent.order.value)
    report = OrderReport(
        client_order_id=fill.client_order_id,
        exchange_order_id="1",
        symbol=fill.symbol,
        state=OrderState.FILLED,
        filled_quantity=fill.quantity,
        side=fill.side,
        type=OrderType.MARKET,
        quantity=fill.quantity,
        fills=(fill,),
    )
    line.journal.failures = 1
    (stop,) = line.read_account(asked, report, USDT="9000", BTC="10")
    assert isinstance(stop, SubmitOrder)
    assert stop.order.value.purpose is Purpose.STOP


def test_an_account_read_before_a_failed_commit_is_as_old_as_it_is_when_it_is_heard_again() -> None:
    """Seed 20721: it was heard again a minute later and counted as read then: a lost stop was missed for longer."""
    line = Line(config(timing=Timing(reconcile_ms=60_000)))
    line.read_account(line.take(Started(time_ms=T0, bot_id=BOT)), USDT="10000")
    asked = line.take(Command(time_ms=T0 + 1_000, id="1", kind=CommandKind.RECONCILE, by="owner"))
    (fetch,) = [a for a in asked if isinstance(a, FetchAccount)]
    line.wait(AccountSnapshot(time_ms=T0 + 1_000, token=fetch.token, balances={"USDT": Balance(D(10_000))}))
    line.journal.failures = 1
    line.take(ClockTick(time_ms=T0 + 60_000))
    line.now_s = 2.0
    (again,) = line.take(ClockTick(time_ms=T0 + 61_000))
    assert isinstance(again, FetchAccount)


# -- a halt and an entry in one batch


def test_an_entry_of_the_batch_in_which_the_breaker_halts_is_not_sent() -> None:
    """Seed 28: one candle led to an entry, the next of the same close to a halt; the entry was sent, then cancelled."""
    line = Line(config(breaker=BreakerLimits(daily_drawdown_pct=D(1))))
    line.signals.script = {(BTC.symbol, T0): ENTER, (ETH.symbol, T0 + MINUTE): ENTER}
    line.read_account(line.take(Started(time_ms=T0, bot_id=BOT)), USDT="10000")
    line.fill(line.close(candle(0, "100")))
    actions = line.close(candle(1, "100", symbol=ETH.symbol), candle(1, "50"))
    assert line.engine.state.safety.halted
    sent = [a.order.value.purpose for a in actions if isinstance(a, SubmitOrder)]
    assert Purpose.ENTRY not in sent
    (entry,) = [o for o in line.engine.state.orders.values() if o.intent.symbol == ETH.symbol]
    assert (entry.state, entry.code) == (OrderState.REJECTED, NOT_SENT)
    assert ETH.symbol not in line.engine.state.positions


# -- answers that are old


def test_an_exit_does_not_sell_less_because_the_balance_was_read_before_the_cancel() -> None:
    """Seed 146: 2 of the owner's coins were free, the bot's 20 still locked: it offered 2 and left 18 bare."""
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.cancelled(stop)
    (asked,) = rig.asked(FetchAccount)
    rig.send(AccountSnapshot(time_ms=rig.now, token=asked.token, balances={"BTC": Balance(D(2), D(10))}))
    assert rig.submitted() == []
    rig.tick(2_000)
    (asked,) = rig.asked(FetchAccount)
    rig.send(AccountSnapshot(time_ms=rig.now, token=asked.token, balances={"BTC": Balance(D(12))}))
    assert [intent.quantity for intent in rig.submitted()] == [10]


def test_an_exit_sells_what_is_free_when_the_rest_stays_locked() -> None:
    """The owner has locked the bot's coins by an order of his own: what is left is sold, after a bounded wait."""
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.cancelled(stop)
    sold = []
    for _ in range(7):
        for asked in rig.asked(FetchAccount):
            rig.send(AccountSnapshot(time_ms=rig.now, token=asked.token, balances={"BTC": Balance(D(4), D(6))}))
            sold += [intent.quantity for intent in rig.submitted()]
        rig.tick(2_000)
    assert sold == [4]


def test_an_exit_does_not_sell_less_because_the_account_lags_behind_the_fill() -> None:
    """Seed 3958: the account was a second old and showed none of the bot's coins; it sold 2 of the owner's."""
    rig = Rig.started()
    rig.fill(rig.entered(), "10", "100")
    rig.reject(rig.one(Purpose.STOP))
    (asked,) = rig.asked(FetchAccount)
    rig.send(AccountSnapshot(time_ms=rig.now, token=asked.token, balances={"BTC": Balance(D(2), D(1))}))
    assert rig.submitted() == []
    rig.tick(2_000)
    (asked,) = rig.asked(FetchAccount)
    rig.send(AccountSnapshot(time_ms=rig.now, token=asked.token, balances={"BTC": Balance(D(12), D(1))}))
    assert [intent.quantity for intent in rig.submitted()] == [10]


def test_an_exit_that_was_refused_often_does_not_wait_for_long_where_no_stop_can_rest() -> None:
    """Seed 1400: each refusal doubles the wait; then the price fell through the stop, and nothing sold for 45 s."""
    rig = Rig.holding()
    rig.refused(7)
    assert rig.position.exit_retry_ms - rig.now > 60_000
    rig.reject(rig.one(Purpose.STOP), "-2010")
    assert rig.position.exit_retry_ms - rig.now <= rig.engine.config.timing.protect_ms


@pytest.mark.parametrize("seconds", [2, 9, 29])
def test_coins_that_lagging_snapshots_do_not_show_are_not_booked_off(seconds: int) -> None:
    """Two snapshots of a copy that lags agreed with each other, and a position that was there was booked away."""
    rig = Rig.holding()
    (entry,) = [o for o in rig.engine.state.orders.values() if o.intent.purpose is Purpose.ENTRY]
    behind = rig.report(entry.id, OrderState.OPEN)
    for _ in range(2):
        rig.snapshot_again(rig.report(stop_of(rig), OrderState.OPEN), USDT="10000")
        rig.tick(seconds * 1_000 // 2)
    assert rig.position.quantity == 10
    rig.tick(60_000)
    rig.snapshot_again(behind, rig.report(stop_of(rig), OrderState.OPEN), USDT="10000")
    rig.tick(60_000)
    rig.snapshot_again(behind, rig.report(stop_of(rig), OrderState.OPEN), USDT="10000")
    assert rig.position.quantity == 10


def test_an_answered_question_leaves_the_order_as_it_was() -> None:
    """Every restart asked about the stop and gave it a new time, from which the wait for a triggered one counts."""
    rig = Rig.holding()
    stop = rig.order(stop_of(rig))
    rig.tick(60_000)
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
    rig.found(stop.id, OrderState.OPEN)
    assert rig.order(stop.id) == stop


# -- what a crash leaves


def test_a_cancel_that_was_recorded_as_the_bot_died_is_asked_for_again_at_once() -> None:
    """It may never have been sent; waiting for its answer held an exit up for a candle."""
    rig = Rig.holding()
    stop = stop_of(rig)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    assert rig.cancels() == [stop]
    again = Rig(state=rig.engine.state)
    again.now = rig.now
    again.send(Started(time_ms=again.now, bot_id=BOT))
    again.snapshot()
    assert again.cancels() == [stop]


def test_an_order_that_is_absent_before_the_account_is_read_is_not_given_up_yet() -> None:
    """Its entry could not be placed anew, for want of a reconciliation, and was dropped for good."""
    rig = Rig.started()
    rig.candle("100", say=ENTER)
    entry = rig.one(Purpose.ENTRY)
    for _ in range(2):
        rig = Rig(state=rig.engine.state)
        rig.now = rig.engine.state.now_ms
        rig.send(Started(time_ms=rig.now, bot_id=BOT))
        (asked,) = rig.asked(FetchAccount)
        rig.absent(entry)
    assert rig.state_of(entry) is OrderState.UNKNOWN
    rig.send(AccountSnapshot(time_ms=rig.now, token=asked.token, balances={"USDT": Balance(D(10_000))}))
    rig.absent(entry)
    assert rig.state_of(entry) is OrderState.REJECTED
    (again,) = rig.submitted()
    assert again.purpose is Purpose.ENTRY


def test_orders_that_were_sent_and_not_stored_are_recognised_in_whatever_order_they_are_shown() -> None:
    """With the journal down a stop was replaced, then the bot died: two orders of the position that no file knows."""
    rig = Rig.holding()
    position = rig.position
    ids = [client_order_id(BOT, position.id, Purpose.STOP, position.orders_placed + ahead) for ahead in (1, 2)]
    states = (OrderState.CANCELED, OrderState.OPEN)
    first, second = (
        replace(rig.report(stop_of(rig), state), client_order_id=order_id)
        for order_id, state in zip(ids, states, strict=True)
    )
    again = Rig(state=rig.engine.state)
    again.now = rig.now
    again.send(Started(time_ms=again.now, bot_id=BOT))
    assert ids[0] in again.queries(), "asked for by its id: the account's orders may not go back so far"
    again.snapshot(second, first, rig.report(stop_of(rig), OrderState.CANCELED), USDT="9000", BTC="10")
    assert again.state_of(ids[0]) is OrderState.CANCELED
    assert again.state_of(ids[1]) is OrderState.OPEN
    assert again.submitted() == []
    assert again.position.orders_placed == position.orders_placed + 2


def test_a_stop_that_exists_already_is_not_taken_for_refused() -> None:
    """A restart that saw an old copy of the account sent a stop anew; 'duplicate' led to selling the position."""
    rig = Rig.started()
    rig.fill(rig.entered(), "10", "100")
    stop = rig.one(Purpose.STOP)
    exchange = SimulatedExchange({BTC.symbol: BTC}, {"BTC": D(50)}, NO_COSTS)
    exchange.observe(BTC.symbol, T0, D(100))
    exchange.submit(rig.order(stop).intent, rig.now)
    (refused,) = exchange.submit(rig.order(stop).intent, rig.now)
    rig.send(refused)
    assert rig.state_of(stop) is OrderState.UNKNOWN
    assert rig.position.exit_reason == ""


def test_a_fill_whose_news_is_lost_is_noticed_within_seconds() -> None:
    """It was noticed by the next periodic reconciliation only: minutes without a stop."""
    rig = Rig.started()
    entry = rig.entered()
    rig.tick(rig.engine.config.timing.answer_ms)
    assert rig.queries() == [entry]
    rig.found(entry, OrderState.FILLED, "10", rig.a_fill(entry, "10", "100"))
    assert rig.one(Purpose.STOP)


def test_a_sale_that_is_told_before_the_purchase_of_what_it_sold_waits_for_it() -> None:
    """After a restart: the stop was sent and filled while nothing could be stored, and the entry's answer is lost.

    Seed 806917: the sale was booked as one of coins not held, and the purchase, booked after it, as missing.
    """
    before = Rig.started()
    entry = before.entered()
    state = EngineState(BOT)
    state.restore(before.engine.state.records())
    before.fill(entry, "10", "100")
    stop = before.one(Purpose.STOP)
    bought, sold = before.recorded_fill(entry), before.a_fill(stop, "10", "98")
    filled = before.report(stop, OrderState.FILLED, "10", sold)

    rig = Rig(state=state)
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
    rig.snapshot(filled, USDT="9980", BTC="0")
    assert "SOLD_NOT_HELD" not in rig.notes()
    rig.found(entry, OrderState.FILLED, "10", bought)
    assert rig.submitted() == [], "it is sold, although that is not booked yet"
    rig.tick(rig.engine.config.timing.query_ms)
    assert stop in rig.queries()
    rig.found(stop, OrderState.FILLED, "10", sold)
    assert (rig.is_flat, rig.cash, rig.corrections()) == (True, 9_980, [])
