"""How much of a position's base coin in the account was not the bot's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from trading.store.columns import ExactDecimal

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of older positions it is not known: their balances then prove nothing about an order in doubt."""
    op.add_column("positions", sa.Column("foreign_quantity", ExactDecimal))
