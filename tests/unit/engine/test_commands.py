"""What an operator may ask for, and the answers to what makes no sense."""

from __future__ import annotations

import pytest

from tests.support.builders import BTC, ENTER, ETH
from tests.support.rig import Rig
from trading.domain.actions import Notify
from trading.domain.events import CommandKind, EntriesLatched
from trading.domain.orders import OrderState, Purpose


def vetoed(rig: Rig) -> str:
    """The veto on an entry that is wanted now in ETH; empty where it is sent."""
    rig.candle("100", say=ENTER, symbol=ETH.symbol)
    assert bool(rig.submitted()) is (rig.veto() == "")
    return rig.veto()


# -- pause and resume


def test_a_pause_stops_entries_and_resume_lets_them_through() -> None:
    rig = Rig.started()
    rig.command(CommandKind.PAUSE, reason="holiday")
    assert rig.engine.state.safety.paused == "holiday"
    assert vetoed(rig) == "PAUSED"
    rig.command(CommandKind.RESUME)
    assert vetoed(rig) == ""


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (CommandKind.PAUSE, "PAUSED"),
        (CommandKind.RESUME, "RESUMED"),
        (CommandKind.KILL, "KILLED"),
        (CommandKind.RESET_KILL, "KILL_RESET"),
    ],
)
def test_what_a_person_switches_is_told_with_reason_and_person(kind: CommandKind, code: str) -> None:
    rig = Rig.started()
    rig.command(CommandKind.PAUSE)
    rig.command(kind, reason="holiday")
    (note,) = rig.asked(Notify)
    assert note.code == code
    assert note.text.startswith("holiday, by owner")


def test_a_pause_without_a_reason_names_who_gave_it() -> None:
    rig = Rig.started()
    rig.command(CommandKind.PAUSE)
    assert rig.engine.state.safety.paused == "by owner"


def test_resume_clears_a_halt_and_what_was_counted() -> None:
    rig = Rig.started()
    rig.engine._desk.halt("TEST", "for the test")
    assert vetoed(rig) == "HALTED"
    rig.command(CommandKind.RESUME)
    safety = rig.engine.state.safety
    assert (safety.halted, safety.losing_streak, safety.order_failures) == ("", 0, 0)
    assert vetoed(rig) == ""


def test_resume_does_not_clear_a_kill() -> None:
    rig = Rig.started()
    rig.command(CommandKind.KILL)
    rig.command(CommandKind.RESUME)
    assert vetoed(rig) == "KILL_SWITCH"


def test_a_pause_leaves_positions_and_their_stops_alone() -> None:
    rig = Rig.holding()
    rig.command(CommandKind.PAUSE)
    assert rig.notes() == ["PAUSED"]
    assert not rig.position.exit_reason


# -- kill


def test_a_kill_stops_entries_cancels_them_and_keeps_positions() -> None:
    rig = Rig.holding()
    entry = rig.entered("100", ETH.symbol)
    rig.command(CommandKind.KILL, reason="enough")
    assert rig.notes() == ["KILLED"]
    assert rig.cancels() == [entry]
    assert not rig.position.exit_reason
    rig.cancelled(entry)
    assert vetoed(rig) == "KILL_SWITCH"
    rig.command(CommandKind.RESET_KILL)
    assert vetoed(rig) == ""


def test_a_kill_that_flattens_sells_everything() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.command(CommandKind.KILL, "flatten")
    assert rig.position.exit_reason == "killed"
    assert rig.cancels() == [stop.id]
    rig.cancelled(stop.id)
    rig.snapshot()
    rig.fill(rig.one(Purpose.EXIT), "10", "100")
    assert rig.is_flat


def test_an_entry_on_its_way_when_the_kill_comes_is_cancelled() -> None:
    rig = Rig.started()
    rig.candle("100", say=ENTER)
    entry = rig.one(Purpose.ENTRY)
    rig.command(CommandKind.KILL)
    assert rig.cancels() == [entry]


# -- close and cancel


def test_close_all_closes_every_position_and_cancels_every_entry() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    entry = rig.entered("100", ETH.symbol)
    rig.command(CommandKind.CLOSE_ALL, reason="end of day")
    assert sorted(rig.cancels()) == sorted([stop.id, entry])
    assert rig.position.exit_reason == "end of day"
    rig.cancelled(entry)
    assert ETH.symbol not in rig.engine.state.positions


@pytest.mark.parametrize("symbol", ["ETH/USDT", "XYZ/USDT", ""])
def test_closing_what_is_not_held_is_answered(symbol: str) -> None:
    rig = Rig.holding()
    rig.command(CommandKind.CLOSE_POSITION, symbol)
    assert rig.notes() == ["NO_SUCH_POSITION"]
    assert not rig.position.exit_reason


def test_closing_twice_changes_nothing() -> None:
    rig = Rig.holding()
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    assert len(rig.cancels()) == 1
    assert rig.command(CommandKind.CLOSE_POSITION, BTC.symbol) == []


def test_cancelling_an_entry_cancels_it() -> None:
    rig = Rig.started()
    entry = rig.entered()
    rig.command(CommandKind.CANCEL_ORDER, entry)
    assert rig.cancels() == [entry]


def test_cancelling_a_stop_only_has_it_replaced() -> None:
    """A position is never left bare because somebody cancelled its stop."""
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.command(CommandKind.CANCEL_ORDER, stop.id)
    assert rig.cancels() == [stop.id]
    rig.cancelled(stop.id)
    assert rig.one(Purpose.STOP) != stop.id


