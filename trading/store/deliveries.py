"""The way of alerts to their channels: what is due where, what was sent, what fails. For the holder of the lease."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from trading.store.alerts import Alert, to_alert
from trading.store.database import reading, writing
from trading.store.leases import Lease, ensure_held
from trading.store.rows import Row, to_record
from trading.store.schema_alerts import alert_channels, alert_deliveries, alerts
from trading.store.statements import insert_if_absent

LOOKED_AT_ONCE = 500
ERROR_CHARACTERS = 300
LATEST_MS = 2 * 86_400_000

Kind = tuple[str, str, str]
"""Level, code and symbol: alerts that are alike in these are repeats of one another."""


class Repeats(msgspec.Struct, frozen=True):
    """What a channel knows of one kind: until when one waits to be sent, and when one was sent last (UTC ms)."""

    waits_until_ms: int | None = None
    sent_ms: int | None = None


class DueRule(Protocol):
    """When an alert is due on a channel (UTC ms), given its repeats; None where it is not for that channel."""

    def __call__(self, channel: str, alert: Alert, repeats: Repeats, now_ms: int) -> int | None:
        """The time, or None."""
        ...


class ChannelState(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel stands. failures: in a row; retry_ms: when it is tried again; waiting: alerts not sent yet."""

    name: str
    seen: int
    failures: int
    failing_since_ms: int | None
    retry_ms: int | None
    sent_ms: int | None
    error: str
    waiting: int = 0


_to_channel = to_record(ChannelState)
_UNSENT = alert_deliveries.c.sent_ms.is_(None)


def kind_of(alert: Alert) -> Kind:
    """What an alert has in common with its repeats."""
    return alert.level.value, alert.code, alert.symbol


def register_channels(engine: sa.Engine, names: Collection[str]) -> None:
    """Make these channels known. One that is new gets the alerts from now on, not those that are there already."""
    if not names:
        return
    with writing(engine) as connection:
        last = connection.execute(sa.select(sa.func.max(alerts.c.seq))).scalar() or 0
        none: Row = {"failures": 0, "failing_since_ms": None, "retry_ms": None, "sent_ms": None, "error": ""}
        rows = [{"name": name, "seen": last, **none} for name in names]
        connection.execute(insert_if_absent(engine.dialect.name, alert_channels), rows)


def channel_states(engine: sa.Engine) -> dict[str, ChannelState]:
    """Every channel that was ever known, by its name."""
    waiting = sa.select(alert_deliveries.c.channel, sa.func.count()).where(_UNSENT).group_by(alert_deliveries.c.channel)
    with reading(engine) as connection:
        counts: dict[str, int] = dict(connection.execute(waiting).all())
        found = connection.execute(sa.select(alert_channels).order_by(alert_channels.c.name)).mappings()
        return {row["name"]: _to_channel({**row, "waiting": counts.get(row["name"], 0)}) for row in found}


def has_news(engine: sa.Engine, seen: int) -> bool:
    """Whether there are alerts with a number above `seen`."""
    with reading(engine) as connection:
        return (connection.execute(sa.select(sa.func.max(alerts.c.seq))).scalar() or 0) > seen


def dispatch(
    engine: sa.Engine, lease: Lease, channels: Collection[str], due: DueRule, now_ms: int, *, join_ms: int, old_ms: int
) -> dict[str, int]:
    """Look at alerts that are new to some of these channels, and put down when each is due there.

    Args:
        engine: of the database.
        lease: the sender's.
        channels: names of registered channels.
        due: when an alert is due.
        now_ms: the wall clock, UTC ms.
        join_ms: how far back `due` wants to know what was sent.
        old_ms: alerts created before it are passed over: nobody was there to send them in their time.

    Returns:
        The last number that was looked at, by channel. At most `LOOKED_AT_ONCE` are looked at.

    Raises:
        LeaseLost: another process sends now.
    """
    with writing(engine) as connection:
        ensure_held(connection, lease)
        known = sa.select(alert_channels.c.name, alert_channels.c.seen).where(alert_channels.c.name.in_(channels))
        seen: dict[str, int] = dict(connection.execute(known).all())
        new = sa.select(alerts).where(alerts.c.seq > min(seen.values(), default=0)).order_by(alerts.c.seq)
        found = [to_alert(row) for row in connection.execute(new.limit(LOOKED_AT_ONCE)).mappings()]
        for channel, last in seen.items():
            theirs = [alert for alert in found if alert.seq > last]
            if not theirs:
                continue
            recent = [alert for alert in theirs if alert.created_ms >= old_ms]
            rows = _due_rows(connection, channel, recent, due, now_ms, now_ms - join_ms) if recent else []
            if rows:
                connection.execute(insert_if_absent(engine.dialect.name, alert_deliveries), rows)
            seen[channel] = theirs[-1].seq
            mine = alert_channels.c.name == channel
            connection.execute(sa.update(alert_channels).where(mine).values(seen=seen[channel]))
    return seen


