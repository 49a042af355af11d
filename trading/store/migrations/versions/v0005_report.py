"""What a bot tells of itself with its sign of life."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing is told until a bot of this version runs."""
    op.add_column("processes", sa.Column("report", sa.Text))
