"""How a setting is written down: its name in the environment, its default, what is allowed, and what it means."""

from __future__ import annotations

from typing import Any

from pydantic import Field


def setting(name: str, default: object, allowed: str, meaning: str) -> Any:
    """A field that is set by `name`; `allowed` is what its error says, `meaning` what the help says."""
    return Field(default, alias=name, description=meaning, json_schema_extra={"allowed": allowed})
