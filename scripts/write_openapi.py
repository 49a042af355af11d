"""Writes frontend/openapi.json, from which the page's types are made, so that page and server cannot disagree.

Run as `python -m scripts.write_openapi [FILE]`; a test fails where the file and the code differ.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from trading.config import load_settings
from trading.web.server import create_app

FILE = Path(__file__).parents[1] / "frontend" / "openapi.json"


def api() -> str:
    """The API, whatever the settings of the machine are. Without the version: a new one alone changes no type."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(load_settings({"DATA_DIR": folder}, environ={}, directory=Path(folder)))
        description = app.openapi()
    description["info"]["version"] = ""
    return json.dumps(description, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else FILE).write_text(api(), "utf-8")
