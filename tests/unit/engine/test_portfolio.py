"""Booking: what each fee, each sale and each correction does to position and cash, in round numbers."""

from __future__ import annotations

import pytest

from tests.support.builders import BTC, ETH, D
from tests.support.rig import Rig
from trading.domain.actions import Notify
from trading.domain.events import CommandKind
from trading.domain.instruments import ZERO
from trading.domain.orders import Purpose
from trading.domain.positions import CorrectionKind
from trading.engine import portfolio


def bought(fee: str, coin: str, **more: str) -> Rig:
    """10 at 100, with this fee."""
    rig = Rig.started()
    rig.fill(rig.entered(), "10", "100", fee, coin, **more)
    return rig


def sold(rig: Rig, quantity: str, price: str, fee: str = "0", coin: str = "USDT") -> None:
    """Sell what is held."""
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.command(CommandKind.CLOSE_POSITION, BTC.symbol)
    rig.cancelled(stop)
    rig.snapshot()
    rig.fill(rig.one(Purpose.EXIT), quantity, price, fee, coin)


# -- fees


def test_a_fee_in_the_quote_coin_is_paid_from_cash() -> None:
    rig = bought("1", "USDT")
    assert rig.position.quantity == 10
    assert rig.position.fees == 1
    assert rig.cash == 8_999
    sold(rig, "10", "110", "1.1")
    assert rig.cash == D("10097.9")
    assert rig.closed().gross_profit(ZERO) == 100
    assert rig.closed().net_profit(ZERO) == D("97.9")


def test_a_fee_in_the_base_coin_is_a_correction_of_the_position() -> None:
    rig = bought("0.01", "BTC")
    assert rig.position.quantity == D("9.99")
    assert rig.position.fees == 1
    assert rig.position.cost == 1_000
    assert rig.cash == 9_000
    (correction,) = rig.corrections()
    assert correction.kind is CorrectionKind.BASE_FEE
    assert correction.quantity == D("-0.01")
    assert correction.cost == -1
    assert portfolio.equity(rig.engine.state) == 9_999
    sold(rig, "9.99", "110", "1.0989")
    assert rig.cash == D("10097.8011")
    assert rig.closed().net_profit(ZERO) == D("97.8011")


def test_a_fee_in_a_third_coin_lowers_equity_but_not_cash() -> None:
    rig = bought("0.002", "BNB", worth="1.2")
    assert rig.position.quantity == 10
    assert rig.position.fees == D("1.2")
    assert rig.cash == 9_000
    account = rig.engine.state.account
    assert account is not None
    assert account.outside_fees == D("1.2")
    assert portfolio.equity(rig.engine.state) == D("9998.8")


def test_a_fee_in_a_third_coin_of_unknown_worth_is_told() -> None:
    rig = bought("0.002", "BNB")
    assert "FEE_UNVALUED" in rig.notes()
    assert rig.position.fees == 0


def test_a_rebate_is_a_negative_fee() -> None:
    rig = bought("-0.5", "USDT")
    assert rig.position.fees == D("-0.5")
    assert rig.cash == D("9000.5")


def test_no_fee_no_note() -> None:
    rig = bought("0", "BNB")
    assert rig.notes() == ["POSITION_OPENED"]


# -- profit


def test_realised_and_unrealised_profit_of_a_position_sold_in_part() -> None:
    rig = bought("0", "USDT")
    stop = rig.one(Purpose.STOP)
    rig.accept(stop)
    rig.fill(stop, "4", "110")
    position = rig.position
    assert position.realised() == 40
    assert position.unrealised(D(105)) == 30
    assert position.gross_profit(D(105)) == 70
    assert position.average_entry == 100
    assert position.average_exit == 110


def test_equity_is_cash_and_what_is_held_at_the_last_price() -> None:
    rig = Rig.holding()
    rig.candle("103")
    assert portfolio.equity(rig.engine.state) == 10_030
    assert portfolio.exposure(rig.engine.state) == 1_030
    assert rig.engine.equity() == 10_030
    assert rig.engine.exposure() == 1_030


