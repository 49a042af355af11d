"""Puts the sender together from the settings, for whichever process it runs in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from trading.config_alerts import zone_of
from trading.domain.actions import Level
from trading.monitoring.alerts.rules import AlertRules, QuietHours
from trading.monitoring.alerts.sender import AlertSender

if TYPE_CHECKING:
    from trading.config import Settings


def make_sender(settings: Settings, connect: Callable[[], sa.Engine]) -> AlertSender | None:
    """The sender of these settings' channels, not started; None where there is no channel.

    Args:
        settings: in force.
        connect: the database, open; raises `StoreError` while there is none.

    Raises:
        InvalidInput: a channel's address is none.
    """
    if not has_channels(settings):
        return None
    from trading.monitoring.alerts.channels import channels_of

    zone = zone_of(settings.alert_time_zone)
    rules = AlertRules(
        lambda channel: Level(settings.min_level(channel)),
        join_ms=settings.alert_join_seconds * 1000,
        quiet=QuietHours(settings.alert_quiet_hours, zone) if settings.alert_quiet_hours else None,
    )
    return AlertSender(
        channels_of(settings),
        rules,
        connect,
        name=settings.alert_name,
        zone=zone,
        max_per_minute=settings.alert_max_per_minute,
    )


def has_channels(settings: Settings) -> bool:
    """Whether alerts go anywhere but to the database."""
    return any(
        (
            settings.slack_webhook,
            settings.discord_webhook,
            settings.telegram_bot_token,
            settings.smtp_host,
            settings.alert_urls,
        )
    )
