"""docs/API.md: its shell examples work as they are written, and every route that it names is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.web import serving, web_app
from tests.unit.cli.cli_helpers import fill_database
from trading.web.openapi import routes_of
from trading.web.routes import PARTS

PAGE = Path(__file__).parents[2] / "docs" / "API.md"
SECRET = "a secret to sign with"


# What the page's example needs of two programs that not every machine has; where they are, they are taken.
STAND_INS = {
    "openssl": """
import hashlib, hmac, secrets, sys
if sys.argv[1] == "rand":
    print(secrets.token_hex(int(sys.argv[3])))
else:
    key = sys.argv[sys.argv.index("-hmac") + 1].encode()
    print(hmac.new(key, sys.stdin.buffer.read(), hashlib.sha256).hexdigest(), "*stdin")
""",
    "curl": """
import sys, urllib.request
url, given = sys.argv[1], list(zip(sys.argv[2::2], sys.argv[3::2]))
headers = dict(value.split(": ", 1) for name, value in given if name == "-H")
(body,) = [value.encode() for name, value in given if name == "-d"]
with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
    print(answer.read().decode())
""",
}


def test_the_signed_request_of_the_page_works(tmp_path: Path) -> None:
    """As a person would type it."""
    fill_database(tmp_path)
    for name, text in STAND_INS.items():
        if shutil.which(name) is None:
            (tmp_path / name).write_text(f"#!{sys.executable}\n{text}")
            (tmp_path / name).chmod(0o755)
    (example,) = [part for part in re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.S) if "openssl" in part]
    with serving(web_app(tmp_path, settings={"KILL_SWITCH_SECRET": SECRET})) as served:
        done = subprocess.run(
            ["sh", "-ec", example.replace("http://127.0.0.1:5173", served.address)],
            env={"PATH": f"{os.environ['PATH']}:{tmp_path}", "KILL_SWITCH_SECRET": SECRET},
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
