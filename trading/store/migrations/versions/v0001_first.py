"""The first schema."""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

from trading.store.columns import ExactDecimal

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create every table, the marker that says whose database this is, and the kill switch's row."""
    _state_tables()
    _position_tables()
    _order_tables()
    _decision_tables()
    _operator_tables()


def _state_tables() -> None:
    """What the bot is, one row each but for symbols."""
    meta = op.create_table(
        "meta",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("app", sa.Text, nullable=False),
        sa.Column("bot_id", sa.Text),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(meta, [{"id": 1, "app": "llm-tradebot", "created_ms": int(time.time() * 1000)}])
    op.create_table(
        "account",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("quote", sa.Text, nullable=False),
        sa.Column("start_capital", ExactDecimal, nullable=False),
        sa.Column("cash", ExactDecimal, nullable=False),
        sa.Column("closed_profit", ExactDecimal, nullable=False),
        sa.Column("closed_fees", ExactDecimal, nullable=False),
        sa.Column("closed_funding", ExactDecimal, nullable=False),
        sa.Column("outside_fees", ExactDecimal, nullable=False),
        sa.Column("deposits", ExactDecimal, nullable=False),
        sa.Column("closed_positions", sa.Integer, nullable=False),
    )
    op.create_table(
        "safety",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("paused", sa.Text, nullable=False),
        sa.Column("pause_code", sa.Text, nullable=False),
        sa.Column("halted", sa.Text, nullable=False),
        sa.Column("halt_code", sa.Text, nullable=False),
        sa.Column("killed", sa.Text, nullable=False),
        sa.Column("losing_streak", sa.Integer, nullable=False),
        sa.Column("order_failures", sa.Integer, nullable=False),
    )
    op.create_table(
        "breaker",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_table(
        "trips",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("limit", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "symbols",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("last_close_ms", sa.BigInteger),
        sa.Column("price", ExactDecimal),
    )
    op.create_table(
        "processes",
        sa.Column("name", sa.Text, primary_key=True, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("beat_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )


def _position_tables() -> None:
    """Positions and their corrections."""
    op.create_table(
        "positions",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("traded", sa.Boolean, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("opened_ms", sa.BigInteger, nullable=False),
        sa.Column("decision_price", ExactDecimal, nullable=False),
        sa.Column("bought", ExactDecimal, nullable=False),
        sa.Column("cost", ExactDecimal, nullable=False),
        sa.Column("sold", ExactDecimal, nullable=False),
        sa.Column("proceeds", ExactDecimal, nullable=False),
        sa.Column("adjusted", ExactDecimal, nullable=False),
        sa.Column("adjusted_cost", ExactDecimal, nullable=False),
        sa.Column("fees", ExactDecimal, nullable=False),
        sa.Column("funding", ExactDecimal, nullable=False),
        sa.Column("stop_distance", ExactDecimal),
        sa.Column("stop_price", ExactDecimal),
        sa.Column("target_distance", ExactDecimal),
        sa.Column("target_price", ExactDecimal),
        sa.Column("trail_distance", ExactDecimal),
        sa.Column("high_water", ExactDecimal),
        sa.Column("unprotected_since_ms", sa.BigInteger),
        sa.Column("exit_reason", sa.Text, nullable=False),
        sa.Column("exit_retry_ms", sa.BigInteger, nullable=False),
        sa.Column("stop_retry_ms", sa.BigInteger, nullable=False),
        sa.Column("orders_placed", sa.Integer, nullable=False),
        sa.Column("closed_ms", sa.BigInteger),
    )
    op.create_index("positions_by_close", "positions", ["closed_ms"])
    op.create_table(
        "corrections",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("position_id", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("quantity", ExactDecimal, nullable=False),
        sa.Column("cost", ExactDecimal, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("cash", ExactDecimal, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("corrections_by_position", "corrections", ["position_id"])


def _order_tables() -> None:
    """Orders and fills."""
    op.create_table(
        "orders",
        sa.Column("client_order_id", sa.Text, primary_key=True, nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("settled", sa.Boolean, nullable=False),
        sa.Column("position_id", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("quantity", ExactDecimal, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("leg", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("price", ExactDecimal),
        sa.Column("stop_price", ExactDecimal),
        sa.Column("time_in_force", sa.Text, nullable=False),
        sa.Column("post_only", sa.Boolean, nullable=False),
        sa.Column("reduces", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.Column("exchange_order_id", sa.Text),
        sa.Column("filled_quantity", ExactDecimal, nullable=False),
        sa.Column("filled_notional", ExactDecimal, nullable=False),
        sa.Column("reported_filled", ExactDecimal, nullable=False),
        sa.Column("cancel_requested_ms", sa.BigInteger),
        sa.Column("submitted_ms", sa.BigInteger),
        sa.Column("accepted_ms", sa.BigInteger),
        sa.Column("query_due_ms", sa.BigInteger),
        sa.Column("absences", sa.Integer, nullable=False),
        sa.Column("triggered", sa.Boolean, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_index("orders_by_creation", "orders", ["created_ms"])
    op.create_index("orders_by_place", "orders", ["place"])
    op.create_index("orders_by_position", "orders", ["position_id"])
    op.create_index(
        "orders_live", "orders", ["place"], sqlite_where=sa.text("settled = 0"), postgresql_where=sa.text("NOT settled")
    )
    op.create_table(
        "fills",
        sa.Column("symbol", sa.Text, primary_key=True, nullable=False),
        sa.Column("trade_id", sa.Text, primary_key=True, nullable=False),
        sa.Column("client_order_id", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("price", ExactDecimal, nullable=False),
        sa.Column("quantity", ExactDecimal, nullable=False),
        sa.Column("fee", ExactDecimal, nullable=False),
        sa.Column("fee_coin", sa.Text, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("liquidity", sa.Text, nullable=False),
        sa.Column("fee_value", ExactDecimal),
    )
    op.create_index("fills_by_order", "fills", ["client_order_id"])
    op.create_index("fills_by_time", "fills", ["time_ms"])


def _decision_tables() -> None:
    """Decisions, candles, equity."""
    op.create_table(
        "decisions",
        sa.Column("seq", _SERIAL, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("first_ms", sa.BigInteger, nullable=False),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("price", ExactDecimal, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("regime", sa.Text, nullable=False),
        sa.Column("votes", sa.Text, nullable=False),
        sa.Column("veto", sa.Text, nullable=False),
        sa.Column("veto_detail", sa.Text, nullable=False),
        sa.Column("quantity", ExactDecimal),
    )
    op.create_index("decisions_by_id", "decisions", ["id"])
    op.create_index("decisions_by_symbol", "decisions", ["symbol", "seq"])
    op.create_index("decisions_by_time", "decisions", ["time_ms"])
    op.create_table(
        "candles",
        sa.Column("symbol_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("interval_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("open_time_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("open", ExactDecimal, nullable=False),
        sa.Column("high", ExactDecimal, nullable=False),
        sa.Column("low", ExactDecimal, nullable=False),
        sa.Column("close", ExactDecimal, nullable=False),
        sa.Column("volume", ExactDecimal, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "equity",
        sa.Column("time_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("equity", ExactDecimal, nullable=False),
        sa.Column("cash", ExactDecimal, nullable=False),
        sa.Column("exposure", ExactDecimal, nullable=False),
        sqlite_with_rowid=False,
    )


def _operator_tables() -> None:
    """What goes between the bot and its operators."""
    op.create_table(
        "events",
        sa.Column("seq", _SERIAL, primary_key=True),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_time", "events", ["time_ms"])
    op.create_table(
        "commands",
        sa.Column("seq", _SERIAL, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("taken_ms", sa.BigInteger),
        sa.Column("done_ms", sa.BigInteger),
        sa.Column("result", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("commands_by_done", "commands", ["done_ms"])
    latches = op.create_table(
        "latches",
        sa.Column("name", sa.Text, primary_key=True, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("set_ms", sa.BigInteger),
        sa.Column("effective_ms", sa.BigInteger),
        sa.Column("reset_by", sa.Text, nullable=False),
        sa.Column("reset_reason", sa.Text, nullable=False),
        sa.Column("reset_ms", sa.BigInteger),
    )
    op.bulk_insert(
        latches,
        [{"name": "kill", "active": False, "reason": "", "by": "", "reset_by": "", "reset_reason": ""}],
    )
