"""The settings of the paper exchange: what its account begins with, and what trading on it costs."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import BaseSettings, SettingsConfigDict

from trading import config_values as values
from trading.config_field import setting
from trading.exchange.costs import LATENCY_MS_MAX, Costs


class PaperSettings(BaseSettings):
    """The paper account and its costs; docs/SIMULATION.md tells what they mean for an order."""

    model_config = SettingsConfigDict(defer_build=True)

    paper_balance: Annotated[Decimal, BeforeValidator(values.number("0", values.AMOUNT_MAX, above=True))] = setting(
        "TRADING_PAPER_BALANCE", Decimal(10_000), "an amount above 0", "quote coin that a new paper account begins with"
    )
    paper_maker_fee_pct: Annotated[Decimal, BeforeValidator(values.number("0", "10", decimals=4))] = setting(
        "TRADING_PAPER_MAKER_FEE_PCT",
        Decimal("0.1"),
        "a percentage from 0 to 10 with at most 4 decimals",
        "paper fee of a resting order",
    )
    paper_taker_fee_pct: Annotated[Decimal, BeforeValidator(values.number("0", "10", decimals=4))] = setting(
        "TRADING_PAPER_TAKER_FEE_PCT",
        Decimal("0.1"),
        "a percentage from 0 to 10 with at most 4 decimals",
        "paper fee of an order that fills at once",
    )
    paper_half_spread_bps: Annotated[Decimal, BeforeValidator(values.number("0", "1000"))] = setting(
        "TRADING_PAPER_HALF_SPREAD_BPS",
        Decimal("0.5"),
        "basis points from 0 to 1000",
        "how far paper prices are from the candle's",
    )
    paper_price_impact: Annotated[Decimal, BeforeValidator(values.number("0", "100"))] = setting(
        "TRADING_PAPER_PRICE_IMPACT",
        Decimal("0.1"),
        "a number from 0 to 100",
        "slippage = impact x (share of the volume)^2",
    )
    paper_max_volume_share_pct: Annotated[Decimal, BeforeValidator(values.number("0", "100", above=True))] = setting(
        "TRADING_PAPER_MAX_VOLUME_SHARE_PCT",
        Decimal(10),
        "a percentage above 0, up to 100",
        "the most of a candle's volume that paper orders fill from",
    )
    paper_latency_ms: Annotated[int, BeforeValidator(values.whole(0, LATENCY_MS_MAX))] = setting(
        "TRADING_PAPER_LATENCY_MS",
        100,
        f"milliseconds from 0 to {LATENCY_MS_MAX}",
        "time from sending to arrival, in candle time",
    )

    def paper_costs(self) -> Costs:
        """The costs of the paper exchange."""
        return Costs(
            maker_fee=self.paper_maker_fee_pct / 100,
            taker_fee=self.paper_taker_fee_pct / 100,
            half_spread_bps=self.paper_half_spread_bps,
            price_impact=self.paper_price_impact,
            max_volume_share=self.paper_max_volume_share_pct / 100,
            latency_ms=self.paper_latency_ms,
        )
