"""Checks that each lock holds what pyproject.toml asks for, pinned and hashed, and that the locks agree.

Run as `python scripts/check_locks.py [ROOT]`; prints one line for each fault and ends with 1 if there are any.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
LOCKS = {
    "requirements.txt": ["project.dependencies"],
    "requirements-build.txt": ["dependency-groups.build", "build-system.requires"],
    "requirements-frontend.txt": ["dependency-groups.frontend"],
    "requirements-dev.txt": ["dependency-groups.dev"],
    "requirements-bench.txt": ["dependency-groups.bench"],
    "requirements-torch.txt": ["project.dependencies", "project.optional-dependencies.train"],
}
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


class Pin(NamedTuple):
    """One pinned package of a lock, with the condition under which it is installed."""

    name: str
    requirement: Requirement
    version: str
    hashes: int

    def holds_on(self, python: str) -> bool:
        """Whether it is installed on Linux with this Python."""
        marker = self.requirement.marker
        environment = {
            "python_version": python,
            "python_full_version": f"{python}.0",
            "sys_platform": "linux",
            "platform_system": "Linux",
            "os_name": "posix",
            "platform_python_implementation": "CPython",
            "implementation_name": "cpython",
        }
        return marker is None or marker.evaluate(environment)


def read_lock(text: str) -> Iterator[Pin | str]:
    """The pins of a lock; a line that is no pin comes as a text that says what is wrong with it."""
    joined = text.replace("\\\n", " ")
    for line in joined.splitlines():
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        hashes = len(HASH.findall(entry))
        specification = HASH.sub("", entry).strip()
        # An option, an address or a path would make the lock depend on where it was written.
        if specification.startswith("-") or "://" in specification or " @ " in specification:
            yield f"{specification}: only pins may stand in a lock"
            continue
        requirement = Requirement(specification)
        (clause, *others) = requirement.specifier
        if others or clause.operator != "==" or clause.version.endswith(".*"):
            yield f"{specification}: is not pinned with =="
        elif not hashes:
            yield f"{specification}: has no hash"
        else:
            yield Pin(canonicalize_name(requirement.name), requirement, clause.version, hashes)


def _asked(project: dict[str, Any], path: str) -> list[Requirement]:
    found: Any = project
    for key in path.split("."):
        found = found[key]
    return [Requirement(text) for text in found]


def faults(root: Path) -> list[str]:
    """What is wrong with the locks under `root`."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    found: list[str] = []
    chosen: dict[tuple[str, str], tuple[str, str]] = {}
    for file, paths in LOCKS.items():
        pins: list[Pin] = []
        for entry in read_lock((root / file).read_text("utf-8")):
            if isinstance(entry, Pin):
                pins.append(entry)
            else:
                found.append(f"{file}: {entry}")
        asked = [requirement for path in paths for requirement in _asked(project, path)]
        for python in PYTHONS:
            versions = {pin.name: pin.version for pin in pins if pin.holds_on(python)}
            for requirement in asked:
                version = versions.get(canonicalize_name(requirement.name))
                if version is None or version not in requirement.specifier:
                    found.append(f"{file}: {requirement} is asked for, {version} is locked (Python {python})")
            for name, version in versions.items():
                other, first = chosen.setdefault((name, python), (file, version))
                if first != version:
                    found.append(f"{file}: {name} is {version}, but {first} in {other} (Python {python})")
    return found


def main(arguments: list[str]) -> int:
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    found = faults(root)
    for fault in found:
        print(fault)
    print("`make lock` writes the locks anew" if found else "locks: fine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
