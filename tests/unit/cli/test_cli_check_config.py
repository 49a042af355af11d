"""`check-config`: all findings at once with setting, value and what is allowed; places are only looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import trading.cli
from tests.support.broken_settings import BROKEN
from tests.unit.cli.cli_helpers import account, candle_file, fill_database
from trading.config import Settings
from trading.config_check import check_folder, check_key_file
from trading.config_sources import MASK
from trading.engine.state import SafetyState

SECRET = "correct-horse-battery"


def checked(code: int, *arguments: str, **environ: str) -> Any:
    """What `check-config --json` prints with these variables set, and nothing of it a secret."""
    given = ["check-config", "--json", *arguments]
    result = CliRunner().invoke(trading.cli.tradebot, given, env=environ, standalone_mode=False)
    assert result.exception is None
    assert SECRET not in result.output
    found = json.loads(result.output)
    assert (found["usable"], result.return_value) == (code == 0, code)
    return found


def shown(capsys: pytest.CaptureFixture[str], code: int) -> str:
    assert trading.cli.main(["check-config"]) == code
    return capsys.readouterr().out


def places(found: Any) -> dict[str, tuple[bool, str]]:
    return {one["setting"]: (one["usable"], one["found"]) for one in found["places"]}


OTHERS: list[tuple[dict[str, str], str, str | None, str]] = [
    ({"DATABASE_URL": f"mysql://{SECRET}"}, "DATABASE_URL", MASK, "sqlite:///"),
    ({"KILL_SWITCH_SECRET": "short12"}, "KILL_SWITCH_SECRET", MASK, "at least 8"),
    ({"EXCHANGE_API_KEY": SECRET}, "EXCHANGE_API_KEY", MASK, "EXCHANGE_API_SECRET, which is not set"),
    ({"EXCHANGE_API_SECRET": SECRET}, "EXCHANGE_API_SECRET", MASK, "EXCHANGE_API_KEY, which is not set"),
    ({"KILL_SWITCH_SECRET_FILE": "nowhere"}, "KILL_SWITCH_SECRET_FILE", "nowhere", "a file that can be read"),
    ({"EXCHANGE_API_KEY_FILE": "empty"}, "EXCHANGE_API_KEY_FILE", "empty", "a file with the secret in it"),
    (
        {"KILL_SWITCH_SECRET": SECRET, "KILL_SWITCH_SECRET_FILE": "a-file"},
        "KILL_SWITCH_SECRET",
        None,
        "set both directly and by KILL_SWITCH_SECRET_FILE",
    ),
    ({"TRADING_SYMBOL": "BTC/USDT"}, "TRADING_SYMBOL", None, "did you mean TRADING_SYMBOLS?"),
    ({"TRADING_MAX_DRAWDOWN": "5"}, "TRADING_MAX_DRAWDOWN", None, "did you mean TRADING_MAX_"),
]

CONFIGURATIONS = [*(({name: text}, name, text, allowed) for name, text, allowed in BROKEN), *OTHERS]


def test_there_are_more_than_sixty_broken_configurations() -> None:
    assert len(CONFIGURATIONS) > 60


@pytest.mark.parametrize(("environ", "setting", "value", "allowed"), CONFIGURATIONS)
def test_a_broken_configuration_is_told_with_setting_value_and_what_is_allowed(
    environ: dict[str, str], setting: str, value: str | None, allowed: str, folder: Path
) -> None:
    (folder / "a-file").write_text(SECRET)
    (folder / "empty").write_text("")
    (problem,) = checked(2, **environ)["problems"]
    assert (problem["setting"], problem["value"], problem["source"]) == (setting, value, "environment")
    assert allowed in problem["allowed"]


def test_everything_that_is_wrong_is_told_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".env").write_text(
        "TRADING_SEED=x\nnonsense\nTRADING_MARKET_DATA=nowhere\nKILL_SWITCH_SECRET=short\nMODEL_DIR=.env\n"
    )
    text = shown(capsys, 2)
    wrong = [line for line in text.splitlines() if line.startswith("Wrong")]
    for line, start in zip(
        wrong, [".env (.env line 2)", "KILL_SW", "TRADING_MARKET", "TRADING_SEED", "MODEL_DIR"], strict=True
    ):
        assert line.removeprefix("Wrong").strip().startswith(start)
    assert "short" not in text
    assert "5 to mend" in text


def test_what_is_in_force_and_where_it_came_from(folder: Path) -> None:
    (folder / ".env").write_text("TRADING_TIMEFRAME=1h\nTRADING_SEED=3\n")
    (folder / "secret").write_text(SECRET)
    found = checked(0, "--data-dir", "there", TRADING_SEED="4", KILL_SWITCH_SECRET_FILE="secret")
    lines = {line["name"]: (line["value"], line["source"]) for line in found["settings"]}
    assert set(lines) == {str(field.alias) for field in Settings.model_fields.values()}
    assert lines["TRADING_TIMEFRAME"] == ("1h", ".env line 1")
    assert lines["TRADING_SEED"] == ("4", "environment")
    assert lines["DATA_DIR"] == ("there", "command line")
    assert lines["KILL_SWITCH_SECRET"] == (MASK, "KILL_SWITCH_SECRET_FILE (environment)")
    assert lines["TRADING_MAX_LOSING_STREAK"] == ("10", "default")
    assert not found["real_money"]
    assert sorted(path.name for path in folder.iterdir()) == [".env", "secret"]


def test_for_people(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data").mkdir()
    fill_database(folder / "data", account())
    text = shown(capsys, 0)
    assert "Real money  off (TRADING_PROVIDER=paper, TRADING_TESTNET=true)\n" in text
    assert text.endswith("Settings    usable\n")
    assert "opens" in text


class TestPlaces:
    def test_a_first_start(self) -> None:
        found = places(checked(0))
        assert set(found) == {"DATA_DIR", "MODEL_DIR", "DATABASE_URL", "TRADING_MARKET_DATA"}
        assert found["DATA_DIR"][1].startswith("not there yet, can be made")
        assert found["DATABASE_URL"] == (True, "none yet: the first `tradebot run` makes it")

    def test_a_database_that_opens_is_left_as_it_is(self, folder: Path) -> None:
        fill_database(folder, account(), SafetyState(halted="too deep"))
        before = (folder / "tradebot.db").read_bytes()
        found = places(checked(0, "--data-dir", "."))
        assert found["DATABASE_URL"] == (True, "opens; halted: too deep")
        assert found["DATA_DIR"][1].startswith("there and writable")
        assert (folder / "tradebot.db").read_bytes() == before

    def test_a_database_that_does_not_open(self, folder: Path) -> None:
        (folder / "tradebot.db").write_text("hello, this is no database at all" * 10)
        usable, found = places(checked(2, "--data-dir", "."))["DATABASE_URL"]
        assert not usable
        assert "is not an SQLite database" in found

    def test_candles(self, folder: Path) -> None:
        candle_file(folder, rows=3)
        assert places(checked(0, TRADING_MARKET_DATA="."))["TRADING_MARKET_DATA"] == (True, "readable: BTC/USDT")
        usable, found = places(checked(2, TRADING_MARKET_DATA=".", TRADING_SYMBOLS="ADA/USDT"))["TRADING_MARKET_DATA"]
        assert not usable
        assert "ADA/USDT" in found

    def test_key_files(self, folder: Path) -> None:
        secret = folder / "secret"
        secret.write_text(SECRET)
        secret.chmod(0o644)
        found = places(checked(0, KILL_SWITCH_SECRET_FILE="secret"))["KILL_SWITCH_SECRET_FILE"]
        assert found == (True, "readable; its mode 644 lets others read it, `chmod 600` keeps it to you")
        secret.chmod(0o600)
        assert check_key_file("X", secret).found == "readable"
        assert not check_key_file("X", folder / "gone").usable

    def test_a_folder_that_may_not_be_written(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("os.access", lambda *_: False)
        assert "this user may not write to it" in check_folder("DATA_DIR", folder).found
        assert f"may not write to {folder}" in check_folder("DATA_DIR", folder / "new" / "deeper").found

    def test_a_file_in_the_way_of_a_folder(self, folder: Path) -> None:
        (folder / "a-file").write_text("")
        assert check_folder("X", folder / "a-file" / "data").found.startswith(f"{folder / 'a-file'} is not a folder")

    def test_little_space(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("trading.config_check.FREE_BYTES_MIN", 2**63)
        assert "less than the" in check_folder("X", folder).found
