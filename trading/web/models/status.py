"""The overview: whether the bot lives, what it is worth, what it waits for."""

from __future__ import annotations

from pydantic import Field

from trading.web.models.base import Exact, Model, Time


class BotView(Model):
    """The bot's process."""

    state: str = Field(
        description="running, not_responding (its loop gave no sign for 15 s), stopped, or never_started",
        examples=["running"],
    )
    phase: str | None = Field(description="starting, recovering, trading, idle, stopping", examples=["trading"])
    pid: int | None = Field(examples=[4711])
    host: str | None = Field(examples=["bot"])
    version: str | None = Field(examples=["0.1.0"])
    started_at: Time | None
    heartbeat_at: Time | None
    heartbeat_age_s: float | None = Field(examples=[1.2])


class SymbolView(Model):
    """What is known of a market."""

    symbol: str = Field(examples=["BTC/USDT"])
    price: Exact
    last_close_at: Time
    last_close_ms: int = Field(examples=[1748781000000])


class MoneyView(Model):
    """The bot's account in its quote coin, at the last prices."""

    quote: str = Field(examples=["USDT"])
    equity: Exact
    cash: Exact
    exposure: Exact = Field(description="worth of what is held")
    start_capital: Exact
    deposits: Exact
    profit: Exact = Field(description="since the start, without deposits")
    profit_pct: Exact
    profit_today: Exact | None = Field(description="since the last UTC midnight of the market's time")
    profit_today_pct: Exact | None
    realised: Exact = Field(description="of closed trades, after fees and funding")
    fees: Exact = Field(description="paid so far")
    open_risk: Exact | None = Field(
        description="what is lost if every price falls to its stop; null where a position has none"
    )


class StatusView(Model):
    """How everything stands, all of one moment."""

    timestamp: Time
    mode: str = Field(description="paper, testnet or live", examples=["paper"])
    real_money: bool = Field(examples=[False])
    provider: str | None = Field(examples=["paper"])
    market: str | None = Field(description="what the prices are", examples=["DEMO MARKET - made-up prices, not real"])
    is_demo: bool = Field(description="made-up prices: show the banner")
    timeframe: str | None = Field(examples=["5m"])
    bot_id: str | None = Field(examples=["tradebot"])
    bot: BotView
    waiting_for: str = Field(examples=["the next 5m candle of BTC/USDT, ETH/USDT"])
    entries_allowed: bool
    entries_stopped_by: list[str] = Field(examples=[["kill switch, by owner: prices look wrong"]])
    money: MoneyView | None = Field(description="null before the bot's first look at its account")
    positions: int = Field(examples=[2])
    max_positions: int | None = Field(examples=[3])
    live_orders: int = Field(examples=[2])
    orders_in_doubt: int = Field(examples=[0])
    market_time: Time | None = Field(description="close of the last candle: in a demo or a replay not the wall clock's")
    symbols: list[SymbolView]
    dashboard_version: str = Field(examples=["0.1.0"])
    notes: list[str] = Field(description="settings of the bot that have no effect", examples=[[]])
