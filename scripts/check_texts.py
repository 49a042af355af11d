"""Checks that no file names a folder of the machine it was written on, or the host of a package registry.

Run as `python scripts/check_texts.py [ROOT]`; prints one line for each find and ends with 1 if there are any.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

BINARY = frozenset({".png", ".ico", ".gz", ".woff2", ".onnx", ".db", ".jpg", ".zip"})
REGISTRY_HOSTS = re.compile(
    r"(?:py(?:pi|thonhosted)|npm(?:js|mirror)|yarnpkg|(?:deb|security)[.]debian|(?:archive|security)[.]ubuntu)[.](?:org|com|io)"
)
HOME_FOLDERS = re.compile(r"(?<![\w.$}/-])/(?:root|home|Users|work)/(?!(?:me|you|user|app)\b)[\w.-]+")


def files_of(root: Path) -> list[Path]:
    """The files that are, or are about to be, in the repository."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return [root / name for name in listed.split("\0") if name and (root / name).is_file()]


def faults(root: Path) -> Iterator[str]:
    """One line for each find, as `path:line: what: text`."""
    # The folder around the clone and the home of whoever runs this are the likeliest to slip in; a short one (/tmp)
    # is everybody's.
    here = [f"{folder}/" for folder in (root.resolve().parent, Path.home()) if len(folder.parts) > 2]
    for file in files_of(root):
        if file.suffix in BINARY:
            continue
        for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
            where = f"{file.relative_to(root)}:{number}"
            if REGISTRY_HOSTS.search(line):
                yield f"{where}: a package registry: {line.strip()}"
            if HOME_FOLDERS.search(line) or any(_names(line, folder) for folder in here):
                yield f"{where}: a folder of one machine: {line.strip()}"


def _names(line: str, folder: str) -> bool:
    """Whether the line has the folder as a path of its own, not as the end of a longer one."""
    at = line.find(folder)
    return at >= 0 and (at == 0 or not (line[at - 1].isalnum() or line[at - 1] in "./}$-_"))


def main(arguments: list[str]) -> int:
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    found = list(faults(root))
    for fault in found:
        print(fault)
    if not found:
        print("no folder of one machine, no package registry: fine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
