"""The tables of alerts: what there is to tell, which channels there are, what went where, and who is at it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table

from trading.store.columns import count, maybe_ms, metadata, ms, serial, text

# time_ms: of what is told, in the engine's time; created_ms: when it was stored, by the wall clock, as all times below.
alerts = Table(
    "alerts",
    metadata,
    serial("seq"),
    ms("time_ms"),
    ms("created_ms"),
    text("level"),
    text("code"),
    text("symbol"),
    text("text"),
    maybe_ms("acknowledged_ms"),
    text("acknowledged_by"),
    sqlite_autoincrement=True,
)
Index("alerts_by_creation", alerts.c.created_ms)

# seen: the last alert that was looked at for this channel. failures: in a row, with the last one's error.
alert_channels = Table(
    "alert_channels",
    metadata,
    text("name", primary_key=True),
    Column("seen", BigInteger, nullable=False),
    count("failures"),
    maybe_ms("failing_since_ms"),
    maybe_ms("retry_ms"),
    maybe_ms("sent_ms"),
    text("error"),
)

# An alert on its way to a channel: from when on it may be sent, and when it was.
alert_deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("alert_seq", BigInteger, primary_key=True, autoincrement=False),
    text("channel", primary_key=True),
    ms("due_ms"),
    maybe_ms("sent_ms"),
)
# On a server too, by its migration (see `orders_live`).
Index(
    "alert_deliveries_waiting",
    alert_deliveries.c.channel,
    alert_deliveries.c.alert_seq,
    sqlite_where=alert_deliveries.c.sent_ms.is_(None),
)
Index("alert_deliveries_sent", alert_deliveries.c.channel, alert_deliveries.c.sent_ms)

# Work that one process does at a time, and what it leaves to the next, as JSON.
leases = Table("leases", metadata, text("name", primary_key=True), text("holder"), ms("until_ms"), text("data"))
