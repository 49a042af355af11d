"""When a position was first filled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """It is not known of older positions: every candle since their decision counts in full, as it did."""
    op.add_column("positions", sa.Column("first_fill_ms", sa.BigInteger))
