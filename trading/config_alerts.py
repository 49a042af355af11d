"""The settings of alerts: the channels, what goes through them and when, the dead-man ping, Telegram's commands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Annotated, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from trading import config_values as values
from trading.config_field import setting
from trading.config_sources import MASK, Given, Problem

LEVELS = ("info", "warning", "critical")
TELEGRAM_API = "https://api.telegram.org"
SMTP_PORTS = {"starttls": 587, "tls": 465, "none": 25}

_SLACK = re.compile(r"https://hooks\.slack(-gov)?\.com/services/[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]+")
_DISCORD = re.compile(r"https://(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d{10,}/[\w-]{20,}")
_TOKEN = re.compile(r"\d{5,}:[\w-]{20,}")
_CHAT = re.compile(r"-?\d{1,20}|@\w{4,64}", re.ASCII)
_PIN = re.compile(r"[A-Za-z0-9]{6,64}")
_ADDRESS = re.compile(r"[^\s@<>,;\"]+@[A-Za-z0-9.-]+")
_PING = re.compile(r"https?://[^\s/]+(/\S*)?")
_API = re.compile(r"(https://[A-Za-z0-9.:_-]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)(/[\w./-]*)?")
_LEVEL = re.compile(rf"((slack|discord|telegram|email|url[1-9]\d*)=)?({'|'.join(LEVELS)})")
_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")
_NAME_LENGTH_MAX = 40


def _like(pattern: re.Pattern[str]) -> BeforeValidator:
    def check(text: str) -> str:
        _require(pattern.fullmatch(text) is not None)
        return text

    return BeforeValidator(check)


def _addresses(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(","))
    _require(all(_ADDRESS.fullmatch(part) for part in found))
    return found


def _levels(text: str) -> str:
    parts = [part.strip() for part in text.lower().split(",")]
    _require(all(_LEVEL.fullmatch(part) for part in parts))
    channels = [part.partition("=")[0] if "=" in part else "" for part in parts]
    _require(len(set(channels)) == len(channels))
    return ",".join(parts)


def _quiet_hours(text: str) -> str:
    _require(_HOURS.fullmatch(text) is not None and text[:5] != text[6:])
    return text


def _zone(text: str) -> str:
    try:
        zone_of(text)
    except (KeyError, OSError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(str(error)) from error
    return text


def zone_of(name: str) -> tzinfo:
    """The time zone of this name; UTC needs no list of zones on this machine."""
    return UTC if name == "UTC" else ZoneInfo(name)


def _name(text: str) -> str:
    _require(len(text) <= _NAME_LENGTH_MAX and text.isprintable())
    return text


def _require(holds: bool) -> None:
    if not holds:
        raise ValueError("not allowed")


class AlertSettings(BaseSettings):
    """Where alerts go and which. A channel exists where its settings are given; none is needed."""

    model_config = SettingsConfigDict(defer_build=True)

    slack_webhook: Annotated[SecretStr | None, _like(_SLACK)] = setting(
        "SLACK_WEBHOOK", None, "https://hooks.slack.com/services/…", "alerts go to this Slack channel"
    )
    discord_webhook: Annotated[SecretStr | None, _like(_DISCORD)] = setting(
        "DISCORD_WEBHOOK", None, "https://discord.com/api/webhooks/…", "alerts go to this Discord channel"
    )
    telegram_bot_token: Annotated[SecretStr | None, _like(_TOKEN)] = setting(
        "TELEGRAM_BOT_TOKEN",
        None,
        "the token that BotFather gave (123456:…), together with TELEGRAM_CHAT_ID",
        "alerts go to a Telegram chat by this bot",
    )
    telegram_chat_id: Annotated[str | None, _like(_CHAT)] = setting(
        "TELEGRAM_CHAT_ID",
        None,
        "a chat's number (negative for a group) or @channel, together with TELEGRAM_BOT_TOKEN",
        "the chat that alerts go to, and the only one whose commands count",
    )
    telegram_pin: Annotated[SecretStr | None, _like(_PIN)] = setting(
        "TELEGRAM_PIN",
        None,
        "6 to 64 letters and digits, together with TELEGRAM_BOT_TOKEN and a TELEGRAM_CHAT_ID that is a number",
        "turns on Telegram's commands; /kill and /resume ask for it",
    )
    telegram_api_url: Annotated[str, _like(_API)] = setting(
        "TELEGRAM_API_URL",
        TELEGRAM_API,
        "an https:// address, or http:// on this machine",
        "a Bot API server of one's own",
    )
    smtp_host: Annotated[str | None, BeforeValidator(values.host)] = setting(
        "SMTP_HOST",
        None,
        "a host name or address, together with SMTP_FROM and SMTP_TO",
        "alerts go by email through this server",
    )
    smtp_port: Annotated[int | None, BeforeValidator(values.whole(1, 65_535))] = setting(
        "SMTP_PORT", None, "a port, 1 to 65535", "default: 587 with starttls, 465 with tls, 25 with none"
    )
    smtp_tls: Literal["starttls", "tls", "none"] = setting(
        "SMTP_TLS", "starttls", "starttls, tls or none", "how the connection to the mail server is encrypted"
    )
    smtp_user: str | None = setting("SMTP_USER", None, "set together with SMTP_PASSWORD", "login at the mail server")
    smtp_password: SecretStr | None = setting(
        "SMTP_PASSWORD", None, "set together with SMTP_USER", "password at the mail server"
    )
    smtp_from: Annotated[str | None, _like(_ADDRESS)] = setting(
        "SMTP_FROM", None, "an email address", "sender of the emails"
    )
    smtp_to: Annotated[tuple[str, ...] | None, BeforeValidator(_addresses)] = setting(
        "SMTP_TO", None, "email addresses, separated by commas", "who gets the emails"
    )
    alert_urls: SecretStr | None = setting(
        "ALERT_URLS",
        None,
        "Apprise URLs such as json://host/path or ntfy://topic, separated by spaces or commas",
        "more channels: each URL is one, named url1, url2, … in this order",
    )
    alert_name: Annotated[str, BeforeValidator(_name)] = setting(
        "ALERT_NAME", "tradebot", f"a text of at most {_NAME_LENGTH_MAX} characters", "begins each message: which bot"
    )
    alert_min_level: Annotated[str, BeforeValidator(_levels)] = setting(
        "ALERT_MIN_LEVEL",
        "info",
        "info, warning or critical, also by channel: warning,email=critical,url1=info",
        "the least urgent alerts that are sent",
    )
    alert_quiet_hours: Annotated[str | None, BeforeValidator(_quiet_hours)] = setting(
        "ALERT_QUIET_HOURS",
        None,
        "a time of the day such as 22:00-07:00",
        "what is not critical waits until these hours are over",
    )
    alert_time_zone: Annotated[str, BeforeValidator(_zone)] = setting(
        "ALERT_TIME_ZONE",
        "UTC",
        "a time zone such as Europe/Berlin",
        "time zone of the quiet hours and of the messages",
    )
    alert_join_seconds: Annotated[int, BeforeValidator(values.whole(0, 86_400))] = setting(
        "ALERT_JOIN_SECONDS",
        300,
        "seconds from 0 to 86400",
        "alerts of one kind and symbol within this time of the last sent one are sent as one, with their number",
    )
    alert_max_per_minute: Annotated[int, BeforeValidator(values.whole(1, 60))] = setting(
        "ALERT_MAX_PER_MINUTE", 10, "a whole number from 1 to 60", "the most messages to a channel within any minute"
    )
    heartbeat_url: Annotated[SecretStr | None, _like(_PING)] = setting(
        "HEARTBEAT_URL",
        None,
        "an http:// or https:// address",
        "asked for every minute while the bot is healthy, for a service that alerts when that stops",
    )
    heartbeat_fail_url: Annotated[SecretStr | None, _like(_PING)] = setting(
        "HEARTBEAT_FAIL_URL",
        None,
        "an http:// or https:// address, together with HEARTBEAT_URL",
        "asked for instead while the bot is up and not healthy",
    )

    def min_level(self, channel: str) -> str:
        """The least urgent level that goes to this channel."""
        by_channel = dict(part.rpartition("=")[::2] for part in self.alert_min_level.split(","))
        return by_channel.get(channel, by_channel.get("", LEVELS[0]))

    def alert_secrets(self) -> list[str]:
        """The secrets that are set, and the parts of addresses that are secret, for the log to keep out."""
        from trading.monitoring.alerts.urls import secret_parts, split_urls

        whole = (self.telegram_bot_token, self.telegram_pin, self.smtp_password)
        found = [secret.get_secret_value() for secret in whole if secret]
        found += [quote(secret, safe="") for secret in found]
        addresses = (self.slack_webhook, self.discord_webhook, self.heartbeat_url, self.heartbeat_fail_url)
        urls = [address.get_secret_value() for address in addresses if address]
        if self.alert_urls:
            urls += split_urls(self.alert_urls.get_secret_value())
        return found + [part for url in urls for part in secret_parts(url)]


ALERT_SECRETS = frozenset(
    {
        "SLACK_WEBHOOK",
        "DISCORD_WEBHOOK",
        "TELEGRAM_BOT_TOKEN",
        "TELEGRAM_PIN",
        "SMTP_PASSWORD",
        "ALERT_URLS",
        "HEARTBEAT_URL",
        "HEARTBEAT_FAIL_URL",
    }
)

# Each is of no use without the others named.
_NEEDS: Mapping[str, tuple[str, ...]] = {
    "TELEGRAM_BOT_TOKEN": ("TELEGRAM_CHAT_ID",),
    "TELEGRAM_CHAT_ID": ("TELEGRAM_BOT_TOKEN",),
    "TELEGRAM_PIN": ("TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"),
    "SMTP_HOST": ("SMTP_FROM", "SMTP_TO"),
    "SMTP_FROM": ("SMTP_HOST",),
    "SMTP_TO": ("SMTP_HOST",),
    "SMTP_PORT": ("SMTP_HOST",),
    "SMTP_USER": ("SMTP_PASSWORD", "SMTP_HOST"),
    "SMTP_PASSWORD": ("SMTP_USER", "SMTP_HOST"),
    "HEARTBEAT_FAIL_URL": ("HEARTBEAT_URL",),
}


def alert_contradictions(given: Mapping[str, Given]) -> list[Problem]:
    """What is wrong between alert settings that may each be right, and which of the addresses nobody knows."""
    found: list[Problem] = []
    for name, others in _NEEDS.items():
        missing = [other for other in others if other not in given]
        if name in given and missing:
            allowed = f"set only together with {' and '.join(others)}; not set: {', '.join(missing)}"
            found.append(_problem(name, given[name], allowed))
    pin, chat = given.get("TELEGRAM_PIN"), given.get("TELEGRAM_CHAT_ID")
    if pin is not None and chat is not None and chat.value.startswith("@"):
        found.append(_problem("TELEGRAM_CHAT_ID", chat, "a chat's number where TELEGRAM_PIN is set"))
    for name in ("SLACK_WEBHOOK", "DISCORD_WEBHOOK", "ALERT_URLS"):
        if name in given:
            found.extend(_unknown_urls(name, given[name]))
    return found


def _unknown_urls(name: str, given: Given) -> list[Problem]:
    from trading.monitoring.alerts.urls import plugin_of, split_urls

    urls = split_urls(given.value)
    wrong = [str(number) for number, url in enumerate(urls, 1) if plugin_of(url) is None]
    if not wrong:
        return []
    if name != "ALERT_URLS":
        return [_problem(name, given, "the whole address, as the service shows it")]
    which = f"entry {wrong[0]} of {len(urls)} is" if len(wrong) == 1 else f"entries {', '.join(wrong)} are"
    allowed = f"Apprise URLs such as json://host/path, separated by spaces or commas; {which} none"
    return [_problem(name, given, allowed)]


def _problem(name: str, given: Given, allowed: str) -> Problem:
    return Problem(name, MASK if name in ALERT_SECRETS else given.value, allowed, given.source)
