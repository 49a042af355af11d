"""The ledger: every movement has its other side, and none makes a balance negative."""

from __future__ import annotations

import pytest

from tests.unit.exchange.exchange_helpers import D
from trading.domain.errors import InvalidInput, InvariantViolated
from trading.domain.positions import Balance
from trading.exchange.ledger import Ledger
from trading.exchange.records import Coin


def ledger() -> Ledger:
    return Ledger({"USDT": D(100)}, lambda coin: None)


def test_trade_and_fee_sum_to_zero_over_account_market_and_fees() -> None:
    """Bought 2 BTC for 60 USDT, with a fee of 0.5 BTC."""
    book = ledger()
    book.trade("USDT", D(60), "BTC", D(2))
    book.charge("BTC", D("0.5"))
    assert book.balances() == {"BTC": Balance(D("1.5")), "USDT": Balance(D(40))}
    assert (book.coins["BTC"].market, book.coins["BTC"].fees) == (D(-2), D("0.5"))
    book.check({})


def test_lock_moves_between_free_and_locked() -> None:
    """And back, by a negative amount."""
    book = ledger()
    book.lock("USDT", D(70))
    book.lock("USDT", D(-20))
    assert book.balances()["USDT"] == Balance(D(50), D(50))
    book.check({"USDT": D(50)})


def test_overdrawing_is_an_error_of_the_program() -> None:
    """The exchange must have refused before."""
    with pytest.raises(InvariantViolated, match="negative"):
        ledger().lock("USDT", D(101))
    with pytest.raises(InvariantViolated, match="negative"):
        ledger().trade("BTC", D(1), "USDT", D(1))


def test_check_finds_money_from_nowhere_and_locks_without_orders() -> None:
    """Each kind of contradiction is told apart."""
    book = ledger()
    with pytest.raises(InvariantViolated, match="open orders lock 5"):
        book.check({"USDT": D(5)})
    book.load([Coin(coin="USDT", deposited=D(1), free=D(2))])
    with pytest.raises(InvariantViolated, match="do not add up"):
        book.check({})


@pytest.mark.parametrize("amount", ["-1", "NaN", "Infinity", "1E13", "0.000000001"])
def test_absurd_deposits_are_refused(amount: str) -> None:
    """With the coin's name in the message."""
    with pytest.raises(InvalidInput, match="balance of USDT"):
        Ledger({"USDT": D(amount)}, lambda coin: None)
