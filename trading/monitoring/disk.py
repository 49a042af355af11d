"""How much space is free, and how much the bot wants."""

from __future__ import annotations

import shutil
from pathlib import Path

MB = 1_000_000
FREE_MIN_MB = 100


def free_bytes(folder: Path) -> int | None:
    """What is free on the disk that holds the folder; None where that cannot be told."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
