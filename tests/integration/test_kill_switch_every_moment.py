"""The kill switch set by another connection at every single moment of a bot's life: nothing slips through anywhere."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.audit import audit, audited_on_server, check_audit, install_audit, note
from tests.support.bots import Bot, ListFeed, LivelySignals, calm_batches, make_bot, resting, url_of
from tests.support.builders import BTC, ETH
from tests.support.postgres import PostgresServer
from trading import manager as driver
from trading.domain.candles import Candle
from trading.domain.orders import Purpose
from trading.exit_codes import ExitCode
from trading.live import database_calls
from trading.store.batch import Batch
from trading.store.database import open_beside_bot, open_database
from trading.store.latch import latch_kill, mark_effective_without_bot, read_kill

AFTERWARDS_MS = 2
SYMBOLS = [BTC.symbol, ETH.symbol]


class Moments:
    """Counts the moments of a run, and acts at one of them."""

    def __init__(self, act_at: int, act: Callable[[str], None]) -> None:
        self._act_at = act_at
        self._act = act
        self.names: list[str] = []

    def pass_(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self._act_at:
            self._act(name)


Place = Callable[[Path], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def in_a_file(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Makes a folder with a database in it that has its tables and the audit, and nothing else."""
    empty = tmp_path_factory.mktemp("empty")
    open_database(url_of(empty)).dispose()
    install_audit(url_of(empty))

    @contextmanager
    def place(folder: Path) -> Iterator[None]:
        shutil.copytree(empty, folder)
        yield
        shutil.rmtree(folder)

    return place


@pytest.fixture(scope="module")
def on_a_server(postgres: PostgresServer) -> Place:
    """Makes a folder, and such a database for it on a server."""
    return lambda folder: audited_on_server(postgres, folder)


def kill(folder: Path, how: str) -> None:
    if how == "file":
        (folder / "KILL").touch()
        return
    engine = open_beside_bot(url_of(folder))
    latch_kill(engine, "owner", "now", 1)
    engine.dispose()


def hooked_bot(folder: Path, moments: Moments, seed: int, candles: int) -> Bot:
    """A lively bot each of whose waits and calls is a moment: the commit's inside too."""

    async def at_batch(index: int) -> None:
        moments.pass_(f"batch {index}")

    feed = ListFeed(calm_batches(candles, SYMBOLS), at=at_batch)
    signals = LivelySignals(seed, enter=0.7, exit_=0.3)
    bot = make_bot(folder, feed, signals, policy="keep", stop_at_end=True)
    database = url_of(folder)
    entries = bot.manager.engine.state.orders

    async def before(kind: str, subject: str) -> None:
        if kind == "submit" and entries[subject].intent.purpose is Purpose.ENTRY:
            # The order is on its way from here on.
            note(database, "send", subject)
        moments.pass_(f"before {kind}")

    async def after(kind: str, _subject: str) -> None:
        moments.pass_(f"after {kind}")

    bot.exchange.before, bot.exchange.after = before, after
    commit, stopped, step = bot.journal.commit, bot.manager.database.entries_stopped, bot.manager._step

    def hooked_commit(batch: Batch) -> None:
        moments.pass_("before commit")
        commit(batch)
        moments.pass_("after commit")

    async def hooked_stopped() -> str:
        moments.pass_("before the last look")
        note(database, "look", "")
        is_there = (folder / "KILL").exists()
        why = await stopped()
        assert why or not is_there, "the kill file was overlooked"
        moments.pass_("after the last look")
        return why

    async def hooked_step(batch: tuple[Candle, ...], *, more: bool) -> None:
        note(database, "candle", str(batch[0].close_time_ms))
        await step(batch, more=more)

    bot.manager._step = hooked_step  # type: ignore[method-assign]
    bot.journal.commit = hooked_commit  # type: ignore[method-assign]
    bot.manager.requests._entries_stopped = hooked_stopped

    @sa.event.listens_for(bot.journal.engine, "commit")
    def in_commit(_connection: sa.Connection) -> None:
        moments.pass_("in commit")

    return bot


