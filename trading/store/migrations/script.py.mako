"""${message}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from trading.store.columns import ExactDecimal

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables from the version before to this one."""
    ${upgrades if upgrades else "pass"}
