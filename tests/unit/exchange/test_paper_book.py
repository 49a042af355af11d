"""The paper exchange's file: what is durable when, what a restart finds, and files that are refused untouched."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from tests.unit.exchange.exchange_helpers import (
    BTC,
    ETH,
    SYMBOL,
    D,
    at,
    candle,
    costs,
    exchange,
    fills,
    flat,
    limit,
    market,
    prices,
    stop,
)
from trading.domain.errors import InvalidInput
from trading.domain.events import AccountSnapshot, OrderAccepted, OrderFound
from trading.domain.instruments import Instrument
from trading.domain.orders import OrderState, Side
from trading.exchange import books, paper_file
from trading.exchange.costs import NO_COSTS, Costs
from trading.exchange.paper import PaperBook
from trading.exchange.paper_file import PaperFileError
from trading.exchange.records import SimState

BOTH = {SYMBOL: BTC, "ETH/USDT": ETH}

Opener = Callable[..., PaperBook]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "paper.db"


@pytest.fixture
def open_book(path: Path) -> Iterator[Opener]:
    """Opens books and closes those that a test leaves open."""
    opened: list[PaperBook] = []

    def opener(
        where: Path = path,
        instruments: dict[str, Instrument] = BOTH,
        usdt: str = "1000",
        with_costs: Costs = NO_COSTS,
    ) -> PaperBook:
        book = PaperBook(where, instruments, {"USDT": D(usdt)}, with_costs)
        opened.append(book)
        return book

    yield opener
    for book in opened:
        book.close()


def encoded(state: SimState) -> bytes:
    return msgspec.json.encode(state)


def killed(path: Path, to: str) -> Path:
    """The file as a kill -9 at this moment would leave it."""
    copy = path.with_name(to)
    for suffix in ("", "-wal"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copy(source, copy.with_name(copy.name + suffix))
    return copy


def bytes_of(path: Path) -> dict[str, bytes]:
    return {found.name: found.read_bytes() for found in path.parent.iterdir()}


def with_a_price(book: PaperBook) -> PaperBook:
    for symbol in (SYMBOL, "ETH/USDT"):
        book.observe(symbol, at(0), D(100))
    return book


# -- durability


def test_every_answer_is_on_disk_when_it_is_given(path: Path, open_book: Opener) -> None:
    """Killed after each of submit, open phase, stop, range phase and cancel, the file holds what was answered."""
    book = with_a_price(open_book())
    shown = candle(0, "100", "105", "94", "96")
    steps: list[Callable[[], object]] = [
        lambda: book.submit(market(1, Side.BUY, "2"), at(0)),
        lambda: book.open_phase(shown),
        lambda: book.submit(stop(2, Side.SELL, "1", "95"), at(0)),
        lambda: book.submit(limit(3, Side.SELL, "1", "120"), at(0)),
        lambda: book.range_phase(shown),
        lambda: book.cancel(f"{3:032x}", SYMBOL, at(1)),
    ]
    for number, step in enumerate(steps):
        step()
        found = open_book(killed(path, f"after-{number}.db"))
        assert encoded(found.state()) == encoded(book.state()), f"after step {number}"


def test_commits_wait_for_the_disk(open_book: Opener) -> None:
    """What a copy of the file cannot show: the log is synchronised at every commit."""
    connection = open_book()._file._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_clean_close_keeps_prices_and_cursors_of_quiet_candles(open_book: Opener) -> None:
    """No order, no write; the close writes."""
    book = open_book()
    book.open_phase(flat(0, "100"))
    book.range_phase(flat(0, "100"))
    before = encoded(book.state())
    book.close()
    assert encoded(open_book().state()) == before


def test_quiet_candles_write_nothing(path: Path, open_book: Opener) -> None:
    """A thousand of them leave the file and its log as they were."""
    book = with_a_price(open_book())
    book.submit(limit(1, Side.BUY, "1", "50"), at(0))
    before = bytes_of(path)
    for minute in range(1_000):
        book.open_phase(flat(minute, "100"))
        book.range_phase(flat(minute, "100"))
    assert bytes_of(path) == before


def test_killed_after_quiet_candles_the_file_accepts_them_again(path: Path, open_book: Opener) -> None:
    """And then is where the other one is; or is told the prices."""
    book = with_a_price(open_book())
    book.submit(limit(1, Side.BUY, "1", "50"), at(0))
    quiet = [flat(minute, "101") for minute in range(3)]
    for shown in quiet:
        assert book.open_phase(shown) + book.range_phase(shown) == []
    replayed = open_book(killed(path, "replayed.db"))
    for shown in quiet:
        assert replayed.open_phase(shown) + replayed.range_phase(shown) == []
    assert encoded(replayed.state()) == encoded(book.state())
    told = open_book(killed(path, "told.db"))
    told.observe(SYMBOL, at(3), D(101))
    asked = stop(2, Side.SELL, "1", "100.50")
    assert told.submit(asked, at(3)) == book.submit(asked, at(3))


def test_a_repeated_phase_answers_nothing_and_changes_nothing(path: Path, open_book: Opener) -> None:
    """Killed between the commit and the answer, the bot brings the candle again and learns of its fill by asking."""
    book = with_a_price(open_book())
    book.submit(market(1, Side.BUY, "1"), at(0))
    shown = candle(0, "100", "105", "94", "96")
    assert len(fills(book.open_phase(shown))) == 1
    again = open_book(killed(path, "again.db"))
    before = encoded(again.state())
    assert again.open_phase(shown) == []
    assert encoded(again.state()) == before
    (found,) = again.query(f"{1:032x}", SYMBOL, at(0))
    assert isinstance(found, OrderFound)
    assert found.report.state is OrderState.FILLED
    again.submit(stop(2, Side.SELL, "1", "95"), at(0))
    assert prices(again.range_phase(shown)) == [(D(95), D(1))]


def test_after_the_close_nothing_is_answered(open_book: Opener) -> None:
    """Not even from memory; a second close is harmless."""
    book = open_book()
    book.close()
    book.close()
    with pytest.raises(PaperFileError, match="closed"):
        book.account(1, at(0))
    with pytest.raises(PaperFileError, match="closed"):
        book.open_phase(flat(0, "100"))


def test_ids_go_on_where_they_were(open_book: Opener) -> None:
    """After a restart no order or trade gets an id that was used."""
    book = with_a_price(open_book())
    book.submit(market(1, Side.BUY, "1"), at(0))
    book.open_phase(flat(0, "100"))
    book.close()
    book = open_book()
    (accepted,) = book.submit(market(2, Side.BUY, "1"), at(1))
    assert isinstance(accepted, OrderAccepted)
    assert accepted.exchange_order_id == "2"
    assert [fill.trade_id for fill in fills(book.open_phase(flat(1, "100")))] == ["2"]


def test_the_starting_balance_counts_once(open_book: Opener) -> None:
    """Whatever is asked for later."""
    open_book(usdt="1000").close()
    (snapshot,) = open_book(usdt="5000").account(1, at(0))
    assert isinstance(snapshot, AccountSnapshot)
    assert snapshot.balances["USDT"].free == 1000


def test_a_group_of_candles_is_one_transaction(path: Path, open_book: Opener) -> None:
    """Two symbols fill, and the log grows by one commit of both."""
    book = with_a_price(open_book())
    book.submit(market(1, Side.BUY, "1"), at(0))
    book.submit(market(2, Side.BUY, "1", symbol="ETH/USDT"), at(0))
    events = book.open_phase(flat(0, "100"), flat(0, "50", symbol="ETH/USDT"))
    assert prices(events) == [(D(100), D(1)), (D(50), D(1))]
    assert encoded(open_book(killed(path, "both.db")).state()) == encoded(book.state())


def test_fill_waiting_is_durable(path: Path, open_book: Opener) -> None:
    """As every other change."""
    book = with_a_price(open_book())
    book.submit(market(1, Side.BUY, "1"), at(0))
    assert prices(book.fill_waiting(at(0))) == [(D(100), D(1))]
    assert encoded(open_book(killed(path, "after.db")).state()) == encoded(book.state())
    assert not book.has_orders(SYMBOL)


def test_dropped_orders_leave_the_file(path: Path, open_book: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is bounded as memory is."""
    monkeypatch.setattr(books, "FINISHED_ORDERS_KEPT", 3)
    book = with_a_price(open_book())
    for number in range(6):
        book.submit(market(number, Side.BUY, "0.1"), at(number))
        book.open_phase(flat(number, "100"))
    found = open_book(killed(path, "after.db")).state()
    assert encoded(found) == encoded(book.state())
    assert [order.order_id for order in found.orders] == [4, 5, 6]
    assert [trade.order_id for trade in found.trades] == [4, 5, 6]