@pytest.mark.parametrize("state", [OrderState.CANCELED, OrderState.FILLED])
def test_cancelling_a_finished_order_is_answered(state: OrderState) -> None:
    rig = Rig.started()
    entry = rig.entered()
    if state is OrderState.CANCELED:
        rig.cancelled(entry)
    else:
        rig.fill(entry, "10", "100")
    rig.command(CommandKind.CANCEL_ORDER, entry)
    assert rig.notes() == ["NO_SUCH_ORDER"]


def test_cancelling_an_unknown_order_is_answered() -> None:
    rig = Rig.started()
    rig.command(CommandKind.CANCEL_ORDER, "nothing")
    assert rig.notes() == ["NO_SUCH_ORDER"]


def test_cancel_entries_leaves_stops_and_positions() -> None:
    rig = Rig.holding()
    entry = rig.entered("100", ETH.symbol)
    rig.command(CommandKind.CANCEL_ENTRIES)
    assert rig.cancels() == [entry]


def test_protect_takes_back_an_exit_that_was_not_sent_so_that_the_stop_rests_again() -> None:
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    rig.command(CommandKind.CLOSE_ALL, reason="shutdown")
    rig.cancelled(stop.id)
    assert rig.fetched()
    rig.command(CommandKind.PROTECT, reason="shutdown")
    assert not rig.position.exit_reason
    again = rig.one(Purpose.STOP)
    rig.accept(again)
    rig.tick(60_000)
    assert rig.state_of(again) is OrderState.OPEN
    assert rig.position.unprotected_since_ms is None


def test_protect_does_not_send_a_stop_beside_an_exit_on_its_way() -> None:
    rig = Rig.holding()
    exit_ = rig.leaving()
    rig.command(CommandKind.PROTECT)
    assert rig.submitted() == []
    rig.fill(exit_, "10", "100")
    assert rig.is_flat


def test_protect_puts_a_stop_on_what_an_exit_has_not_sold() -> None:
    """The last seconds of a stop are for that, not for asking the account and selling once more."""
    rig = Rig.holding()
    leaving = rig.leaving()
    rig.fill(leaving, "4", "100")
    rig.cancelled(leaving, "4", expired=True)
    rig.command(CommandKind.PROTECT)
    again = rig.one(Purpose.STOP)
    assert rig.order(again).intent.quantity == 6
    rig.accept(again)
    rig.tick(60_000)
    assert rig.state_of(again) is OrderState.OPEN


def test_protect_puts_a_stop_on_what_came_unplanned() -> None:
    """A late fill of a position that is over is there to be sold; where that fails, it gets a stop all the same."""
    rig = Rig.holding("2")
    entry, stop = rig.engine.state.live_orders(BTC.symbol)
    rig.cancelled(entry.id, "2")
    rig.fill(stop.id, "2", "98")
    assert rig.is_flat
    rig.fill(entry.id, "5", "100")
    assert rig.position.exit_reason == "late fill"
    rig.command(CommandKind.PROTECT)
    (late,) = [intent for intent in rig.submitted() if intent.purpose is Purpose.STOP]
    assert (late.quantity, late.stop_price) == (5, 95)


def test_what_an_operator_had_sold_is_still_sold_after_a_stop_that_ran_out_of_time() -> None:
    rig = Rig.holding()
    rig.command(CommandKind.KILL)
    rig.command(CommandKind.CLOSE_ALL, reason="kill --flatten")
    rig.command(CommandKind.CLOSE_ALL, reason="shutdown")
    rig.command(CommandKind.PROTECT, reason="shutdown")
    again = rig.restarted()
    again.snapshot()
    assert again.position.exit_reason == "kill --flatten"
    assert again.cancels()


def test_a_stop_is_the_drivers_to_carry_out_and_nothing_is_told_of_it_as_refused() -> None:
    rig = Rig.holding()
    rig.command(CommandKind.STOP, "flatten")
    assert rig.notes() == []
    assert not rig.position.exit_reason


def test_entries_latched_off_stay_off_in_this_process() -> None:
    rig = Rig.started()
    rig.send(EntriesLatched(time_ms=rig.now, reason="shutting down"))
    assert vetoed(rig) == "ENTRIES_LATCHED"
    rig.command(CommandKind.RESUME)
    assert vetoed(rig) == "ENTRIES_LATCHED"


@pytest.mark.parametrize("decided", ["by the stop of the bot", "by a person before"])
def test_what_can_have_no_stop_at_the_end_is_sold(decided: str) -> None:
    """The price is beyond the stop."""
    rig = Rig.holding()
    (stop,) = rig.engine.state.live_orders(BTC.symbol)
    if decided == "by a person before":
        rig.command(CommandKind.CLOSE_ALL, reason="kill --flatten")
    rig.command(CommandKind.CLOSE_ALL, reason="shutdown")
    rig.cancelled(stop.id)
    rig.command(CommandKind.PROTECT, reason="shutdown")
    again = rig.one(Purpose.STOP)
    rig.reject(again, "would trigger immediately")
    assert rig.fetched()
    rig.snapshot()
    assert rig.one(Purpose.EXIT)


def test_what_is_too_small_for_a_stop_is_sold_at_the_end() -> None:
    rig = Rig.started()
    entry = rig.entered("100")
    rig.fill(entry, "0.0505", "100")
    rig.command(CommandKind.CANCEL_ENTRIES)
    rig.cancelled(entry, "0.0505")
    assert rig.position.exit_reason == "too small to protect"
    rig.command(CommandKind.PROTECT, reason="shutdown")
    rig.tick(rig.engine.config.timing.account_ms)
    rig.snapshot()
    assert rig.one(Purpose.EXIT)
