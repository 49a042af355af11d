"""The command line as a whole: help, exit codes, errors in one line, and commands that load only what they need."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import trading.cli
from tests.support.processes import ROOT
from tests.unit.cli.cli_helpers import environment, tradebot
from trading import __version__
from trading.config_sources import ConfigError, Problem
from trading.domain.errors import InvalidInput, InvariantViolated, TradingError
from trading.exit_codes import INTERRUPTED, ExitCode


def failing(error: BaseException) -> click.Command:
    def fail() -> None:
        raise error

    return click.Command("fail", callback=fail)


@pytest.fixture
def with_command(monkeypatch: pytest.MonkeyPatch) -> object:
    """Adds a command to the group for the test."""

    def add(command: click.Command) -> None:
        monkeypatch.setitem(trading.cli.tradebot.commands, "fail", command)
        original = trading.cli.LazyGroup.get_command
        monkeypatch.setattr(
            trading.cli.LazyGroup,
            "get_command",
            lambda group, context, name: command if name == "fail" else original(group, context, name),
        )

    return add


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (TradingError("the feed is gone"), 1, "error: the feed is gone\n"),
        (InvariantViolated("two fills"), 1, "error: two fills\n"),
        (InvalidInput("TRADING_X", "y", "z"), 2, "error: TRADING_X: 'y' is not usable; allowed: z\n"),
        (
            ConfigError([Problem("A", "b", "c", "environment")]),
            2,
            "error: 1 setting is not usable:\n  A = 'b' (environment) is not usable; allowed: c\n",
        ),
        (OSError(28, "No space left on device", "data/x"), 1, "error: data/x: No space left on device\n"),
        (PermissionError(13, "Permission denied"), 1, "error: Permission denied\n"),
        (click.UsageError("no such thing"), 2, "Error: no such thing\n"),
        (click.ClickException("went wrong"), 1, "Error: went wrong\n"),
        (click.Abort(), 130, "interrupted\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_errors_become_a_line_and_an_exit_code(
    error: BaseException, code: int, text: str, with_command: object, capsys: pytest.CaptureFixture[str]
) -> None:
    with_command(failing(error))  # type: ignore[operator]
    assert trading.cli.main(["fail"]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.endswith(text)
    assert "Traceback" not in shown.err


def test_debug_shows_where_it_happened(with_command: object, capsys: pytest.CaptureFixture[str]) -> None:
    with_command(failing(TradingError("the feed is gone")))  # type: ignore[operator]
    assert trading.cli.main(["--debug", "fail"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_mistake_of_ours_is_not_hidden(with_command: object) -> None:
    with_command(failing(ZeroDivisionError("ours")))  # type: ignore[operator]
    with pytest.raises(ZeroDivisionError):
        trading.cli.main(["fail"])


@pytest.mark.parametrize(("value", "code"), [(None, 0), (0, 0), (3, 3), (4, 4)])
def test_what_a_command_returns_is_the_exit_code(value: int | None, code: int, with_command: object) -> None:
    with_command(click.Command("fail", callback=lambda: value))  # type: ignore[operator]
    assert trading.cli.main(["fail"]) == code


@pytest.mark.parametrize(("name", "collects"), [("run", True), ("backtest", True), ("status", False)])
def test_short_commands_do_not_stop_for_garbage(
    name: str, collects: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    look = click.Command(name, callback=lambda: click.echo(gc.isenabled()))
    monkeypatch.setattr(trading.cli.LazyGroup, "get_command", lambda *_: look)
    assert trading.cli.main([name]) == 0
    assert capsys.readouterr().out == f"{collects}\n"
    assert gc.isenabled()


def test_version() -> None:
    result = CliRunner().invoke(trading.cli.tradebot, ["--version"])
    assert (result.exit_code, result.output) == (0, f"tradebot {__version__}\n")


def test_help_lists_every_command_and_every_exit_code() -> None:
    result = CliRunner().invoke(trading.cli.tradebot, ["--help"])
    assert result.exit_code == 0
    for name in trading.cli.COMMANDS:
        assert f"\n  {name} " in result.output
    for code in (*ExitCode, INTERRUPTED):
        assert f"\n    {int(code)} " in result.output


def every_command(group: click.Group, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Those within groups too, with their whole names."""
    context = click.Context(group)
    for part in group.list_commands(context):
        command = group.get_command(context, part)
        assert command is not None
        yield f"{name} {part}".strip(), command
        if isinstance(command, click.Group):
            yield from every_command(command, f"{name} {part}".strip())