SCRIPT = """
import sys
from pathlib import Path
from tests.unit.exchange.exchange_helpers import BTC, SYMBOL, D, at, flat, market
from trading.domain.orders import Side
from trading.exchange.costs import NO_COSTS
from trading.exchange.paper import PaperBook

book = PaperBook(Path(sys.argv[1]), {SYMBOL: BTC}, {"USDT": D(1000)}, NO_COSTS)
book.observe(SYMBOL, at(0), D(100))
for number in range(1_000_000):
    side = Side.BUY if number % 2 == 0 else Side.SELL
    book.submit(market(number, side, "1"), at(number))
    for event in book.open_phase(flat(number, "100")):
        print(event.fill.trade_id, flush=True)
"""


def test_kill_9_of_a_process_that_trades_loses_no_answer(path: Path, open_book: Opener) -> None:
    """Killed after a stated number of answers, at whatever it was doing; all that it told is in the file."""
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(40)]
        os.kill(process.pid, signal.SIGKILL)
        told.extend(int(line) for line in process.stdout if line.endswith("\n"))
    book = open_book(instruments={SYMBOL: BTC})
    book.check()
    kept = [trade.trade_id for trade in book.state().trades]
    assert kept[: len(told)] == told == list(range(1, len(told) + 1))
    assert len(kept) <= len(told) + 1


