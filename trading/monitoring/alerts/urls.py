"""What Apprise makes of an address, and how it is kept from telling anybody that address."""

from __future__ import annotations

import logging
import re
import warnings
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlsplit

if TYPE_CHECKING:
    from apprise import AppriseAsset, NotifyBase

APP_NAME = "llm-tradebot"
PART_LENGTH_MIN = 6
"""A shorter part of an address is no secret: `bot`, `v10`, `json`."""

_WORDS = frozenset({"services", "workflows", "triggers", "webhooks"})
"""Parts of well-known addresses that are words, not secrets."""

_SEPARATOR = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)")


def split_urls(text: str) -> list[str]:
    """The addresses in `ALERT_URLS`: separated by spaces, lines or commas. A comma within one stays."""
    return [part for part in _SEPARATOR.split(text.strip()) if part]


def plugin_of(url: str) -> NotifyBase | None:
    """What sends to this address, None where Apprise does not know it. Takes half a second the first time."""
    _load()
    from apprise import Apprise

    return Apprise.instantiate(url, asset=asset(), suppress_exceptions=True)


@cache
def _load() -> None:
    """Have Apprise read its plugins in. Some of them use what Python will drop; that is not the owner's business."""
    silence()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from apprise import Apprise

        Apprise.instantiate("json://localhost", asset=asset())


def silence() -> None:
    """Keep the libraries that send from logging: their lines hold whole addresses. What they say is told by us."""
    for name in ("apprise", "urllib3", "httpx", "httpcore"):
        library = logging.getLogger(name)
        library.propagate = False
        library.setLevel(logging.WARNING)
        if not library.handlers:  # else Python would write to standard error what has no handler
            library.addHandler(logging.NullHandler())


def secret_parts(url: str) -> list[str]:
    """Whatever in an address may be a secret, as written and as meant: libraries put parts of it into their errors."""
    found = [url]
    parts = urlsplit(url)
    rest = f"{parts.path}?{parts.query}" if parts.query else parts.path
    pieces = [rest, parts.path, parts.username, parts.password, *parts.path.split("/")]
    pieces += [value for _, value in parse_qsl(parts.query)]
    if parts.netloc and "." not in parts.netloc and ":" not in parts.netloc:
        pieces.append(parts.netloc)  # many of Apprise's addresses begin with a token, not with a host
    for piece in pieces:
        if piece and len(piece.strip("/")) >= PART_LENGTH_MIN and piece not in _WORDS:
            found += [piece, unquote(piece), quote(unquote(piece), safe="")]
    return list(dict.fromkeys(found))


@cache
def asset() -> AppriseAsset:
    """How Apprise behaves here."""
    from apprise import AppriseAsset

    # No pictures from elsewhere, no plugins from disk, nothing kept on disk, and no pool of threads: a process must be
    # able to end while an address hangs, and Python waits for those.
    return AppriseAsset(
        app_id=APP_NAME,
        app_desc=APP_NAME,
        app_url="",
        image_url_mask="",
        image_url_logo="",
        storage_mode="memory",
        secure_logging=True,
        plugin_paths=[],
        async_mode=False,
        service_timeout=0,
    )
