"""Gathers the raw settings: command line, environment, `.env`, and files named by `NAME_FILE`; remembers where from."""

from __future__ import annotations

import difflib
import io
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import parse_stream

from trading.domain.errors import TradingError

PREFIX = "TRADING_"
"""Names that begin so are ours: one that no setting has is an error."""

DOTENV = ".env"
SECRET_FILE_BYTES_MAX = 65_536
MASK = "********"


@dataclass(frozen=True)
class Problem:
    """What is wrong with one setting. `given` is its value as it may be shown (masked if secret), or None."""

    setting: str
    given: str | None
    allowed: str
    source: str

    def __str__(self) -> str:
        if self.given is None:
            return f"{self.setting} ({self.source}): {self.allowed}"
        return f"{self.setting} = {self.given!r} ({self.source}) is not usable; allowed: {self.allowed}"


class ConfigError(TradingError):
    """Settings that cannot be used, all at once, each with its value, where it came from, and what is allowed."""

    def __init__(self, problems: Collection[Problem]) -> None:
        self.problems = tuple(problems)
        count = "1 setting is" if len(self.problems) == 1 else f"{len(self.problems)} settings are"
        super().__init__("\n".join([f"{count} not usable:", *(f"  {problem}" for problem in self.problems)]))


@dataclass(frozen=True)
class Given:
    """A value as written, where it was written, and the file that `NAME_FILE` named for it."""

    value: str = field(repr=False)
    source: str
    file: Path | None = None


@dataclass
class Gathered:
    """The values by setting name, and what went wrong on the way."""

    values: dict[str, Given] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def gather(
    names: Collection[str],
    secrets: Collection[str],
    environ: Mapping[str, str],
    directory: Path,
    overrides: Mapping[str, str],
    only: Collection[str] | None = None,
) -> Gathered:
    """The raw value of each setting that was given; blank ones count as not given.

    Earlier ones go before later ones: `overrides` (the command line), `environ`, the file `.env` in `directory`.

    Args:
        names: of all settings.
        secrets: those among them for which `NAME_FILE` may name a file with the value.
        environ: the environment's variables.
        directory: where `.env` is, and relative paths of secret files begin.
        overrides: by setting name, what the command line gave.
        only: look at these settings alone, and overlook everything else that may be wrong.
    """
    found = Gathered()
    layers = [
        {name: Given(value, "command line") for name, value in overrides.items()},
        {name: Given(value, "environment") for name, value in environ.items()},
        _dotenv(directory / DOTENV, found.problems, only),
    ]
    for layer in layers:
        present = {
            name: Given(given.value.strip(), given.source) for name, given in layer.items() if given.value.strip()
        }
        if only is None:
            _note_unknown(present, names, secrets, found.problems)
        for name in names if only is None else only:
            given = _value_of(name, present, name in secrets, directory, found.problems)
            if given is not None:
                found.values.setdefault(name, given)
    return found


def _value_of(
    name: str, layer: Mapping[str, Given], is_secret: bool, directory: Path, problems: list[Problem]
) -> Given | None:
    file_name = f"{name}_FILE"
    given, file = layer.get(name), layer.get(file_name) if is_secret else None
    if file is None:
        return given
    if given is not None:
        problems.append(
            Problem(name, None, f"set both directly and by {file_name}; one of the two is enough", given.source)
        )
        return None
    try:
        path = directory / Path(file.value).expanduser()
        content = path.read_bytes()[: SECRET_FILE_BYTES_MAX + 1]
        value = content.decode().strip()
    except OSError as error:
        problems.append(Problem(file_name, file.value, f"a file that can be read ({error.strerror})", file.source))
        return None
    except UnicodeDecodeError:
        problems.append(Problem(file_name, file.value, "a file of UTF-8 text", file.source))
        return None
    if not value or len(content) > SECRET_FILE_BYTES_MAX:
        allowed = f"a file with the secret in it, at most {SECRET_FILE_BYTES_MAX} bytes"
        problems.append(Problem(file_name, file.value, allowed, file.source))
        return None
    return Given(value, f"{file_name} ({file.source})", path)


def _note_unknown(
    layer: Mapping[str, Given], names: Collection[str], secrets: Collection[str], problems: list[Problem]
) -> None:
    known = {*names, *(f"{name}_FILE" for name in secrets)}
    for name, given in layer.items():
        if name.upper().startswith(PREFIX) and name not in known:
            # The value is not shown: a misspelt name may hold a secret.
            near = difflib.get_close_matches(name.upper(), sorted(known), n=1)
            ours = ", ".join(n for n in sorted(known) if n.startswith(PREFIX))
            hint = f"did you mean {near[0]}?" if near else f"there are {ours}"
            problems.append(Problem(name, None, f"there is no such setting; {hint}", given.source))


def _dotenv(path: Path, problems: list[Problem], only: Collection[str] | None) -> dict[str, Given]:
    """The assignments of a `.env` file, taken as they are (`${NAME}` is not replaced). Missing is fine.

    With `only`, a line that is none and names none of these settings is overlooked, as is a repeated setting.
    """
    if not path.exists():
        return {}
    if path.is_dir():
        hint = (
            "a directory of this name is in the way (Docker makes one for a missing mount); remove it or write a file"
        )
        problems.append(Problem(DOTENV, None, hint, str(path)))
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        problems.append(Problem(DOTENV, None, f"a file that can be read ({reason})", str(path)))
        return {}
    found: dict[str, Given] = {}
    for binding in parse_stream(io.StringIO(text)):
        source = f"{DOTENV} line {binding.original.line}"
        if binding.error or (binding.key is not None and binding.value is None):
            if only is None or any(name in binding.original.string for name in only):
                problems.append(Problem(DOTENV, None, "a line that is not NAME=value", source))
        elif binding.key is not None and binding.value is not None:
            is_looked_at = only is None or binding.key in only
            if binding.key in found and binding.key.upper().startswith(PREFIX) and is_looked_at:
                hint = f"set twice, first in {found[binding.key].source}; once is enough"
                problems.append(Problem(binding.key, None, hint, source))
            found[binding.key] = Given(binding.value, source)
    return found