def test_without_an_account_there_is_no_equity() -> None:
    rig = Rig()
    assert portfolio.equity(rig.engine.state) == 0
    assert portfolio.equity_from_profit(rig.engine.state) == 0


def test_the_account_sums_the_closed_positions() -> None:
    rig = bought("1", "USDT")
    sold(rig, "10", "110", "1.1")
    rig.fill(rig.entered(), "10", "100", "1")
    sold(rig, "10", "95", "0.95")
    account = rig.engine.state.account
    assert account is not None
    assert account.closed_positions == 2
    assert account.closed_profit == 50
    assert account.closed_fees == D("4.05")
    assert account.cash == D("10045.95")


def test_a_position_that_never_held_anything_is_not_counted() -> None:
    rig = Rig.started()
    rig.cancelled(rig.entered())
    account = rig.engine.state.account
    assert account is not None
    assert account.closed_positions == 0
    assert rig.engine.state.safety.losing_streak == 0


def test_losses_in_a_row_are_counted_and_a_win_ends_the_row() -> None:
    rig = bought("0", "USDT")
    sold(rig, "10", "99")
    rig.fill(rig.entered(), "10", "100")
    sold(rig, "10", "99")
    assert rig.engine.state.safety.losing_streak == 2
    rig.fill(rig.entered(), "10", "100")
    sold(rig, "10", "101")
    assert rig.engine.state.safety.losing_streak == 0


def test_the_owner_is_told_what_a_position_came_to() -> None:
    rig = bought("1", "USDT")
    sold(rig, "10", "110", "1.1")
    (note,) = rig.asked(Notify)
    assert note.code == "POSITION_CLOSED"
    assert note.text == "BTC/USDT: closed by operator, net profit 97.9000 USDT"


# -- what is not the bot's


def test_coins_that_are_missing_are_taken_off_once_two_looks_agree() -> None:
    rig = Rig.holding()
    rig.snapshot_again(rig.filled_entry(), USDT="9000", BTC="7")
    assert rig.position.quantity == 10
    rig.tick(rig.engine.config.timing.missing_ms)
    rig.snapshot_again(rig.filled_entry(), USDT="9000", BTC="7")
    assert rig.position.quantity == 7
    assert "POSITION_CORRECTED" in rig.notes()
    (correction,) = rig.corrections()
    assert correction.kind is CorrectionKind.RECONCILED
    assert correction.quantity == -3
    assert rig.cash == 9_000


def test_coins_that_a_resting_stop_would_sell_are_there_whatever_the_balance_says() -> None:
    """A balance may leave out what is locked, or a coin, for long; on spot the stop locks what it sells."""
    rig = Rig.holding()
    for _ in range(3):
        rig.snapshot_again(USDT="9000")
        rig.tick(rig.engine.config.timing.missing_ms)
    assert (rig.position.quantity, rig.corrections(), rig.cancels()) == (10, [], [])


@pytest.mark.parametrize("second", ["8", "10", "11"])
def test_looks_that_disagree_take_nothing_off(second: str) -> None:
    rig = Rig.holding()
    rig.snapshot_again(USDT="9000", BTC="7")
    rig.tick(2_000)
    rig.snapshot_again(USDT="9000", BTC=second)
    assert rig.position.quantity == 10


def test_two_looks_in_quick_succession_are_one() -> None:
    rig = Rig.holding()
    rig.snapshot_again(USDT="9000", BTC="7")
    rig.tick(1_999)
    rig.snapshot_again(USDT="9000", BTC="7")
    assert rig.position.quantity == 10


def test_coins_of_the_owner_are_not_counted_as_the_bots() -> None:
    rig = Rig.holding()
    rig.snapshot_again(USDT="50000", BTC="500", ETH="3")
    rig.tick(2_000)
    rig.snapshot_again(USDT="50000", BTC="500", ETH="3")
    assert rig.position.quantity == 10
    assert rig.cash == 9_000
    assert ETH.symbol not in rig.engine.state.positions
