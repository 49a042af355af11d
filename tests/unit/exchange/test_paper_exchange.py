"""The paper exchange behind the driver's protocol: the answers of the book, and of a book whose file fails."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.unit.exchange.exchange_helpers import BTC, ETH, SYMBOL, D, at, flat, limit, market, prices
from trading.domain.events import (
    AccountSnapshot,
    CancelUnknown,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderFound,
    OrderUnknown,
    QueryFailed,
)
from trading.domain.orders import _SEAL, Approved, OrderIntent, Side
from trading.exchange import paper_file
from trading.exchange.costs import NO_COSTS
from trading.exchange.paper import PaperBook, PaperExchange
from trading.exchange.paper_file import PaperFileError
from trading.exchange.protocol import Exchange

T = TypeVar("T")


def run(waiting: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(waiting)


def approved(intent: OrderIntent) -> Approved[OrderIntent]:
    return Approved(intent, seal=_SEAL)


@pytest.fixture
def paper(tmp_path: Path) -> Iterator[PaperExchange]:
    book = PaperBook(tmp_path / "paper.db", {SYMBOL: BTC, "ETH/USDT": ETH}, {"USDT": D(1000)}, NO_COSTS)
    made = PaperExchange(book)
    for symbol in (SYMBOL, "ETH/USDT"):
        run(made.observe(symbol, at(0), D(100)))
    yield made
    run(made.close())


def test_it_is_an_exchange(paper: PaperExchange) -> None:
    """Checked by mypy, and its instruments are the book's."""
    exchange: Exchange = paper
    assert set(exchange.instruments) == {SYMBOL, "ETH/USDT"}


def test_a_round_through_the_protocol(paper: PaperExchange) -> None:
    """Submit, fill, query, account, cancel."""
    (accepted,) = run(paper.submit(approved(market(1, Side.BUY, "1")), at(0)))
    assert isinstance(accepted, OrderAccepted)
    shown = [flat(0, "100"), flat(0, "50", symbol="ETH/USDT")]
    assert prices(list(run(paper.open_phase(shown)))) == [(D(100), D(1))]
    assert run(paper.range_phase(shown)) == []
    (found,) = run(paper.query(f"{1:032x}", SYMBOL, at(1)))
    assert isinstance(found, OrderFound)
    run(paper.submit(approved(limit(2, Side.SELL, "1", "120")), at(1)))
    (canceled,) = run(paper.cancel(f"{2:032x}", SYMBOL, at(1)))
    assert isinstance(canceled, OrderCanceled)
    (snapshot,) = run(paper.account(3, at(1)))
    assert isinstance(snapshot, AccountSnapshot)
    assert snapshot.balances["BTC"].free == 1


def test_phases_are_served_by_symbol_whatever_the_order_given(paper: PaperExchange) -> None:
    """BTC before ETH."""
    run(paper.submit(approved(market(1, Side.BUY, "1", symbol="ETH/USDT")), at(0)))
    run(paper.submit(approved(market(2, Side.BUY, "1")), at(0)))
    events = run(paper.open_phase([flat(0, "50", symbol="ETH/USDT"), flat(0, "100")]))
    assert prices(list(events)) == [(D(100), D(1)), (D(50), D(1))]


def test_fill_waiting_answers_with_the_fills(paper: PaperExchange) -> None:
    """At the last price."""
    run(paper.submit(approved(market(1, Side.BUY, "1")), at(0)))
    assert prices(list(run(paper.fill_waiting(at(0))))) == [(D(100), D(1))]


def test_a_failing_file_is_an_exchange_out_of_reach(paper: PaperExchange, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests have unknown outcomes, questions fail, phases raise; afterwards all is as before."""
    run(paper.submit(approved(limit(1, Side.BUY, "1", "90")), at(0)))

    def broken(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(paper_file, "_write_orders", broken)
    monkeypatch.setattr(paper_file.PaperFile, "load", _unreadable)
    answers: list[Event] = [
        *run(paper.submit(approved(market(2, Side.BUY, "1")), at(0))),
        *run(paper.cancel(f"{1:032x}", SYMBOL, at(0))),
        *run(paper.query(f"{1:032x}", SYMBOL, at(0))),
        *run(paper.account(1, at(0))),
    ]
    assert [type(answer) for answer in answers] == [OrderUnknown, CancelUnknown, QueryFailed, QueryFailed]
    with pytest.raises(PaperFileError):
        run(paper.open_phase([flat(0, "80")]))
    monkeypatch.undo()
    assert prices(list(run(paper.open_phase([flat(0, "80")])))) == [(D(90), D(1))]
    (absent,) = run(paper.query(f"{2:032x}", SYMBOL, at(0)))
    assert not isinstance(absent, OrderFound)


def _unreadable(self: paper_file.PaperFile) -> None:
    raise PaperFileError(f"{self.path} could not be read: disk I/O error")
