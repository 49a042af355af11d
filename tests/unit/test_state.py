"""The readable copy of the state: whole or not at all, exact, and refused where it is not ours."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.builders import BOT, BTC, ETH
from tests.support.rig import Rig
from trading.domain.errors import InvalidInput
from trading.domain.events import CommandKind
from trading.domain.orders import OrderState, Purpose
from trading.state import FORMAT, TradingState


@pytest.fixture
def rig() -> Rig:
    """Holds 10 BTC with a stop; an entry into ETH is open."""
    rig = Rig.holding("10", "100.5")
    rig.entered("100", symbol=ETH.symbol)
    rig.command(CommandKind.PAUSE, reason="look first")
    return rig


def test_it_says_what_is_held_open_and_latched(rig: Rig) -> None:
    state = TradingState.of(rig.engine)
    assert (state.bot_id, state.time_ms, state.format) == (BOT, rig.now, FORMAT)
    assert [(p.symbol, p.quantity) for p in state.positions] == [(BTC.symbol, 10), (ETH.symbol, 0)]
    assert sorted((o.intent.symbol, o.intent.purpose, o.state) for o in state.orders) == [
        (BTC.symbol, Purpose.STOP, OrderState.OPEN),
        (ETH.symbol, Purpose.ENTRY, OrderState.OPEN),
    ]
    assert state.safety.paused == "look first"
    assert state.account == rig.engine.state.account
    assert state.equity == rig.engine.equity()
    assert [s.symbol for s in state.symbols] == [BTC.symbol, ETH.symbol]


def test_loading_gives_back_what_was_saved(rig: Rig, tmp_path: Path) -> None:
    state = TradingState.of(rig.engine)
    state.save(tmp_path / "state.json")
    assert TradingState.load(tmp_path / "state.json") == state


def test_people_and_scripts_can_read_it_and_money_stays_exact(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    TradingState.of(rig.engine).save(path)
    text = path.read_text()
    assert text.count("\n") > 20
    read = json.loads(text)
    assert read["account"]["quote"] == "USDT"
    assert Decimal(read["positions"][0]["cost"]) == Decimal("1005.0")
    assert isinstance(read["equity"], str)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_save_that_fails_leaves_the_one_before(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "state.json"
    before = TradingState.of(rig.engine)
    before.save(path)
    rig.command(CommandKind.RESUME)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os if step == "fsync" else Path, step, full)
        with pytest.raises(OSError, match="No space left"):
            TradingState.of(rig.engine).save(path)
    assert TradingState.load(path) == before
    TradingState.of(rig.engine).save(path)
    assert TradingState.load(path).safety.paused == ""


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "a readable state of this program"),
        (b"", "a readable state of this program"),
        (b"{", "a readable state of this program"),
        (b"[1, 2]", "a readable state of this program"),
        (b'{"bot_id": "x"}', "missing required field"),
    ],
)
def test_what_is_no_state_is_refused_by_name(tmp_path: Path, content: bytes | None, text: str) -> None:
    path = tmp_path / "state.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInput, match=text) as caught:
        TradingState.load(path)
    assert caught.value.value == str(path)


def test_another_format_is_refused(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    TradingState.of(rig.engine).save(path)
    path.write_text(path.read_text().replace(f'"format": {FORMAT}', f'"format": {FORMAT + 1}'))
    with pytest.raises(InvalidInput, match="state file format"):
        TradingState.load(path)
