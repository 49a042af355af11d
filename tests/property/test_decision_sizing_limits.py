"""Sizes never pass the cash, the risk or a limit, are whole lots, and are refused only where nothing fits."""

from __future__ import annotations

from decimal import Decimal, localcontext

from hypothesis import given, settings
from hypothesis import strategies as st

from trading.decision.params import StrategyParams
from trading.decision.sizing import Sizing, SizingRefused, size_entry
from trading.domain.instruments import Instrument

MANY = settings.default.max_examples
D = Decimal


def powers(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.builds(lambda digits, power: D(digits).scaleb(power), st.sampled_from([1, 2, 5]), st.integers(low, high))


instruments = st.builds(
    Instrument,
    symbol=st.just("T/USDT"),
    base=st.just("T"),
    quote=st.just("USDT"),
    tick_size=powers(-8, 0),
    lot_step=powers(-8, 2),
    min_quantity=powers(-6, 0),
    max_quantity=powers(1, 6),
    min_notional=st.sampled_from([D(0), D(1), D(5), D(10)]),
)
amounts = st.decimals(min_value=0, max_value=1_000_000, places=8)
params = st.builds(
    StrategyParams,
    risk_per_trade_pct=st.sampled_from([D("0.1"), D(1), D(5), D(50)]),
    stop_atr_multiple=st.sampled_from([D("0.5"), D(3), D("8.5")]),
    slippage_reserve_pct=st.sampled_from([D(0), D("0.5"), D(3)]),
    min_stop_ticks=st.integers(1, 20),
)


@settings(max_examples=4 * MANY)
@given(
    amounts,
    amounts,
    st.integers(1, 10_000_000),
    st.floats(1e-9, 0.05),
    instruments,
    st.sampled_from([D(0), D("0.00075"), D("0.001"), D("0.02")]),
    params,
    amounts,
)
def test_a_size_fits_everything_or_is_refused(
    equity: Decimal,
    cash: Decimal,
    price_ticks: int,
    atr_relative: float,
    instrument: Instrument,
    fee: Decimal,
    params: StrategyParams,
    limit: Decimal,
) -> None:
    price = price_ticks * instrument.tick_size
    atr = float(price) * atr_relative
    result = size_entry(
        equity=equity,
        free_cash=cash,
        price=price,
        atr=atr,
        instrument=instrument,
        taker_fee_rate=fee,
        params=params,
        max_position_notional=limit,
    )
    with localcontext() as context:
        context.prec = 100
        worst = price * (1 + params.slippage_reserve_pct / 100)

        def fits(quantity: Decimal, stop: Decimal) -> bool:
            return (
                quantity * worst * (1 + fee) <= cash
                and quantity * worst <= limit
                and quantity <= instrument.max_quantity
                and quantity * (stop + 2 * fee * price) * 100 <= equity * params.risk_per_trade_pct
            )

        if isinstance(result, Sizing):
            assert instrument.is_lot(result.quantity) and result.quantity >= instrument.min_quantity
            assert result.quantity * price >= instrument.min_notional
            assert fits(result.quantity, result.stop_distance)
            assert not fits(result.quantity + instrument.lot_step, result.stop_distance), "a lot more would fit too"
            for distance, multiple in (
                (result.stop_distance, params.stop_atr_multiple),
                (result.target_distance, params.target_atr_multiple),
                (result.trail_distance, params.trail_atr_multiple),
            ):
                assert instrument.is_tick(distance)
                wanted = max(D(repr(atr)) * multiple, params.min_stop_ticks * instrument.tick_size)
                assert wanted <= distance < wanted + instrument.tick_size
            assert result.stop_distance < price
            assert not instrument.is_dust(result.quantity * (1 - fee), price - result.stop_distance)
            return
        assert isinstance(result, SizingRefused)
        if result.code == "SIZE_INPUT_UNKNOWN":
            assert not all((equity, cash, limit))
        elif result.code == "SIZE_STOP_TOO_FAR":
            assert result.values["stop_distance"] >= price
        else:
            assert result.code == "SIZE_BELOW_MINIMUM"
            stop = price - result.values["stop_price"]
            smallest = result.values["quantity"] + instrument.lot_step
            assert not fits(smallest, stop), "a lot more would fit"
            assert instrument.is_dust(result.values["quantity"] * (1 - fee), price - stop)
