"""Logs: the two forms of a line, levels, exceptions, libraries' records, and secrets that never get through."""

from __future__ import annotations

import io
import json
import logging
import warnings
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import structlog

from trading.domain.errors import InvalidInput
from trading.monitoring import logs
from trading.monitoring.logs import configure_logging, get_logger, register_secret
from trading.monitoring.redaction import MASK, Redactor

SECRET = "s3cr3t-value+42"
NOON = datetime(2025, 1, 2, 12, 0, 0, 123_456, tzinfo=UTC)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_redactor", Redactor())
    monkeypatch.delenv("NO_COLOR", raising=False)


def configured(level: str = "INFO", log_format: Any = "json", stream: io.StringIO | None = None) -> io.StringIO:
    stream = stream or io.StringIO()
    configure_logging(level, log_format, stream=stream, now=lambda: NOON)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_has_time_level_event_and_values() -> None:
    stream = configured()
    get_logger("engine").info("order_filled", symbol="BTC/USDT", price=Decimal("1E-8"), count=2, share=0.5, ok=True)
    assert lines(stream) == [
        {
            "time": "2025-01-02T12:00:00.123Z",
            "level": "info",
            "event": "order_filled",
            "component": "engine",
            "symbol": "BTC/USDT",
            "price": "0.00000001",
            "count": 2,
            "share": 0.5,
            "ok": True,
        }
    ]


def test_times_are_utc_whatever_the_clocks_zone() -> None:
    stream = io.StringIO()
    zone = timezone(timedelta(hours=5, minutes=30))
    configure_logging("INFO", "json", stream=stream, now=lambda: NOON.astimezone(zone))
    get_logger("x").info("e")
    assert lines(stream)[0]["time"] == "2025-01-02T12:00:00.123Z"


def test_any_value_becomes_json() -> None:
    class Colour(StrEnum):
        RED = "red"

    class Odd:
        def __str__(self) -> str:
            return f"odd {SECRET}"

    register_secret(SECRET)
    stream = configured()
    deep: list[object] = []
    for _ in range(50):
        deep = [deep]
    get_logger("x").info(
        "e",
        nan=float("nan"),
        colour=Colour.RED,
        path=Path("a/b"),
        nested={"a": (1, None, {"b": Decimal("1.50")}), 2: {3}},
        odd=Odd(),
        raw=b"\xff",
        deep=deep,
        lone="\ud800",
    )
    line = lines(stream)[0]
    assert line["nan"] == "nan"
    assert line["colour"] == "red"
    assert line["path"] == "a/b"
    assert line["nested"] == {"a": [1, None, {"b": "1.50"}], "2": [3]}
    assert line["odd"] == f"odd {MASK}"
    assert line["raw"] == "b'\\xff'"


def test_a_value_named_like_a_fixed_field_does_not_replace_it() -> None:
    stream = configured()
    get_logger("x").info("e", level="loud", time="never")
    assert lines(stream) == [
        {
            "time": "2025-01-02T12:00:00.123Z",
            "level": "info",
            "event": "e",
            "component": "x",
            "level_": "loud",
            "time_": "never",
        }
    ]


def test_a_console_line_is_aligned_and_plain_where_there_are_no_colours() -> None:
    stream = configured(log_format="console")
    log = get_logger("engine")
    log.info("order_filled", symbol="BTC/USDT", note="two words", empty="", n={"a": [1]})
    log.warning("stale_data")
    assert stream.getvalue() == (
        "2025-01-02T12:00:00.123Z INFO     order_filled                 component=engine symbol=BTC/USDT "
        'note="two words" empty="" n={"a": [1]}\n'
        "2025-01-02T12:00:00.123Z WARNING  stale_data                   component=engine\n"
    )


def test_a_value_cannot_forge_a_console_line() -> None:
    stream = configured(log_format="console")
    get_logger("x").info("e\nfake", text="a\n2025 ERROR fake", escape="\x1b[31m", pair="a=b", **{"k\n": 1})
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert 'text="a\\n2025 ERROR fake"' in stream.getvalue()
    assert 'pair="a=b"' in stream.getvalue()


