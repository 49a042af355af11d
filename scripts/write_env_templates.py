"""Writes .env.example and .env.production.template from the settings as they are in the code.

Run as `python -m scripts.write_env_templates [FOLDER]`; a test fails where the files and the code differ.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from trading.config import NOT_SET, SECRETS, SettingLine, Settings

ROOT = Path(__file__).parents[1]
EXAMPLE = ".env.example"
PRODUCTION = ".env.production.template"

_HOW = """\
# A line is NAME=value; one that begins with # is a comment, and its setting has the default that it shows. Put values
# with spaces, # or $ between 'single quotes'. A value that cannot be used stops the start with a message that names it;
# `tradebot check-config` (in Docker: docker compose run --rm trading-bot tradebot check-config) tells beforehand.
# Written by `python -m scripts.write_env_templates`; edit your copy, .env, which git never sees.
"""
_HEADS = {
    EXAMPLE: "# Every setting of the bot and its dashboard. Copy to .env what you want otherwise.\n" + _HOW,
    PRODUCTION: "# Every setting, for production with Docker. Copy to .env, fill in, and: chmod 600 .env\n" + _HOW,
}

# What production sets, and why.
_PRODUCTION: Mapping[str, tuple[str, str]] = {
    "DASHBOARD_HOST": ("0.0.0.0", "production: all interfaces of the container; Docker publishes on 127.0.0.1"),  # noqa: S104
    "DASHBOARD_PORT": ("5173", "production: the same in the container and on the host"),
    "LOG_LEVEL": ("INFO", "production: DEBUG writes a line for each decision"),
    "LOG_FORMAT": ("json", "production: one JSON object a line, for `docker logs` and what collects it"),
}
_ADVICE: Mapping[str, str] = {
    "TRADING_MARKET_DATA": "production: demo is a made-up market; look at that first",
    "TRADING_SHUTDOWN_POLICY": "production: keep leaves positions with their stops over a restart of the machine",
    "TRADING_MAX_CAPITAL_USD": "production: set it to what you can lose",
    "DASHBOARD_PASSWORD": "production: set it, better as DASHBOARD_PASSWORD_FILE=/run/secrets/dashboard_password",
    "DASHBOARD_ALLOWED_HOSTS": "production: with DASHBOARD_DOMAIN (below) it is that by itself",
    "DATA_DIR": "production: docker-compose.yml sets it to /app/data, which is ./data",
    "MODEL_DIR": "production: with Docker this is ./models as well",
    "HEALTH_PORT": "production: docker-compose.yml sets it; it is not published",
    "DATABASE_URL": "production, profile postgres: postgresql://tradebot:PASSWORD@postgres:5432/tradebot",
}
_COMPOSE = """
# --- Docker Compose alone: docker-compose.yml says what they do

# COMPOSE_PROFILES: any of postgres, backup, tls, with commas between
#COMPOSE_PROFILES=backup
#TRADEBOT_IMAGE=llm-tradebot:latest
# Where the dashboard is published on this machine. Anything but 127.0.0.1 is in clear text on your network.
#DASHBOARD_PUBLISH_ADDRESS=127.0.0.1
# Profile tls: the name of this machine in the DNS
#DASHBOARD_DOMAIN=bot.example.org
# Profile postgres
#POSTGRES_PASSWORD=
# Profile backup
#BACKUP_EVERY=6h
#BACKUP_KEEP=28
#TRADEBOT_MEMORY=2g
#DASHBOARD_MEMORY=768m
#POSTGRES_MEMORY=1g
"""


def template(name: str) -> str:
    """The content of one of the two files."""
    return "\n".join(_lines(name)) + "\n" + (_COMPOSE if name == PRODUCTION else "")


def _lines(name: str) -> Iterator[str]:
    yield _HEADS[name]
    for line in Settings().describe():
        yield from _setting(line, is_production=name == PRODUCTION)
        yield ""


def _setting(line: SettingLine, *, is_production: bool) -> Iterator[str]:
    yield from _comment(f"{line.meaning} ({line.allowed})")
    if line.name in SECRETS:
        yield f"# Secret; {line.name}_FILE names a file with it instead."
    default = "" if line.value == NOT_SET else line.value
    if not is_production:
        yield f"#{line.name}={default}"
        return
    if line.name in _PRODUCTION:
        value, why = _PRODUCTION[line.name]
        yield from _comment(f"{why} (default: {default})")
        yield f"{line.name}={value}"
        return
    if line.name in _ADVICE:
        yield from _comment(_ADVICE[line.name])
    yield f"#{line.name}={default}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 118, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False)


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else ROOT
    for name in _HEADS:
        (folder / name).write_text(template(name), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
