"""Symbols that were taken out of the settings: the rest is traded on, unless something is held or on order in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.bots import ListFeed, Signals, calm_batches, make_bot
from tests.support.builders import BTC, ENTER, ETH, MINUTE, T0, config
from tests.support.rig import Rig
from trading.domain.errors import InvalidInput
from trading.exit_codes import ExitCode

ONLY_BTC = config(instruments={BTC.symbol: BTC})
ONLY_ETH = config(instruments={ETH.symbol: ETH})


def test_a_flat_bot_starts_without_a_symbol_that_it_once_followed(tmp_path: Path) -> None:
    both = [BTC.symbol, ETH.symbol]
    first = make_bot(tmp_path, ListFeed(calm_batches(2, both)), Signals({}), stop_at_end=True)
    assert first.run() == ExitCode.OK
    again = make_bot(
        tmp_path, ListFeed(calm_batches(4, [BTC.symbol])), Signals({}), settings=ONLY_BTC, stop_at_end=True
    )
    assert again.run() == ExitCode.OK, [note.text for note in again.told]


def test_a_btc_position_is_managed_after_eth_was_taken_out(tmp_path: Path) -> None:
    both = [BTC.symbol, ETH.symbol]
    script = {(BTC.symbol, T0): ENTER}
    first = make_bot(tmp_path, ListFeed(calm_batches(3, both)), Signals(script), stop_at_end=True, policy="keep")
    assert first.run() == ExitCode.OK
    again = make_bot(
        tmp_path,
        ListFeed(calm_batches(6, [BTC.symbol])),
        Signals({}),
        settings=ONLY_BTC,
        stop_at_end=True,
        policy="flatten",
    )
    assert again.run() == ExitCode.OK, [note.text for note in again.told]


def test_a_position_in_a_symbol_that_was_taken_out_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match=r"symbols: 'ETH/USDT' is not usable.*BTC/USDT, of which 10 are held"):
        Rig.holding().restarted(ONLY_ETH)


def test_an_order_in_a_symbol_that_was_taken_out_is_refused_by_name() -> None:
    rig = Rig.started()
    entry = rig.entered()
    with pytest.raises(InvalidInput, match=f"BTC/USDT, whose entry order {entry} is open"):
        rig.restarted(ONLY_ETH)


def test_other_symbols_do_not_take_the_markets_time_back(tmp_path: Path) -> None:
    """Else what is decided on an early candle would be bought as of the last one that was seen."""
    first = make_bot(
        tmp_path, ListFeed(calm_batches(9, [BTC.symbol])), Signals({}), settings=ONLY_BTC, stop_at_end=True
    )
    assert first.run() == ExitCode.OK
    early = Signals({(ETH.symbol, T0 + 3 * MINUTE): ENTER})
    again = make_bot(
        tmp_path, ListFeed(calm_batches(9, [ETH.symbol])), early, settings=ONLY_ETH, stop_at_end=True, policy="keep"
    )
    assert again.run() == ExitCode.OK
    assert again.manager.engine.state.orders == {}