def _due_rows(
    connection: sa.Connection, channel: str, new: Sequence[Alert], due: DueRule, now_ms: int, since_ms: int
) -> list[Row]:
    known = dict(_repeats(connection, channel, since_ms))
    rows: list[Row] = []
    for alert in new:
        repeats = known.get(kind_of(alert), Repeats())
        due_ms = due(channel, alert, repeats, now_ms)
        if due_ms is not None:
            rows.append({"alert_seq": alert.seq, "channel": channel, "due_ms": due_ms, "sent_ms": None})
            known[kind_of(alert)] = replace(repeats, waits_until_ms=due_ms)
    return rows


def _repeats(connection: sa.Connection, channel: str, since_ms: int) -> Mapping[Kind, Repeats]:
    """What waits for the channel, and what was sent through it since then."""
    found: dict[Kind, Repeats] = {}
    kind = (alerts.c.level, alerts.c.code, alerts.c.symbol)
    joined = alert_deliveries.join(alerts, alerts.c.seq == alert_deliveries.c.alert_seq)
    mine = alert_deliveries.c.channel == channel
    sent = sa.select(*kind, sa.func.max(alert_deliveries.c.sent_ms)).select_from(joined)
    for level, code, symbol, ms in connection.execute(
        sent.where(mine, alert_deliveries.c.sent_ms > since_ms).group_by(*kind)
    ):
        found[level, code, symbol] = Repeats(None, ms)
    waiting = sa.select(*kind, sa.func.max(alert_deliveries.c.due_ms)).select_from(joined)
    for level, code, symbol, ms in connection.execute(waiting.where(mine, _UNSENT).group_by(*kind)):
        key = level, code, symbol
        found[key] = replace(found.get(key, Repeats()), waits_until_ms=ms)
    return found


def waiting_alerts(engine: sa.Engine, channel: str, now_ms: int) -> list[Alert]:
    """The alerts that are due on the channel and were not sent, oldest first; at most `LOOKED_AT_ONCE`.

    What is due later than anything can be was put down by a clock that was wrong, and is due.
    """
    due_ms = alert_deliveries.c.due_ms
    query = (
        sa.select(alerts)
        .join(alert_deliveries, alert_deliveries.c.alert_seq == alerts.c.seq)
        .where(alert_deliveries.c.channel == channel, _UNSENT, (due_ms <= now_ms) | (due_ms > now_ms + LATEST_MS))
        .order_by(alert_deliveries.c.alert_seq)
        .limit(LOOKED_AT_ONCE)
    )
    with reading(engine) as connection:
        return [to_alert(row) for row in connection.execute(query).mappings()]


def mark_sent(engine: sa.Engine, lease: Lease, channel: str, seqs: Sequence[int], now_ms: int) -> None:
    """These alerts went through the channel, which works.

    Raises:
        LeaseLost: another process sends now, and may send them once more.
    """
    with writing(engine) as connection:
        ensure_held(connection, lease)
        theirs = (alert_deliveries.c.channel == channel) & alert_deliveries.c.alert_seq.in_(seqs)
        connection.execute(sa.update(alert_deliveries).where(theirs).values(sent_ms=now_ms))
        works = {"failures": 0, "failing_since_ms": None, "retry_ms": None, "sent_ms": now_ms, "error": ""}
        connection.execute(sa.update(alert_channels).where(alert_channels.c.name == channel).values(**works))


def mark_failed(engine: sa.Engine, lease: Lease, channel: str, error: str, now_ms: int, retry_ms: int) -> None:
    """The channel failed once more, and is tried again at `retry_ms`. `error` holds no secret.

    Raises:
        LeaseLost: another process sends now.
    """
    with writing(engine) as connection:
        ensure_held(connection, lease)
        change = sa.update(alert_channels).where(alert_channels.c.name == channel)
        connection.execute(
            change.values(
                failures=alert_channels.c.failures + 1,
                failing_since_ms=sa.func.coalesce(alert_channels.c.failing_since_ms, now_ms),
                retry_ms=retry_ms,
                error=error[:ERROR_CHARACTERS],
            )
        )