EVERY_COMMAND = dict(every_command(trading.cli.tradebot))


@pytest.mark.parametrize("name", EVERY_COMMAND)
def test_each_command_has_help_with_an_example(name: str) -> None:
    result = CliRunner().invoke(trading.cli.tradebot, [*name.split(), "--help"])
    assert result.exit_code == 0
    assert f"  tradebot {name}" in re.split("Examples?:", result.output)[1]


def test_each_command_has_json_but_for_run_and_completion() -> None:
    """`run` logs in JSON where it is asked to, and what `completion` prints is for a shell."""
    commands = {name: found for name, found in EVERY_COMMAND.items() if not isinstance(found, click.Group)}
    assert {name for name, found in commands.items() if not any("--json" in p.opts for p in found.params)} == {
        "run",
        "completion",
    }


@pytest.mark.parametrize(
    "arguments",
    [["nosuch"], ["status", "extra"], ["status", "--nosuch"], ["history", "--limit", "0"], ["backtest"], []],
)
def test_unusable_arguments_end_with_2_and_say_so(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert trading.cli.main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Usage: tradebot" in shown.err


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"numpy", "sqlalchemy", "pydantic", "structlog", "asyncio", "rich"}),
        (["--version"], {"numpy", "sqlalchemy", "pydantic", "structlog", "asyncio", "rich"}),
        (["status"], {"numpy", "talib", "structlog", "sqlalchemy.dialects.postgresql"}),
        (["positions"], {"numpy", "talib", "structlog"}),
        (["history"], {"numpy", "talib", "structlog"}),
        (["decisions"], {"numpy", "talib", "structlog"}),
        (["insights"], {"numpy", "talib", "structlog"}),
        (["check-config"], {"numpy", "talib", "structlog"}),
        (["completion", "bash"], {"numpy", "sqlalchemy", "pydantic", "structlog", "rich"}),
    ],
)
def test_a_command_loads_only_what_it_needs(arguments: list[str], unwanted: set[str]) -> None:
    code = f"import sys, trading.cli; trading.cli.main({arguments!r}); print(sorted(sys.modules), file=sys.stderr)"
    shown = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment(), timeout=100
    )
    loaded = set(eval(shown.stderr.splitlines()[-1]))  # noqa: S307
    assert "click" in loaded
    assert not loaded & unwanted


def test_real_processes_end_with_the_documented_codes(folder: Path) -> None:
    assert tradebot("--version", cwd=folder).returncode == 0
    nothing_yet = tradebot("status", cwd=folder)
    assert (nothing_yet.returncode, nothing_yet.stdout) == (1, "")
    assert nothing_yet.stderr.startswith("error: no database yet at ")
    assert nothing_yet.stderr.count("\n") == 1
    unusable = tradebot("status", cwd=folder, DATABASE_URL="mysql://u:hunter22@h/d")
    assert (unusable.returncode, unusable.stdout) == (2, "")
    assert "DATABASE_URL" in unusable.stderr
    assert "hunter22" not in unusable.stderr
    assert "Traceback" not in unusable.stderr
    debugged = tradebot("status", "--debug", cwd=folder)
    assert "Traceback" in debugged.stderr
    assert not (folder / "data").exists() or not list((folder / "data").iterdir())


def test_a_reader_that_has_gone_is_no_reason_for_a_traceback(folder: Path) -> None:
    command = f"{sys.executable} -m trading.cli --help | true; echo ${{PIPESTATUS[0]}}"
    shown = subprocess.run(
        ["bash", "-c", command], check=True, capture_output=True, text=True, env=environment(), cwd=folder, timeout=100
    )
    assert shown.stdout.strip() in ("0", "1")
    assert shown.stderr == ""


def test_the_module_and_the_script_are_the_same_command() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert 'tradebot = "trading.cli:main"' in text
