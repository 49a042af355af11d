"""kill -9 of a real bot at random moments of a fast replay, restarted each time: it ends like an undisturbed one."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer
from tests.support.processes import BotProcess, books, lively_candles, rows, times_of_fills
from trading.engine.config import Timing
from trading.store.transfer import copy_database

RUN = ("--market-data", "candles", "--stop-at-end", "--log-level", "DEBUG")
# What a bot that was killed between recording an order and sending it takes to send it after all, in event time.
LATE_MS_MAX = Timing().entry_fresh_ms + 500


def run_killed(
    folder: Path, data: str, kills: int, rng: random.Random, lines_max: int, settings: dict[str, str] | None = None
) -> int:
    """Run the bot to its end, killed so many times on the way; how many kills there was time for.

    Each kill is a random while after a random line of the log: lines come where something happens.
    """
    changes = settings or {}
    for done in range(kills):
        with BotProcess(folder, *RUN, "--data-dir", data, **changes) as bot:
            for _ in range(rng.randint(1, lines_max)):
                if bot.next_line() is None:
                    assert bot.end() == 0, bot.tail()
                    return done
            later = time.perf_counter() + rng.choice((0.0, 0.0, rng.uniform(0, 0.01)))
            while time.perf_counter() < later:
                pass
    with BotProcess(folder, *RUN, "--data-dir", data, **changes) as bot:
        assert bot.end() == 0, bot.tail()
    return kills


def check_same_end(folder: Path, rows_: int, kills: int, lines_max: int, seed: int, server: str = "") -> None:
    """server: the address of an empty database for the bot that is killed; the other one is on SQLite."""
    lively_candles(folder / "candles", rows_, seed)
    run_killed(folder, "undisturbed", 0, random.Random(seed), 0)
    wanted = books(folder / "undisturbed")
    assert len(wanted["positions"]) >= 8, "too calm a market to show anything"
    settings = {"DATABASE_URL": server} if server else {}
    done = run_killed(folder, "killed", kills, random.Random(seed), lines_max, settings)
    assert done == kills, "the replay is too short"
    if server:
        copy_database(server, f"sqlite:///{folder / 'killed' / 'tradebot.db'}")
    found = books(folder / "killed")
    for name, expected in wanted.items():
        assert found[name] == expected, name
    assert found["open"] == []
    moments = zip(times_of_fills(folder / "undisturbed"), times_of_fills(folder / "killed"), strict=True)
    assert all(0 <= found_ms - wanted_ms <= LATE_MS_MAX for wanted_ms, found_ms in moments)
    candles = "SELECT symbol_id, count(*), min(open_time_ms), max(open_time_ms) FROM candles GROUP BY symbol_id"
    assert rows(folder / "killed" / "tradebot.db", candles) == rows(folder / "undisturbed" / "tradebot.db", candles)


@pytest.mark.timeout(600)
def test_the_final_account_is_that_of_an_undisturbed_run(tmp_path: Path) -> None:
    check_same_end(tmp_path, rows_=1_100, kills=3, lines_max=60, seed=7)


@pytest.mark.timeout(600)
def test_on_postgresql_it_is_that_of_an_undisturbed_run_on_sqlite(tmp_path: Path, postgres: PostgresServer) -> None:
    check_same_end(tmp_path, rows_=1_000, kills=2, lines_max=60, seed=7, server=postgres.create_database())


@pytest.mark.soak
@pytest.mark.timeout(1_200)
def test_fifteen_kills_on_postgresql(tmp_path: Path, postgres: PostgresServer, request: pytest.FixtureRequest) -> None:
    seed = random.Random(f"{request.config.getoption('--hypothesis-seed')}|postgresql").randrange(2**32)
    try:
        server = postgres.create_database()
        check_same_end(tmp_path, rows_=3_000, kills=15, lines_max=60, seed=seed, server=server)
    except AssertionError as error:
        error.add_note(f"seed {seed}")
        raise


@pytest.mark.soak
@pytest.mark.parametrize("repetition", range(2))
def test_thirty_kills(tmp_path: Path, repetition: int, request: pytest.FixtureRequest) -> None:
    seed = random.Random(f"{request.config.getoption('--hypothesis-seed')}|{repetition}").randrange(2**32)
    try:
        check_same_end(tmp_path, rows_=6_000, kills=30, lines_max=60, seed=seed)
    except AssertionError as error:
        error.add_note(f"seed {seed}")
        raise
