"""The few methods of Telegram's Bot API that commands need. Errors never hold the token."""

from __future__ import annotations

from typing import Any

import httpx

from trading.domain.errors import TradingError
from trading.monitoring.alerts.urls import silence

CONNECT_SECONDS = 10.0
POLL_SECONDS = 25


class TelegramError(TradingError):
    """Telegram could not be reached, or said no."""


class TelegramApi:
    """Asks a Bot API server, one request after the other.

    Args:
        base: the server's address.
        token: the bot's.
        poll_s: how long the server waits for an update before it answers that there is none.
    """

    def __init__(self, base: str, token: str, *, poll_s: int = POLL_SECONDS) -> None:
        silence()
        self._poll_s = poll_s
        self._client = httpx.Client(base_url=f"{base.rstrip('/')}/bot{token}/", timeout=CONNECT_SECONDS)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def updates(self, offset: int) -> list[dict[str, Any]]:
        """Messages from `offset` on; waits a while for one. Telegram forgets those before it.

        Raises:
            TelegramError: there was no answer, or no usable one.
        """
        asked = {"offset": offset, "timeout": self._poll_s, "allowed_updates": ["message"]}
        found = self._ask("getUpdates", asked, timeout_s=self._poll_s + CONNECT_SECONDS)
        if not isinstance(found, list):
            raise TelegramError("getUpdates: no list of updates")
        return [update for update in found if isinstance(update, dict)]

    def send(self, chat_id: int, text: str) -> None:
        """Send a plain text. Raises as `updates`."""
        self._ask("sendMessage", {"chat_id": chat_id, "text": text, "disable_web_page_preview": True})

    def delete(self, chat_id: int, message_id: int) -> None:
        """Delete a message; a bot may only where the chat lets it. Raises as `updates`."""
        self._ask("deleteMessage", {"chat_id": chat_id, "message_id": message_id})

    def _ask(self, method: str, values: dict[str, Any], timeout_s: float = CONNECT_SECONDS) -> Any:
        try:
            answer = self._client.post(method, json=values, timeout=timeout_s)
            body = answer.json()
        except httpx.HTTPError as error:
            raise TelegramError(f"{method}: {type(error).__name__}") from None
        except ValueError:
            raise TelegramError(f"{method}: an answer that is no JSON") from None
        if not isinstance(body, dict) or body.get("ok") is not True:
            code = body.get("error_code") if isinstance(body, dict) else None
            raise TelegramError(f"{method}: refused ({code or answer.status_code})")
        return body.get("result")
