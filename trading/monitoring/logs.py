"""Structured logs: JSON lines for machines, aligned lines for a terminal; times in UTC; secrets kept out."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from trading.domain.errors import InvalidInput
from trading.monitoring.log_file import FOLDER, NAME, LogFile
from trading.monitoring.redaction import Plain, Redactor

if TYPE_CHECKING:
    from trading.config import Settings

LogFormat = Literal["auto", "json", "console"]

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
_RESERVED = ("time", "level", "event")
_COLOURS = {
    "debug": "\x1b[2m",
    "info": "\x1b[32m",
    "warning": "\x1b[33m",
    "error": "\x1b[31m",
    "critical": "\x1b[1;31m",
}
_BOLD, _DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_EVENT_WIDTH = 28

_redactor = Redactor()
_file: LogFile | None = None


def register_secret(value: str) -> None:
    """Mask this value in every line from now on, wherever it stands."""
    _redactor.register(value)


def end_log() -> None:
    """Write what waits for the log file. For a process's end."""
    if _file is not None:
        _file.close()


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger; `name` (the part of the product that speaks) is in each line as `component`.

    Use: `log.info("order_filled", symbol=..., price=...)`: a stable event name and its values, no sentences.
    """
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def redact(text: str) -> str:
    """The text as it may be shown anywhere: without the secrets that are known in this process."""
    return _redactor.text(text)


def configure_logging(
    level: str = "INFO",
    log_format: LogFormat = "auto",
    *,
    stream: TextIO | None = None,
    file: Path | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Set up logging for this process; a later call replaces an earlier one.

    Args:
        level: the least urgent level that is written: one of `LEVELS`, in any case.
        log_format: 'json', 'console', or 'auto': console where the stream is a terminal.
        stream: where lines go; standard error by default, so that a command's output stays clean.
        file: where they go as JSON besides, whatever `log_format` says; written by a thread, rotated by size.
        now: the clock, in UTC.

    The standard library's log records (of libraries) are written in the same form, from WARNING on, or from DEBUG on
    when the level is DEBUG.

    Raises:
        InvalidInput: no such level or format.
    """
    if level.upper() not in LEVELS:
        raise InvalidInput("LOG_LEVEL", level, ", ".join(LEVELS))
    if log_format not in ("auto", "json", "console"):
        raise InvalidInput("LOG_FORMAT", log_format, "auto, json, console")
    target = sys.stderr if stream is None else stream
    is_terminal = target.isatty()
    readable = log_format == "console" or (log_format == "auto" and is_terminal)
    render = _console_renderer(is_terminal and "NO_COLOR" not in os.environ) if readable else _render_json
    global _file  # noqa: PLW0603 - as structlog, a process has one log
    if _file is not None:
        _file.close()
    _file = None if file is None else LogFile(file, lambda count: _render_json(_lost_line(count, now)))
    line_of = _LineMaker(render, now, _file)
    writer = _Writer(target, line_of)
    threshold = LEVELS[level.upper()]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, line_of],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *names: _Channel(writer, *names[:1]),
        cache_logger_on_first_use=False,
    )
    handler = _LibraryHandler(writer, line_of)
    handler.setLevel(threshold if threshold == logging.DEBUG else max(threshold, logging.WARNING))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(handler.level)
    logging.captureWarnings(True)


def start_log(settings: Settings, *, keep: bool = False) -> None:
    """Set up this process's log as the settings say, with all their secrets kept out.

    Args:
        keep: keep the newest lines in DATA_DIR too, where the dashboard finds them.
    """
    for secret in settings.secret_values():
        register_secret(secret)
    file = settings.data_dir / FOLDER / NAME if keep else None
    configure_logging(settings.log_level, settings.log_format, file=file)


