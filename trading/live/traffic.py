"""Events to the engine, its actions to the exchange, the answers back: in rounds on paper, each by itself elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from trading.domain.actions import Action, FetchAccount
from trading.domain.errors import InvariantViolated
from trading.domain.events import AccountSnapshot, Event
from trading.live.commit_line import CommitLine
from trading.live.live_clock import FUTURE_MS_MAX
from trading.live.requests import Requests

ROUNDS_MAX = 1_000


class Traffic:
    """The one way from events to requests and from answers to events in the live driver.

    Args:
        line: commits before anything is carried out.
        requests: carries it out.
        in_rounds: whether all answers are waited for before anything else happens, as is right where time is the
            candles' and the exchange answers at once. Elsewhere every answer is taken up as it comes, and a request
            that hangs holds up nothing else.
        on_answer: told when an answer has come that `pump` has not taken up yet.
        on_beat: told each time that the loop makes progress.

    Attributes:
        asked: the token of the last question about the account.
        told: that of the newest question that was answered.
    """

    def __init__(
        self,
        line: CommitLine,
        requests: Requests,
        *,
        in_rounds: bool,
        on_answer: Callable[[], None],
        on_beat: Callable[[], None],
    ) -> None:
        self.asked = 0
        self.told = 0
        self._line = line
        self._requests = requests
        self._in_rounds = in_rounds
        self._on_answer = on_answer
        self._on_beat = on_beat
        self._under_way: set[asyncio.Task[Sequence[Event]]] = set()
        self._answers: list[asyncio.Task[Sequence[Event]]] = []

    @property
    def has_answers(self) -> bool:
        """Whether answers wait for the next `pump`."""
        return bool(self._answers)

    @property
    def is_waiting(self) -> bool:
        """Whether any request is under way, or its answer not taken up."""
        return bool(self._under_way or self._answers)

    async def pump(self, events: Sequence[Event], *, may_wait: bool = False) -> None:
        """Handle events, commit, carry out what follows; in rounds, until nothing follows any more."""
        if self._in_rounds:
            await self._pump_rounds(events, may_wait=may_wait)
            return
        answered, self._answers = self._answers, []
        answers = [self._as_of_now(event) for task in answered for event in task.result()]
        actions = await self._take([*answers, *events], may_wait=may_wait)
        for request in self._requests.begin(actions, self._line.engine.state.now_ms):
            task = asyncio.ensure_future(request)
            self._under_way.add(task)
            task.add_done_callback(self._answered)

    async def close(self) -> None:
        """Give up what is under way."""
        await asyncio.sleep(0)  # one that has not begun yet cannot be given up cleanly
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _pump_rounds(self, events: Sequence[Event], *, may_wait: bool) -> None:
        for _ in range(ROUNDS_MAX):
            actions = await self._take(events, may_wait=may_wait)
            if not actions:
                return
            now_ms = self._line.engine.state.now_ms
            answers = await asyncio.gather(*self._requests.begin(actions, now_ms))
            events = [event for answer in answers for event in answer]
            if not events:
                return
        raise InvariantViolated(f"no rest after {ROUNDS_MAX} rounds of events at {self._line.engine.state.now_ms}")

    def _as_of_now(self, event: Event) -> Event:
        """The event; one from far in the future with the bot's own time, which it must not carry away."""
        now_ms = self._line.engine.state.now_ms
        return event if event.time_ms <= now_ms + FUTURE_MS_MAX else replace(event, time_ms=now_ms)

    async def _take(self, events: Sequence[Event], *, may_wait: bool) -> Sequence[Action]:
        self._on_beat()
        for event in events:
            if isinstance(event, AccountSnapshot):
                self.told = max(self.told, event.token)
        actions = await self._line.take(events, may_wait=may_wait)
        for action in actions:
            if isinstance(action, FetchAccount):
                self.asked = max(self.asked, action.token)
        self._on_beat()
        return actions

    def _answered(self, task: asyncio.Task[Sequence[Event]]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            self._answers.append(task)
            self._on_answer()
