"""The dashboard's logins in the database: sessions, API tokens, the generated password, nonces. Only hashes of keys."""

from __future__ import annotations

import uuid
from collections.abc import Collection

import msgspec
import sqlalchemy as sa

from trading.domain.errors import InvalidInput
from trading.store.database import reading, writing
from trading.store.rows import plain, to_record
from trading.store.schema import ONLY_ROW
from trading.store.schema_access import nonces, password, sessions, tokens
from trading.store.statements import insert_if_absent, insert_or_update

TOKENS_MAX = 200


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One login. id: hash of its key. seen_ms: about when it was last used; ends_ms: its end at the latest (UTC ms)."""

    id: str
    created_ms: int
    seen_ms: int
    ends_ms: int
    address: str


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One API token. hash: of its key; scope: read, trade or admin; used_ms: about when it was last used (UTC ms)."""

    id: str
    name: str
    hash: str
    scope: str
    created_by: str
    created_ms: int
    used_ms: int | None = None


_to_session = to_record(Session)
_to_token = to_record(Token)


def password_hash(engine: sa.Engine) -> str | None:
    """The hash of the generated password, None where none was generated."""
    with reading(engine) as connection:
        return connection.execute(sa.select(password.c.hash)).scalar()


def keep_password(engine: sa.Engine, hash_: str, now_ms: int) -> bool:
    """Keep the hash of a password that was just generated; False where another process was faster."""
    row = {"id": ONLY_ROW, "hash": hash_, "created_ms": now_ms}
    with writing(engine) as connection:
        return bool(connection.execute(insert_if_absent(engine.dialect.name, password), [row]).rowcount)


def replace_password(engine: sa.Engine, hash_: str, now_ms: int) -> None:
    """Keep the hash of a new password in place of any other, and end every session."""
    row = {"id": ONLY_ROW, "hash": hash_, "created_ms": now_ms}
    with writing(engine) as connection:
        connection.execute(insert_or_update(engine.dialect.name, password, ["id"]), [row])
        connection.execute(sa.delete(sessions))


def keep_session(engine: sa.Engine, session: Session) -> None:
    """Put a session down; one of this id that is there stays."""
    with writing(engine) as connection:
        connection.execute(insert_if_absent(engine.dialect.name, sessions), [plain(session)])


def find_session(engine: sa.Engine, session_id: str) -> Session | None:
    """The session of this id, ended or not."""
    with reading(engine) as connection:
        row = connection.execute(sa.select(sessions).where(sessions.c.id == session_id)).mappings().first()
    return None if row is None else _to_session(row)


def living_sessions(engine: sa.Engine, session_ids: Collection[str], *, now_ms: int, idle_ms: int) -> set[str]:
    """Those of these sessions that have not ended."""
    lives = (sessions.c.ends_ms > now_ms) & (sessions.c.seen_ms > now_ms - idle_ms)
    with reading(engine) as connection:
        asked = sa.select(sessions.c.id).where(sessions.c.id.in_(session_ids), lives)
        return set(connection.execute(asked).scalars())


def see_session(engine: sa.Engine, session_id: str, now_ms: int) -> None:
    """Note that a session is in use."""
    with writing(engine) as connection:
        connection.execute(sa.update(sessions).where(sessions.c.id == session_id).values(seen_ms=now_ms))


def end_sessions(engine: sa.Engine, session_id: str | None = None) -> None:
    """End a session, or all of them."""
    query = sa.delete(sessions)
    with writing(engine) as connection:
        connection.execute(query if session_id is None else query.where(sessions.c.id == session_id))


def create_token(
    engine: sa.Engine, *, name: str, hash_: str, scope: str, by: str, now_ms: int, field: str = "name"
) -> Token:
    """Keep a new token. `field` is what the error calls its name.

    Raises:
        InvalidInput: there is one of this name, or there are too many.
    """
    token = Token(id=uuid.uuid4().hex, name=name, hash=hash_, scope=scope, created_by=by, created_ms=now_ms)
    with writing(engine) as connection:
        names = set(connection.execute(sa.select(tokens.c.name)).scalars())
        if name in names:
            raise InvalidInput(field, name, f"a name that no token has yet; there are {', '.join(sorted(names))}")
        if len(names) >= TOKENS_MAX:
            raise InvalidInput(field, name, f"at most {TOKENS_MAX} tokens; revoke one first")
        connection.execute(sa.insert(tokens), [plain(token)])
    return token


def list_tokens(engine: sa.Engine) -> list[Token]:
    """All tokens, by name."""
    with reading(engine) as connection:
        return [_to_token(row) for row in connection.execute(sa.select(tokens).order_by(tokens.c.name)).mappings()]


def find_token(engine: sa.Engine, hash_: str) -> Token | None:
    """The token whose key has this hash."""
    with reading(engine) as connection:
        row = connection.execute(sa.select(tokens).where(tokens.c.hash == hash_)).mappings().first()
    return None if row is None else _to_token(row)


def see_token(engine: sa.Engine, token_id: str, now_ms: int) -> None:
    """Note that a token is in use."""
    with writing(engine) as connection:
        connection.execute(sa.update(tokens).where(tokens.c.id == token_id).values(used_ms=now_ms))


def revoke_token(engine: sa.Engine, which: str) -> Token | None:
    """End the token of this id or name; None where there is none."""
    is_it = (tokens.c.id == which) | (tokens.c.name == which)
    with writing(engine) as connection:
        row = connection.execute(sa.select(tokens).where(is_it)).mappings().first()
        if row is None:
            return None
        connection.execute(sa.delete(tokens).where(tokens.c.id == row["id"]))
    return _to_token(row)


def use_nonce(engine: sa.Engine, nonce: str, *, ends_ms: int, now_ms: int) -> bool:
    """Use a nonce up; False where it was used before. Nonces whose end has passed are removed."""
    with writing(engine) as connection:
        connection.execute(sa.delete(nonces).where(nonces.c.ends_ms < now_ms))
        row = {"nonce": nonce, "ends_ms": ends_ms}
        return bool(connection.execute(insert_if_absent(engine.dialect.name, nonces), [row]).rowcount)


def remove_ended(engine: sa.Engine, *, now_ms: int, idle_ms: int) -> None:
    """Remove sessions that have ended."""
    has_ended = (sessions.c.ends_ms <= now_ms) | (sessions.c.seen_ms <= now_ms - idle_ms)
    with writing(engine) as connection:
        connection.execute(sa.delete(sessions).where(has_ended))