def test_auto_is_coloured_console_on_a_terminal_and_json_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = configured(log_format="auto", stream=Terminal())
    get_logger("x").error("e")
    assert "\x1b[31mERROR" in terminal.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = configured(log_format="auto", stream=Terminal())
    get_logger("x").error("e")
    assert "ERROR" in plain.getvalue()
    assert "\x1b" not in plain.getvalue()
    elsewhere = configured(log_format="auto")
    get_logger("x").error("e")
    assert lines(elsewhere)[0]["level"] == "error"


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("DEBUG", ["debug", "info", "warning", "error", "critical"]),
        ("info", ["info", "warning", "error", "critical"]),
        ("WARNING", ["warning", "error", "critical"]),
        ("ERROR", ["error", "critical"]),
        ("CRITICAL", ["critical"]),
    ],
)
def test_levels(level: str, expected: list[str]) -> None:
    stream = configured(level)
    log = get_logger("x")
    for name in ("debug", "info", "warning", "error", "critical"):
        getattr(log, name)("e")
    assert [line["level"] for line in lines(stream)] == expected


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_an_exception_is_rendered_and_its_secrets_masked(log_format: str) -> None:
    register_secret(SECRET)
    stream = configured(log_format=log_format)
    try:
        raise ValueError(f"cannot use {SECRET}")
    except ValueError:
        get_logger("x").exception("failed")
    text = stream.getvalue()
    assert SECRET not in text
    if log_format == "json":
        assert lines(stream)[0]["level"] == "error"
        text = lines(stream)[0]["exception"]
    assert "Traceback (most recent call last)" in text
    assert f"ValueError: cannot use {MASK}" in text


def test_an_exception_cannot_send_control_characters_to_a_terminal() -> None:
    stream = configured(log_format="console")
    try:
        raise ValueError("red \x1b[31m")
    except ValueError:
        get_logger("x").exception("failed")
    assert "\x1b" not in stream.getvalue()
    assert "ValueError: red \\x1b[31m\n" in stream.getvalue()


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize(
    "values",
    [
        {"note": f"key is {SECRET}!"},
        {"note": [SECRET, {"a": (SECRET,)}]},
        {"note": {SECRET: 1}},
        {"note": ValueError(SECRET)},
        {"note": {"a": ValueError(SECRET)}},
        {"api_key": "anything"},
        {"apiKey": "anything"},
        {"API-KEY": "anything"},
        {"kill_switch_secret": "anything"},
        {"access_token": "anything"},
        {"db_password": "anything"},
        {"passphrase": "anything"},
        {"Authorization": "anything"},
        {"private_key": "anything"},
        {"headers": {"Set-Cookie": "anything"}},
        {"request": {"auth": {"secret": ["anything"]}}},
        {"url": "postgresql://bot:anything@db:5432/bot"},
        {"url": "postgresql://bot:any@anything/thing@db:5432/bot"},
        {"url": "see https://:anything@host and redis://u:anything@h"},
    ],
)
def test_secrets_never_get_through(values: dict[str, object], log_format: str) -> None:
    register_secret(SECRET)
    stream = configured(log_format=log_format)
    get_logger("x").info("e", **values)
    assert SECRET not in stream.getvalue()
    assert "anything" not in stream.getvalue()
    assert MASK in stream.getvalue()


def test_a_secret_in_the_event_name_or_a_bound_value_is_masked() -> None:
    register_secret(SECRET)
    stream = configured()
    get_logger("x").bind(where=SECRET).info(f"got {SECRET}")
    assert SECRET not in stream.getvalue()
    assert lines(stream)[0]["event"] == f"got {MASK}"


def test_secrets_with_quotes_and_backslashes_are_masked_in_the_text_of_objects_too() -> None:
    awkward = "a\"b\\c'd\te"
    register_secret(awkward)
    for log_format in ("json", "console"):
        stream = configured(log_format=log_format)
        get_logger("x").info("e", note=awkward, error=ValueError(awkward), listed=str([awkward]))
        assert "b\\\\c" not in stream.getvalue()
        assert stream.getvalue().count(MASK) == 3


