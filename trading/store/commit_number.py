"""The number of the last commit, in one row: whose lock orders all who write to the journal."""

from __future__ import annotations

import sqlalchemy as sa

from trading.store.schema import ONLY_ROW, commits

_MINE = commits.c.id == ONLY_ROW
_LOCKED = sa.select(commits.c.number).where(_MINE).with_for_update()
_CHANGED = sa.update(commits).where(_MINE).values(number=sa.bindparam("to"))


def lock_journal(connection: sa.Connection) -> int:
    """The number of the last commit; until this transaction ends, no other one passes this point.

    Taken before any other row's lock by all who write events or remove rows: the event table's numbers then grow in
    the order of the commits, so that a reader who follows them misses none. On SQLite the transaction has been the
    only one since it began.
    """
    number: int = connection.execute(_LOCKED).scalar_one()
    return number


def read_commit_number(connection: sa.Connection) -> int:
    """The number of the last commit."""
    number: int = connection.execute(sa.select(commits.c.number).where(_MINE)).scalar_one()
    return number


def set_commit_number(connection: sa.Connection, number: int) -> None:
    """Number the commit that this transaction is."""
    connection.execute(_CHANGED, {"to": number})
