"""Balances of the simulated account, and the double entry behind them: bot, market and fee account sum to zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from trading.domain.errors import InvalidInput, InvariantViolated
from trading.domain.instruments import ZERO
from trading.domain.positions import Balance
from trading.exchange.records import Coin

BALANCE_MAX = Decimal("1E12")
BALANCE_DECIMALS_MAX = 8


class Ledger:
    """Coins of one account. Every movement is exact; one that would make a balance negative is refused loudly.

    Args:
        balances: what is deposited at the start, by coin.
        on_change: called with each coin that was changed.
    """

    def __init__(self, balances: Mapping[str, Decimal], on_change: Callable[[Coin], None]) -> None:
        self.coins: dict[str, Coin] = {}
        self._on_change = on_change
        for coin, amount in sorted(balances.items()):
            _check_balance(coin, amount)
            self.coins[coin] = Coin(coin=coin, deposited=amount, free=amount)

    def load(self, coins: Iterable[Coin]) -> None:
        """Replace everything by these records."""
        self.coins = {coin.coin: coin for coin in coins}

    def free(self, coin: str) -> Decimal:
        """What can be spent or locked."""
        held = self.coins.get(coin)
        return held.free if held is not None else ZERO

    def lock(self, coin: str, amount: Decimal) -> None:
        """Move from free to locked; a negative amount the other way."""
        held = self._coin(coin)
        held.free -= amount
        held.locked += amount
        self._changed(held)

    def trade(self, paid_coin: str, paid: Decimal, got_coin: str, got: Decimal) -> None:
        """Exchange free coins with the market."""
        for coin, amount in ((paid_coin, -paid), (got_coin, got)):
            held = self._coin(coin)
            held.free += amount
            held.market -= amount
            self._changed(held)

    def charge(self, coin: str, fee: Decimal) -> None:
        """Move a fee from free to the fee account."""
        held = self._coin(coin)
        held.free -= fee
        held.fees += fee
        self._changed(held)

    def balances(self) -> dict[str, Balance]:
        """Free and locked by coin, sorted."""
        return {name: Balance(coin.free, coin.locked) for name, coin in sorted(self.coins.items())}

    def check(self, locked: Mapping[str, Decimal]) -> None:
        """Raise `InvariantViolated` unless each coin sums to zero and locks what open orders lock (`locked`)."""
        for name in sorted(self.coins.keys() | locked.keys()):
            held = self._coin(name)
            if held.free < 0 or held.locked < 0:
                raise InvariantViolated(f"{name}: negative balance {held}")
            if held.free + held.locked + held.market + held.fees != held.deposited:
                raise InvariantViolated(f"{name}: account, market and fees do not add up: {held}")
            if held.locked != locked.get(name, ZERO):
                raise InvariantViolated(f"{name}: {held.locked} locked, but open orders lock {locked.get(name, ZERO)}")

    def _coin(self, coin: str) -> Coin:
        held = self.coins.get(coin)
        if held is None:
            held = self.coins[coin] = Coin(coin=coin, deposited=ZERO, free=ZERO)
        return held

    def _changed(self, held: Coin) -> None:
        if held.free < 0 or held.locked < 0:
            raise InvariantViolated(f"{held.coin}: a movement would leave a negative balance: {held}")
        self._on_change(held)


def _check_balance(coin: str, amount: Decimal) -> None:
    # Bounds that keep every later sum within Decimal's 28 digits, so that all of it stays exact.
    if not amount.is_finite() or not 0 <= amount <= BALANCE_MAX:
        raise InvalidInput(f"balance of {coin}", amount, f"0 to {BALANCE_MAX:f}")
    if amount != round(amount, BALANCE_DECIMALS_MAX):
        raise InvalidInput(f"balance of {coin}", amount, f"at most {BALANCE_DECIMALS_MAX} decimals")
