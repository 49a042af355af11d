"""When a position was first filled; what was given up of an order's fills that the exchange never showed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from trading.store.columns import ExactDecimal

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The first is not known of older positions: every candle since their decision counts in full, as it did."""
    op.add_column("positions", sa.Column("first_fill_ms", sa.BigInteger))
    op.add_column("orders", sa.Column("written_off", ExactDecimal, nullable=False, server_default="0"))
