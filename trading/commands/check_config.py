"""`tradebot check-config`: which settings are in force, where each came from, and what is wrong, all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trading.commands.options import data_dir_option, debug_option, json_option
from trading.exit_codes import ExitCode

if TYPE_CHECKING:
    from trading.config import Examined, Settings
    from trading.config_check import PlaceCheck

EPILOG = """\b
Examples:
  tradebot check-config
  tradebot check-config --data-dir /var/lib/tradebot
  tradebot check-config --json | jq '.problems[].setting'
Ends with 0 if the bot can start with these settings, else with 2. Changes nothing.
"""

COLUMNS = ("Setting", "In force", "From")
PLACE_COLUMNS = ("Place", "Where", "", "Found")


@click.command("check-config", epilog=EPILOG)
@data_dir_option
@json_option
@debug_option
def command(data_dir: str | None, as_json: bool) -> int:
    """Show the settings in force, where each came from, and what is wrong with them."""
    from trading.commands import output
    from trading.config import examine_settings
    from trading.config_check import check_places

    examined = examine_settings({"DATA_DIR": data_dir} if data_dir else None)
    places = list(check_places(examined))
    if as_json:
        output.print_json(as_json_of(examined, places))
    else:
        _print(examined, places)
    return int(ExitCode.OK if _is_usable(examined, places) else ExitCode.USAGE)


def real_money(settings: Settings) -> str:
    """Whether orders cost real money, and by which settings, in a sentence."""
    by = f"TRADING_PROVIDER={settings.provider}, TRADING_TESTNET={str(settings.testnet).lower()}"
    return f"ON: orders cost real money ({by})" if settings.is_real_money else f"off ({by})"


def as_json_of(examined: Examined, places: list[PlaceCheck]) -> dict[str, Any]:
    """What `--json` prints."""
    broken = {problem.setting for problem in examined.problems}
    return {
        "usable": _is_usable(examined, places),
        "real_money": examined.settings.is_real_money,
        "settings": [
            {"name": line.name, "value": line.value, "source": line.source, "usable": line.name not in broken}
            for line in examined.settings.describe()
        ],
        "problems": [
            {"setting": one.setting, "value": one.given, "source": one.source, "allowed": one.allowed}
            for one in examined.problems
        ],
        "places": [
            {"setting": one.setting, "place": one.place, "usable": one.usable, "found": one.found} for one in places
        ],
        "notes": list(examined.settings.notes),
    }


def _is_usable(examined: Examined, places: list[PlaceCheck]) -> bool:
    return not examined.problems and all(place.usable for place in places)


def _print(examined: Examined, places: list[PlaceCheck]) -> None:
    from rich.text import Text

    from trading.commands import output

    broken = {problem.setting.removesuffix("_FILE") for problem in examined.problems}
    rows: list[list[str | Text]] = [
        [line.name, Text("not usable", style="red") if line.name in broken else output.shown(line.value), line.source]
        for line in examined.settings.describe()
    ]
    output.print_table(COLUMNS, rows)
    marks = {True: Text("ok", style="green"), False: Text("not usable", style="red")}
    output.print_table(
        PLACE_COLUMNS,
        [[one.setting, output.shown(one.place), marks[one.usable], output.shown(one.found)] for one in places],
    )
    facts: list[tuple[str, str | Text]] = [("Real money", real_money(examined.settings))]
    facts.extend(("Note", output.shown(note)) for note in examined.settings.notes)
    wrong = [*map(str, examined.problems), *(f"{one.setting}: {one.found}" for one in places if not one.usable)]
    facts.extend(("Wrong", Text(output.shown(text), style="red")) for text in wrong)
    facts.append(("Settings", f"{len(wrong)} to mend" if wrong else "usable"))
    output.print_facts(facts)
