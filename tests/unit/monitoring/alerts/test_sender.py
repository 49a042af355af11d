"""The sender: at least once, in order, at a bounded pace, whatever a channel, the database or another sender does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.alerts import JOIN_MS, NOW_MS, Clock, FakeChannel, Spawned, alert_database, make_sender, note, tell
from tests.support.processes import until
from trading.domain.actions import Level
from trading.monitoring.alerts import sender as sending
from trading.monitoring.alerts.lines import BACK_OFF_SECONDS_MAX, GIVEN_UP_SECONDS, HANGING_MAX
from trading.monitoring.alerts.rules import QuietHours
from trading.monitoring.alerts.sender import LEASE_MS, AlertSender
from trading.store.deliveries import channel_states
from trading.store.errors import JournalError


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    engine = alert_database(tmp_path)
    yield engine
    engine.dispose()


def steps(sender: AlertSender, clock: Clock, seconds: float = 0.0, *, each_s: float = 1.0) -> None:
    """Take a step every so often, and one before the first."""
    sender.step()
    for _ in range(round(seconds / each_s)):
        clock.pass_s(each_s)
        sender.step()


def test_each_goes_through_each_channel_once_and_in_order(engine: sa.Engine, clock: Clock) -> None:
    slack, email = FakeChannel("slack"), FakeChannel("email")
    sender = make_sender(engine, [slack, email], clock)
    steps(sender, clock)
    for number in range(5):
        tell(engine, clock, note(f"CODE_{number}"))
        steps(sender, clock, 2)
    assert slack.seqs == email.seqs == [1, 2, 3, 4, 5]
    steps(sender, clock, 60)
    assert len(slack.got) == 5


def test_a_new_channel_gets_what_is_told_from_now_on(engine: sa.Engine, clock: Clock) -> None:
    tell(engine, clock, note("BEFORE"))
    slack = FakeChannel()
    sender = make_sender(engine, [slack], clock)
    sender.register()
    tell(engine, clock, note("AFTER"))
    steps(sender, clock, 2)
    assert slack.seqs == [2]


def test_what_comes_together_goes_in_one_message(engine: sa.Engine, clock: Clock) -> None:
    slack = FakeChannel()
    sender = make_sender(engine, [slack], clock)
    steps(sender, clock)
    tell(engine, clock, *(note(f"CODE_{number}") for number in range(7)))
    steps(sender, clock, 3)
    assert [len(message.told) for message in slack.got] == [7]


def test_repeats_within_the_window_become_one_with_their_count(engine: sa.Engine, clock: Clock) -> None:
    slack = FakeChannel()
    sender = make_sender(engine, [slack], clock)
    steps(sender, clock)
    for _ in range(10):
        tell(engine, clock, note("ORDER_REJECTED", symbol="BTC/USDT"), note("ORDER_REJECTED", symbol="ETH/USDT"))
        steps(sender, clock, 10, each_s=5)
    assert [len(message.told) for message in slack.got] == [2]
    steps(sender, clock, JOIN_MS / 1000, each_s=5)
    assert [len(message.told) for message in slack.got] == [2, 18]
    assert slack.got[1].body.count("9 times") == 2


def test_another_kind_does_not_wait_for_repeats(engine: sa.Engine, clock: Clock) -> None:
    slack = FakeChannel()
    sender = make_sender(engine, [slack], clock)
    steps(sender, clock)
    tell(engine, clock, note("A"))
    steps(sender, clock, 2)
    tell(engine, clock, note("A"), note("B"), note("A", level=Level.CRITICAL))
    steps(sender, clock, 2)
    assert slack.seqs == [1, 3, 4]


def test_in_quiet_hours_only_what_is_critical(engine: sa.Engine, clock: Clock) -> None:
    slack = FakeChannel()
    sender = make_sender(engine, [slack], clock, quiet=QuietHours("15:00-15:10", UTC))  # it is 15:06:40
    steps(sender, clock)
    tell(engine, clock, note("A"), note("B", level=Level.CRITICAL), note("C", level=Level.INFO))
    steps(sender, clock, 190)
    assert slack.seqs == [2]
    steps(sender, clock, 15)
    assert slack.seqs == [2, 1, 3]
    assert len(slack.got) == 2


def test_a_channel_that_is_down_holds_up_no_other_and_loses_nothing(engine: sa.Engine, clock: Clock) -> None:
    slack, email = FakeChannel("slack"), FakeChannel("email")
    sender = make_sender(engine, [slack, email], clock)
    steps(sender, clock)
    slack.error = "no route"
    for number in range(30):
        tell(engine, clock, note(f"CODE_{number}"))
        steps(sender, clock, 60, each_s=4)
    sender.step()  # hears of what the last step may have tried
    assert email.seqs == list(range(1, 31))
    assert slack.got == []
    # Half an hour: first every few seconds, then every few minutes.
    assert 10 <= slack.tries <= 25
    state = channel_states(engine)["slack"]
    assert (state.failures, state.error, state.waiting) == (slack.tries, "no route", 30)
    assert state.failing_since_ms is not None
    assert NOW_MS <= state.failing_since_ms <= NOW_MS + 9_000
    slack.error = ""
    steps(sender, clock, BACK_OFF_SECONDS_MAX + 10, each_s=5)
    assert slack.seqs == list(range(1, 31))
    state = channel_states(engine)["slack"]
    assert (state.failures, state.error, state.waiting, state.failing_since_ms) == (0, "", 0, None)


def test_no_two_retries_of_many_bots_fall_together(engine: sa.Engine, clock: Clock) -> None:
    slack, email = FakeChannel("slack"), FakeChannel("email")
    slack.error = email.error = "no route"
    sender = make_sender(engine, [slack, email], clock)
    sender.register()
    tell(engine, clock, note())
    steps(sender, clock, 300)
    states = channel_states(engine)
    assert states["slack"].retry_ms != states["email"].retry_ms


def test_a_channel_that_hangs_is_given_up_and_tried_again(engine: sa.Engine, clock: Clock) -> None:
    slack, email, beside = FakeChannel("slack"), FakeChannel("email"), Spawned(at_once=False)
    sender = make_sender(engine, [slack, email], clock, spawn=beside)
    sender.register()
    tell(engine, clock, note("A"))
    steps(sender, clock, 1)
    beside.run("email")
    tell(engine, clock, note("B"))
    steps(sender, clock, 1)
    beside.run("email")
    steps(sender, clock, GIVEN_UP_SECONDS - 3)
    assert email.seqs == [1, 2]
    assert channel_states(engine)["slack"].failures == 0
    steps(sender, clock, 3)
    assert channel_states(engine)["slack"].error == "no answer within 45 s"
    steps(sender, clock, 3)
    assert [name for name, _ in beside.waiting] == ["alerts-slack", "alerts-slack"]
    steps(sender, clock, 3_600, each_s=20)
    assert len(beside.waiting) == HANGING_MAX
    # The first one arrives after all: that counts, and nothing is sent for a second time but what was on its way.
    beside.at_once = True
    beside.waiting[:] = beside.waiting[:1]
    beside.run()
    steps(sender, clock, 600)
    assert channel_states(engine)["slack"].waiting == 0
    assert sorted(set(slack.seqs)) == [1, 2]


def test_a_channel_that_raises_is_one_that_failed(engine: sa.Engine, clock: Clock) -> None:
    class Raises(FakeChannel):
        def send(self, message: object) -> str:
            raise ConnectionError("reset by peer")

    sender = make_sender(engine, [Raises()], clock)
    sender.register()
    tell(engine, clock, note())
    steps(sender, clock, 1)
    assert channel_states(engine)["slack"].error == "ConnectionError: reset by peer"


def test_what_a_service_does_not_take_is_told_in_the_least_words(engine: sa.Engine, clock: Clock) -> None:
    class Picky(FakeChannel):
        def send(self, message: object) -> str:
            self.error = "Failed to send: Bad Request, error=400." if "odd" in str(message.body) else ""  # type: ignore[attr-defined]
            return super().send(message)  # type: ignore[arg-type]

    slack = Picky()
    sender = make_sender(engine, [slack], clock)
    sender.register()
    tell(engine, clock, note("A", text="an odd text"))
    steps(sender, clock, 5)
    tell(engine, clock, note("B", text="a plain text"))
    steps(sender, clock, 5)
    assert slack.seqs == [1, 2]
    assert slack.got[0].body.startswith("Alert 1. Its text could not be delivered here")
    assert "a plain text" in slack.got[1].body


def test_a_storm_is_a_few_messages_and_loses_nothing(engine: sa.Engine, clock: Clock) -> None:
    slack = FakeChannel()
    sender = make_sender(engine, [slack], clock, max_per_minute=5)
    steps(sender, clock)
    tell(engine, clock, *(note(f"CODE_{number}") for number in range(400)))
    for minute in range(1, 5):
        steps(sender, clock, 60)
        assert len(slack.got) <= 5 * minute + 1
    steps(sender, clock, 300)
    assert sorted(slack.seqs) == list(range(1, 401))
    assert len(slack.got) <= 30


def test_what_nobody_was_there_to_send_for_a_day_is_not_sent(engine: sa.Engine, clock: Clock) -> None:
    slack = FakeChannel()
    make_sender(engine, [slack], clock).register()
    tell(engine, clock, note("OLD"))
    clock.pass_s(86_401)
    tell(engine, clock, note("NEW"))
    steps(make_sender(engine, [slack], clock), clock, 1)
    assert slack.seqs == [2]


# -- two senders, and the end of one


def test_of_two_senders_one_sends(engine: sa.Engine, clock: Clock) -> None:
    ours, theirs = FakeChannel(), FakeChannel()
    bot, dashboard = make_sender(engine, [ours], clock), make_sender(engine, [theirs], clock)
    bot.register()
    for number in range(20):
        tell(engine, clock, note(f"CODE_{number}"))
        steps(bot, clock)
        steps(dashboard, clock)
        clock.pass_s(3)
    assert ours.seqs == list(range(1, 21))
    assert theirs.seqs == []


def test_what_was_stored_and_not_sent_the_next_sender_sends(engine: sa.Engine, clock: Clock) -> None:
    ours, theirs = FakeChannel(), FakeChannel()
    bot, dashboard = make_sender(engine, [ours], clock), make_sender(engine, [theirs], clock)
    steps(bot, clock)
    tell(engine, clock, note())
    # The bot is killed here: it keeps its lease up no more.
    steps(dashboard, clock, LEASE_MS / 1000 - 1)
    assert theirs.seqs == []
    steps(dashboard, clock, 6)
    assert theirs.seqs == [1]


def test_what_was_sent_and_not_marked_is_sent_once_more(engine: sa.Engine, clock: Clock) -> None:
    ours, theirs = FakeChannel(), FakeChannel()
    bot, dashboard = make_sender(engine, [ours], clock), make_sender(engine, [theirs], clock)
    steps(bot, clock)
    tell(engine, clock, note())
    steps(bot, clock)  # sent, and the step that would mark it does not come
    assert ours.seqs == [1]
    steps(dashboard, clock, LEASE_MS / 1000 + 60)
    assert theirs.seqs == [1]
    assert ours.got[0].body == theirs.got[0].body
    steps(bot, clock, 60)
    assert (ours.seqs, theirs.seqs) == ([1], [1])


def test_a_sender_that_was_paused_marks_nothing_and_sends_no_more(engine: sa.Engine, clock: Clock) -> None:
    ours, theirs = FakeChannel(), FakeChannel()
    beside = Spawned(at_once=False)
    bot = make_sender(engine, [ours], clock, spawn=beside)
    dashboard = make_sender(engine, [theirs], clock)
    steps(bot, clock)
    tell(engine, clock, note("A"))
    steps(bot, clock)
    steps(dashboard, clock, LEASE_MS / 1000 + 10)
    assert theirs.seqs == [1]
    beside.run()
    tell(engine, clock, note("B"))
    steps(bot, clock, 1)
    assert ours.seqs == [1]
    steps(dashboard, clock, 2)
    assert theirs.seqs == [1, 2]


def test_one_that_ends_in_order_leaves_the_work_to_the_other_at_once(engine: sa.Engine, clock: Clock) -> None:
    ours, theirs = FakeChannel(), FakeChannel()
    bot, dashboard = make_sender(engine, [ours], clock), make_sender(engine, [theirs], clock)
    bot.register()
    tell(engine, clock, note("STARTED"))
    bot.start()
    assert bot.stop(30)
    assert ours.seqs == [1]
    tell(engine, clock, note("AFTERWARDS"))
    steps(dashboard, clock)
    steps(dashboard, clock)
    assert theirs.seqs == [2]


def test_the_next_sender_lets_a_failing_channel_alone_as_long_as_the_last_one_meant_to(
    engine: sa.Engine, clock: Clock
) -> None:
    ours, theirs = FakeChannel(), FakeChannel()
    ours.error = theirs.error = "no route"
    bot, dashboard = make_sender(engine, [ours], clock), make_sender(engine, [theirs], clock)
    bot.register()
    tell(engine, clock, note())
    steps(bot, clock, 1_200, each_s=5)
    failures = ours.tries
    retry_ms = channel_states(engine)["slack"].retry_ms
    assert retry_ms is not None
    bot.start()
    assert bot.stop(30)
    sent_before = ours.tries
    steps(dashboard, clock)
    assert channel_states(engine)["slack"].failures == sent_before >= failures
    steps(dashboard, clock, max(0.0, (retry_ms - clock.ms) / 1000) + BACK_OFF_SECONDS_MAX, each_s=5)
    assert channel_states(engine)["slack"].failures > failures


# -- a database that cannot be used


def failing(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise JournalError("the disk is full")

    for name in names:
        monkeypatch.setattr(sending, name, fail)


def test_what_was_sent_is_not_sent_again_and_again_while_it_cannot_be_marked(
    engine: sa.Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack = FakeChannel()
    sender = make_sender(engine, [slack], clock)
    steps(sender, clock)
    tell(engine, clock, note("A"), note("B"))
    with monkeypatch.context() as broken:
        failing(engine, broken, "mark_sent", "take_lease")
        steps(sender, clock, 120)
        assert slack.seqs == [1, 2]
    tell(engine, clock, note("C"))
    steps(sender, clock, 10)
    assert slack.seqs == [1, 2, 3]


def test_what_cannot_be_stored_is_sent_at_once_and_not_again_once_it_is_stored(
    engine: sa.Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack, email = FakeChannel("slack"), FakeChannel("email")
    email.error = "no route"
    sender = make_sender(engine, [slack, email], clock)
    steps(sender, clock)
    down = note("JOURNAL_DOWN", level=Level.CRITICAL)
    with monkeypatch.context() as broken:
        failing(engine, broken, "dispatch", "take_lease", "has_news")
        sender.send_unstored(down, clock.ms)
        steps(sender, clock, 5)
        assert [message.told[0].code for message in slack.got] == ["JOURNAL_DOWN"]
        assert "not stored yet" in slack.got[0].body
    email.error = ""
    tell(engine, clock, down)
    steps(sender, clock, 60)
    assert len(slack.got) == 1
    assert "JOURNAL_DOWN" in [alert.code for message in email.got for alert in message.told]
    # The next one of the same words is news again.
    clock.pass_s(JOIN_MS / 1000)
    tell(engine, clock, down)
    steps(sender, clock, 2)
    assert len(slack.got) == 2


def test_more_than_fits_in_a_message_is_sent_in_the_next_one_too_when_it_is_not_stored(
    engine: sa.Engine, clock: Clock
) -> None:
    slack = FakeChannel()
    sender = make_sender(engine, [slack], clock)
    for number in range(50):
        sender.send_unstored(note(f"CODE_{number}", level=Level.CRITICAL), clock.ms)
    steps(sender, clock, 10)
    assert {alert.code for message in slack.got for alert in message.told} == {f"CODE_{n}" for n in range(50)}


def test_a_fault_of_the_sender_itself_does_not_end_it(
    engine: sa.Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "LOOK_SECONDS", 0.01)
    slack = FakeChannel()
    sender = make_sender(engine, [slack], clock)
    sender.register()
    tell(engine, clock, note())
    real, broken = sender.step, [True]

    def step() -> None:
        if broken:
            broken.pop()
            raise ZeroDivisionError
        real()

    monkeypatch.setattr(sender, "step", step)
    sender.start()
    until(lambda: slack.seqs == [1], "the alert is sent")
    assert sender.stop(30)
    assert not broken
