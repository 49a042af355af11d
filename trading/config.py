"""The settings of the product: names, defaults, what is allowed, and one strict way to load them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator, PrivateAttr, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from trading import config_values as values
from trading.config_alerts import ALERT_SECRETS, AlertSettings, alert_contradictions
from trading.config_dashboard import DashboardSettings
from trading.config_field import setting
from trading.config_guards import GuardSettings
from trading.config_health import HealthSettings
from trading.config_paper import PaperSettings
from trading.config_sources import MASK, ConfigError, Gathered, Given, Problem, gather
from trading.market.demo_facts import SEED_MAX
from trading.market.timeframes import TIMEFRAMES, interval_of

__all__ = ["ConfigError", "Examined", "Problem", "SettingLine", "Settings", "examine_settings", "load_settings"]

NOT_SET = "not set"
DEMO_SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
DEMO_TIMEFRAME = "5m"
LIVE_CONFIRM = "trade-real-money"
LATER_PROVIDERS = ("binance", "binanceusdm", "kraken", "coinbase")


class Settings(DashboardSettings, HealthSettings, PaperSettings, GuardSettings, AlertSettings):
    """Every setting, typed. Made by `load_settings`; frozen; secrets show as asterisks.

    Money in quote coin (Decimal), percentages as written (5 is 5 %), symbols unified and in the order given.
    """

    # The classes that this one is made of are never used alone: only this one is built.
    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=False, defer_build=False
    )

    provider: Literal["paper"] = setting(
        "TRADING_PROVIDER", "paper", f"paper (this version has no {', '.join(LATER_PROVIDERS)} yet)", "where orders go"
    )
    testnet: Annotated[bool, BeforeValidator(values.boolean)] = setting(
        "TRADING_TESTNET", True, "true or false", "whether an exchange's test network is used; false means real money"
    )
    live_confirm: Literal["", "trade-real-money"] = setting(
        "TRADING_LIVE_CONFIRM",
        "",
        f"{LIVE_CONFIRM}, or not set",
        "the second of the two settings that turn on real money",
    )
    symbols: Annotated[tuple[str, ...] | None, BeforeValidator(values.symbols)] = setting(
        "TRADING_SYMBOLS",
        None,
        f"symbols such as BTC/USDT,ETH/USDT: at most {values.SYMBOLS_MAX}, each once, all with the same quote coin",
        f"what to trade (demo: {', '.join(DEMO_SYMBOLS)}; replay: all that is recorded)",
    )
    timeframe: Annotated[str | None, BeforeValidator(values.timeframe)] = setting(
        "TRADING_TIMEFRAME",
        None,
        f"one of {', '.join(TIMEFRAMES)}",
        f"length of a candle (demo: {DEMO_TIMEFRAME}; replay: that of the recording)",
    )
    market_data: Annotated[str, BeforeValidator(values.market_data)] = setting(
        "TRADING_MARKET_DATA",
        values.DEMO,
        f"{values.DEMO}, or the path of a candle file or folder that exists (this version has no exchange feed yet)",
        "where candles come from",
    )
    replay_speed: Annotated[Decimal, BeforeValidator(values.speed)] = setting(
        "TRADING_REPLAY_SPEED",
        Decimal(0),
        "max (or 0), or a factor of real time up to 1000000",
        "pace of a replay: 60 plays a 1m candle each second",
    )
    demo_speed: Annotated[Decimal, BeforeValidator(values.speed)] = setting(
        "TRADING_DEMO_SPEED",
        Decimal(4),
        "max (or 0), or candles per second up to 1000000",
        "pace of the demo market, in candles of each symbol per second",
    )
    seed: Annotated[int, BeforeValidator(values.whole(0, SEED_MAX))] = setting(
        "TRADING_SEED",
        1,
        f"a whole number from 0 to {SEED_MAX}",
        "which demo market; the same seed gives the same candles",
    )
    shutdown_policy: Literal["flatten", "cancel", "keep"] = setting(
        "TRADING_SHUTDOWN_POLICY",
        "flatten",
        "flatten, cancel or keep",
        "what a stop does with positions; cancel and keep leave protective stops in place",
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(str.upper)] = (
        setting(
            "LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING, ERROR or CRITICAL", "the least urgent events that are logged"
        )
    )
    log_format: Literal["auto", "json", "console"] = setting(
        "LOG_FORMAT", "auto", "auto, json or console", "auto: readable on a terminal, JSON lines elsewhere"
    )
    data_dir: Annotated[Path, BeforeValidator(values.directory)] = setting(
        "DATA_DIR", Path("./data"), "a folder, or a path where one can be made", "database and paper account"
    )
    model_dir: Annotated[Path, BeforeValidator(values.directory)] = setting(
        "MODEL_DIR", Path("./models"), "a folder, or a path where one can be made", "trained models"
    )
    database_url: Annotated[SecretStr | None, BeforeValidator(values.database_url)] = setting(
        "DATABASE_URL",
        None,
        "sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME",
        "default: tradebot.db in DATA_DIR",
    )

    exchange_api_key: SecretStr | None = setting(
        "EXCHANGE_API_KEY",
        None,
        "set together with EXCHANGE_API_SECRET",
        "key of the exchange account (not used yet: paper needs no keys)",
    )
    exchange_api_secret: SecretStr | None = setting(
        "EXCHANGE_API_SECRET",
        None,
        "set together with EXCHANGE_API_KEY",
        "secret of the exchange account's key (not used yet: paper needs no keys)",
    )

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)
    _notes: tuple[str, ...] = PrivateAttr(default=())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` has gathered: it knows where each value came from, and finds unknown names."""
        return (init_settings,)

    @property
    def is_demo(self) -> bool:
        """Whether prices are the demo market's."""
        return self.market_data == values.DEMO

    @property
    def interval_ms(self) -> int | None:
        """Length of a candle in ms; None where the recording decides."""
        name = self.timeframe or (DEMO_TIMEFRAME if self.is_demo else None)
        return interval_of(name) if name else None

    @property
    def database(self) -> str:
        """The database's URL in force. It may hold a password: not for printing."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'tradebot.db'}"

    @property
    def is_real_money(self) -> bool:
        """Whether orders reach an exchange where they cost real money."""
        return self.provider in LATER_PROVIDERS and not self.testnet

    @property
    def notes(self) -> tuple[str, ...]:
        """What was set and has no effect, a sentence each."""
        return self._notes

    def known_from(self, gathered: Gathered, notes: Iterable[str]) -> Settings:
        """Itself, knowing where each value came from."""
        self._sources.update({name: given.source for name, given in gathered.values.items()})
        self._notes = tuple(notes)
        return self

    def secret_values(self) -> list[str]:
        """The secrets that are set, for the log to keep out. Not for printing."""
        secrets = (
            self.kill_switch_secret,
            self.dashboard_password,
            self.exchange_api_key,
            self.exchange_api_secret,
        )
        found = [secret.get_secret_value() for secret in secrets if secret]
        return [*found, *_passwords(self.database), *self.alert_secrets()]

    def describe(self) -> list[SettingLine]:
        """What is in force and where it came from, group by group; secrets masked."""
        return [
            SettingLine(
                group=GROUPS[_place(attribute)],
                name=str(field.alias),
                value=_shown(getattr(self, attribute)),
                source=self._sources.get(str(field.alias), "default"),
                meaning=str(field.description),
                allowed=_allowed(field),
            )
            for attribute, field in sorted(type(self).model_fields.items(), key=lambda item: _place(item[0]))
        ]


@dataclass(frozen=True, kw_only=True)
class SettingLine:
    """One setting in force: its name, its value as it may be shown, where it came from, what it means and allows."""

    group: str
    name: str
    value: str
    source: str
    meaning: str
    allowed: str


@dataclass(frozen=True)
class Examined:
    """What was found. settings: what would be in force, with the default wherever a value is not usable."""

    settings: Settings
    gathered: Gathered
    problems: tuple[Problem, ...]


def load_settings(
    overrides: Mapping[str, str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
    only: Collection[str] | None = None,
) -> Settings:
    """The settings in force: command line, then environment, then `.env`, then the defaults.

    Args:
        overrides: values by setting name that the command line gave.
        environ: in place of the process's environment.
        directory: where `.env` is looked for, in place of the working directory.
        only: names of the settings that are needed. The others keep their defaults, and what is wrong with them is
            overlooked: a person must be able to look, and to stop the bot, whatever else is broken.

    Raises:
        ConfigError: every problem found, at once.
    """
    examined = examine_settings(overrides, environ=environ, directory=directory, only=only)
    if examined.problems:
        raise ConfigError(examined.problems)
    return examined.settings


def examine_settings(
    overrides: Mapping[str, str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
    only: Collection[str] | None = None,
) -> Examined:
    """As `load_settings`, but what is wrong is returned beside what would be in force without it."""
    names = [str(field.alias) for field in Settings.model_fields.values()]
    gathered = gather(
        names,
        SECRETS,
        os.environ if environ is None else environ,
        Path() if directory is None else directory,
        overrides or {},
        only,
    )
    given = gathered.values
    notes = [_note(name, given[name], why) for name, why in UNUSED.items() if name in given]
    problems = [*gathered.problems, *_contradictions(given), *_default_folder(given, only)]
    usable = {name: one.value for name, one in given.items() if name not in {problem.setting for problem in problems}}
    try:
        settings = Settings.model_validate(usable)
    except ValidationError as error:
        broken = dict.fromkeys(str(line["loc"][0]) for line in error.errors(include_input=False))
        problems.extend(_problem(name, gathered) for name in broken)
        settings = Settings.model_validate({name: value for name, value in usable.items() if name not in broken})
    if not settings.testnet and not settings.is_real_money:
        notes.append("TRADING_TESTNET is false, but no real money is traded: TRADING_PROVIDER is paper")
    return Examined(settings.known_from(gathered, notes), gathered, tuple(problems))


SECRETS = ALERT_SECRETS | {
    "DATABASE_URL",
    "DASHBOARD_PASSWORD",
    "KILL_SWITCH_SECRET",
    "EXCHANGE_API_KEY",
    "EXCHANGE_API_SECRET",
}
"""Settings that are never shown, and that `NAME_FILE` can give."""

UNUSED = {
    "EXCHANGE_API_KEY": "orders go to the paper exchange, which needs no keys",
    "EXCHANGE_API_SECRET": "orders go to the paper exchange, which needs no keys",
    "MODEL_DIR": "this version has no trained models yet",
}
"""Settings that are checked and do nothing yet, and why."""


_BASES: dict[str, type[BaseSettings]] = {
    "The dashboard": DashboardSettings,
    "Health": HealthSettings,
    "The paper exchange": PaperSettings,
    "Limits and circuit breaker": GuardSettings,
    "Alerts": AlertSettings,
}
GROUPS = ("What to trade, and where things are", *_BASES)
"""What settings are about, in the order of lists."""


def _place(attribute: str) -> int:
    """The number of a field's group: those of the bases come after those of `Settings`."""
    return next((place for place, base in enumerate(_BASES.values(), 1) if attribute in base.model_fields), 0)


