"""A run told by hand: calm candles, signals and faults by minute and second, and what bot and exchange have then.

Candle `m` closes at second `60 * (m + 1)`, where its signal is heard. The market moves 5.5 s (the open, at which market
orders fill) and 30 s (low and high) into a minute. The judge of the random schedules watches here too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from types import TracebackType

from tests.simulation.chaos.bot import Bot
from tests.simulation.chaos.faults import Fault, Kind, Schedule
from tests.simulation.chaos.run import OFFSETS, Run, quiet_logs
from tests.simulation.chaos.scenario import TIMING, Scenario
from tests.support.builders import BTC, ETH, MINUTE, NO_BREAKER, T0, D, candle, config
from tests.support.signals import ScriptedSignals
from trading.domain.candles import Candle
from trading.domain.decisions import Signal
from trading.domain.orders import Order, Purpose
from trading.domain.positions import Position
from trading.engine.config import EngineConfig
from trading.engine.state import EngineState
from trading.exchange.costs import NO_COSTS, Costs
from trading.exchange.records import SimOrder
from trading.store.queries import Queries

CAPITAL = D(10_000)
OWNED = {"BTC": D(3), "USDT": D(5_000)}
MINUTES = 30
FIRST_SECOND = 45


def settings(**changes: object) -> EngineConfig:
    """Two symbols, a breaker that never trips, a reconciliation a minute."""
    instruments = {BTC.symbol: BTC, ETH.symbol: ETH}
    fields: dict[str, object] = {"timing": TIMING, "breaker": NO_BREAKER, "instruments": instruments}
    return config(**(fields | changes))


class Story:
    """One run. A context manager.

    Args:
        faults: by request, commit, moment or second.
        say: signals on BTC's candles by minute; those on ETH's in `say_eth`.
        candles: BTC's where they are not calm, by minute. All others stay at 100.
        costs: of the exchange.
        config: of the engine.
    """

    def __init__(
        self,
        *faults: Fault,
        say: Mapping[int, Signal],
        say_eth: Mapping[int, Signal] | None = None,
        candles: Mapping[int, Candle] | None = None,
        costs: Costs = NO_COSTS,
        config: EngineConfig | None = None,
    ) -> None:
        script = {(BTC.symbol, T0 + m * MINUTE): s for m, s in say.items()}
        script |= {(ETH.symbol, T0 + m * MINUTE): s for m, s in (say_eth or {}).items()}
        rows = tuple(
            ((candles or {}).get(m) or candle(m, "100"), candle(m, "100", symbol=ETH.symbol)) for m in range(MINUTES)
        )
        scenario = Scenario(
            config=config or settings(),
            costs=costs,
            balances=OWNED | {"USDT": OWNED["USDT"] + CAPITAL},
            owned=OWNED,
            candles=rows,
            enter=0,
            exit=0,
            chatty=False,
            jostle=False,
        )
        self.run = Run(Schedule(seed=1, faults=faults), scenario=scenario, signals=ScriptedSignals(script), log=True)
        self.world = self.run.world
        self._second = FIRST_SECOND
        self._runner = asyncio.Runner()
        self._quiet = quiet_logs()

    def __enter__(self) -> Story:
        self._quiet.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.close()
        self.run.disk.clear()
        self._quiet.__exit__(kind, error, trace)

    # -- what happens

    def until(self, second: int) -> Story:
        """Time goes on to this second, with every second at which time is told on the way."""
        while self._second <= second:
            if self._second % 60 in OFFSETS or self._second == second:
                self._runner.run(self.run.second(self._second))
            self._second += 1
        return self

    def crash(self, down_s: int = 0) -> None:
        """The process dies now; the next second after `down_s` starts it again."""
        self.run.kill(down_s)

    def ends_well(self, after_s: int = 120) -> None:
        """Two minutes without faults later bot and exchange agree, and a second look changes nothing.

        Each fault of the story must have struck by now.
        """
        strikes = self.world.strikes
        strikes.is_over = True
        assert [fault for fault in strikes.faults if fault not in strikes.struck] == [], "a fault never struck"
        self.until(self._second + after_s)
        assert self.run.judge.is_reconciled(self.bot) == ""
        self._runner.run(self.run.judge.reconcile_again(self.bot))

    # -- what came of it

    @property
    def bot(self) -> Bot:
        """The one that lives."""
        return self.run.living()

    @property
    def state(self) -> EngineState:
        """What it knows."""
        return self.bot.engine.state

    @property
    def position(self) -> Position | None:
        """Its position in BTC."""
        return self.state.positions.get(BTC.symbol)

    def at_exchange(self, purpose: Purpose) -> list[SimOrder]:
        """Every order of the bot in BTC that the exchange ever accepted, oldest first."""
        orders = self.world.orders_of_bot()
        return [o for o in orders if o.intent.purpose is purpose and o.intent.symbol == BTC.symbol]

    def resting(self, purpose: Purpose) -> list[SimOrder]:
        """Those of them that are open."""
        return [order for order in self.at_exchange(purpose) if not order.state.is_final]

    def known(self, purpose: Purpose) -> list[Order]:
        """Every order in BTC that the bot knows of, by time."""
        orders = self.state.orders.values()
        found = [o for o in orders if o.intent.purpose is purpose and o.intent.symbol == BTC.symbol]
        return sorted(found, key=lambda order: order.intent.created_ms)

    def requests(self, label: str) -> int:
        """How many requests of this label (`submit entry`, `query stop`, `account`) were made so far."""
        return sum(line[5:].startswith(f"{label} ") for line in self.world.log or ())

    def codes(self) -> list[str]:
        """The codes of everything that was told."""
        return [note.code for note in self.run.notes]

    def vetoes(self) -> list[str]:
        """Why decisions were not acted on, oldest first, from the journal."""
        runs = Queries(self.bot.journal.engine).decisions(limit=100)
        return [run.decision.veto for run in reversed(runs) if run.decision.veto]

    def sold(self) -> Decimal:
        """What the bot's trades sold of BTC."""
        return sum((o.filled for o in self.at_exchange(Purpose.EXIT) + self.at_exchange(Purpose.STOP)), D(0))


def strike(kind: Kind, on: str, at: int = 1, *, times: int = 1, seconds: int = 0) -> Fault:
    """A fault in a line."""
    return Fault(kind=kind, on=on, at=at, times=times, seconds=seconds)
