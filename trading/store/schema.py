"""The tables. Money is exact, times are UTC milliseconds; names follow the domain's fields.

A change here needs a migration beside it (`migrations/versions`) and a new `HEAD_REVISION`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, Table, Text

from trading.store.columns import count as _count
from trading.store.columns import flag as _flag
from trading.store.columns import maybe_money as _maybe_money
from trading.store.columns import maybe_ms as _maybe_ms
from trading.store.columns import metadata
from trading.store.columns import money as _money
from trading.store.columns import ms as _ms
from trading.store.columns import only_row as _only_row
from trading.store.columns import serial as _serial
from trading.store.columns import text as _text
from trading.store.schema_access import nonces, password, sessions, tokens
from trading.store.schema_alerts import alert_channels, alert_deliveries, alerts, leases

ACCESS_TABLES = (password, sessions, tokens, nonces)
"""The dashboard's logins: no bot reads or writes them."""

ALERT_TABLES = (alerts, alert_channels, alert_deliveries, leases)
"""Alerts and their way to the owner: commits add alerts, everything else is the sender's, whichever process that is."""

APP = "llm-tradebot"
HEAD_REVISION = "0007"

ONLY_ROW = 1
KILL = "kill"
BOT = "bot"

meta = Table("meta", metadata, _only_row(), _text("app"), Column("bot_id", Text), _ms("created_ms"))

# The number of the last commit; its row's lock orders the writers of the journal.
commits = Table("commits", metadata, _only_row(), Column("number", BigInteger, nullable=False))

account = Table(
    "account",
    metadata,
    _only_row(),
    _text("quote"),
    _money("start_capital"),
    _money("cash"),
    _money("closed_profit"),
    _money("closed_fees"),
    _money("closed_funding"),
    _money("outside_fees"),
    _money("deposits"),
    _count("closed_positions"),
)

safety = Table(
    "safety",
    metadata,
    _only_row(),
    _text("paused"),
    _text("pause_code"),
    _text("halted"),
    _text("halt_code"),
    _text("killed"),
    _count("losing_streak"),
    _count("order_failures"),
)

# What the circuit breaker remembers, as JSON: nobody asks for a part of it.
breaker = Table("breaker", metadata, _only_row(), _text("data"))

trips = Table(
    "trips",
    metadata,
    _text("id", primary_key=True),
    _ms("time_ms"),
    _text("level"),
    _text("code"),
    _text("value"),
    _text("limit"),
    _text("text"),
)

# The id keeps a candle's key small. The last two are empty until the engine has handled a candle of the symbol.
symbols = Table(
    "symbols",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _text("name", unique=True),
    _maybe_ms("last_close_ms"),
    _maybe_money("price"),
)

# place: where the record stands in the engine's own order, so that a restart finds the same one.
# traded: whether it ever held anything; a position exists from its decision on.
positions = Table(
    "positions",
    metadata,
    _text("id", primary_key=True),
    _ms("place"),
    _flag("traded"),
    _text("symbol"),
    _text("side"),
    _ms("opened_ms"),
    _money("decision_price"),
    _maybe_ms("first_fill_ms"),
    _money("bought"),
    _money("cost"),
    _money("sold"),
    _money("proceeds"),
    _money("adjusted"),
    _money("adjusted_cost"),
    _money("fees"),
    _money("funding"),
    _maybe_money("stop_distance"),
    _maybe_money("stop_price"),
    _maybe_money("target_distance"),
    _maybe_money("target_price"),
    _maybe_money("trail_distance"),
    _maybe_money("high_water"),
    _maybe_ms("unprotected_since_ms"),
    _text("exit_reason"),
    _ms("exit_retry_ms"),
    _ms("stop_retry_ms"),
    _count("orders_placed"),
    _maybe_money("foreign_quantity"),
    _maybe_ms("closed_ms"),
)
Index("positions_by_close", positions.c.closed_ms)

