"""The door between an intent and the exchange: who passes, who does not, and that there is no way round it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.support.builders import BTC, ENTER, ETH, WIDE_LIMITS, D, config
from tests.support.intents import VIEW, entry
from tests.support.rig import Rig
from trading.domain.actions import Level, Notify
from trading.domain.events import CommandKind
from trading.domain.orders import Approved, OrderIntent, OrderType, Purpose, Side
from trading.safety.approval import CHECK_FAILED, RiskCheck
from trading.safety.breaker import Trip, TripLevel
from trading.safety.checks import Limits, Refusal, RiskView

LOOSE = Limits(max_symbol_pct=D(100), max_strategy_pct=D(100), max_gross_pct=D(100))


def sale(quantity: str = "1", side: Side = Side.SELL, purpose: Purpose = Purpose.EXIT) -> OrderIntent:
    return entry(quantity, side=side, purpose=purpose, reduces=True)


class Broken:
    """A check with a bug in it."""

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        raise ZeroDivisionError("a bug")


def code_of(answer: Approved[OrderIntent] | Refusal) -> str:
    return answer.code if isinstance(answer, Refusal) else ""


# -- what reduces

HOLDING = replace(VIEW, held=D(1))
FORBIDDING = replace(
    HOLDING,
    price=None,
    cash=D(-1),
    exposure=None,
    open_positions=99,
    orders_last_minute=99,
    blocked="KILL_SWITCH",
)


@pytest.mark.parametrize("quantity", ["1", "0.5", "0.00000001", "0.9999"])
def test_what_reduces_passes_everything_whatever_its_size(quantity: str) -> None:
    """No price, no cash, a kill, odd lots, under every minimum: none of it keeps a position from being made smaller."""
    answer = RiskCheck(Limits(), (Broken(),)).approve(sale(quantity), FORBIDDING)
    assert isinstance(answer, Approved)
    assert answer.value == sale(quantity)


@pytest.mark.parametrize(
    "intent",
    [sale("1.001"), sale("0"), sale("-1"), sale("0.5", Side.BUY)],
    ids=["more", "nothing", "negative", "a buy"],
)
def test_what_only_says_that_it_reduces_is_refused(intent: OrderIntent) -> None:
    assert code_of(RiskCheck(LOOSE).approve(intent, HOLDING)) == "NOT_REDUCING"


def test_a_reducing_order_is_sent_once_too() -> None:
    assert code_of(RiskCheck(LOOSE).approve(sale(), replace(HOLDING, known_id=True))) == "ORDER_DUPLICATE"


def test_nothing_held_nothing_to_reduce() -> None:
    assert code_of(RiskCheck(LOOSE).approve(sale(), VIEW)) == "NOT_REDUCING"


# -- entries


def test_an_entry_that_nothing_is_against_is_approved() -> None:
    answer = RiskCheck(LOOSE).approve(entry(), VIEW)
    assert isinstance(answer, Approved)
    assert answer.value == entry()


def test_the_first_refusal_is_the_answer() -> None:
    view = replace(VIEW, blocked="PAUSED", known_id=True, price=None)
    assert code_of(RiskCheck(LOOSE).approve(entry(), view)) == "PAUSED"


def test_a_check_that_raises_refuses() -> None:
    answer = RiskCheck(LOOSE, (Broken(),)).approve(entry(), VIEW)
    assert answer == Refusal(code=CHECK_FAILED, message="Broken: ZeroDivisionError: a bug")


def test_a_limit_that_is_no_number_refuses() -> None:
    answer = RiskCheck(replace(LOOSE, max_position_notional=D("NaN"))).approve(entry(), VIEW)
    assert code_of(answer) == CHECK_FAILED


# -- in the engine


def test_a_check_that_raises_halts_entries_and_tells() -> None:
    rig = Rig.started()
    rig.engine._desk.risk = RiskCheck(Limits(), (Broken(),))
    rig.candle("100", say=ENTER)
    assert rig.submitted() == []
    assert rig.is_flat
    assert rig.veto() == CHECK_FAILED
    why = "a safety check broke: Broken: ZeroDivisionError: a bug"
    assert rig.engine.state.safety.halted == why
    (told,) = (note for note in rig.asked(Notify) if note.code == "BREAKER_HALT")
    assert told == Notify(Level.CRITICAL, told.code, f"CHECK_FAILED: {why}; no entries until `tradebot resume`")
    (trip,) = rig.recorded(Trip)
    assert (trip.level, trip.code, trip.text) == (TripLevel.HALT, CHECK_FAILED, why)
    rig.candle("100", say=ENTER)
    assert rig.veto() == "HALTED"


def test_an_error_in_what_the_checks_look_at_halts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig.started()
    monkeypatch.setattr(rig.engine._desk, "risk_view", lambda intent: 1 // 0)
    rig.candle("100", say=ENTER)
    assert (rig.submitted(), rig.veto()) == ([], CHECK_FAILED)
    assert rig.engine.state.safety.halt_codes == (CHECK_FAILED,)


def test_a_halt_of_whatever_cause_cancels_the_entries_that_may_still_fill() -> None:
    rig = Rig.started()
    resting = rig.entered()
    rig.engine._desk.risk = RiskCheck(Limits(), (Broken(),))
    rig.candle("100", say=ENTER, symbol=ETH.symbol)
    assert rig.cancels() == [resting]


def test_a_broken_check_keeps_no_position_from_its_stop_and_its_exit() -> None:
    rig = Rig.started()
    entry_id = rig.entered()
    rig.engine._desk.risk = RiskCheck(Limits(), (Broken(),))
    rig.fill(entry_id, "10", "100")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.command(CommandKind.CLOSE_ALL)
    rig.cancelled(stop)
    rig.snapshot()
    assert rig.one(Purpose.EXIT)


def test_entries_in_flight_and_in_doubt_count_as_filled() -> None:
    """At 15 % of 10,000 gross, with 1,000 of them in doubt, the second entry is worth 500."""
    rig = Rig.started(config(limits=Limits(max_gross_pct=D(15))))
    rig.candle("100", say=ENTER)
    rig.unknown(rig.one(Purpose.ENTRY))
    rig.candle("100", say=ENTER, symbol=ETH.symbol)
    (second,) = rig.submitted()
    assert second.quantity == 5


def test_cash_that_an_open_entry_may_still_spend_is_not_spent_twice() -> None:
    limits = replace(WIDE_LIMITS, max_symbol_pct=D(100), max_strategy_pct=D(100), max_gross_pct=D(100))
    rig = Rig.started(config(capital=D(1_000), limits=limits), USDT="1000")
    rig.candle("100", say=ENTER)
    (first,) = rig.submitted()
    assert first.quantity == D("9.990")
    rig.candle("100", say=ENTER, symbol=ETH.symbol)
    assert rig.submitted() == []
    assert rig.veto() == "SIZE_BELOW_MINIMUM"


# -- the seal


@pytest.mark.parametrize("seal", [None, object(), "seal", True])
def test_approved_cannot_be_made_without_the_seal(seal: object) -> None:
    with pytest.raises(TypeError, match="risk check"):
        Approved(entry(), seal=seal)


def test_approved_cannot_be_made_without_naming_a_seal() -> None:
    with pytest.raises(TypeError):
        Approved(entry())  # type: ignore[call-arg]


def test_what_was_approved_cannot_be_exchanged() -> None:
    answer = RiskCheck(LOOSE).approve(entry(), VIEW)
    assert isinstance(answer, Approved)
    with pytest.raises(AttributeError):
        answer.value = entry("99")  # type: ignore[misc]
    with pytest.raises(AttributeError):
        answer.value.quantity = D(99)  # type: ignore[misc]
    with pytest.raises(AttributeError):
        answer.more = 1  # type: ignore[attr-defined]


def test_approvals_of_equal_orders_are_equal() -> None:
    check = RiskCheck(LOOSE)
    assert check.approve(entry(), VIEW) == check.approve(entry(), VIEW)
    assert check.approve(entry(), VIEW) != check.approve(entry("2"), VIEW)
    assert len({check.approve(entry(), VIEW), check.approve(entry(), VIEW)}) == 1
    assert BTC.symbol in repr(check.approve(entry(), VIEW))
    assert entry().type is OrderType.MARKET
