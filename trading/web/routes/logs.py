"""The newest lines of the bot's log, from the file that it keeps beside its database."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from trading.monitoring.log_file import FOLDER, NAME, read_newest
from trading.monitoring.logs import LEVELS
from trading.web.access import Scope, require
from trading.web.context import Context
from trading.web.models.operations import LogLine, LogPage
from trading.web.problems import Problem

router = APIRouter(prefix="/api/v1", tags=["status"], dependencies=[require(Scope.READ)])

_OWN_FIELDS = ("time", "level", "event", "component")


@router.get("/logs")
def logs(
    context: Context,
    limit: Annotated[int, Query(ge=1, le=1_000, description="most lines")] = 200,
    level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"], Query(description="the least urgent to show")
    ] = "debug",
    search: Annotated[
        str | None, Query(min_length=1, max_length=100, description="only lines with this text", examples=["order"])
    ] = None,
) -> LogPage:
    """The newest lines of the bot's log that fit, oldest first. Secrets are not in it."""
    least, text = LEVELS[level.upper()], (search or "").casefold()

    def is_wanted(line: dict[str, Any]) -> bool:
        if LEVELS.get(str(line.get("level")).upper(), 0) < least:
            return False
        return not text or any(text in str(part).casefold() for pair in line.items() for part in pair)

    file = context.settings.data_dir / FOLDER / NAME
    try:
        found = read_newest(file, limit, is_wanted)
    except OSError as error:
        detail = f"the log {file} cannot be read ({error.strerror})"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, code="LOG_UNREADABLE") from error
    return LogPage(items=[_line(line) for line in found], file=str(file))


def _line(line: dict[str, Any]) -> LogLine:
    own = {name: str(line.get(name, "")) for name in _OWN_FIELDS}
    fields = {name: value for name, value in line.items() if name not in _OWN_FIELDS}
    return LogLine(**own, fields=fields)
