"""The settings of alerts: half-set pairs, addresses that nobody knows, and secrets that stay secret."""

from __future__ import annotations

import subprocess
import sys
import traceback
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from trading.config import SECRETS, ConfigError, Settings, load_settings
from trading.config_alerts import ALERT_SECRETS, zone_of

SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"
DISCORD = "https://discord.com/api/webhooks/417429632418316298/JHZ7lQml277CDHmQKMHI8qBe7bk2ZwO5UKjCiOAF7711o33MyqU3"
TOKEN = "123456789:AbCdEfGhIjKlMnOpQrStUvWxYz012345678"
SECRET = "correct-horse-battery"
EMAIL = {"SMTP_HOST": "mail.example.org", "SMTP_FROM": "bot@example.org", "SMTP_TO": "a@example.org, b@example.org"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def loaded(**environ: str) -> Settings:
    return load_settings(environ=environ)


def refused(**environ: str) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        load_settings(environ=environ)
    return error.value


def test_nothing_is_needed() -> None:
    settings = loaded()
    assert settings.alert_secrets() == []
    assert settings.min_level("slack") == "info"
    assert (settings.alert_time_zone, settings.alert_quiet_hours) == ("UTC", None)
    assert (settings.alert_join_seconds, settings.alert_max_per_minute) == (300, 10)


def test_each_channel_by_its_own_settings() -> None:
    settings = loaded(
        SLACK_WEBHOOK=SLACK,
        DISCORD_WEBHOOK=DISCORD,
        TELEGRAM_BOT_TOKEN=TOKEN,
        TELEGRAM_CHAT_ID="-1001234567890",
        TELEGRAM_PIN="482915",
        **EMAIL,
        ALERT_URLS="json://host/path, ntfy://topic\nmailto://user:pass@gmail.com?to=a@b.org,c@d.org",
    )
    assert settings.smtp_to == ("a@example.org", "b@example.org")
    assert settings.smtp_tls == "starttls"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"TELEGRAM_BOT_TOKEN": TOKEN}, "TELEGRAM_BOT_TOKEN"),
        ({"TELEGRAM_PIN": "482915"}, "TELEGRAM_PIN"),
        ({"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": "@mine_here", "TELEGRAM_PIN": "482915"}, "TELEGRAM_CHAT_ID"),
        ({**EMAIL, "SMTP_PASSWORD": SECRET}, "SMTP_PASSWORD"),
        ({**EMAIL, "SMTP_USER": "bot"}, "SMTP_USER"),
        ({"HEARTBEAT_FAIL_URL": f"https://hc.example.org/{SECRET}/fail"}, "HEARTBEAT_FAIL_URL"),
    ],
)
def test_a_half_set_group_is_refused_by_name(given: dict[str, str], named: str) -> None:
    error = refused(**given)
    assert [problem.setting for problem in error.problems] == [named]
    assert SECRET not in str(error)
    assert TOKEN not in str(error)


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("SMTP_HOST", "mail server", "a host name or address"),
        ("SMTP_PORT", "0", "a port, 1 to 65535"),
        ("SMTP_FROM", "bot", "an email address"),
        ("SMTP_TO", "me@example.org;you@example.org", "separated by commas"),
        ("SMTP_TO", "me@example.org,", "separated by commas"),
        ("TELEGRAM_CHAT_ID", "me", "a chat's number"),
        ("TELEGRAM_CHAT_ID", "12 34", "a chat's number"),
    ],
)
def test_a_broken_value_in_a_whole_group(name: str, text: str, allowed: str) -> None:
    whole = {**EMAIL, "TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": "42"}
    (problem,) = refused(**{**whole, name: text}).problems
    assert (problem.setting, problem.given) == (name, text)
    assert allowed in problem.allowed


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SLACK_WEBHOOK", f"https://hooks.slack.com/{SECRET}"),
        ("SLACK_WEBHOOK", f"http://hooks.slack.com/services/T1/A1/{SECRET}"),
        ("DISCORD_WEBHOOK", f"https://discord.com/api/{SECRET}"),
        ("TELEGRAM_BOT_TOKEN", SECRET),
        ("TELEGRAM_PIN", "12345"),
        ("TELEGRAM_PIN", SECRET),
        ("HEARTBEAT_URL", f"ftp://{SECRET}"),
        ("HEARTBEAT_URL", f"https:///{SECRET}"),
        ("ALERT_URLS", f"https://{SECRET}.example.org/hook"),
        ("ALERT_URLS", SECRET),
    ],
)
def test_a_broken_secret_is_named_without_its_value(name: str, text: str) -> None:
    error = refused(**{name: text})
    assert name in [problem.setting for problem in error.problems]
    assert {problem.given for problem in error.problems} == {"********"}
    assert text not in "".join(traceback.format_exception(error))
    assert SECRET not in "".join(traceback.format_exception(error))


