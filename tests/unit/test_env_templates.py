"""`.env.example` and `.env.production.template` say what the code says, and can be used as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.write_env_templates import EXAMPLE, PRODUCTION, ROOT, template
from trading.config import Settings, load_settings


@pytest.mark.parametrize("name", [EXAMPLE, PRODUCTION])
def test_the_file_is_what_the_code_says(name: str) -> None:
    assert (ROOT / name).read_text() == template(name), "run python -m scripts.write_env_templates"


@pytest.mark.parametrize("name", [EXAMPLE, PRODUCTION])
def test_every_setting_is_there(name: str) -> None:
    found = {line.removeprefix("#").partition("=")[0] for line in template(name).splitlines() if "=" in line}
    assert {str(field.alias) for field in Settings.model_fields.values()} <= found


def test_the_example_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(template(EXAMPLE))
    assert load_settings(environ={}, directory=tmp_path) == load_settings(environ={}, directory=tmp_path / "none")


def test_production_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(template(PRODUCTION))
    settings = load_settings(environ={}, directory=tmp_path)
    assert (settings.dashboard_host, settings.dashboard_port) == ("0.0.0.0", 5173)  # noqa: S104
    assert settings.log_level == "INFO"
    assert not settings.is_real_money
