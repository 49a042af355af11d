"""Alerts and their way to the owner."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Empty tables."""
    op.create_table(
        "alerts",
        sa.Column("seq", _SERIAL, primary_key=True),
        sa.Column("time_ms", sa.BigInteger, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("acknowledged_ms", sa.BigInteger),
        sa.Column("acknowledged_by", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("alerts_by_creation", "alerts", ["created_ms"])
    op.create_table(
        "alert_channels",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failing_since_ms", sa.BigInteger),
        sa.Column("retry_ms", sa.BigInteger),
        sa.Column("sent_ms", sa.BigInteger),
        sa.Column("error", sa.Text, nullable=False),
    )
    op.create_table(
        "alert_deliveries",
        sa.Column("alert_seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("channel", sa.Text, primary_key=True),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("sent_ms", sa.BigInteger),
    )
    unsent = sa.text("sent_ms IS NULL")
    op.create_index(
        "alert_deliveries_waiting",
        "alert_deliveries",
        ["channel", "alert_seq"],
        sqlite_where=unsent,
        postgresql_where=unsent,
    )
    op.create_index("alert_deliveries_sent", "alert_deliveries", ["channel", "sent_ms"])
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
