"""Settings: defaults, where values come from, every kind of broken value, and secrets that stay secret."""

from __future__ import annotations

import re
import subprocess
import sys
import traceback
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.broken_settings import BROKEN
from trading.config import ConfigError, Settings, examine_settings, load_settings
from trading.domain.errors import TradingError
from trading.market.timeframes import TIMEFRAMES
from trading.safety.breaker import BreakerLimits
from trading.safety.checks import Limits

SECRET = "correct-horse-battery"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def loaded(**environ: str) -> Settings:
    return load_settings(environ=environ)


def refused(environ: dict[str, str], overrides: dict[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        load_settings(overrides, environ=environ)
    return error.value


def test_defaults() -> None:
    settings = loaded()
    assert (settings.provider, settings.testnet, settings.market_data) == ("paper", True, "demo")
    assert settings.is_demo
    assert (settings.symbols, settings.timeframe, settings.interval_ms) == (None, None, 300_000)
    assert settings.max_position_size_usd == 1000
    assert settings.max_open_positions == 3
    assert settings.max_daily_drawdown_pct == 5
    assert settings.max_capital_usd is None
    assert settings.shutdown_policy == "flatten"
    assert settings.paper_balance == 10_000
    assert (settings.dashboard_host, settings.dashboard_port) == ("127.0.0.1", 5173)
    assert (settings.log_level, settings.log_format) == ("INFO", "auto")
    assert (settings.data_dir, settings.model_dir) == (Path("data"), Path("models"))
    assert settings.database == "sqlite:///data/tradebot.db"
    assert settings.kill_switch_secret is None
    assert {line.source for line in settings.describe()} == {"default"}
    assert len({line.name for line in settings.describe()}) == len(Settings.model_fields)
    assert (settings.limits(), settings.breaker_limits()) == (Limits(), BreakerLimits())
    assert settings.notes == ()
    assert not settings.is_real_money


GOOD: list[tuple[str, str, str, object]] = [
    ("TRADING_PROVIDER", "paper", "provider", "paper"),
    ("TRADING_TESTNET", "true", "testnet", True),
    ("TRADING_TESTNET", "TRUE", "testnet", True),
    ("TRADING_SYMBOLS", "BTC/USDT", "symbols", ("BTC/USDT",)),
    ("TRADING_SYMBOLS", "ethusdt, BTC-USDT ,sol_usdt", "symbols", ("ETH/USDT", "BTC/USDT", "SOL/USDT")),
    ("TRADING_TIMEFRAME", "1h", "timeframe", "1h"),
    ("TRADING_MARKET_DATA", "demo", "market_data", "demo"),
    ("TRADING_MARKET_DATA", ".", "market_data", "."),
    ("TRADING_REPLAY_SPEED", "max", "replay_speed", Decimal(0)),
    ("TRADING_REPLAY_SPEED", "0", "replay_speed", Decimal(0)),
    ("TRADING_REPLAY_SPEED", "0.5", "replay_speed", Decimal("0.5")),
    ("TRADING_DEMO_SPEED", "20", "demo_speed", Decimal(20)),
    ("TRADING_SEED", "0", "seed", 0),
    ("TRADING_SEED", str(2**63 - 1), "seed", 2**63 - 1),
    ("TRADING_MAX_CAPITAL_USD", "2500.50", "max_capital_usd", Decimal("2500.50")),
    ("TRADING_MAX_POSITION_SIZE_USD", "0.01", "max_position_size_usd", Decimal("0.01")),
    ("TRADING_MAX_OPEN_POSITIONS", "500", "max_open_positions", 500),
    ("TRADING_MAX_DAILY_DRAWDOWN_PCT", "100", "max_daily_drawdown_pct", Decimal(100)),
    ("TRADING_DAILY_HALT_CLEARS", "True", "daily_halt_clears", True),
    ("TRADING_MAX_GROSS_EXPOSURE_PCT", "100", "max_gross_exposure_pct", Decimal(100)),
    ("TRADING_STALE_INTERVALS", "1000000", "stale_intervals", 1_000_000),
    ("TRADING_SHUTDOWN_POLICY", "keep", "shutdown_policy", "keep"),
    ("TRADING_PAPER_BALANCE", "1", "paper_balance", Decimal(1)),
    ("TRADING_PAPER_MAKER_FEE_PCT", "0", "paper_maker_fee_pct", Decimal(0)),
    ("TRADING_PAPER_TAKER_FEE_PCT", "0.0750", "paper_taker_fee_pct", Decimal("0.075")),
    ("TRADING_PAPER_LATENCY_MS", "0", "paper_latency_ms", 0),
    ("DASHBOARD_HOST", "0.0.0.0", "dashboard_host", "0.0.0.0"),  # noqa: S104
    ("DASHBOARD_HOST", "::1", "dashboard_host", "::1"),
    ("DASHBOARD_PORT", "65535", "dashboard_port", 65535),
    (
        "DASHBOARD_ALLOWED_HOSTS",
        "Bot.Example.org, ::1,10.0.0.5",
        "dashboard_allowed_hosts",
        ("bot.example.org", "::1", "10.0.0.5"),
    ),
    ("DASHBOARD_TRUSTED_PROXIES", "172.18.0.0/16,::1", "dashboard_trusted_proxies", ("172.18.0.0/16", "::1/128")),
    ("DASHBOARD_SESSION_IDLE_HOURS", "1", "dashboard_session_idle_hours", 1),
    ("HEALTH_HOST", "0.0.0.0", "health_host", "0.0.0.0"),  # noqa: S104 - what a container's bot is given
    ("HEALTH_PORT", "1", "health_port", 1),
    ("HEALTH_DISK_FREE_MIN_MB", "250", "disk_free_min", 250_000_000),
    ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
    ("LOG_FORMAT", "json", "log_format", "json"),
    ("DATA_DIR", "elsewhere/data", "data_dir", Path("elsewhere/data")),
    ("DATABASE_URL", "sqlite:////var/lib/bot.db", "database", "sqlite:////var/lib/bot.db"),
    ("TRADING_SEED", "  7 ", "seed", 7),
    ("TRADING_SEED", "", "seed", 1),
    ("TRADING_TESTNET", "  ", "testnet", True),
]


@pytest.mark.parametrize(("name", "text", "attribute", "value"), GOOD)
def test_good_values(name: str, text: str, attribute: str, value: object) -> None:
    found = getattr(loaded(**{name: text}), attribute)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("name", "text", "allowed"), BROKEN)
def test_a_broken_value_is_named_with_its_value_and_what_is_allowed(name: str, text: str, allowed: str) -> None:
    Path("a-file").write_text("")
    error = refused({name: text})
    assert [problem.setting for problem in error.problems] == [name]
    assert error.problems[0].given == text
    assert allowed in error.problems[0].allowed
    assert error.problems[0].source == "environment"
    assert re.search(rf"1 setting is not usable:\n  {name} = ", str(error))
    assert isinstance(error, TradingError)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DATABASE_URL", f"postgresql://bot:{SECRET}@db"),
        ("DATABASE_URL", f"postgresql://bot:{SECRET}@db:port/bot"),
        ("DATABASE_URL", f"mysql://{SECRET}"),
        ("DATABASE_URL", "sqlite://relative.db"),
        ("DATABASE_URL", "sqlite:///"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "data/tradebot.db"),
        ("KILL_SWITCH_SECRET", "short12"),
        ("DASHBOARD_PASSWORD", "short12"),
        ("EXCHANGE_API_KEY", SECRET),
        ("EXCHANGE_API_SECRET", SECRET),
    ],
)
def test_a_broken_secret_is_named_without_its_value(name: str, text: str) -> None:
    error = refused({name: text})
    assert [(problem.setting, problem.given) for problem in error.problems] == [(name, "********")]
    assert repr(text) not in str(error)
    assert SECRET not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("TRADING_SYMBOL", "TRADING_SYMBOLS"),
        ("TRADING_MAX_POSITIONS", "TRADING_MAX_OPEN_POSITIONS"),
        ("TRADING_MAX_CAPITAL", "TRADING_MAX_CAPITAL_USD"),
        ("trading_seed", "TRADING_SEED"),
        ("Trading_Testnet", "TRADING_TESTNET"),
        ("TRADING_SYMBOLS_FILE", "TRADING_SYMBOLS"),
        ("TRADING_TSTNET", "TRADING_TESTNET"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_right_one(name: str, near: str) -> None:
    error = refused({name: SECRET})
    assert [problem.setting for problem in error.problems] == [name]
    assert error.problems[0].allowed.endswith(f"did you mean {near}?")
    assert SECRET not in str(error)


def test_an_unknown_name_near_to_nothing_is_answered_with_the_names_there_are() -> None:
    assert "TRADING_SEED, TRADING_SHUTDOWN_POLICY" in str(refused({"TRADING_QQQQQQQQQQ": "1"}))


def test_each_guard_reaches_the_limit_or_threshold_of_its_name() -> None:
    settings = loaded(
        TRADING_MAX_POSITION_SIZE_USD="1",
        TRADING_MAX_OPEN_POSITIONS="2",
        TRADING_MAX_SYMBOL_EXPOSURE_PCT="3",
        TRADING_MAX_STRATEGY_EXPOSURE_PCT="4",
        TRADING_MAX_GROSS_EXPOSURE_PCT="5",
        TRADING_PRICE_COLLAR_PCT="6",
        TRADING_MAX_ORDERS_PER_MINUTE="7",
        TRADING_MAX_DAILY_DRAWDOWN_PCT="8",
        TRADING_MAX_WEEKLY_DRAWDOWN_PCT="9",
        TRADING_MAX_TOTAL_DRAWDOWN_PCT="10",
        TRADING_MAX_LOSING_STREAK="11",
        TRADING_MAX_LOSSES_PER_HOUR="12",
        TRADING_MAX_ORDER_FAILURES="13",
        TRADING_MAX_API_ERRORS_PER_MINUTE="14",
        TRADING_STALE_INTERVALS="15",
        TRADING_DAILY_HALT_CLEARS="true",
    )
    assert settings.limits() == Limits(
        max_position_notional=Decimal(1),
        max_open_positions=2,
        max_symbol_pct=Decimal(3),
        max_strategy_pct=Decimal(4),
        max_gross_pct=Decimal(5),
        collar_pct=Decimal(6),
        max_orders_per_minute=7,
    )
    assert settings.breaker_limits() == BreakerLimits(
        daily_drawdown_pct=Decimal(8),
        weekly_drawdown_pct=Decimal(9),
        total_drawdown_pct=Decimal(10),
        losing_streak=11,
        losses_per_hour=12,
        order_failures=13,
        api_errors_per_minute=14,
        stale_intervals=15,
        daily_clears=True,
    )


def test_what_is_set_and_has_no_effect_is_told() -> None:
    settings = loaded(
        EXCHANGE_API_KEY=SECRET,
        EXCHANGE_API_SECRET=SECRET,
        TRADING_TESTNET="false",
        TRADING_LIVE_CONFIRM="trade-real-money",
    )
    told = "\n".join(settings.notes)
    assert "EXCHANGE_API_KEY (environment) has no effect: orders go to the paper exchange" in told
    assert "no real money is traded: TRADING_PROVIDER is paper" in told
    assert SECRET not in told
    assert SECRET in settings.secret_values()
    assert not settings.is_real_money


def test_what_would_be_in_force_is_known_beside_what_is_wrong() -> None:
    examined = examine_settings(environ={"TRADING_SEED": "x", "LOG_LEVEL": "debug", "HEALTH_PORT": "5173"})
    assert [problem.setting for problem in examined.problems] == ["HEALTH_PORT", "TRADING_SEED"]
    assert (examined.settings.seed, examined.settings.log_level, examined.settings.health_port) == (1, "DEBUG", 5174)


def test_a_file_in_place_of_the_default_data_folder_is_found() -> None:
    Path("data").write_text("in the way")
    error = refused({})
    assert [(p.setting, p.given, p.source) for p in error.problems] == [("DATA_DIR", "data", "default")]
    assert "move it away, or set DATA_DIR to another place" in str(error)
    assert loaded(DATA_DIR="elsewhere").data_dir == Path("elsewhere")
    looking = load_settings(environ={"DATABASE_URL": "sqlite:///x.db"}, only=["DATA_DIR", "DATABASE_URL"])
    assert looking.database == "sqlite:///x.db"


def test_names_of_other_programs_are_left_alone() -> None:
    assert loaded(TRADEBOT_RECORDED_CANDLES="x", POSTGRES_PASSWORD="y", SEED="z", TRADING="w").seed == 1


def test_all_problems_are_told_at_once_each_with_its_source() -> None:
    Path(".env").write_text("TRADING_SEED=x\n# a remark\nTRADING_SYMBL=BTC/USDT\nHEALTH_PORT=5173\n")
    error = refused({"TRADING_TESTNET": "ture", "KILL_SWITCH_SECRET": "abc"}, {"TRADING_TIMEFRAME": "7m"})
    assert {(problem.setting, problem.source) for problem in error.problems} == {
        ("TRADING_TESTNET", "environment"),
        ("KILL_SWITCH_SECRET", "environment"),
        ("TRADING_TIMEFRAME", "command line"),
        ("TRADING_SEED", ".env line 1"),
        ("TRADING_SYMBL", ".env line 3"),
        ("HEALTH_PORT", ".env line 4"),
    }
    assert str(error).startswith("6 settings are not usable:\n")
    assert len(str(error).splitlines()) == 7


def test_command_line_goes_before_environment_before_dotenv_before_default() -> None:
    Path(".env").write_text("TRADING_SEED=4\nTRADING_TIMEFRAME=1h\nLOG_LEVEL=DEBUG\n")
    settings = load_settings({"TRADING_SEED": "2"}, environ={"TRADING_SEED": "3", "TRADING_TIMEFRAME": "5m"})
    assert (settings.seed, settings.timeframe, settings.log_level) == (2, "5m", "DEBUG")
    sources = {line.name: line.source for line in settings.describe()}
    assert sources["TRADING_SEED"] == "command line"
    assert sources["TRADING_TIMEFRAME"] == "environment"
    assert sources["LOG_LEVEL"] == ".env line 3"
    assert sources["DATA_DIR"] == "default"


def test_a_blank_value_lets_the_next_source_speak() -> None:
    Path(".env").write_text("TRADING_SEED=4\n")
    assert loaded(TRADING_SEED="").seed == 4


class TestDotenv:
    def test_forms_that_people_write(self) -> None:
        Path(".env").write_text(
            "\ufeff# settings\n\nexport TRADING_SEED=5\nTRADING_SYMBOLS='BTC/USDT,ETH/USDT'  # two\n"
            'TRADING_TIMEFRAME = "1h"\r\n'
            "POSTGRES_PASSWORD=whatever\nDATA_DIR=${HOME}\n"
        )
        settings = loaded()
        assert (settings.seed, settings.symbols, settings.timeframe) == (5, ("BTC/USDT", "ETH/USDT"), "1h")
        assert settings.data_dir == Path("${HOME}")

    def test_a_directory_of_that_name_is_explained(self) -> None:
        Path(".env").mkdir()
        assert "a directory of this name is in the way" in str(refused({}))

    @pytest.mark.parametrize("line", ["TRADING_SEED", "TRADING_SEED 5", "'quote", 'TRADING_TIMEFRAME="1h'])
    def test_a_line_that_is_none_is_named_without_its_text(self, line: str) -> None:
        Path(".env").write_text(f"LOG_LEVEL=INFO\n{line}\n")
        error = refused({})
        assert [(p.setting, p.source, p.given) for p in error.problems] == [(".env", ".env line 2", None)]

    def test_a_broken_line_about_something_else_does_not_keep_a_person_from_looking(self) -> None:
        Path(".env").write_text("TRADING_SEED 5\nTRADING_SEED=1\nTRADING_SEED=2\nDATA_DIR=elsewhere\n")
        assert load_settings(environ={}, only=["DATA_DIR"]).data_dir == Path("elsewhere")
        Path(".env").write_text("DATA_DIR elsewhere\n")
        with pytest.raises(ConfigError, match=r"\.env line 1"):
            load_settings(environ={}, only=["DATA_DIR"])

    def test_a_setting_twice_is_refused(self) -> None:
        Path(".env").write_text("TRADING_SEED=1\nTRADING_SEED=2\n")
        assert "set twice, first in .env line 1" in str(refused({}))

    def test_bytes_that_are_no_text(self) -> None:
        Path(".env").write_bytes(b"TRADING_SEED=\xff\n")
        assert "not UTF-8 text" in str(refused({}))

    def test_another_directory(self, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / ".env").write_text("TRADING_SEED=9\n")
        assert load_settings(environ={}, directory=tmp_path / "other").seed == 9
        assert loaded().seed == 1


class TestSecretFiles:
    def test_a_secret_from_a_file(self) -> None:
        Path("secret").write_text(f"{SECRET}\n")
        settings = loaded(KILL_SWITCH_SECRET_FILE="secret")
        assert settings.kill_switch_secret is not None
        assert settings.kill_switch_secret.get_secret_value() == SECRET
        line = next(line for line in settings.describe() if line.name == "KILL_SWITCH_SECRET")
        assert (line.value, line.source) == ("********", "KILL_SWITCH_SECRET_FILE (environment)")

    def test_every_secret_can_come_from_a_file(self) -> None:
        Path("url").write_text("sqlite:///elsewhere.db")
        assert loaded(DATABASE_URL_FILE="url").database == "sqlite:///elsewhere.db"

    def test_both_ways_at_once_are_refused(self) -> None:
        Path("secret").write_text(SECRET)
        error = refused({"KILL_SWITCH_SECRET_FILE": "secret", "KILL_SWITCH_SECRET": SECRET})
        assert "set both directly and by KILL_SWITCH_SECRET_FILE" in str(error)
        assert SECRET not in str(error)

    def test_the_environment_goes_before_a_file_named_in_dotenv(self) -> None:
        Path("secret").write_text("from-the-file-0")
        Path(".env").write_text("KILL_SWITCH_SECRET_FILE=secret\n")
        assert loaded(KILL_SWITCH_SECRET=SECRET).secret_values() == [SECRET]
        assert loaded().secret_values() == ["from-the-file-0"]

    @pytest.mark.parametrize(
        ("content", "allowed"),
        [
            (None, "No such file"),
            (b"", "a file with the secret"),
            (b" \n", "a file with"),
            (b"\xff\xfe", "UTF-8"),
            (b"x" * 70_000, "at most"),
        ],
    )
    def test_files_that_hold_no_secret(self, content: bytes | None, allowed: str) -> None:
        if content is not None:
            Path("secret").write_bytes(content)
        error = refused({"KILL_SWITCH_SECRET_FILE": "secret"})
        assert [problem.setting for problem in error.problems] == ["KILL_SWITCH_SECRET_FILE"]
        assert allowed in error.problems[0].allowed

    def test_a_secret_from_a_file_is_checked_and_not_shown(self) -> None:
        Path("secret").write_text("short12")
        error = refused({"KILL_SWITCH_SECRET_FILE": "secret"})
        assert error.problems[0].source == "KILL_SWITCH_SECRET_FILE (environment)"
        assert "short12" not in str(error)


def test_secrets_are_in_no_text_of_the_settings() -> None:
    settings = loaded(KILL_SWITCH_SECRET=SECRET)
    texts = [
        repr(settings),
        str(settings),
        str(settings.describe()),
        settings.model_dump_json(),
        f"{settings.model_dump()}",
    ]
    assert all(SECRET not in text for text in texts)
    assert settings.secret_values() == [SECRET]


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        loaded().seed = 3  # type: ignore[misc]


def test_each_setting_is_described_once_with_name_and_meaning() -> None:
    lines = loaded(TRADING_SYMBOLS="BTC/USDT,ETH/USDT").describe()
    assert len({line.name for line in lines}) == len(lines) == len(Settings.model_fields)
    assert all(line.name.isupper() and line.meaning and line.value for line in lines)
    values = {line.name: line.value for line in lines}
    assert values["TRADING_SYMBOLS"] == "BTC/USDT,ETH/USDT"
    assert values["TRADING_TESTNET"] == "true"
    assert values["TRADING_MAX_CAPITAL_USD"] == "not set"


def test_who_needs_few_settings_overlooks_mistakes_in_the_others() -> None:
    Path(".env").write_text("TRADING_SEED=x\nDATA_DIR=elsewhere\n")
    environ = {"TRADING_TESTNET": "ture", "TRADING_NO_SUCH": "1", "TRADING_LIVE_CONFIRM": "trade-real-money"}
    settings = load_settings(environ=environ, only=["DATA_DIR"])
    assert (settings.data_dir, settings.seed, settings.testnet) == (Path("elsewhere"), 1, True)
    with pytest.raises(ConfigError, match=r"1 setting is not usable:\n  DATABASE_URL"):
        load_settings(environ={**environ, "DATABASE_URL": "x"}, only=["DATABASE_URL"])


def test_real_money_needs_both_settings() -> None:
    settings = loaded(TRADING_TESTNET="false", TRADING_LIVE_CONFIRM="trade-real-money")
    assert settings.testnet is False


def test_paper_costs_are_shares() -> None:
    costs = loaded(TRADING_PAPER_TAKER_FEE_PCT="0.075", TRADING_PAPER_MAX_VOLUME_SHARE_PCT="25").paper_costs()
    assert costs.taker_fee == Decimal("0.00075")
    assert costs.maker_fee == Decimal("0.001")
    assert costs.max_volume_share == Decimal("0.25")
    assert costs.latency_ms == 100


def test_the_recording_decides_the_timeframe_unless_it_is_set() -> None:
    assert loaded(TRADING_MARKET_DATA=".").interval_ms is None
    assert loaded(TRADING_MARKET_DATA=".", TRADING_TIMEFRAME="1h").interval_ms == TIMEFRAMES["1h"]


def test_loading_settings_needs_no_numpy() -> None:
    code = "import sys, trading.config; print(sorted({'numpy', 'sqlalchemy', 'rich', 'structlog'} & set(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert shown.stdout.strip() == "[]"
