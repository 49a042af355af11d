"""What trading costs in the simulation: fees, spread, market impact, latency. Stated by whoever runs it."""

from __future__ import annotations

from decimal import ROUND_UP, Decimal
from enum import StrEnum

import msgspec

from trading.domain.errors import InvalidInput
from trading.domain.instruments import ZERO, Instrument
from trading.domain.orders import Liquidity, Side

BASIS_POINT = Decimal("0.0001")
FEE_DECIMALS_MAX = 6
"""Rates with more decimals are refused, so that price x quantity x rate always fits Decimal's 28 digits exactly."""
THIRD_COIN_STEP = Decimal("1E-8")
LATENCY_MS_MAX = 10_000
"""A live bot gives a request up after so long, and asks what became of it: a later answer is not one of latency."""
_ONE = Decimal(1)


class FillAt(StrEnum):
    """When a market order fills: at the open of the next candle, or at once at the last close."""

    NEXT_OPEN = "next_open"
    CLOSE = "close"


class FeePolicy(StrEnum):
    """The coin that fees are taken in.

    QUOTE: always the quote coin. RECEIVED: what the trade brought, base on a buy and quote on a sell (Binance's
    default). THIRD_COIN: `Costs.fee_coin`, and the received coin whenever there is too little of it.
    """

    QUOTE = "quote"
    RECEIVED = "received"
    THIRD_COIN = "third_coin"


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """The costs of the simulated market.

    Attributes:
        maker_fee, taker_fee: fee as a share of the traded amount (0.001 is 0.1 %), at most 6 decimals.
        half_spread_bps: how far the taker's price is from the candle's, in basis points.
        price_impact: the taker's price moves by `price_impact x share^2` of itself, `share` being the part of the
            candle's volume that our fills have used (the volume-share model, as in Zipline's VolumeShareSlippage).
        max_volume_share: the largest part of a candle's volume that our fills may use; None for any quantity.
        latency_ms: from sending to arrival, counted in the time of the events.
        fee_policy: the coin of the fees.
        fee_coin, fee_coin_price, fee_discount: the third coin, its price in quote, and the part of the fee that is
            waived when it is paid in that coin. Used by `FeePolicy.THIRD_COIN` alone.

    Raises:
        InvalidInput: a value that is not finite, negative, or out of range; the field is named.
    """

    maker_fee: Decimal
    taker_fee: Decimal
    half_spread_bps: Decimal
    price_impact: Decimal
    max_volume_share: Decimal | None
    latency_ms: int = 0
    fee_policy: FeePolicy = FeePolicy.RECEIVED
    fee_coin: str = ""
    fee_coin_price: Decimal = ZERO
    fee_discount: Decimal = ZERO

    def __post_init__(self) -> None:
        for name in ("maker_fee", "taker_fee"):
            rate: Decimal = getattr(self, name)
            _check_range(name, rate, Decimal("0.1"))
            if rate.as_tuple().exponent < -FEE_DECIMALS_MAX:  # type: ignore[operator]
                raise InvalidInput(name, rate, f"a rate of at most {FEE_DECIMALS_MAX} decimals")
        _check_range("half_spread_bps", self.half_spread_bps, Decimal(1000))
        _check_range("price_impact", self.price_impact, Decimal(100))
        _check_range("fee_discount", self.fee_discount, _ONE)
        if self.max_volume_share is not None:
            _check_range("max_volume_share", self.max_volume_share, _ONE)
            if self.max_volume_share == 0:
                raise InvalidInput("max_volume_share", self.max_volume_share, "above 0 and at most 1, or none")
        if not 0 <= self.latency_ms <= LATENCY_MS_MAX:
            raise InvalidInput("latency_ms", self.latency_ms, f"0 to {LATENCY_MS_MAX}")
        if self.fee_policy is FeePolicy.THIRD_COIN:
            if not self.fee_coin:
                raise InvalidInput("fee_coin", self.fee_coin, "the name of the coin that fees are paid in")
            if not self.fee_coin_price.is_finite() or self.fee_coin_price <= 0:
                raise InvalidInput("fee_coin_price", self.fee_coin_price, "a finite price above 0")

    def rate(self, liquidity: Liquidity) -> Decimal:
        """The fee as a share of the traded amount."""
        return self.maker_fee if liquidity is Liquidity.MAKER else self.taker_fee

    def quote_reserve(self) -> Decimal:
        """What a buy locks for fees on top of price x quantity, as a share of it."""
        return max(self.maker_fee, self.taker_fee) if self.fee_policy is FeePolicy.QUOTE else ZERO

    def quote_share(self, liquidity: Liquidity) -> Decimal:
        """The fee that a buy pays in the quote coin, as a share of price x quantity."""
        return self.rate(liquidity) if self.fee_policy is FeePolicy.QUOTE else ZERO

    def third_coin_fee(self, notional: Decimal, liquidity: Liquidity) -> Decimal:
        """The fee of a trade worth `notional` (quote) in units of the third coin, rounded up to 8 decimals."""
        worth = notional * self.rate(liquidity) * (_ONE - self.fee_discount)
        return (worth / self.fee_coin_price).quantize(THIRD_COIN_STEP, ROUND_UP)

    def plain_fee(
        self, instrument: Instrument, side: Side, price: Decimal, quantity: Decimal, liquidity: Liquidity
    ) -> tuple[str, Decimal]:
        """Coin and amount of the fee where no third coin pays it. Exact, not rounded."""
        rate = self.rate(liquidity)
        if side is Side.BUY and self.fee_policy is not FeePolicy.QUOTE:
            return instrument.base, quantity * rate
        return instrument.quote, price * quantity * rate

    def taker_price(self, instrument: Instrument, side: Side, price: Decimal, share: Decimal) -> Decimal:
        """`price` moved against us by half the spread and the impact of `share`, rounded to the worse tick.

        `price` is the candle's, in quote per base; `share`, 0 to 1, includes the trade itself.
        """
        slip = price * (self.half_spread_bps * BASIS_POINT + self.price_impact * share * share)
        if side is Side.BUY:
            return instrument.price_up(price + slip)
        return max(instrument.price_down(price - slip), instrument.tick_size)


def _check_range(name: str, value: Decimal, highest: Decimal) -> None:
    if not value.is_finite() or not 0 <= value <= highest:
        raise InvalidInput(name, value, f"0 to {highest}")


NO_COSTS = Costs(
    maker_fee=ZERO, taker_fee=ZERO, half_spread_bps=ZERO, price_impact=ZERO, max_volume_share=None, latency_ms=0
)
"""A market without friction, for tests and comparisons."""

BINANCE_SPOT = Costs(
    maker_fee=Decimal("0.001"),
    taker_fee=Decimal("0.001"),
    half_spread_bps=Decimal("0.5"),
    price_impact=Decimal("0.1"),
    max_volume_share=Decimal("0.1"),
    latency_ms=100,
)
"""Binance spot without a discount: 0.1 % on both sides in the received coin; spread and impact are assumptions."""
