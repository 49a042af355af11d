"""Writes docs/SETTINGS.md from the settings as they are in the code, so that the page cannot say anything else.

Run as `python -m scripts.write_settings [FILE]`; a test fails where the page and the code differ.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from scripts import write_env_templates
from trading.config import SECRETS, UNUSED, SettingLine, Settings

PAGE = Path(__file__).parents[1] / "docs" / "SETTINGS.md"

HEAD = """\
# Settings

Written by `python -m scripts.write_settings`; not to be edited by hand.

Each setting is a variable of the environment, or a line `NAME=value` in a file `.env` in the folder where the command
starts. The command line goes before the environment, that before `.env`, that before the default; a blank value counts
as not given. A value that cannot be used, a `TRADING_` name that does not exist and a half-set pair of keys stop the
start, with all that is wrong at once. `tradebot check-config` shows what is in force, where each value came from,
whether the places that are named can be used, and whether real money is on.

A secret can also come from a file: `NAME_FILE` names it. Secrets are never shown or logged.

Real money needs two settings that agree, `TRADING_TESTNET=false` and `TRADING_LIVE_CONFIRM=trade-real-money`, and a
provider other than `paper`, which this version does not have yet.
"""

TABLE = "| name | default | allowed | meaning |\n|---|---|---|---|"


def page() -> str:
    """The whole page."""
    return "\n".join([*_page()]) + "\n"


def _page() -> Iterator[str]:
    yield HEAD
    for title, lines in groupby(Settings().describe(), attrgetter("group")):
        yield f"## {title}\n\n{TABLE}"
        yield from map(_row, lines)
        yield ""
    yield "Exposures are counted with open orders and with orders in doubt, as if filled. Days and weeks are UTC."
    yield "A loss trips at the first value beyond its percentage, a count at the number itself."
    yield "[ALERTS.md](ALERTS.md) tells how each channel is set up."
    yield "\n## Without effect in this version\n"
    yield "Setting one of these is no mistake; `check-config` and the log of `run` say that nothing comes of it.\n"
    yield from (f"- `{name}`: {why}" for name, why in UNUSED.items())


def _row(line: SettingLine) -> str:
    secret = f" (secret; also as `{line.name}_FILE`)" if line.name in SECRETS else ""
    cells = (f"`{line.name}`", line.value, line.allowed, line.meaning + secret)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main(arguments: list[str]) -> int:
    file = Path(arguments[0]) if arguments else PAGE
    file.write_text(page(), "utf-8")
    # The same settings, as files to copy: one command brings all that is written from them up to date.
    return 0 if arguments else write_env_templates.main([])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
