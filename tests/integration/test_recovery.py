"""What a bot finds at its start when the exchange has changed while it was away."""

from __future__ import annotations

from pathlib import Path

from tests.support.bots import (
    PAPER,
    Bot,
    ListFeed,
    Signals,
    both_databases,
    calm_batches,
    exchange_state,
    make_bot,
    resting,
)
from tests.support.builders import BTC, ENTER, ETH, T0
from trading.domain.orders import LOST, OrderState, Purpose
from trading.exchange.paper_file import PaperFile

BOTH = [BTC.symbol, ETH.symbol]


def run_through(folder: Path) -> Bot:
    """A bot that buys BTC and ETH on the first candle, and ends with the third, its positions kept."""
    feed = ListFeed(calm_batches(3, BOTH))
    bot = make_bot(folder, feed, Signals({(s, T0): ENTER for s in BOTH}), stop_at_end=True, policy="keep")
    assert bot.run() == 0
    return bot


def forget_stops(folder: Path) -> None:
    """The exchange forgets the stops of an ended bot, and frees what they lock."""
    state = exchange_state(folder)
    lost = [order for order in state.orders if order.intent.purpose is Purpose.STOP]
    state.orders = [order for order in state.orders if order not in lost]
    for coin in state.coins:
        freed = sum(order.locked for order in lost if order.lock_coin == coin.coin)
        coin.free, coin.locked = coin.free + freed, coin.locked - freed
    for file in folder.glob(f"{PAPER}*"):
        file.unlink()
    PaperFile.create(folder / PAPER, state, ["USDT"]).close()


@both_databases
def test_stops_that_the_exchange_lost_rest_again_before_anything_else(tmp_path: Path) -> None:
    run_through(tmp_path)
    assert resting(tmp_path) == [Purpose.STOP, Purpose.STOP]
    forget_stops(tmp_path)
    assert resting(tmp_path) == []
    bot = run_through(tmp_path)  # no candle is new to it
    assert resting(tmp_path) == [Purpose.STOP, Purpose.STOP]
    assert [note.code for note in bot.told if note.code == LOST] == [LOST, LOST]
    orders = bot.manager.engine.state.orders.values()
    assert (
        sorted(o.state for o in orders if o.intent.purpose is Purpose.STOP)
        == [OrderState.OPEN] * 2 + [OrderState.REJECTED] * 2
    )
    assert all(p.unprotected_since_ms is None for p in bot.manager.engine.state.positions.values())
