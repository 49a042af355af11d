"""Keys of logins: what a cookie or a program holds, and what the server keeps of it."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from trading.domain.errors import InvalidInput

COOKIE = "tradebot_session"
TOKEN_PREFIX = "tb_"  # noqa: S105 - how a token begins, so that people and scanners know one when they see it
KEY_BYTES = 32
PASSWORD_BYTES = 15
NAME = r"[A-Za-z0-9._-][A-Za-z0-9 ._-]{0,39}"
"""What a token may be called."""


def new_key() -> str:
    """A key that cannot be guessed."""
    return secrets.token_urlsafe(KEY_BYTES)


def new_token() -> str:
    """The same, as an API token."""
    return TOKEN_PREFIX + new_key()


def new_password() -> str:
    """A password that people can type."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def check_name(name: str, field: str = "name") -> None:
    """Raise `InvalidInput` where a token cannot be called so."""
    if not re.fullmatch(NAME, name):
        raise InvalidInput(field, name[:80], "1 to 40 letters, digits, spaces, '.', '_' or '-'; not a space first")


def digest(key: str, salt: str = "") -> str:
    """What is kept of a key. It is long and random, so that a fast hash cannot be turned back."""
    return hmac.new(salt.encode(), key.encode(), hashlib.sha256).hexdigest()


def csrf_of(key: str) -> str:
    """The token that a page of this session sends with everything that changes something."""
    return hmac.new(key.encode(), b"csrf", hashlib.sha256).hexdigest()
