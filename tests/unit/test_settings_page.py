"""docs/SETTINGS.md says what the code does, and docs/COMMANDS.md names every command, option and column."""

from __future__ import annotations

import importlib
from pathlib import Path

import click
import pytest

from scripts.write_settings import PAGE, main, page
from trading.cli import COMMANDS
from trading.commands.trade_csv import COLUMNS
from trading.config import Settings

COMMANDS_PAGE = PAGE.with_name("COMMANDS.md")


def test_the_page_of_settings_is_that_of_the_code() -> None:
    assert PAGE.read_text("utf-8") == page(), "python -m scripts.write_settings writes it anew"


def test_the_page_has_every_setting() -> None:
    for field in Settings.model_fields.values():
        assert f"| `{field.alias}` |" in page()


def test_the_script_writes_the_page(tmp_path: Path) -> None:
    assert main([str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text("utf-8") == page()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_commands_has_every_command_and_option(name: str) -> None:
    text = COMMANDS_PAGE.read_text("utf-8")
    start = text.find(f"\n## `tradebot {name}")
    assert start >= 0, f"docs/COMMANDS.md has no part about {name}"
    part = text[start : text.find("\n## ", start + 1)]
    command = importlib.import_module(COMMANDS[name]).command
    named = {"--data-dir", "--json", "--debug", "--wait", "--help"}  # told once, above all commands
    for parameter in _parameters(command):
        option = next((text for text in parameter.opts if text.startswith("--")), None)
        assert option is None or option in named or option in part, f"{name}: {option} is not told"


def test_the_page_of_commands_has_every_column_of_the_export() -> None:
    text = COMMANDS_PAGE.read_text("utf-8")
    for column in COLUMNS:
        assert f"| `{column}` |" in text


def _parameters(command: click.Command) -> list[click.Parameter]:
    found = list(command.params)
    if isinstance(command, click.Group):
        found.extend(parameter for sub in command.commands.values() for parameter in _parameters(sub))
    return found
