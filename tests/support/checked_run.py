"""A backtest whose books are checked after every event, against the simulated exchange's after every round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from tests.support.checked_engine import CheckedEngine
from trading.backtest.report import Collector
from trading.backtest.runner import BacktestRunner
from trading.decision.bars import BoolArray
from trading.decision.source import SignalSource
from trading.domain.instruments import ZERO
from trading.domain.positions import Correction
from trading.engine.config import EngineConfig
from trading.engine.state import Record
from trading.exchange.costs import Costs, FeePolicy, FillAt
from trading.exchange.simulated import SimulatedExchange
from trading.market.candle_table import CandleTable
from trading.safety.breaker import BreakerState

ROUNDS_BETWEEN_FULL_CHECKS = 50


class CheckedRun:
    """One run from the account's deposits on, with all that it recorded.

    After every round of events it asserts that the engine's cash and holdings are the bot's part of the exchange's
    balances, to the digit; now and then, and at the end, that the exchange's books add up (each coin sums to zero over
    bot, market and fee account; a movement that would not is refused at once by the ledger).
    Only the first `capital` of the deposited quote coin is the bot's.
    """

    def __init__(
        self,
        tables: Sequence[CandleTable],
        config: EngineConfig,
        signals: SignalSource,
        costs: Costs,
        deposits: Mapping[str, Decimal],
        *,
        fill_at: FillAt = FillAt.NEXT_OPEN,
        entry_rows: Mapping[str, BoolArray] | None = None,
        exit_rows: Mapping[str, BoolArray] | None = None,
        checked: bool = True,
    ) -> None:
        self.config = config
        self.costs = costs
        self.deposits = dict(deposits)
        self.exchange = SimulatedExchange(config.instruments, deposits, costs, fill_at)
        self.collector = Collector()
        self.corrections: list[Correction] = []
        self.breakers: list[BreakerState] = []
        self.runner = BacktestRunner(
            tables, config, self.exchange, signals, entry_rows=entry_rows, exit_rows=exit_rows, on_records=self._take
        )
        self.checked = checked
        self._rounds = 0
        if checked:
            self.engine = CheckedEngine(config, signals)
            self.runner.engine = self.engine

    def run(self, *, close_at_end: bool = True) -> CheckedRun:
        """Run it to the end."""
        self.runner.run(close_at_end=close_at_end)
        self.exchange.check()
        if self.checked:
            self.check_balances()
        return self

    def balances(self) -> dict[str, Decimal]:
        """Free and locked together, by coin, as the exchange has them."""
        return {coin: balance.total for coin, balance in self.exchange._books.ledger.balances().items()}

    def check_balances(self) -> None:
        """Compare the engine's books with the exchange's."""
        state, quote = self.engine.state, self.config.quote
        if state.account is None:
            return
        held = self.balances()
        owners = self.deposits[quote] - state.account.start_capital
        assert state.account.cash == held[quote] - owners
        for instrument in self.config.instruments.values():
            position = state.positions.get(instrument.symbol)
            own = position.quantity if position is not None else ZERO
            owned_before = self.deposits.get(instrument.base, ZERO)
            assert held.get(instrument.base, ZERO) == owned_before + own + self.engine.dust(instrument.base)
        if self.costs.fee_policy is FeePolicy.THIRD_COIN:
            coin = self.costs.fee_coin
            paid = sum((fill.fee for fill in self.engine.fills if fill.fee_coin == coin), ZERO)
            assert held.get(coin, ZERO) == self.deposits.get(coin, ZERO) - paid
            assert state.account.outside_fees == paid * self.costs.fee_coin_price

    def _take(self, records: list[Record]) -> None:
        self._rounds += 1
        if self._rounds % ROUNDS_BETWEEN_FULL_CHECKS == 0:
            self.exchange.check()
        self.collector.take(records)
        self.corrections += [record for record in records if isinstance(record, Correction)]
        self.breakers += [record for record in records if isinstance(record, BreakerState)]
        if self.checked:
            self.check_balances()
