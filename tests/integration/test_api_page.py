"""docs/API.md: its shell examples work as they are written, and every route that it names is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.support.web import serving, web_app
from tests.unit.cli.cli_helpers import fill_database
from trading.web.openapi import routes_of
from trading.web.routes import PARTS

PAGE = Path(__file__).parents[2] / "docs" / "API.md"
SECRET = "a secret to sign with"


def test_the_signed_request_of_the_page_works(tmp_path: Path) -> None:
    """As a person would type it: with curl and openssl."""
    fill_database(tmp_path)
    (example,) = [part for part in re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.S) if "openssl" in part]
    with serving(web_app(tmp_path, settings={"KILL_SWITCH_SECRET": SECRET})) as served:
        script = example.replace("http://127.0.0.1:5173", served.address)
        done = subprocess.run(
            ["sh", "-ec", script],
            env={"PATH": "/usr/bin:/bin", "KILL_SWITCH_SECRET": SECRET},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert '"latched":true' in done.stdout, done.stderr
    assert '"reason":"from the outside"' in done.stdout


def test_every_route_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"(/api/v1/[a-z/{}._-]+)", PAGE.read_text("utf-8"))) - {"/api/v1/safety/kill-switch/"}
    there = {re.sub(r"{\w+}", "{id}", path) for _, path, _ in routes_of([part.router for part in PARTS])}
    assert {path.rstrip("./") for path in named} <= there