class _LineMaker:
    """The last processor: one event to one line, exceptions rendered, secrets masked."""

    def __init__(
        self, render: Callable[[dict[str, Plain]], str], now: Callable[[], datetime], file: LogFile | None
    ) -> None:
        self._render = render
        self._now = now
        self._file = file

    def __call__(self, logger: WrappedLogger, method: str, event_dict: EventDict) -> str:
        event_dict = structlog.processors.format_exc_info(logger, method, event_dict)
        level = {"exception": "error", "warn": "warning", "fatal": "critical", "msg": "info"}.get(method, method)
        line: dict[str, Plain] = {
            "time": _stamp(self._now()),
            "level": level,
            "event": _redactor.text(str(event_dict.pop("event", ""))),
        }
        component = event_dict.pop("component", None) or getattr(logger, "name", "")
        if component:
            line["component"] = _redactor.text(str(component))
        for name, value in event_dict.items():
            line[f"{name}_" if name in _RESERVED else name] = _redactor.field(name, value)
        if self._file is not None:
            self._file.write(_render_json(line))
        return self._render(line)


class _Writer:
    """Writes whole lines.

    A log that cannot be written (closed pipe, full disk) must not stop the bot: lost lines are counted, and the count
    is logged when writing works again.
    """

    def __init__(self, stream: TextIO, line_of: _LineMaker) -> None:
        self._stream = stream
        self._line_of = line_of
        self._lock = threading.Lock()
        self._lost = 0

    def write(self, line: str) -> None:
        with self._lock:
            lines = f"{line}\n"
            if self._lost:
                lines = f"{self._line_of(None, 'warning', {'event': 'log_lines_lost', 'count': self._lost})}\n{lines}"
            try:
                self._stream.write(lines)
                self._stream.flush()
            except (OSError, ValueError):  # ValueError: the stream is closed
                self._lost += 1
            else:
                self._lost = 0


class _Channel:
    """What a logger of one component writes through."""

    def __init__(self, writer: _Writer, name: str = "") -> None:
        self.name = name
        self.msg = writer.write
        self.debug = self.info = self.warning = self.error = self.critical = self.msg


class _LibraryHandler(logging.Handler):
    """Brings the log records of libraries into the same lines."""

    def __init__(self, writer: _Writer, line_of: _LineMaker) -> None:
        super().__init__()
        self._writer = writer
        self._line_of = line_of

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # the library's format does not fit its arguments
            text = str(record.msg)
        event: dict[str, Any] = {"event": "library", "component": record.name, "message": text}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        self._writer.write(self._line_of(None, record.levelname.lower(), event))


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _lost_line(count: int, now: Callable[[], datetime]) -> dict[str, Plain]:
    return {"time": _stamp(now()), "level": "warning", "event": "log_lines_lost", "count": count}


def _render_json(line: dict[str, Plain]) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _console_renderer(colours: bool) -> Callable[[dict[str, Plain]], str]:
    """Time, level and event in columns, then `name=value`; an exception on the lines below."""

    def paint(text: str, colour: str) -> str:
        return f"{colour}{text}{_RESET}" if colours else text

    def render(line: dict[str, Plain]) -> str:
        time, level, event = (str(line.pop(name)) for name in _RESERVED)
        exception = line.pop("exception", None)
        head = [
            paint(time, _DIM),
            paint(level.upper().ljust(8), _COLOURS.get(level, "")),
            paint(_quoted(event, spaces=True).ljust(_EVENT_WIDTH), _BOLD),
        ]
        values = [f"{paint(f'{_quoted(name)}=', _DIM)}{_quoted(value)}" for name, value in line.items()]
        text = " ".join([*head, *values]).rstrip()
        return text if exception is None else f"{text}\n{_printable(str(exception))}"

    return render


def _quoted(value: Plain, *, spaces: bool = False) -> str:
    """The value as one word; in quotes, with escapes, where it is not one (a log line cannot be forged by a value)."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    plain = value.isprintable() and '"' not in value and "=" not in value and (spaces or (" " not in value and value))
    return value if plain else json.dumps(value)


def _printable(text: str) -> str:
    return "".join(c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)
