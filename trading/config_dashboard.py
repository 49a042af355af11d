"""The settings of the dashboard: where it listens, who may log in, and for how long."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from trading import config_values as values
from trading.config_field import setting

PORT = "a port, 1 to 65535"


class DashboardSettings(BaseSettings):
    """The dashboard's server. docs/API.md tells how to log in and how to sign a request."""

    model_config = SettingsConfigDict(defer_build=True)

    dashboard_host: Annotated[str, BeforeValidator(values.host)] = setting(
        "DASHBOARD_HOST", "127.0.0.1", "a host name or address", "where the dashboard listens"
    )
    dashboard_port: Annotated[int, BeforeValidator(values.whole(1, 65_535))] = setting(
        "DASHBOARD_PORT", 5173, PORT, "the dashboard's port"
    )
    dashboard_password: Annotated[SecretStr | None, BeforeValidator(values.secret)] = setting(
        "DASHBOARD_PASSWORD",
        None,
        f"at least {values.SECRET_MIN} characters",
        "the owner's password; without it one is made at the first start and shown once in the dashboard's log",
    )
    dashboard_allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(values.hosts)] = setting(
        "DASHBOARD_ALLOWED_HOSTS",
        (),
        f"host names without ports, such as bot.example.org,192.168.1.5: at most {values.HOSTS_MAX}",
        "names under which browsers may reach the dashboard, besides localhost and DASHBOARD_HOST",
    )
    dashboard_trusted_proxies: Annotated[tuple[str, ...], BeforeValidator(values.networks)] = setting(
        "DASHBOARD_TRUSTED_PROXIES",
        (),
        f"addresses or networks, such as 172.18.0.0/16: at most {values.HOSTS_MAX}",
        "reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed",
    )
    dashboard_session_idle_hours: Annotated[int, BeforeValidator(values.whole(1, 720))] = setting(
        "DASHBOARD_SESSION_IDLE_HOURS", 12, "hours from 1 to 720", "a login ends after so long without a request"
    )
    dashboard_session_max_hours: Annotated[int, BeforeValidator(values.whole(1, 8_760))] = setting(
        "DASHBOARD_SESSION_MAX_HOURS", 168, "hours from 1 to 8760", "a login ends after so long in any case"
    )
    kill_switch_secret: Annotated[SecretStr | None, BeforeValidator(values.secret)] = setting(
        "KILL_SWITCH_SECRET",
        None,
        f"at least {values.SECRET_MIN} characters",
        "signs requests that set or reset the kill switch without a login (HMAC); without it there is no such way",
    )
