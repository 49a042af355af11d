"""How much to buy, and how far away stop, target and trailing stop are. Exact decimals; the ATR is the only float."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal, localcontext

import msgspec

from trading.decision.params import StrategyParams
from trading.domain.instruments import Instrument

_ONE = Decimal(1)
_HUNDRED = Decimal(100)
_DIGITS = 50


class Sizing(msgspec.Struct, frozen=True, kw_only=True):
    """A size that may be ordered.

    quantity: base, whole lots. Distances from the entry price: quote per base, whole ticks.
    """

    quantity: Decimal
    stop_distance: Decimal
    target_distance: Decimal
    trail_distance: Decimal


class SizingRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Why nothing can be bought. `code` is stable; `values` are the figures that it follows from, the limit among them.

    Codes: SIZE_INPUT_UNKNOWN (a figure is missing, not finite or not above 0), SIZE_STOP_TOO_FAR (the stop would be at
    0 or below), SIZE_BELOW_MINIMUM (cash, risk or limit allow less than the exchange takes, as entry or as its stop).
    """

    code: str
    values: dict[str, Decimal]

    @property
    def text(self) -> str:
        """The figures, for people."""
        return ", ".join(f"{name} {value}" for name, value in self.values.items())


def size_entry(
    *,
    equity: Decimal,
    free_cash: Decimal,
    price: Decimal,
    atr: float,
    instrument: Instrument,
    taker_fee_rate: Decimal,
    params: StrategyParams,
    max_position_notional: Decimal,
) -> Sizing | SizingRefused:
    """Size a long entry by what its stop would lose.

    quantity = the smallest of
        equity x risk_per_trade_pct / (stop distance + fees of entry and exit per base)   what may be lost
        free_cash / (price x (1 + slippage_reserve_pct) x (1 + taker_fee_rate))           what can be paid
        max_position_notional / (price x (1 + slippage_reserve_pct)), the instrument's maximum   what is allowed

    rounded down to whole lots. Distances are the ATR times their multiples, rounded up to whole ticks. The size is
    refused unless what is left after a fee in the base coin can still be sold at the stop, since a position that is too
    small for its stop order could not be protected.

    Args:
        equity, free_cash, max_position_notional: quote. price: quote per base. atr: quote per base.
        taker_fee_rate: fraction of the notional, at least 0 and below 1.
    """
    known = {"equity": equity, "free_cash": free_cash, "price": price, "max_position_notional": max_position_notional}
    atr_exact = Decimal(repr(float(atr)))
    if not all(value.is_finite() and value > 0 for value in (*known.values(), atr_exact)):
        return SizingRefused(code="SIZE_INPUT_UNKNOWN", values={**known, "atr": atr_exact})
    if not (taker_fee_rate.is_finite() and 0 <= taker_fee_rate < 1):
        return SizingRefused(code="SIZE_INPUT_UNKNOWN", values={"taker_fee_rate": taker_fee_rate})
    with localcontext() as context:
        # Rounding down at more digits than any exchange uses: no division below can come out above its true value.
        context.prec, context.rounding = _DIGITS, ROUND_FLOOR
        stop = _distance(atr_exact * params.stop_atr_multiple, instrument, params)
        if stop >= price:
            return SizingRefused(code="SIZE_STOP_TOO_FAR", values={"stop_distance": stop, "price": price})
        worst_price = price * (_ONE + params.slippage_reserve_pct / _HUNDRED)
        bounds = {
            "by_risk": equity * params.risk_per_trade_pct / _HUNDRED / (stop + 2 * taker_fee_rate * price),
            "by_cash": free_cash / (worst_price * (_ONE + taker_fee_rate)),
            "by_limit": min(max_position_notional / worst_price, instrument.max_quantity),
        }
        quantity = instrument.quantity_down(min(bounds.values()))
        left = quantity * (_ONE - taker_fee_rate)
        if instrument.is_dust(left, price - stop):
            return SizingRefused(
                code="SIZE_BELOW_MINIMUM",
                values={
                    "quantity": quantity,
                    **bounds,
                    "stop_price": price - stop,
                    "min_quantity": instrument.min_quantity,
                    "min_notional": instrument.min_notional,
                },
            )
        return Sizing(
            quantity=quantity,
            stop_distance=stop,
            target_distance=_distance(atr_exact * params.target_atr_multiple, instrument, params),
            trail_distance=_distance(atr_exact * params.trail_atr_multiple, instrument, params),
        )


def _distance(wanted: Decimal, instrument: Instrument, params: StrategyParams) -> Decimal:
    """`wanted` rounded up to whole ticks, and never fewer of them than `min_stop_ticks`."""
    return max(instrument.price_up(wanted), params.min_stop_ticks * instrument.tick_size)
