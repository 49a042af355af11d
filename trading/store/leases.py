"""Leases: work that several processes could do and one does at a time, handed on when its holder ends or dies."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from trading.store.database import reading, writing
from trading.store.errors import StoreError
from trading.store.schema_alerts import leases
from trading.store.statements import insert_if_absent


class LeaseLost(StoreError):
    """Another process has taken the work over. Nothing was written."""


class Lease(msgspec.Struct, frozen=True):
    """A lease that is held. data: what its last holder left for the next."""

    name: str
    holder: str
    until_ms: int
    data: str


def take_lease(engine: sa.Engine, name: str, holder: str, now_ms: int, for_ms: int) -> Lease | None:
    """Take the lease, or keep it, for `for_ms` from now; None where another holder has it.

    One that nobody has kept up is free, and so is one that reaches further than any holder can have asked for: a clock
    was wrong then. While another holder has it this only reads.

    Args:
        engine: of the database.
        name: of the work.
        holder: who asks; the same one may ask again.
        now_ms: the wall clock, UTC ms.
        for_ms: how long it lasts if it is not kept up.
    """

    def is_free(row: sa.RowMapping | None) -> bool:
        return row is None or row["holder"] == holder or not now_ms < row["until_ms"] <= now_ms + for_ms

    mine = sa.select(leases).where(leases.c.name == name)
    with reading(engine) as connection:
        if not is_free(connection.execute(mine).mappings().first()):
            return None
    with writing(engine) as connection:
        first = {"name": name, "holder": "", "until_ms": 0, "data": ""}
        connection.execute(insert_if_absent(engine.dialect.name, leases), [first])
        row = connection.execute(mine.with_for_update()).mappings().one()
        if not is_free(row):
            return None
        until_ms = now_ms + for_ms
        change = sa.update(leases).where(leases.c.name == name).values(holder=holder, until_ms=until_ms)
        connection.execute(change)
        return Lease(name, holder, until_ms, row["data"])


def keep_data(engine: sa.Engine, lease: Lease, data: str) -> Lease:
    """Leave `data` for the next holder; the lease with it.

    Raises:
        LeaseLost: the lease is another's now.
    """
    with writing(engine) as connection:
        ensure_held(connection, lease)
        connection.execute(sa.update(leases).where(leases.c.name == lease.name).values(data=data))
    return replace(lease, data=data)


def release_lease(engine: sa.Engine, lease: Lease) -> None:
    """Let another take it at once. Nothing if it is another's already."""
    held = (leases.c.name == lease.name) & (leases.c.holder == lease.holder)
    with writing(engine) as connection:
        connection.execute(sa.update(leases).where(held).values(until_ms=0))


def ensure_held(connection: sa.Connection, lease: Lease) -> None:
    """Raise `LeaseLost` where the lease is another's; else it stays ours until this transaction ends."""
    holder = sa.select(leases.c.holder).where(leases.c.name == lease.name).with_for_update()
    if connection.execute(holder).scalar() != lease.holder:
        raise LeaseLost(f"{lease.name} has been taken over by another process")
