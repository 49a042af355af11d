"""The settings of the limits and of the circuit breaker. Their defaults are those of `trading.safety`."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import BaseSettings, SettingsConfigDict

from trading import config_values as values
from trading.config_field import setting
from trading.safety.breaker import BreakerLimits
from trading.safety.checks import Limits

_PERCENT = "a percentage above 0, up to 100"
_COUNT = "a whole number from 1 to 1000000"
_AMOUNT = "an amount above 0"

Percent = Annotated[Decimal, BeforeValidator(values.number("0", "100", above=True))]
Count = Annotated[int, BeforeValidator(values.whole(1, 1_000_000))]
Amount = Annotated[Decimal, BeforeValidator(values.number("0", values.AMOUNT_MAX, above=True))]

_LIMITS = Limits()
_BREAKER = BreakerLimits()


class GuardSettings(BaseSettings):
    """What the owner allows, and where the breaker trips. Exposure percentages are of the bot's capital."""

    model_config = SettingsConfigDict(defer_build=True)

    max_capital_usd: Amount | None = setting(
        "TRADING_MAX_CAPITAL_USD",
        None,
        _AMOUNT,
        "the most of the account that the bot trades (default: all); after its first trade it can only be lowered",
    )
    max_position_size_usd: Amount = setting(
        "TRADING_MAX_POSITION_SIZE_USD", _LIMITS.max_position_notional, _AMOUNT, "the largest position"
    )
    max_open_positions: Annotated[int, BeforeValidator(values.whole(1, values.SYMBOLS_MAX))] = setting(
        "TRADING_MAX_OPEN_POSITIONS",
        _LIMITS.max_open_positions,
        f"a whole number from 1 to {values.SYMBOLS_MAX}",
        "how many positions at once",
    )
    max_symbol_exposure_pct: Percent = setting(
        "TRADING_MAX_SYMBOL_EXPOSURE_PCT", _LIMITS.max_symbol_pct, _PERCENT, "share of the capital in one symbol"
    )
    max_strategy_exposure_pct: Percent = setting(
        "TRADING_MAX_STRATEGY_EXPOSURE_PCT",
        _LIMITS.max_strategy_pct,
        _PERCENT,
        "share of the capital in the positions of one strategy; a bot has one, so this bounds all of its positions",
    )
    max_gross_exposure_pct: Percent = setting(
        "TRADING_MAX_GROSS_EXPOSURE_PCT", _LIMITS.max_gross_pct, _PERCENT, "share of the capital in all positions"
    )
    price_collar_pct: Percent = setting(
        "TRADING_PRICE_COLLAR_PCT", _LIMITS.collar_pct, _PERCENT, "how far an order's price may be from the last one"
    )
    max_orders_per_minute: Count = setting(
        "TRADING_MAX_ORDERS_PER_MINUTE", _LIMITS.max_orders_per_minute, _COUNT, "entries sent within any minute"
    )
    max_daily_drawdown_pct: Percent = setting(
        "TRADING_MAX_DAILY_DRAWDOWN_PCT", _BREAKER.daily_drawdown_pct, _PERCENT, "loss of a day that halts trading"
    )
    max_weekly_drawdown_pct: Percent = setting(
        "TRADING_MAX_WEEKLY_DRAWDOWN_PCT", _BREAKER.weekly_drawdown_pct, _PERCENT, "loss of a week that halts trading"
    )
    max_total_drawdown_pct: Percent = setting(
        "TRADING_MAX_TOTAL_DRAWDOWN_PCT",
        _BREAKER.total_drawdown_pct,
        _PERCENT,
        "loss since the highest equity ever that halts trading",
    )
    daily_halt_clears: Annotated[bool, BeforeValidator(values.boolean)] = setting(
        "TRADING_DAILY_HALT_CLEARS",
        _BREAKER.daily_clears,
        "true or false",
        "whether a halt for the day's loss ends by itself with the next UTC day",
    )
    max_losing_streak: Count = setting(
        "TRADING_MAX_LOSING_STREAK", _BREAKER.losing_streak, _COUNT, "so many losing trades in a row halt"
    )
    max_losses_per_hour: Count = setting(
        "TRADING_MAX_LOSSES_PER_HOUR", _BREAKER.losses_per_hour, _COUNT, "so many losing trades within an hour halt"
    )
    max_order_failures: Count = setting(
        "TRADING_MAX_ORDER_FAILURES", _BREAKER.order_failures, _COUNT, "so many refused orders in a row halt"
    )
    max_api_errors_per_minute: Count = setting(
        "TRADING_MAX_API_ERRORS_PER_MINUTE",
        _BREAKER.api_errors_per_minute,
        _COUNT,
        "so many lost answers within a minute pause entries",
    )
    stale_intervals: Count = setting(
        "TRADING_STALE_INTERVALS",
        _BREAKER.stale_intervals,
        _COUNT,
        "data older than so many candles is too old: health says so, and entries pause"
        " (not in demo and replay, which bring their own time)",
    )

    def limits(self) -> Limits:
        """The limits of orders and positions."""
        return Limits(
            max_position_notional=self.max_position_size_usd,
            max_open_positions=self.max_open_positions,
            max_symbol_pct=self.max_symbol_exposure_pct,
            max_strategy_pct=self.max_strategy_exposure_pct,
            max_gross_pct=self.max_gross_exposure_pct,
            collar_pct=self.price_collar_pct,
            max_orders_per_minute=self.max_orders_per_minute,
        )

    def breaker_limits(self) -> BreakerLimits:
        """Where the circuit breaker trips."""
        return BreakerLimits(
            daily_drawdown_pct=self.max_daily_drawdown_pct,
            weekly_drawdown_pct=self.max_weekly_drawdown_pct,
            total_drawdown_pct=self.max_total_drawdown_pct,
            losing_streak=self.max_losing_streak,
            losses_per_hour=self.max_losses_per_hour,
            order_failures=self.max_order_failures,
            api_errors_per_minute=self.max_api_errors_per_minute,
            stale_intervals=self.stale_intervals,
            daily_clears=self.daily_halt_clears,
        )
