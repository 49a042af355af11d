"""The settings of the product: names, defaults, what is allowed, and one strict way to load them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from trading import config_values as values
from trading.config_sources import MASK, ConfigError, Gathered, Given, Problem, gather
from trading.exchange.costs import Costs
from trading.market.demo_facts import SEED_MAX
from trading.market.timeframes import TIMEFRAMES, interval_of

__all__ = ["ConfigError", "Problem", "SettingLine", "Settings", "load_settings"]

NOT_SET = "not set"
DEMO_SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
DEMO_TIMEFRAME = "5m"
LIVE_CONFIRM = "trade-real-money"
LATER_PROVIDERS = ("binance", "binanceusdm", "kraken", "coinbase")


def _setting(name: str, default: object, allowed: str, meaning: str) -> Any:
    """A field that is set by `name`; `allowed` is what its error says, `meaning` what the help says."""
    return Field(default, alias=name, description=meaning, json_schema_extra={"allowed": allowed})


_PORT = "a port, 1 to 65535"
_NO_LIMIT = "999999999999999"


class Settings(BaseSettings):
    """Every setting, typed. Made by `load_settings`; frozen; secrets show as asterisks.

    Money in quote coin (Decimal), percentages as written (5 is 5 %), symbols unified and in the order given.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=False)

    provider: Literal["paper"] = _setting(
        "TRADING_PROVIDER", "paper", f"paper (this version has no {', '.join(LATER_PROVIDERS)} yet)", "where orders go"
    )
    testnet: Annotated[bool, BeforeValidator(values.boolean)] = _setting(
        "TRADING_TESTNET", True, "true or false", "whether an exchange's test network is used; false means real money"
    )
    live_confirm: Literal["", "trade-real-money"] = _setting(
        "TRADING_LIVE_CONFIRM",
        "",
        f"{LIVE_CONFIRM}, or not set",
        "the second of the two settings that turn on real money",
    )
    symbols: Annotated[tuple[str, ...] | None, BeforeValidator(values.symbols)] = _setting(
        "TRADING_SYMBOLS",
        None,
        f"symbols such as BTC/USDT,ETH/USDT: at most {values.SYMBOLS_MAX}, each once, all with the same quote coin",
        f"what to trade (demo: {', '.join(DEMO_SYMBOLS)}; replay: all that is recorded)",
    )
    timeframe: Annotated[str | None, BeforeValidator(values.timeframe)] = _setting(
        "TRADING_TIMEFRAME",
        None,
        f"one of {', '.join(TIMEFRAMES)}",
        f"length of a candle (demo: {DEMO_TIMEFRAME}; replay: that of the recording)",
    )
    market_data: Annotated[str, BeforeValidator(values.market_data)] = _setting(
        "TRADING_MARKET_DATA",
        values.DEMO,
        f"{values.DEMO}, or the path of a candle file or folder that exists (this version has no exchange feed yet)",
        "where candles come from",
    )
    replay_speed: Annotated[Decimal, BeforeValidator(values.speed)] = _setting(
        "TRADING_REPLAY_SPEED",
        Decimal(0),
        "max (or 0), or a factor of real time up to 1000000",
        "pace of a replay: 60 plays a 1m candle each second",
    )
    demo_speed: Annotated[Decimal, BeforeValidator(values.speed)] = _setting(
        "TRADING_DEMO_SPEED",
        Decimal(4),
        "max (or 0), or candles per second up to 1000000",
        "pace of the demo market, in candles of each symbol per second",
    )
    seed: Annotated[int, BeforeValidator(values.whole(0, SEED_MAX))] = _setting(
        "TRADING_SEED",
        1,
        f"a whole number from 0 to {SEED_MAX}",
        "which demo market; the same seed gives the same candles",
    )
    max_capital_usd: Annotated[Decimal | None, BeforeValidator(values.number("0", _NO_LIMIT, above=True))] = _setting(
        "TRADING_MAX_CAPITAL_USD",
        None,
        "an amount above 0",
        "the most of the account that the bot trades (default: all)",
    )
    max_position_size_usd: Annotated[Decimal, BeforeValidator(values.number("0", _NO_LIMIT, above=True))] = _setting(
        "TRADING_MAX_POSITION_SIZE_USD", Decimal(1000), "an amount above 0", "the largest position"
    )
    max_open_positions: Annotated[int, BeforeValidator(values.whole(1, values.SYMBOLS_MAX))] = _setting(
        "TRADING_MAX_OPEN_POSITIONS", 3, f"a whole number from 1 to {values.SYMBOLS_MAX}", "how many positions at once"
    )
    max_daily_drawdown_pct: Annotated[Decimal, BeforeValidator(values.number("0", "100", above=True))] = _setting(
        "TRADING_MAX_DAILY_DRAWDOWN_PCT",
        Decimal(5),
        "a percentage above 0, up to 100",
        "loss of a day that halts trading",
    )
    shutdown_policy: Literal["flatten", "cancel", "keep"] = _setting(
        "TRADING_SHUTDOWN_POLICY",
        "flatten",
        "flatten, cancel or keep",
        "what a stop does with positions; cancel and keep leave protective stops in place",
    )
    paper_balance: Annotated[Decimal, BeforeValidator(values.number("0", _NO_LIMIT, above=True))] = _setting(
        "TRADING_PAPER_BALANCE", Decimal(10_000), "an amount above 0", "quote coin that a new paper account begins with"
    )
    paper_maker_fee_pct: Annotated[Decimal, BeforeValidator(values.number("0", "10", decimals=4))] = _setting(
        "TRADING_PAPER_MAKER_FEE_PCT",
        Decimal("0.1"),
        "a percentage from 0 to 10 with at most 4 decimals",
        "paper fee of a resting order",
    )
    paper_taker_fee_pct: Annotated[Decimal, BeforeValidator(values.number("0", "10", decimals=4))] = _setting(
        "TRADING_PAPER_TAKER_FEE_PCT",
        Decimal("0.1"),
        "a percentage from 0 to 10 with at most 4 decimals",
        "paper fee of an order that fills at once",
    )
    paper_half_spread_bps: Annotated[Decimal, BeforeValidator(values.number("0", "1000"))] = _setting(
        "TRADING_PAPER_HALF_SPREAD_BPS",
        Decimal("0.5"),
        "basis points from 0 to 1000",
        "how far paper prices are from the candle's",
    )
    paper_price_impact: Annotated[Decimal, BeforeValidator(values.number("0", "100"))] = _setting(
        "TRADING_PAPER_PRICE_IMPACT",
        Decimal("0.1"),
        "a number from 0 to 100",
        "slippage = impact x (share of the volume)^2",
    )
    paper_max_volume_share_pct: Annotated[Decimal, BeforeValidator(values.number("0", "100", above=True))] = _setting(
        "TRADING_PAPER_MAX_VOLUME_SHARE_PCT",
        Decimal(10),
        "a percentage above 0, up to 100",
        "the most of a candle's volume that paper orders fill from",
    )
    paper_latency_ms: Annotated[int, BeforeValidator(values.whole(0, 600_000))] = _setting(
        "TRADING_PAPER_LATENCY_MS", 100, "milliseconds from 0 to 600000", "time from sending to arrival, in candle time"
    )
    dashboard_host: Annotated[str, BeforeValidator(values.host)] = _setting(
        "DASHBOARD_HOST", "127.0.0.1", "a host name or address", "where the dashboard listens"
    )
    dashboard_port: Annotated[int, BeforeValidator(values.whole(1, 65_535))] = _setting(
        "DASHBOARD_PORT", 5173, _PORT, "the dashboard's port"
    )
    health_port: Annotated[int, BeforeValidator(values.whole(1, 65_535))] = _setting(
        "HEALTH_PORT",
        5174,
        f"{_PORT}, other than DASHBOARD_PORT",
        "the port on which the bot answers for its own health",
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(str.upper)] = (
        _setting(
            "LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING, ERROR or CRITICAL", "the least urgent events that are logged"
        )
    )
    log_format: Literal["auto", "json", "console"] = _setting(
        "LOG_FORMAT", "auto", "auto, json or console", "auto: readable on a terminal, JSON lines elsewhere"
    )
    data_dir: Annotated[Path, BeforeValidator(values.directory)] = _setting(
        "DATA_DIR", Path("./data"), "a folder, or a path where one can be made", "database and paper account"
    )
    model_dir: Annotated[Path, BeforeValidator(values.directory)] = _setting(
        "MODEL_DIR", Path("./models"), "a folder, or a path where one can be made", "trained models"
    )
    database_url: Annotated[SecretStr | None, BeforeValidator(values.database_url)] = _setting(
        "DATABASE_URL",
        None,
        "sqlite:///PATH (this version has no other database yet)",
        "default: tradebot.db in DATA_DIR",
    )
    kill_switch_secret: Annotated[SecretStr | None, BeforeValidator(values.kill_switch_secret)] = _setting(
        "KILL_SWITCH_SECRET",
        None,
        f"at least {values.KILL_SWITCH_SECRET_MIN} characters",
        "asked for before the kill switch is reset",
    )

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

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

    def with_sources(self, sources: Mapping[str, str]) -> Settings:
        """Itself, knowing where each value came from."""
        self._sources.update(sources)
        return self

    def paper_costs(self) -> Costs:
        """The costs of the paper exchange."""
        return Costs(
            maker_fee=self.paper_maker_fee_pct / 100,
            taker_fee=self.paper_taker_fee_pct / 100,
            half_spread_bps=self.paper_half_spread_bps,
            price_impact=self.paper_price_impact,
            max_volume_share=self.paper_max_volume_share_pct / 100,
            latency_ms=self.paper_latency_ms,
        )

    def secret_values(self) -> list[str]:
        """The secrets that are set, for the log to keep out. Not for printing."""
        found = [self.kill_switch_secret.get_secret_value()] if self.kill_switch_secret else []
        password = urlsplit(self.database).password
        return [*found, password] if password else found

    def describe(self) -> list[SettingLine]:
        """What is in force and where it came from, in the order of the fields; secrets masked."""
        return [
            SettingLine(name, _shown(getattr(self, attribute)), self._sources.get(name, "default"), meaning)
            for attribute, name, meaning in (
                (attribute, str(field.alias), str(field.description))
                for attribute, field in type(self).model_fields.items()
            )
        ]


