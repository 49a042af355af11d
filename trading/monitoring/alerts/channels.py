"""The channels that alerts go through, by the settings: each sends one message, and says whether it arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from trading.config_alerts import SMTP_PORTS, TELEGRAM_API
from trading.domain.actions import Level
from trading.domain.errors import InvalidInput
from trading.monitoring.alerts.answers import check_answers
from trading.monitoring.alerts.message import Message
from trading.monitoring.alerts.urls import asset, plugin_of, split_urls
from trading.monitoring.logs import redact

if TYPE_CHECKING:
    from apprise import NotifyBase

    from trading.config import Settings

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 20.0
"""How long a channel may take to answer: longer than one that is slow, for what it has taken must not be sent again."""

_KINDS = {Level.INFO: "info", Level.WARNING: "warning", Level.CRITICAL: "failure"}


class Channel(Protocol):
    """Somewhere to send a message. It may take its time; it is called from a thread of its own."""

    name: str

    def send(self, message: Message) -> str:
        """Send it; empty if it arrived, else why not, without any secret."""
        ...


class AppriseChannel:
    """A channel by one of Apprise's plugins.

    Args:
        name: as shown to people: slack, email, url1.
        plugin: what sends.
    """

    def __init__(self, name: str, plugin: NotifyBase) -> None:
        from apprise import Apprise

        self.name = name
        self._apprise = Apprise(asset=asset())
        self._apprise.add(plugin)

    def send(self, message: Message) -> str:
        """Send it as plain text; empty if it arrived, else why not."""
        result = self._apprise.notify(
            title=message.title, body=message.body, notify_type=_KINDS[message.level], body_format="text"
        )
        if result:
            return ""
        said = dict.fromkeys(" ".join(entry.message.split()) for entry in result.logs())
        return redact("; ".join(said)) or "it did not take the message"


def channels_of(settings: Settings) -> list[Channel]:
    """The channels that the settings name.

    Raises:
        InvalidInput: Apprise knows no such address; its text is not in the error.
    """
    found: list[Channel] = []
    for name, setting, url in _urls(settings):
        plugin = plugin_of(url)
        if plugin is None:
            raise InvalidInput(setting, "********", "an address that Apprise knows")
        _set_up(plugin, name, url, settings)
        found.append(AppriseChannel(name, plugin))
    if found:
        check_answers()
    return found


def _set_up(plugin: Any, name: str, url: str, settings: Settings) -> None:
    # What the address itself says about times stays.
    if "cto=" not in url:
        plugin.socket_connect_timeout = ANSWER_SECONDS if name == "email" else CONNECT_SECONDS
    if "rto=" not in url:
        plugin.socket_read_timeout = ANSWER_SECONDS
    if name == "telegram" and settings.telegram_api_url != TELEGRAM_API:
        plugin.notify_url = f"{settings.telegram_api_url.rstrip('/')}/bot"


def _urls(settings: Settings) -> list[tuple[str, str, str]]:
    """Name, setting and Apprise's address of each channel."""
    found: list[tuple[str, str, str]] = []
    if settings.slack_webhook:
        found.append(("slack", "SLACK_WEBHOOK", f"{settings.slack_webhook.get_secret_value()}?image=no&footer=no"))
    if settings.discord_webhook:
        found.append(("discord", "DISCORD_WEBHOOK", f"{settings.discord_webhook.get_secret_value()}?avatar=no"))
    if settings.telegram_bot_token and settings.telegram_chat_id:
        token, chat = settings.telegram_bot_token.get_secret_value(), settings.telegram_chat_id.lstrip("@")
        found.append(("telegram", "TELEGRAM_BOT_TOKEN", f"tgram://{token}/{chat}/"))
    if settings.smtp_host:
        found.append(("email", "SMTP_HOST", _email_url(settings)))
    if settings.alert_urls:
        urls = split_urls(settings.alert_urls.get_secret_value())
        found += [(f"url{number}", "ALERT_URLS", url) for number, url in enumerate(urls, 1)]
    return found


def _email_url(settings: Settings) -> str:
    """Apprise's address of the mail server. The sender's domain stands where it would guess at servers by."""
    sender = settings.smtp_from or ""
    login = ""
    if settings.smtp_user and settings.smtp_password:
        login = f"{quote(settings.smtp_user, safe='')}:{quote(settings.smtp_password.get_secret_value(), safe='')}@"
    port = settings.smtp_port or SMTP_PORTS[settings.smtp_tls]
    options = {
        "smtp": settings.smtp_host or "",
        "mode": {"starttls": "starttls", "tls": "ssl", "none": "insecure"}[settings.smtp_tls],
        "from": sender,
        "to": ",".join(settings.smtp_to or ()),
        "format": "text",
    }
    scheme = "mailto" if settings.smtp_tls == "none" else "mailtos"
    return f"{scheme}://{login}{sender.rpartition('@')[2]}:{port}/?{urlencode(options)}"