def _note(name: str, given: Given, why: str) -> str:
    return f"{name} ({given.source}) has no effect: {why}"


def _allowed(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra["allowed"]) if isinstance(extra, dict) else ""


def _problem(name: str, gathered: Gathered) -> Problem:
    field = next(field for field in Settings.model_fields.values() if field.alias == name)
    given = gathered.values[name]
    return Problem(name, MASK if name in SECRETS else given.value, _allowed(field), given.source)


def _default_folder(given: Mapping[str, Given], only: Collection[str] | None) -> list[Problem]:
    """The default of DATA_DIR, where a file is in its way: nobody gave it, so that no validator has looked at it."""
    path = Path(str(Settings.model_fields["data_dir"].default))
    is_needed = only is None or ("DATA_DIR" in only and "DATABASE_URL" not in given)
    if "DATA_DIR" in given or not is_needed or values.can_be_folder(path):
        return []
    allowed = f"a folder, and ./{path} is none: move it away, or set DATA_DIR to another place"
    return [Problem("DATA_DIR", str(path), allowed, "default")]


def _contradictions(given: Mapping[str, Given]) -> list[Problem]:
    """What is wrong between settings that may each be right."""
    found: list[Problem] = []
    ports = {name: given[name].value if name in given else default for name, default in _PORTS.items()}
    if ports["DASHBOARD_PORT"] == ports["HEALTH_PORT"]:
        name = "HEALTH_PORT" if "HEALTH_PORT" in given else "DASHBOARD_PORT"
        found.append(Problem(name, ports[name], "a port that the other of the two does not use", given[name].source))
    testnet, confirm = given.get("TRADING_TESTNET"), given.get("TRADING_LIVE_CONFIRM")
    is_off = testnet is not None and testnet.value.lower() == "false"
    if testnet is not None and is_off and confirm is None:
        allowed = f"false only together with TRADING_LIVE_CONFIRM={LIVE_CONFIRM}"
        found.append(Problem("TRADING_TESTNET", testnet.value, allowed, testnet.source))
    if confirm is not None and not is_off and confirm.value == LIVE_CONFIRM:
        allowed = "not set, or together with TRADING_TESTNET=false"
        found.append(Problem("TRADING_LIVE_CONFIRM", confirm.value, allowed, confirm.source))
    for name, other in (_KEYS, _KEYS[::-1]):
        if name in given and other not in given:
            allowed = f"set only together with {other}, which is not set"
            found.append(Problem(name, MASK, allowed, given[name].source))
    return found + alert_contradictions(given)


_KEYS = ("EXCHANGE_API_KEY", "EXCHANGE_API_SECRET")
_PORTS = {"DASHBOARD_PORT": "5173", "HEALTH_PORT": "5174"}


def _passwords(database: str) -> list[str]:
    """The password in a database's URL, as it is written there and as it is meant."""
    password = urlsplit(database).password
    return list(dict.fromkeys((password, unquote(password)))) if password else []


def _shown(value: object) -> str:
    match value:
        case SecretStr():
            return MASK
        case None | "" | ():
            return NOT_SET
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(value)
        case _:
            return str(value)