@dataclass(frozen=True)
class SettingLine:
    """One setting in force: its name, its value as it may be shown, where it came from, what it means."""

    name: str
    value: str
    source: str
    meaning: str


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
    gathered = gather(
        [str(field.alias) for field in Settings.model_fields.values()],
        SECRETS,
        os.environ if environ is None else environ,
        Path() if directory is None else directory,
        overrides or {},
        only,
    )
    problems = [*gathered.problems, *_contradictions(gathered.values)]
    try:
        settings = Settings.model_validate({name: given.value for name, given in gathered.values.items()})
    except ValidationError as error:
        names = [str(line["loc"][0]) for line in error.errors(include_input=False)]
        raise ConfigError([*problems, *(_problem(name, gathered) for name in dict.fromkeys(names))]) from None
    if problems:
        raise ConfigError(problems)
    return settings.with_sources({name: given.source for name, given in gathered.values.items()})


SECRETS = frozenset({"DATABASE_URL", "KILL_SWITCH_SECRET"})
"""Settings that are never shown, and that `NAME_FILE` can give."""


def _problem(name: str, gathered: Gathered) -> Problem:
    field = next(field for field in Settings.model_fields.values() if field.alias == name)
    extra = field.json_schema_extra
    allowed = str(extra["allowed"]) if isinstance(extra, dict) else ""
    given = gathered.values[name]
    return Problem(name, MASK if name in SECRETS else given.value, allowed, given.source)


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
    return found


_PORTS = {"DASHBOARD_PORT": "5173", "HEALTH_PORT": "5174"}


def _shown(value: object) -> str:
    match value:
        case SecretStr():
            return MASK
        case None | "":
            return NOT_SET
        case bool():
            return str(value).lower()
        case tuple():
            return ",".join(value)
        case _:
            return str(value)
