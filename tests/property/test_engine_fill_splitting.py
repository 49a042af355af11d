"""Reporting one fill in parts, its fee split too, changes no sum of position and account, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.builders import D
from tests.support.rig import Rig
from trading.domain.events import CommandKind, OrderFilled
from trading.domain.orders import Fill, Purpose
from trading.domain.positions import Account, Position

NANO = Decimal("1E-9")
COIN_PRICE = 600
SUMS = ("bought", "cost", "sold", "proceeds", "adjusted", "adjusted_cost", "fees", "funding", "quantity")

cents = st.integers(1, 10**7).map(lambda n: Decimal(n) / 100)
lots = st.integers(100, 10**6).map(lambda n: Decimal(n) / 1000)


def parts_of(fill: Fill, pieces: int, seed: int) -> list[Fill]:
    """The fill in so many parts of random sizes; their quantities, fees and fee values sum to the whole's exactly."""
    random = Random(seed)
    found: list[Fill] = []
    quantity, fee = fill.quantity, fill.fee
    for number in range(pieces - 1):
        share = Decimal(random.randrange(1, 1000)) / 1000
        part = _part(fill, f"{number}", (quantity * share).quantize(NANO), (fee * share).quantize(NANO))
        if 0 < part.quantity < quantity:
            found.append(part)
            quantity, fee = quantity - part.quantity, fee - part.fee
    return [*found, _part(fill, "last", quantity, fee)]


def _part(fill: Fill, name: str, quantity: Decimal, fee: Decimal) -> Fill:
    value = None if fill.fee_value is None else fee * COIN_PRICE
    return replace(fill, trade_id=f"{fill.trade_id}.{name}", quantity=quantity, fee=fee, fee_value=value)


def sums(position: Position) -> dict[str, Decimal]:
    return {name: getattr(position, name) for name in SUMS}


def account_of(rig: Rig) -> Account:
    assert rig.engine.state.account is not None
    return rig.engine.state.account


def finish(rig: Rig, price: Decimal, fee: Decimal, pieces: int, seed: int) -> None:
    """Close the open position by one exit, reported in so many parts."""
    live = rig.engine.state.live_orders("BTC/USDT")
    rig.command(CommandKind.CLOSE_POSITION, "BTC/USDT")
    for order in live:
        rig.cancelled(order.id, str(order.filled_quantity))
    rig.snapshot()
    exit_id = rig.one(Purpose.EXIT)
    fill = rig.a_fill(exit_id, str(rig.order(exit_id).intent.quantity), str(price))
    whole = replace(fill, trade_id="exit", fee=fee, fee_coin="USDT")
    for part in parts_of(whole, pieces, seed):
        rig.send(OrderFilled(time_ms=rig.now, fill=part))


@given(
    quantity=lots,
    price=cents,
    rate=st.integers(0, 10**4).map(lambda n: Decimal(n) / 10**6),
    coin=st.sampled_from(("USDT", "BTC", "BNB")),
    pieces=st.integers(2, 6),
    seed=st.integers(0, 2**32),
)
def test_splitting_fills_changes_no_sum(
    quantity: Decimal, price: Decimal, rate: Decimal, coin: str, pieces: int, seed: int
) -> None:
    fee = quantity * rate
    rigs = []
    for count in (1, pieces):
        rig = Rig.started(USDT="1000000000000")
        entry = rig.entered()
        whole = replace(
            rig.a_fill(entry, str(quantity), str(price)),
            trade_id="entry",
            fee=fee,
            fee_coin=coin,
            fee_value=fee * COIN_PRICE if coin == "BNB" else None,
        )
        for part in parts_of(whole, count, seed):
            rig.send(OrderFilled(time_ms=rig.now, fill=part))
        rigs.append(rig)
    one, split = rigs
    assert len(split.recorded(Fill)) > 1
    assert account_of(split) == account_of(one)
    assert sums(split.position) == sums(one.position)
    assert split.position.average_entry == one.position.average_entry
    assert split.order(split.recorded(Fill)[0].client_order_id).filled_notional == quantity * price


@given(exit_price=cents, fee=st.integers(0, 10**6).map(lambda n: Decimal(n) / 10**6), seed=st.integers(0, 2**32))
def test_splitting_the_exit_changes_no_sum(exit_price: Decimal, fee: Decimal, seed: int) -> None:
    ends = []
    for count in (1, 4):
        rig = Rig.holding()
        finish(rig, exit_price, fee, count, seed)
        assert rig.is_flat
        ends.append((account_of(rig), sums(rig.closed())))
    assert ends[0] == ends[1]
    account, position = ends[0]
    assert account.cash == D(9_000) + 10 * exit_price - fee
    assert position["fees"] == fee
