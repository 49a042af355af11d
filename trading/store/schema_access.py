"""The tables of the dashboard's logins, which it alone writes (and `tradebot token`). They hold hashes, never keys."""

from __future__ import annotations

from sqlalchemy import Index, Table

from trading.store.columns import maybe_ms, metadata, ms, only_row, text

# The owner's password where it was generated, as its argon2 hash.
password = Table("password", metadata, only_row(), text("hash"), ms("created_ms"))

sessions = Table(
    "sessions",
    metadata,
    text("id", primary_key=True),
    ms("created_ms"),
    ms("seen_ms"),
    ms("ends_ms"),
    text("address"),
)

tokens = Table(
    "tokens",
    metadata,
    text("id", primary_key=True),
    text("name", unique=True),
    text("hash", unique=True),
    text("scope"),
    text("created_by"),
    ms("created_ms"),
    maybe_ms("used_ms"),
)

# Of signed requests, for as long as their time stamps are accepted: none counts twice.
nonces = Table("nonces", metadata, text("nonce", primary_key=True), ms("ends_ms"))
Index("nonces_by_end", nonces.c.ends_ms)
