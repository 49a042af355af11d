"""The settings of the bot's own health: where it answers, and what it asks of the disk."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import BaseSettings, SettingsConfigDict

from trading import config_values as values
from trading.config_dashboard import PORT
from trading.config_field import setting
from trading.monitoring.disk import FREE_MIN_MB, MB


class HealthSettings(BaseSettings):
    """docs/HEALTH.md tells what is answered there, and to whom."""

    model_config = SettingsConfigDict(defer_build=True)

    health_host: Annotated[str, BeforeValidator(values.host)] = setting(
        "HEALTH_HOST",
        "127.0.0.1",
        "a host name or address",
        "where the bot answers for its own health; to everybody who can reach it, without a login",
    )
    health_port: Annotated[int, BeforeValidator(values.whole(1, 65_535))] = setting(
        "HEALTH_PORT",
        5174,
        f"{PORT}, other than DASHBOARD_PORT",
        "the port on which the bot answers for its own health",
    )
    health_disk_free_min_mb: Annotated[int, BeforeValidator(values.whole(1, 1_000_000_000))] = setting(
        "HEALTH_DISK_FREE_MIN_MB",
        FREE_MIN_MB,
        "a whole number of megabytes from 1 to 1000000000",
        "bot and dashboard are unhealthy when less is free where DATA_DIR is",
    )

    @property
    def disk_free_min(self) -> int:
        """What must be free where DATA_DIR is, in bytes."""
        return self.health_disk_free_min_mb * MB
