"""What PostgreSQL's errors mean to whoever runs the bot."""

from __future__ import annotations

_BY_STATE = {
    "53100": ("the server's disk is full", "free some space; a running bot goes on by itself"),
    "53300": ("the server has no connection left", "close other programs or raise max_connections"),
    "55P03": ("another process keeps it locked", "look for long transactions in pg_stat_activity"),
    "57014": ("the server took too long", "look at the server's load and disk"),
    "57P03": ("the server is starting or stopping", "wait; a running bot goes on by itself"),
    "25006": ("the server takes no writes", "connect to the primary, not to a standby"),
    "28": ("the server does not accept the user or password", "check DATABASE_URL and pg_hba.conf"),
    "3D000": ("the server has no such database", "create it (createdb) or correct DATABASE_URL"),
    "42501": ("the user may not do this", "let the user of DATABASE_URL own the database"),
    "23": ("a record is in it already, or is not complete", "the last commit stands; nothing was written"),
    "08": ("the connection was lost", "check the server and the network; a running bot goes on by itself"),
    "57P": ("the server ended the connection", "check the server; a running bot goes on by itself"),
}
# Where no connection came about, only the text says why.
_BY_TEXT = {
    "password": "28",
    'role "': "28",
    "no pg_hba.conf entry": "28",
    '" does not exist': "3D000",
    "too many": "53300",
    "connection slots": "53300",
    "starting up": "57P03",
    "shutting down": "57P03",
}
_LOST = ("the server cannot be reached", "check the server and the network; a running bot goes on by itself")


def explain_server(error: BaseException, where: object) -> str:
    """One line: what happened to which database, in the server's words, and what to do."""
    text = " ".join(str(error).split())
    state = str(getattr(error, "sqlstate", None) or "")
    if not state:
        state = next((found for part, found in _BY_TEXT.items() if part in text), "")
    what, advice = next((known for start, known in _BY_STATE.items() if state.startswith(start) and state), _LOST)
    if state and (what, advice) == _LOST:
        what, advice = "the server refused", "see its words; if it stays, restore a backup"
    return f"database {where}: {what} ({text}); {advice}"
