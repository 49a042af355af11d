"""Keeps secrets out of the log: by the name of a field, by known values, and in addresses with a password."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

MASK = "********"
SECRET_LENGTH_MIN = 4
"""Shorter values are not looked for in texts: masking each 'a' would leave nothing to read."""

_SECRET_KEY = re.compile(
    r"secret|token|passw|passphrase|api[_-]?key|private[_-]?key|credential|authorization|cookie", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(?<=://)([^\s:/@]*):\S+@")
_DEPTH_MAX = 8

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]


class Redactor:
    """Turns any value into plain data (what JSON knows) without the secrets in it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: re.Pattern[str] | None = None
        self._values: set[str] = set()

    def register(self, secret: str) -> None:
        """From now on, mask this value wherever it stands in a text, also as it looks inside a quoted string."""
        if len(secret) < SECRET_LENGTH_MIN:
            return
        with self._lock:
            self._values |= {secret, repr(secret)[1:-1]}
            longest_first = sorted(self._values, key=len, reverse=True)
            self._known = re.compile("|".join(re.escape(value) for value in longest_first))

    def text(self, text: str) -> str:
        """The text without known secrets and without passwords in addresses."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _URL_PASSWORD.sub(rf"\1:{MASK}@", text) if "://" in text else text

    def field(self, name: str, value: object) -> Plain:
        """The value of a field: masked whole where the name says that it is a secret."""
        if _SECRET_KEY.search(name) and value not in (None, ""):
            return MASK
        return self.plain(value)

    def plain(self, value: object, depth: int = 0) -> Plain:
        """Numbers, texts, lists and mappings stay; everything else becomes its text."""
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            return self.plain(value.value, depth)
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, Decimal):
            return format(value, "f") if value.is_finite() else str(value)
        if depth < _DEPTH_MAX:
            if isinstance(value, Mapping):
                return {self.text(str(k)): self._nested(str(k), v, depth + 1) for k, v in value.items()}
            if isinstance(value, (list, tuple, set, frozenset)):
                return [self.plain(item, depth + 1) for item in value]
        return self.text(str(value))

    def _nested(self, name: str, value: object, depth: int) -> Plain:
        return MASK if _SECRET_KEY.search(name) and value not in (None, "") else self.plain(value, depth)