# -- failing saves


def test_a_failed_save_is_undone_and_the_next_one_works(
    path: Path, open_book: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full for one order: it is not in memory either, and its locks are gone."""
    book = with_a_price(open_book())
    book.submit(limit(1, Side.BUY, "1", "90"), at(0))
    before = encoded(book.state())

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(paper_file, "_write_counters", full)
    with pytest.raises(PaperFileError, match=r"paper\.db could not be written: database or disk is full"):
        book.submit(limit(2, Side.BUY, "1", "90"), at(0))
    assert encoded(book.state()) == before
    monkeypatch.undo()
    (accepted,) = book.submit(limit(2, Side.BUY, "1", "90"), at(0))
    assert isinstance(accepted, OrderAccepted)
    assert accepted.exchange_order_id == "2"
    assert encoded(open_book(killed(path, "after.db")).state()) == encoded(book.state())


def test_a_failed_phase_can_be_repeated(open_book: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cursor did not advance."""
    book = with_a_price(open_book())
    book.submit(market(1, Side.BUY, "1"), at(0))

    def broken(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(paper_file, "_write_trades", broken)
    with pytest.raises(PaperFileError):
        book.open_phase(flat(0, "100"))
    monkeypatch.undo()
    assert prices(book.open_phase(flat(0, "100"))) == [(D(100), D(1))]
    book.check()


# -- files that are refused


def refused(open_book: Opener, path: Path, match: str, **options: object) -> None:
    before = bytes_of(path)
    with pytest.raises(InvalidInput, match=match) as caught:
        open_book(path, **options)
    assert caught.value.value == str(path)
    assert bytes_of(path) == before, "a file that is refused is not touched"


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\x00", b"x" * 8192])
def test_a_file_that_is_no_database(path: Path, open_book: Opener, content: bytes) -> None:
    """Empty, text, only a header, noise."""
    path.write_bytes(content)
    refused(open_book, path, "damaged")


def test_another_programs_database(path: Path, open_book: Opener) -> None:
    """Not ours, so not written to."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE accounts (id INTEGER)")
    connection.commit()
    connection.close()
    refused(open_book, path, "something else")


def test_a_newer_format(path: Path, open_book: Opener) -> None:
    """Of a later release."""
    open_book().close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=2")
    connection.close()
    refused(open_book, path, "format 2.*newer")


def test_a_truncated_file(path: Path, open_book: Opener) -> None:
    """Cut in the middle of its pages."""
    open_book().close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(open_book, path, "damaged")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE coins SET body = replace(body, '1000', '1001') WHERE coin = 'USDT'",
        "UPDATE coins SET body = 'x'",
        "DELETE FROM orders",
        "DELETE FROM meta WHERE key = 'next_order_id'",
        "UPDATE meta SET value = '1' WHERE key = 'next_order_id'",
        "DROP TABLE trades",
    ],
)
def test_a_file_whose_content_does_not_add_up(path: Path, open_book: Opener, damage: str) -> None:
    """Readable as a database, and still not believable."""
    book = with_a_price(open_book())
    book.submit(market(1, Side.BUY, "1"), at(0))
    book.open_phase(flat(0, "100"))
    book.close()
    connection = sqlite3.connect(path)
    connection.execute(damage)
    connection.commit()
    connection.close()
    refused(open_book, path, "damaged|add up|can be read")


def test_a_file_for_another_quote(path: Path, open_book: Opener) -> None:
    """Both quotes are named."""
    open_book().close()
    other = {"BTC/EUR": replace(BTC, symbol="BTC/EUR", quote="EUR")}
    refused(open_book, path, "for EUR; this one is for USDT", instruments=other)


def test_a_file_with_open_orders_in_a_symbol_that_is_not_given(path: Path, open_book: Opener) -> None:
    """Nobody could fill or cancel them."""
    book = with_a_price(open_book())
    book.submit(limit(1, Side.BUY, "1", "90", symbol="ETH/USDT"), at(0))
    book.close()
    refused(open_book, path, "open orders in ETH/USDT", instruments={SYMBOL: BTC})


def test_a_file_with_open_orders_that_do_not_fit_the_rules(path: Path, open_book: Opener) -> None:
    """The tick has become coarser."""
    book = with_a_price(open_book())
    book.submit(limit(1, Side.BUY, "1", "90.01"), at(0))
    book.close()
    refused(open_book, path, "fit its tick", instruments=BOTH | {SYMBOL: replace(BTC, tick_size=D("0.1"))})


def test_symbols_may_change_where_no_order_is_open(open_book: Opener) -> None:
    """As on a real exchange: the coins stay, a new market is empty."""
    book = with_a_price(open_book())
    book.submit(market(1, Side.BUY, "1", symbol="ETH/USDT"), at(0))
    book.open_phase(flat(0, "100", symbol="ETH/USDT"))
    book.close()
    sol = replace(BTC, symbol="SOL/USDT", base="SOL")
    book = open_book(instruments={"SOL/USDT": sol})
    (snapshot,) = book.account(1, at(1))
    assert isinstance(snapshot, AccountSnapshot)
    assert snapshot.balances["ETH"].free == 1
    book.observe("SOL/USDT", at(0), D(10))
    assert isinstance(book.submit(market(2, Side.BUY, "1", symbol="SOL/USDT"), at(1))[0], OrderAccepted)


def test_costs_may_change(open_book: Opener) -> None:
    """They belong to the run, not to the account."""
    open_book().close()
    book = with_a_price(open_book(with_costs=costs(taker_fee="0.01")))
    book.submit(market(1, Side.BUY, "1"), at(0))
    assert fills(book.open_phase(flat(0, "100")))[0].fee == D("0.01")


def test_a_second_opener_is_refused_and_the_first_goes_on(open_book: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bots on one account would trade against each other's balances."""
    monkeypatch.setattr(paper_file, "BUSY_TIMEOUT_MS", 0)
    book = with_a_price(open_book())
    with pytest.raises(InvalidInput, match=r"no other process has open .*locked"):
        open_book()
    assert isinstance(book.submit(limit(1, Side.BUY, "1", "90"), at(0))[0], OrderAccepted)


def test_a_missing_folder_is_named(tmp_path: Path, open_book: Opener) -> None:
    """Rather than made: it may be a volume that is not mounted."""
    missing = tmp_path / "nowhere" / "paper.db"
    with pytest.raises(InvalidInput, match="folder that exists"):
        open_book(missing)
    assert not missing.parent.exists()


def test_a_log_without_its_file_is_not_replayed_into_a_new_one(path: Path, open_book: Opener) -> None:
    """Somebody deleted half of an account."""
    path.with_name("paper.db-wal").write_bytes(b"old")
    refused(open_book, path, "paper.db-wal")


def test_an_unfinished_creation_leaves_no_file(path: Path, open_book: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dead before the rename, the next start makes it anew."""

    def dead(*_: object) -> None:
        raise OSError("killed")

    monkeypatch.setattr("trading.exchange.paper_file.os.replace", dead)
    with pytest.raises(InvalidInput, match="killed"):
        open_book()
    assert not path.exists()
    monkeypatch.undo()
    assert open_book().state() == exchange_state()


def exchange_state() -> SimState:
    fresh = exchange(USDT="1000").state()
    return SimState(
        orders=[],
        trades=[],
        coins=fresh.coins,
        markets=[msgspec.structs.replace(m, cursor=-1, price=None, candle_ms=-1, volume=D(0)) for m in fresh.markets],
        next_order_id=1,
        next_trade_id=1,
    )
