"""Alerts as they are kept: added with the commit that raised them, or by themselves; listed; acknowledged."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
import sqlalchemy as sa

from trading.domain.actions import Level, Notify
from trading.store.commit_number import lock_journal
from trading.store.database import reading, writing
from trading.store.rows import alert_row, event_row, to_record, without_nul
from trading.store.schema import events
from trading.store.schema_alerts import alert_deliveries, alerts

PAGE = 100


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to tell. seq: its number, by which a repeated message is recognised.

    time_ms: of what is told, in the engine's time (a replay's is that of its candles); created_ms: when it was stored,
    by the wall clock (UTC ms).
    """

    seq: int
    time_ms: int
    created_ms: int
    level: Level
    code: str
    symbol: str
    text: str
    acknowledged_ms: int | None = None
    acknowledged_by: str = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """An alert on its way to a channel. due_ms: from when on it may be sent; sent_ms: when it was (UTC ms)."""

    alert_seq: int
    channel: str
    due_ms: int
    sent_ms: int | None = None


to_alert = to_record(Alert)
_to_delivery = to_record(Delivery)


def store_alerts(engine: sa.Engine, told: Sequence[tuple[Notify, int]]) -> None:
    """Add alerts that no commit raised, each with the time at which it was raised (UTC ms).

    Raises:
        JournalError: the database could not be written; none of them is stored.
    """
    with writing(engine) as connection:
        lock_journal(connection)
        add_alerts(connection, told)


def add_alerts(connection: sa.Connection, told: Sequence[tuple[Notify, int]]) -> None:
    """Add alerts, and the events that those who follow the event table see, within a transaction.

    It must hold the journal's lock (`lock_journal`), so that numbers grow in the order of the commits.
    """
    connection.execute(sa.insert(alerts), [without_nul(alert_row(note, at_ms, at_ms)) for note, at_ms in told])
    connection.execute(sa.insert(events), [without_nul(event_row(at_ms, note, note.symbol)) for note, at_ms in told])


def last_alert(connection: sa.Connection, codes: Collection[str]) -> Alert | None:
    """The last alert with one of these codes, within a transaction."""
    found = sa.select(alerts).where(alerts.c.code.in_(codes)).order_by(alerts.c.seq.desc()).limit(1)
    row = connection.execute(found).mappings().first()
    return None if row is None else to_alert(row)


def list_alerts(
    engine: sa.Engine,
    *,
    levels: Collection[Level] = (),
    codes: Collection[str] = (),
    symbol: str = "",
    since_ms: int | None = None,
    until_ms: int | None = None,
    acknowledged: bool | None = None,
    limit: int = PAGE,
    offset: int = 0,
) -> list[Alert]:
    """Alerts, newest first.

    Args:
        engine: of the database.
        levels: only these; empty for all.
        codes: only these; empty for all.
        symbol: only this one.
        since_ms: created at or after it (UTC ms).
        until_ms: created before it (UTC ms).
        acknowledged: only those that a person has acknowledged, or has not.
        limit: the most.
        offset: so many of the newest are left out.
    """
    query = sa.select(alerts)
    if levels:
        query = query.where(alerts.c.level.in_([level.value for level in levels]))
    if codes:
        query = query.where(alerts.c.code.in_(codes))
    if symbol:
        query = query.where(alerts.c.symbol == symbol)
    if since_ms is not None:
        query = query.where(alerts.c.created_ms >= since_ms)
    if until_ms is not None:
        query = query.where(alerts.c.created_ms < until_ms)
    if acknowledged is not None:
        is_so = alerts.c.acknowledged_ms.is_not(None)
        query = query.where(is_so if acknowledged else ~is_so)
    page = query.order_by(alerts.c.seq.desc()).limit(limit).offset(offset)
    with reading(engine) as connection:
        return [to_alert(row) for row in connection.execute(page).mappings()]


def deliveries_of(engine: sa.Engine, seqs: Collection[int]) -> dict[int, list[Delivery]]:
    """By the alerts' numbers, where each goes or went. Nothing for one that no sender has looked at yet."""
    found: dict[int, list[Delivery]] = {}
    query = (
        sa.select(alert_deliveries).where(alert_deliveries.c.alert_seq.in_(seqs)).order_by(alert_deliveries.c.channel)
    )
    with reading(engine) as connection:
        for row in connection.execute(query).mappings():
            found.setdefault(row["alert_seq"], []).append(_to_delivery(row))
    return found


def acknowledge(engine: sa.Engine, up_to_seq: int, by: str, now_ms: int) -> int:
    """A person has seen all alerts up to this one; how many that had not been said of. It changes nothing else."""
    unseen = (alerts.c.seq <= up_to_seq) & alerts.c.acknowledged_ms.is_(None)
    with writing(engine) as connection:
        lock_journal(connection)
        change = sa.update(alerts).where(unseen).values(acknowledged_ms=now_ms, acknowledged_by=by)
        return connection.execute(change).rowcount
