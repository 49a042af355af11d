"""Candles, orders, positions, errors: what they say of themselves."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from tests.support.builders import MINUTE, T0, D, candle
from tests.support.intents import entry
from trading.domain.candles import Candle, check_candle
from trading.domain.errors import InvalidInput, TradingError
from trading.domain.events import CandleClosed, ClockTick, Command, CommandKind, Event, OrderFilled
from trading.domain.orders import Fill, Order, OrderState, Side
from trading.domain.positions import Balance, Position, PositionSide

FINAL = {OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED}

# -- candles


def test_a_candle_ends_where_the_next_one_begins() -> None:
    assert candle(3, "100").close_time_ms == candle(4, "100").open_time_ms == T0 + 4 * MINUTE


@pytest.mark.parametrize(
    ("field", "value"),
    [(f, v) for f in ("open", "high", "low", "close") for v in ("0", "-1", "NaN", "Infinity")]
    + [("volume", "-1"), ("volume", "NaN"), ("high", "99"), ("low", "101"), ("high", "94")],
)
def test_a_candle_that_cannot_be_true_is_refused_by_its_field(field: str, value: str) -> None:
    shown = candle(1, "100", high="105", low="95", open_="98")
    check_candle(shown)
    with pytest.raises(InvalidInput, match=rf"BTC/USDT candle {shown.open_time_ms} {field}"):
        check_candle(replace(shown, **{field: D(value)}))


@pytest.mark.parametrize(("open_time_ms", "interval_ms"), [(T0 + 1, MINUTE), (T0, 0), (T0, -MINUTE)])
def test_a_candle_opens_on_a_multiple_of_its_interval(open_time_ms: int, interval_ms: int) -> None:
    shown = candle(0, "100")
    with pytest.raises(InvalidInput, match="open_time_ms"):
        check_candle(Candle(shown.symbol, open_time_ms, interval_ms, *[D(1)] * 4, D(0)))


# -- orders


@pytest.mark.parametrize("state", OrderState)
def test_four_states_are_final(state: OrderState) -> None:
    assert state.is_final is (state in FINAL)
    order = Order(intent=entry("2"), state=state, updated_ms=0)
    assert order.is_live is (state not in FINAL)
    assert order.is_settled is (state in FINAL)


def test_an_order_is_settled_when_every_reported_fill_is_booked() -> None:
    order = Order(intent=entry("2"), state=OrderState.CANCELED, updated_ms=0, reported_filled=D(1))
    assert not order.is_settled
    assert replace(order, filled_quantity=D(1)).is_settled
    assert order.remaining == 2
    assert replace(order, filled_quantity=D("0.5")).remaining == D("1.5")
    assert order.id == entry().client_order_id


# -- positions


def a_position(**changes: object) -> Position:
    fields: dict[str, object] = {
        "id": "p",
        "symbol": "BTC/USDT",
        "side": PositionSide.LONG,
        "opened_ms": 0,
        "decision_price": D(100),
    }
    return Position(**(fields | changes))  # type: ignore[arg-type]


def test_a_position_before_its_first_fill_is_nothing() -> None:
    position = a_position()
    assert position.quantity == 0
    assert position.average_entry == 0
    assert position.average_exit == 0
    assert position.net_profit(D(100)) == 0
    assert position.realised() == 0
    assert position.unrealised(D(100)) == 0
    assert not position.is_closed


def test_profit_is_what_came_in_less_what_went_out() -> None:
    position = a_position(bought=D(10), cost=D(1_000), sold=D(4), proceeds=D(440), fees=D(2), funding=D("0.5"))
    assert position.quantity == 6
    assert position.average_entry == 100
    assert position.average_exit == 110
    assert position.gross_profit(D(120)) == 160
    assert position.net_profit(D(120)) == D("157.5")
    assert position.realised() == 40
    assert position.unrealised(D(120)) == 120


def test_a_base_fee_is_no_loss_of_price() -> None:
    """0.01 of 10 bought at 100 went as a fee worth 1: with the price at 100 only the fee is lost."""
    position = a_position(bought=D(10), cost=D(1_000), adjusted=D("-0.01"), adjusted_cost=D(-1), fees=D(1))
    assert position.quantity == D("9.99")
    assert position.gross_profit(D(100)) == 0
    assert position.net_profit(D(100)) == -1


def test_a_closed_position_has_realised_all_its_profit() -> None:
    position = a_position(bought=D(10), cost=D(1_000), sold=D(10), proceeds=D(1_050), closed_ms=5)
    assert position.is_closed
    assert position.realised() == 50
    assert position.unrealised(D(999)) == 0


def test_a_balance_is_free_and_locked() -> None:
    assert Balance(D(1), D(2)).total == 3
    assert Balance(D(1)).total == 1


# -- errors and events


def test_an_unusable_input_says_what_would_have_been_usable() -> None:
    error = InvalidInput("TRADING_SYMBOLS", "BTC", "BASE/QUOTE")
    assert isinstance(error, TradingError)
    assert (error.field, error.value, error.allowed) == ("TRADING_SYMBOLS", "BTC", "BASE/QUOTE")
    assert str(error) == "TRADING_SYMBOLS: 'BTC' is not usable; allowed: BASE/QUOTE"


EVENTS: list[Event] = [
    ClockTick(time_ms=7),
    CandleClosed(time_ms=7, candle=candle(1, "1.10", volume="0.30")),
    Command(time_ms=7, id="c", kind=CommandKind.KILL, by="owner", target="flatten"),
    OrderFilled(
        time_ms=7,
        fill=Fill(
            trade_id="1",
            client_order_id="o",
            symbol="BTC/USDT",
            side=Side.BUY,
            price=D("1.10"),
            quantity=D("0.30"),
            fee=D("0.00"),
            fee_coin="BNB",
            time_ms=6,
            fee_value=D("1E-8"),
        ),
    ),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_survive_being_written_down(event: Event) -> None:
    """Digit for digit: 1.10 stays 1.10."""
    again = msgspec.json.decode(msgspec.json.encode(event), type=Event)
    assert again == event
    assert str(again) == str(event)


@pytest.mark.parametrize("word", [candle(1, "1"), entry(), a_position(), Balance(D(1)), ClockTick(time_ms=1)])
def test_words_cannot_be_changed(word: msgspec.Struct) -> None:
    with pytest.raises(AttributeError):
        setattr(word, word.__struct_fields__[0], "other")