def test_an_address_that_nobody_knows_is_named_by_its_number() -> None:
    told = str(refused(ALERT_URLS=f"json://localhost/x https://{SECRET}/y ntfy://topic"))
    assert "entry 2 of 3 is none" in told
    told = str(refused(ALERT_URLS=f"nothing://{SECRET} json://localhost/x https://{SECRET}/y"))
    assert "entries 1, 3 are none" in told
    assert SECRET not in told


def test_what_apprise_has_to_say_of_it_reaches_nobody() -> None:
    """Its own log lines hold the address."""
    code = "from trading.config import load_settings; load_settings()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"ALERT_URLS": f"nothing://{SECRET} json://", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "entries 1, 2 are none" in done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_every_secret_can_come_from_a_file_and_shows_as_asterisks() -> None:
    assert ALERT_SECRETS <= SECRETS
    values = {
        "SLACK_WEBHOOK": SLACK,
        "DISCORD_WEBHOOK": DISCORD,
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_PIN": "482915",
        "SMTP_PASSWORD": SECRET,
        "ALERT_URLS": f"json://user:{SECRET}@host/x",
        "HEARTBEAT_URL": f"https://hc.example.org/{SECRET}",
        "HEARTBEAT_FAIL_URL": f"https://hc.example.org/{SECRET}/fail",
    }
    assert values.keys() == ALERT_SECRETS
    for name, value in values.items():
        Path(name).write_text(f"{value}\n")
    others = {"TELEGRAM_CHAT_ID": "42", "SMTP_USER": "bot", **EMAIL}
    settings = loaded(**others, **{f"{name}_FILE": name for name in values})
    shown = {line.name: line.value for line in settings.describe()}
    assert {shown[name] for name in values} == {"********"}
    assert SECRET not in repr(settings)


def test_the_parts_of_an_address_are_secrets_too() -> None:
    """Libraries put a path or a query into their errors, not the whole address."""
    secrets = loaded(
        SLACK_WEBHOOK=SLACK,
        ALERT_URLS=f"json://user:{SECRET}@host/hooks/{SECRET}x?token={SECRET}y ntfy://{SECRET}z",
        HEARTBEAT_URL=f"https://hc.example.org/{SECRET}h",
        TELEGRAM_BOT_TOKEN=TOKEN,
        TELEGRAM_CHAT_ID="42",
    ).secret_values()
    for part in ("TIiajkdnlazkcOXrIdevi7", SECRET, f"{SECRET}x", f"{SECRET}y", f"{SECRET}z", f"{SECRET}h", TOKEN):
        assert part in secrets
    assert TOKEN.replace(":", "%3A") in secrets
    assert not {"services", "host", "hc.example.org"} & set(secrets)


def test_the_least_level_by_channel() -> None:
    settings = loaded(ALERT_MIN_LEVEL="Warning, email=critical,url1=info")
    levels = [settings.min_level(channel) for channel in ("slack", "email", "url1", "url2")]
    assert levels == ["warning", "critical", "info", "warning"]
    assert loaded(ALERT_MIN_LEVEL="email=critical").min_level("slack") == "info"


def test_time_zones() -> None:
    assert zone_of("UTC") is UTC
    assert zone_of(loaded(ALERT_TIME_ZONE="Europe/Berlin").alert_time_zone) == ZoneInfo("Europe/Berlin")


def test_commands_that_only_look_do_not_load_what_sends() -> None:
    """`tradebot status` must stay fast, and must work with an address that is broken."""
    code = (
        "import sys; from trading.commands.options import reader_settings; reader_settings(None); "
        "assert 'apprise' not in sys.modules"
    )
    environ = {"ALERT_URLS": "nothing://x", "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], env=environ, check=True)