# An order and its intent, flat. settled: final, with every reported fill booked.
orders = Table(
    "orders",
    metadata,
    _text("client_order_id", primary_key=True),
    _ms("place"),
    _flag("settled"),
    _text("position_id"),
    _text("symbol"),
    _text("side"),
    _text("type"),
    _money("quantity"),
    _text("purpose"),
    _ms("created_ms"),
    _count("leg"),
    _count("revision"),
    _maybe_money("price"),
    _maybe_money("stop_price"),
    _text("time_in_force"),
    _flag("post_only"),
    _flag("reduces"),
    _text("reason"),
    _text("state"),
    _ms("updated_ms"),
    Column("exchange_order_id", Text),
    _money("filled_quantity"),
    _money("filled_notional"),
    _money("reported_filled"),
    _money("written_off"),
    _maybe_ms("cancel_requested_ms"),
    _maybe_ms("submitted_ms"),
    _maybe_ms("accepted_ms"),
    _maybe_ms("query_due_ms"),
    _count("absences"),
    _flag("triggered"),
    _text("code"),
    _text("message"),
)
Index("orders_by_place", orders.c.place)
# On a server too, by its migration: naming that here would load the server's dialect in every short command.
Index("orders_live", orders.c.place, sqlite_where=~orders.c.settled)
Index("orders_by_position", orders.c.position_id)
Index("orders_by_creation", orders.c.created_ms)

fills = Table(
    "fills",
    metadata,
    _text("symbol", primary_key=True),
    _text("trade_id", primary_key=True),
    _text("client_order_id"),
    _text("side"),
    _money("price"),
    _money("quantity"),
    _money("fee"),
    _text("fee_coin"),
    _ms("time_ms"),
    _text("liquidity"),
    _maybe_money("fee_value"),
)
Index("fills_by_order", fills.c.client_order_id)
Index("fills_by_time", fills.c.time_ms)

corrections = Table(
    "corrections",
    metadata,
    _text("id", primary_key=True),
    _text("position_id"),
    _text("symbol"),
    _text("kind"),
    _money("quantity"),
    _money("cost"),
    _ms("time_ms"),
    _money("cash"),
    _text("note"),
)
Index("corrections_by_position", corrections.c.position_id)

# A run of idle decisions of one symbol is one row: its id is the first one's; times of the first and the last, their
# count; all else is the last one's.
decisions = Table(
    "decisions",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    _text("id"),
    _text("symbol"),
    _ms("first_ms"),
    _ms("time_ms"),
    _count("count"),
    _money("price"),
    _text("verdict"),
    Column("score", Float, nullable=False),
    Column("confidence", Float, nullable=False),
    _text("regime"),
    _text("votes"),
    _text("veto"),
    _text("veto_detail"),
    _maybe_money("quantity"),
)
Index("decisions_by_symbol", decisions.c.symbol, decisions.c.seq)
Index("decisions_by_time", decisions.c.time_ms)
Index("decisions_by_id", decisions.c.id)

candles = Table(
    "candles",
    metadata,
    Column("symbol_id", Integer, primary_key=True, autoincrement=False),
    _ms("interval_ms", primary_key=True, autoincrement=False),
    _ms("open_time_ms", primary_key=True, autoincrement=False),
    _money("open"),
    _money("high"),
    _money("low"),
    _money("close"),
    _money("volume"),
    sqlite_with_rowid=False,
)

equity = Table(
    "equity",
    metadata,
    _ms("time_ms", primary_key=True, autoincrement=False),
    _money("equity"),
    _money("cash"),
    _money("exposure"),
    sqlite_with_rowid=False,
)

# Numbers are never used twice: a client that follows the table keeps the last one it saw.
events = Table(
    "events",
    metadata,
    _serial("seq"),
    _ms("time_ms"),
    _text("type"),
    _text("symbol"),
    _text("data"),
    sqlite_autoincrement=True,
)
Index("events_by_time", events.c.time_ms)

commands = Table(
    "commands",
    metadata,
    _serial("seq"),
    _text("id", unique=True),
    _text("kind"),
    _text("target"),
    _text("reason"),
    _text("by"),
    _ms("created_ms"),
    _maybe_ms("taken_ms"),
    _maybe_ms("done_ms"),
    _text("result"),
    sqlite_autoincrement=True,
)
Index("commands_by_done", commands.c.done_ms)

latches = Table(
    "latches",
    metadata,
    _text("name", primary_key=True),
    _flag("active"),
    _text("reason"),
    _text("by"),
    _maybe_ms("set_ms"),
    _maybe_ms("effective_ms"),
    _text("reset_by"),
    _text("reset_reason"),
    _maybe_ms("reset_ms"),
)

processes = Table(
    "processes",
    metadata,
    _text("name", primary_key=True),
    _count("pid"),
    _text("host"),
    _text("version"),
    _ms("started_ms"),
    _ms("beat_ms"),
    _text("state"),
    Column("report", Text),
)

# What the bot that runs, or ran last, has to say about itself, as JSON: nobody asks the database for a part of it.
facts = Table("facts", metadata, _only_row(), _ms("recorded_ms"), _text("data"))
