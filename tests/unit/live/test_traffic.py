"""Events in, requests out, answers back: in rounds where candles make the time, each by itself on the wall clock."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.support.builders import BOT, BTC, T0, config
from tests.support.heard import Heard
from tests.support.signals import ScriptedSignals
from trading.domain.events import AccountSnapshot, Command, CommandKind, Event, Started
from trading.domain.positions import Balance
from trading.engine.engine import Engine
from trading.live.commit_line import CommitLine
from trading.live.requests import Requests
from trading.live.traffic import Traffic
from trading.store.memory import MemoryJournal


class OneQuestion:
    """An exchange that is only asked for the account, and answers when `may_answer` is set; `breaks`: with an error."""

    def __init__(self, *, breaks: bool = False) -> None:
        self.may_answer = asyncio.Event()
        self.is_asked = asyncio.Event()
        self.ahead_ms = 0
        self._breaks = breaks

    async def account(self, token: int, now_ms: int) -> Sequence[Event]:
        self.is_asked.set()
        await self.may_answer.wait()
        if self._breaks:
            raise RuntimeError("a bug of the adapter")
        balances = {"USDT": Balance(BTC.min_notional * 1_000)}
        return [AccountSnapshot(time_ms=now_ms + self.ahead_ms, token=token, balances=balances)]


class Bench:
    """Traffic between an engine and such an exchange."""

    def __init__(self, *, in_rounds: bool, breaks: bool = False) -> None:
        async def nothing_stops_entries() -> str:
            return ""

        self.exchange = OneQuestion(breaks=breaks)
        self.engine = Engine(config(), ScriptedSignals())
        self.line = CommitLine(self.engine, MemoryJournal(), alerts=Heard(lambda note: None))
        self.answered = asyncio.Event()
        self.beats = 0
        self.traffic = Traffic(
            self.line,
            Requests(self.exchange, nothing_stops_entries, timeout_s=3600),  # type: ignore[arg-type]
            in_rounds=in_rounds,
            on_answer=self.answered.set,
            on_beat=self._beat,
        )

    async def start(self) -> None:
        await self.traffic.pump([Started(time_ms=T0, bot_id=BOT)])

    def _beat(self) -> None:
        self.beats += 1


def test_a_round_ends_when_nothing_follows_any_more() -> None:
    async def story() -> None:
        bench = Bench(in_rounds=True)
        round_ = asyncio.create_task(bench.start())
        await bench.exchange.is_asked.wait()
        assert not round_.done()
        bench.exchange.may_answer.set()
        await round_
        assert bench.engine.ready
        assert bench.traffic.told == bench.traffic.asked == 1
        assert not bench.traffic.is_waiting
        bench.line.close()

    asyncio.run(story())


def test_where_time_is_the_walls_nobody_waits_for_an_answer() -> None:
    async def story() -> None:
        bench = Bench(in_rounds=False)
        await bench.start()
        assert bench.traffic.is_waiting
        assert (bench.traffic.asked, bench.traffic.told) == (1, 0)
        await bench.traffic.pump([Command(time_ms=T0, id="1", kind=CommandKind.PAUSE, by="owner")])
        assert bench.engine.state.safety.paused, "the next event is handled meanwhile"
        assert bench.beats >= 2
        bench.exchange.may_answer.set()
        await bench.answered.wait()
        assert bench.traffic.has_answers
        assert not bench.engine.ready, "an answer is taken up by the next pump, in the loop's own turn"
        await bench.traffic.pump([])
        assert bench.engine.ready
        assert (bench.traffic.told, bench.traffic.is_waiting) == (1, False)
        bench.line.close()

    asyncio.run(story())


def test_an_answer_dated_far_in_the_future_does_not_carry_the_bots_time_away() -> None:
    """Time-outs would not run out until then. It is taken all the same."""

    async def story() -> None:
        bench = Bench(in_rounds=False)
        bench.exchange.ahead_ms = 3_600_000
        bench.exchange.may_answer.set()
        await bench.start()
        await bench.answered.wait()
        await bench.traffic.pump([])
        assert bench.engine.ready
        assert bench.engine.state.now_ms == T0
        bench.line.close()

    asyncio.run(story())


def test_what_is_under_way_at_the_end_is_given_up() -> None:
    async def story() -> None:
        bench = Bench(in_rounds=False)
        await bench.start()
        await bench.traffic.close()
        assert not bench.traffic.is_waiting
        bench.line.close()

    asyncio.run(story())


@pytest.mark.parametrize("in_rounds", [True, False])
def test_an_adapter_that_raises_is_not_overheard(in_rounds: bool) -> None:
    async def story() -> None:
        bench = Bench(in_rounds=in_rounds, breaks=True)
        bench.exchange.may_answer.set()
        try:
            await bench.start()
            await bench.answered.wait()
            await bench.traffic.pump([])
        finally:
            bench.line.close()

    with pytest.raises(RuntimeError, match="a bug of the adapter"):
        asyncio.run(story())
