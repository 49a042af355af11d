"""Starting, reading the account, and what time alone brings."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.builders import BOT, BTC, ENTER, ETH, T0, D, config
from tests.support.rig import Rig
from trading.domain.actions import FetchAccount
from trading.domain.errors import InvalidInput, InvariantViolated
from trading.domain.events import AccountSnapshot, ClockTick, CommandKind, QueryFailed, Started
from trading.domain.orders import OrderState, Purpose
from trading.domain.positions import Balance
from trading.engine.config import Timing
from trading.engine.engine import Engine
from trading.safety.checks import Limits


def restarted(rig: Rig) -> Rig:
    """The same bot after a crash: a new engine with what was committed."""
    return rig.restarted(records=rig.records)


# -- the first account


def test_the_bots_part_is_its_capital() -> None:
    rig = Rig.started(config(capital=D(1_000)), USDT="25000")
    account = rig.engine.state.account
    assert account is not None
    assert (account.start_capital, account.cash) == (1_000, 1_000)
    assert rig.notes() == []


def test_less_in_the_account_than_the_capital_is_told() -> None:
    rig = Rig.started(USDT="300")
    assert rig.cash == 300
    assert rig.notes() == ["CAPITAL_BELOW_LIMIT"]


def test_without_a_capital_all_of_the_account_is_the_bots_and_stays_so_over_restarts() -> None:
    limits = Limits(max_position_notional=D(1_000_000), max_symbol_pct=D(40))
    rig = Rig.started(config(capital=None, limits=limits), USDT="25000")
    assert (rig.cash, rig.notes()) == (25_000, [])
    again = restarted(rig)
    again.snapshot(USDT="25000")
    entry = again.order(again.entered("100")).intent
    assert entry.quantity == 100, "40 % of 25,000"


def test_an_account_without_money_is_told_where_no_capital_is_set_either() -> None:
    rig = Rig.started(config(capital=None), USDT="0")
    assert (rig.cash, rig.notes()) == (0, ["CAPITAL_BELOW_LIMIT"])
    rig.snapshot_again(USDT="700")
    assert (rig.cash, rig.notes()) == (700, [])


def test_what_is_locked_in_the_owners_orders_is_not_the_bots() -> None:
    rig = Rig()
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
    (asked,) = rig.asked(FetchAccount)
    rig.send(AccountSnapshot(time_ms=rig.now, token=asked.token, balances={"USDT": Balance(D(400), D(5_000))}))
    assert rig.cash == 400


def test_an_account_that_is_filled_before_the_first_trade_is_the_bots_up_to_its_capital() -> None:
    rig = Rig.started(config(capital=D(1_000)), USDT="0")
    assert (rig.cash, rig.notes()) == (0, ["CAPITAL_BELOW_LIMIT"])
    rig.snapshot_again(USDT="0")
    assert rig.notes() == [], "it is told once"
    rig.snapshot_again(USDT="25000")
    assert (rig.cash, rig.engine.equity(), rig.notes()) == (1_000, 1_000, [])
    rig.snapshot_again(USDT="10")
    assert rig.cash == 1_000, "less than before may be an answer that lags"


def test_once_an_order_is_on_its_way_the_bots_part_stays() -> None:
    rig = Rig.started(config(capital=D(1_000)), USDT="600")
    entry = rig.entered()
    rig.snapshot_again(rig.report(entry, OrderState.OPEN), USDT="25000")
    assert rig.cash == 600


def test_an_account_that_is_known_is_not_opened_again() -> None:
    rig = Rig.holding()
    rig.snapshot_again(USDT="77", BTC="10")
    assert rig.cash == 9_000


# -- starting


def test_a_start_reads_the_account_and_is_ready_after_it() -> None:
    rig = Rig()
    rig.send(Started(time_ms=rig.now, bot_id=BOT))
    assert rig.fetched()
    assert not rig.engine.ready
    rig.tick(4_999)
    assert not rig.fetched()
    rig.tick(1)
    assert rig.fetched()
    rig.snapshot(USDT="10000")
    assert rig.engine.ready


def test_a_bot_of_another_name_does_not_start() -> None:
    rig = Rig()
    with pytest.raises(InvariantViolated, match="started as other"):
        rig.send(Started(time_ms=rig.now, bot_id="other"))


def test_an_engine_knows_its_quote_and_refuses_two() -> None:
    assert config().quote == "USDT"
    with pytest.raises(InvalidInput, match="one quote coin"):
        config(instruments={BTC.symbol: BTC, "BTC/EUR": replace(BTC, symbol="BTC/EUR", quote="EUR")})
    with pytest.raises(InvalidInput, match="capital"):
        config(capital=D(0))
    with pytest.raises(InvalidInput, match="capital"):
        config(capital=D("Infinity"))


def test_an_order_in_flight_at_the_crash_is_asked_about_and_not_sent_again() -> None:
    rig = Rig.started()
    rig.candle("100", say=ENTER)
    entry = rig.one(Purpose.ENTRY)
    again = restarted(rig)
    assert again.state_of(entry) is OrderState.UNKNOWN
    assert again.queries()[0] == entry
    assert again.submitted() == []
    again.found(entry, OrderState.FILLED, "10", again.a_fill(entry, "10", "100"))
    again.tick(5_000)
    again.snapshot(USDT="9000", BTC="10")
    assert again.one(Purpose.STOP)


def test_a_position_goes_on_after_a_restart_with_its_stop() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    again = restarted(rig)
    asked_first, *unstored = again.queries()
    assert asked_first == stop.id
    assert len(unstored) == 2, "its next stop and its next exit, which may have been sent without being stored"
    again.snapshot()
    assert again.submitted() == []
    assert again.position.quantity == 10
    again.candle("100")
    again.candle("104", high="105")
    assert again.cancels() == [stop.id]


def test_an_exit_under_way_goes_on_after_a_restart() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    again = restarted(rig)
    again.found(stop.id, OrderState.CANCELED)
    again.tick(5_000)
    again.snapshot(USDT="9000", BTC="10")
    assert again.one(Purpose.EXIT)


# -- later looks at the account


def test_an_answer_that_nobody_asked_for_is_ignored() -> None:
    rig = Rig.holding()
    before = rig.engine.state.records()
    for token in (0, 99):
        assert rig.send(AccountSnapshot(time_ms=rig.now, token=token, balances={})) == []
    assert rig.engine.state.records() == before


def test_an_answer_counts_once() -> None:
    rig = Rig.started()
    rig.command(CommandKind.RECONCILE)
    (asked,) = rig.asked(FetchAccount)
    snapshot = AccountSnapshot(time_ms=rig.now, token=asked.token, balances={"USDT": Balance(D(10_000))})
    rig.send(snapshot)
    before = rig.engine.state.records()
    assert rig.send(snapshot) == []
    assert rig.engine.state.records() == before


def test_a_second_look_right_after_the_first_finds_nothing_to_do() -> None:
    rig = Rig.holding()
    rig.snapshot_again()
    before = rig.engine.state.records()
    rig.snapshot_again()
    assert rig.actions == []
    assert rig.engine.state.records() == before


def test_an_order_that_the_account_does_not_show_is_asked_about() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    other = rig.entered("100", ETH.symbol)
    rig.snapshot_again(rig.report(other, OrderState.OPEN), USDT="9000", BTC="10")
    assert rig.queries() == [stop.id]


def test_a_question_about_a_stop_is_asked_again_even_where_all_else_is_well() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    other = rig.entered("100", ETH.symbol)
    rig.snapshot_again(rig.report(other, OrderState.OPEN), USDT="9000", BTC="10")
    assert rig.queries() == [stop.id]
    rig.send(QueryFailed(time_ms=rig.now, subject=stop.id, message="time-out"))
    rig.tick(2_000)
    assert rig.queries() == [stop.id]


def test_fills_that_the_account_shows_are_booked() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    fill = rig.a_fill(stop.id, "10", "98")
    rig.snapshot_again(rig.report(stop.id, OrderState.FILLED, "10", fill), USDT="9980")
    assert rig.is_flat
    assert rig.cash == 9_980


def test_an_account_read_before_the_last_fill_is_no_reason_to_correct() -> None:
    """The question was asked, then the order filled, then the answer came: it cannot know of the coins."""
    rig = Rig.started()
    entry = rig.entered()
    rig.command(CommandKind.RECONCILE)
    (asked,) = rig.asked(FetchAccount)
    rig.fill(entry, "10", "100")
    rig.accept(rig.one(Purpose.STOP))
    for _ in range(2):
        rig.send(AccountSnapshot(time_ms=rig.now, token=asked.token, balances={"USDT": Balance(D(10_000))}))
        rig.tick(3_000)
    assert rig.position.quantity == 10
    assert rig.corrections() == []


# -- periodic reconciliation


def test_the_account_is_read_again_after_each_period() -> None:
    rig = Rig.started(config(timing=Timing(reconcile_ms=60_000)))
    rig.tick(59_999)
    assert not rig.fetched()
    rig.tick(1)
    assert rig.fetched()
    rig.snapshot()
    rig.tick(59_999)
    assert not rig.fetched()
    rig.tick(1)
    assert rig.fetched()


def test_without_a_period_it_is_not() -> None:
    rig = Rig.started(config(timing=Timing(reconcile_ms=0)))
    rig.tick(10**9)
    assert rig.actions == []


def test_the_engines_time_never_goes_back_but_at_a_start() -> None:
    rig = Rig.started()
    rig.tick(10_000)
    rig.engine.handle(ClockTick(time_ms=T0))
    assert rig.engine.state.now_ms == T0 + 10_000
    rig.engine.handle(Started(time_ms=T0, bot_id=BOT))
    assert rig.engine.state.now_ms == T0, "the clock was ahead when the journal was written"


def test_an_account_that_owes_has_no_capital_and_halts_nothing() -> None:
    rig = Rig.started(USDT="-5")
    rig.candle("100", say=ENTER)
    assert (rig.cash, rig.engine.state.safety.halted) == (0, "")


def test_an_event_of_an_unknown_kind_is_refused() -> None:
    engine: Engine = Rig.started().engine
    with pytest.raises(InvariantViolated, match="no handler for Balance"):
        engine._on_other(Balance(D(1)))  # type: ignore[arg-type]


def test_idle_means_nothing_held_open_or_in_doubt() -> None:
    rig = Rig.started()
    assert rig.engine.is_idle(BTC.symbol)
    entry = rig.entered()
    assert not rig.engine.is_idle(BTC.symbol)
    assert rig.engine.is_idle(ETH.symbol)
    rig.cancelled(entry)
    assert rig.engine.is_idle(BTC.symbol)
    rig.cancelled(entry, "1")
    assert not rig.engine.is_idle(BTC.symbol)