def test_the_longest_of_overlapping_secrets_is_masked() -> None:
    redactor = Redactor()
    for secret in ("abcd", "abcdef", "cdefgh"):
        redactor.register(secret)
    assert redactor.text("xabcdefx abcd cdefgh") == f"x{MASK}x {MASK} {MASK}"


def test_very_short_values_are_not_taken_for_secrets() -> None:
    redactor = Redactor()
    redactor.register("a")
    redactor.register("")
    assert redactor.text("a banana") == "a banana"


def test_what_is_no_secret_is_left_alone() -> None:
    stream = configured()
    get_logger("x").info("e", url="https://host:8080/a", symbol="BTC/USDT", keys=3, password=None, secret="")
    line = lines(stream)[0]
    assert (line["symbol"], line["keys"], line["password"], line["secret"]) == ("BTC/USDT", 3, None, "")
    assert line["url"] == "https://host:8080/a"


def test_records_of_libraries_take_the_same_form() -> None:
    register_secret(SECRET)
    stream = configured()
    library = logging.getLogger("some.library")
    library.info("too quiet")
    library.warning("token %s for %d", SECRET, 3)
    library.error("does not fit %d %d", 1)
    try:
        raise KeyError(SECRET)
    except KeyError:
        library.exception("broke")
    found = lines(stream)
    assert [(line["level"], line["event"], line["component"]) for line in found] == [
        ("warning", "library", "some.library"),
        ("error", "library", "some.library"),
        ("error", "library", "some.library"),
    ]
    assert found[0]["message"] == f"token {MASK} for 3"
    assert found[1]["message"] == "does not fit %d %d"
    assert "KeyError" in found[2]["exception"]
    assert SECRET not in stream.getvalue()


def test_libraries_speak_of_everything_at_debug_and_of_less_at_error() -> None:
    stream = configured("DEBUG")
    logging.getLogger("some.library").debug("detail")
    assert lines(stream)[0]["message"] == "detail"
    stream = configured("ERROR")
    logging.getLogger("some.library").warning("detail")
    assert stream.getvalue() == ""


def test_warnings_go_to_the_log() -> None:
    stream = configured()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)
    assert "old thing" in lines(stream)[0]["message"]


def test_a_log_that_cannot_be_written_stops_nothing_and_tells_what_was_lost() -> None:
    class Full(io.StringIO):
        full = True

        def write(self, text: str) -> int:
            if self.full:
                raise OSError(28, "No space left on device")
            return super().write(text)

    stream = Full()
    configured(stream=stream)
    log = get_logger("x")
    log.info("one")
    log.info("two")
    stream.full = False
    log.info("three")
    log.info("four")
    assert [(line["event"], line.get("count")) for line in lines(stream)] == [
        ("log_lines_lost", 2),
        ("three", None),
        ("four", None),
    ]


def test_a_closed_stream_stops_nothing() -> None:
    stream = configured()
    stream.close()
    get_logger("x").info("e")
    logging.getLogger("some.library").warning("e")
    fresh = configured()
    get_logger("x").info("again")
    assert lines(fresh)[0]["event"] == "again"


def test_a_logger_of_structlog_itself_names_its_component_too() -> None:
    log = structlog.get_logger("trading.manager")
    stream = configured()
    log.bind(symbol="BTC/USDT").info("e")
    structlog.get_logger().info("e")
    assert [line.get("component") for line in lines(stream)] == ["trading.manager", None]


def test_a_logger_made_before_the_configuration_follows_it() -> None:
    log = get_logger("early")
    stream = configured()
    log.info("e")
    assert lines(stream)[0]["component"] == "early"


def test_refusals() -> None:
    with pytest.raises(InvalidInput, match="LOG_LEVEL"):
        configure_logging("LOUD")
    with pytest.raises(InvalidInput, match="LOG_FORMAT"):
        configure_logging("INFO", "xml")  # type: ignore[arg-type]
