"""Answers that say 200 and mean no.

Apprise takes the HTTP status of Telegram and Discord for their answer. Something between (a captive portal, a proxy, an
error page) can say 200 too; the body tells: Telegram's has `"ok": true`, Discord's is the message that was made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

BAD_GATEWAY = 502


@cache
def check_answers() -> None:
    """Have Apprise's plugins for Telegram and Discord see such an answer as the failure that it is. Once a process."""
    from apprise.plugins import discord, telegram

    _check(telegram, lambda body: body.get("ok") is True)
    _check(discord, lambda body: "id" in body)


def _check(plugin: Any, is_yes: Callable[[dict[str, Any]], bool]) -> None:
    requests: ModuleType = plugin.requests

    def post(*arguments: Any, **options: Any) -> Any:
        response = requests.post(*arguments, **options)
        if response.status_code == requests.codes.ok and not _says(response, is_yes):
            response.status_code = BAD_GATEWAY
        return response

    names = {name: getattr(requests, name) for name in dir(requests) if not name.startswith("__")}
    plugin.requests = SimpleNamespace(**{**names, "post": post})


def _says(response: Any, is_yes: Callable[[dict[str, Any]], bool]) -> bool:
    try:
        body = response.json()
    except ValueError:
        return False
    return isinstance(body, dict) and is_yes(body)
