"""No alert is lost and none overtakes another, whatever channels, senders and their database do."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.support.alerts import Clock, FakeChannel, Spawned, alert_database, make_sender, note, tell
from trading.monitoring.alerts import sender as sending
from trading.monitoring.alerts.sender import RENEW_SECONDS, AlertSender
from trading.store.deliveries import channel_states
from trading.store.errors import JournalError

NAMES = ("slack", "email")


@contextmanager
def new_database() -> Iterator[sa.Engine]:
    with tempfile.TemporaryDirectory() as folder:
        engine = alert_database(Path(folder))
        try:
            yield engine
        finally:
            engine.dispose()


class World:
    """Two processes that could send, the same two channels for each, and one database."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.clock = Clock()
        self.told = 0
        self.channels = {name: FakeChannel(name) for name in NAMES}
        self.beside = Spawned()
        self.senders: list[AlertSender] = [self._new_sender(), self._new_sender()]
        self.senders[0].register()

    def _new_sender(self) -> AlertSender:
        return make_sender(self.engine, list(self.channels.values()), self.clock, join_ms=0, spawn=self.beside)

    def act(self, what: str, number: int) -> None:
        sender = self.senders[number % 2]
        match what:
            case "tell":
                for _ in range(number % 5 + 1):
                    self.told += 1
                    tell(self.engine, self.clock, note(f"CODE_{self.told}"))
            case "step":
                sender.step()
            case "wait":
                self.clock.pass_s(number)
            case "break":
                self.channels[NAMES[number % 2]].error = "no route"
            case "mend":
                self.channels[NAMES[number % 2]].error = ""
            case "hang":
                self.beside.at_once = False
            case "go on":
                self.beside.at_once = True
                self.beside.run()
            case "kill":
                # What was on its way may have arrived, or not; nothing of it is marked by this one.
                self.senders[number % 2] = self._new_sender()
            case "disk full":
                real = sending.mark_sent

                def fail(*_: object) -> None:
                    raise JournalError("the disk is full")

                sending.mark_sent = fail  # type: ignore[assignment]
                sender.step()
                sending.mark_sent = real

    def settle(self) -> None:
        """Everything works again."""
        self.beside.at_once = True
        self.beside.run()
        for channel in self.channels.values():
            channel.error = ""
        for _ in range(150):
            self.clock.pass_s(RENEW_SECONDS)
            for sender in self.senders:
                sender.step()
            if all(state.waiting == 0 and state.seen == self.told for state in channel_states(self.engine).values()):
                return
        raise AssertionError("something waits for ever")


ACTS = st.tuples(
    st.sampled_from(
        ["tell", "tell", "step", "step", "step", "wait", "break", "mend", "hang", "go on", "kill", "disk full"]
    ),
    st.integers(0, 30),
)


@given(acts=st.lists(ACTS, max_size=40))
def test_every_alert_reaches_every_channel_in_order(acts: list[tuple[str, int]]) -> None:
    with new_database() as engine:
        world = World(engine)
        for what, number in acts:
            world.act(what, number)
        world.settle()
        for channel in world.channels.values():
            counts = Counter(channel.seqs)
            assert set(counts) == set(range(1, world.told + 1))
            first_times = list(dict.fromkeys(channel.seqs))
            assert first_times == sorted(first_times)


@given(acts=st.lists(ACTS.filter(lambda act: act[0] not in {"kill", "hang", "go on", "wait"}), max_size=40))
def test_without_a_death_or_a_doubt_each_comes_once(acts: list[tuple[str, int]]) -> None:
    with new_database() as engine:
        world = World(engine)
        for what, number in acts:
            world.act(what, number)
        world.settle()
        for channel in world.channels.values():
            assert channel.seqs == list(range(1, world.told + 1))