def run_killed_at(moment: int, how: str, folder: Path, *, seed: int, candles: int) -> list[str]:
    """Run the bot with the kill at this moment; the moments there were."""
    threads: list[threading.Thread] = []

    def act(name: str) -> None:
        if name == "in commit" and how == "latch":
            # Whoever sets the switch now waits for the end of this commit.
            threads.append(threading.Thread(target=kill, args=(folder, how)))
            threads[0].start()
        else:
            kill(folder, how)

    moments = Moments(moment, act)
    assert hooked_bot(folder, moments, seed, candles).run() == ExitCode.OK
    for thread in threads:
        thread.join()
    return moments.names


def check_killed(folder: Path, *, is_unseen: bool) -> None:
    """What must hold of a bot in whose life the switch was set; with `is_unseen` perhaps after its last look at it."""
    assert Purpose.ENTRY not in resting(folder)
    engine = open_beside_bot(url_of(folder))
    assert read_kill(engine).active or is_unseen
    mark_effective_without_bot(engine, AFTERWARDS_MS)
    engine.dispose()
    found = audit(url_of(folder))
    check_audit(found)
    what = [w for w, _ in found]
    if "latched" in what:
        # The poll after the candle under way knows of it, has the entries cancelled, and says that it is effective.
        assert what[what.index("latched") : what.index("effective")].count("candle") <= 1
        told = dict(found)["effective"]
        assert told.startswith("0 entries open") or told.endswith(f" {AFTERWARDS_MS}"), told


@pytest.fixture
def polls_between_any_two_candles(monkeypatch: pytest.MonkeyPatch) -> None:
    assert driver.POLL_SECONDS <= 0.5, "an operator's kill must be effective within a second"
    monkeypatch.setattr(driver, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(database_calls, "BEAT_SECONDS", 3600.0)  # signs of life would be moments of the wall clock


def check_moments(place: Place, folder: Path, how: str, every: int, *, seed: int, candles: int) -> None:
    """Run the bot once undisturbed, then again for every so many of its moments, with the kill at it."""
    with place(folder / "0"):
        count = len(run_killed_at(0, how, folder / "0", seed=seed, candles=candles))
        sent = [what for what, _ in audit(url_of(folder / "0"))].count("send")
    assert sent >= 3, "too calm a scenario to show anything"
    for moment in range(1, count + 1, every):
        run = folder / str(moment)
        with place(run):
            names = run_killed_at(moment, how, run, seed=seed, candles=candles)
            try:
                check_killed(run, is_unseen=how == "file" and moment > count * 0.7)
            except AssertionError as error:
                raise AssertionError(f"set by {how} at moment {moment} ({names[moment - 1]}): {error}") from error


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("polls_between_any_two_candles")
@pytest.mark.parametrize(("how", "every"), [("latch", 5), ("file", 8)])
def test_set_at_any_moment_nothing_is_opened_after_it(
    in_a_file: Place, quick_folder: Path, how: str, every: int
) -> None:
    check_moments(in_a_file, quick_folder, how, every, seed=3, candles=5)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("polls_between_any_two_candles")
def test_set_at_some_moments_on_postgresql(on_a_server: Place, quick_folder: Path) -> None:
    """Where a row lock, and not the file's one writer, orders the switch and the intents. All moments in the soak."""
    check_moments(on_a_server, quick_folder, "latch", 31, seed=3, candles=5)


@pytest.mark.soak
@pytest.mark.usefixtures("polls_between_any_two_candles")
@pytest.mark.parametrize("seed", range(10, 16))
@pytest.mark.parametrize("place", ["in_a_file", "on_a_server"])
def test_set_at_every_moment_of_more_lives(
    place: str, seed: int, quick_folder: Path, request: pytest.FixtureRequest
) -> None:
    check_moments(request.getfixturevalue(place), quick_folder, "latch", 1, seed=seed, candles=9)
