"""Makes one message of alerts that are due: one alert in full, several as a list, repeats as one line. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

import msgspec

from trading.domain.actions import Level
from trading.monitoring.alerts.rules import URGENCY
from trading.monitoring.alerts.texts import wording_of
from trading.store.alerts import Alert
from trading.store.deliveries import kind_of

KINDS_MAX = 20
TEXT_CHARACTERS = 1_200
LINE_CHARACTERS = 300
BODY_CHARACTERS = 1_600
"""Under what the channel with the smallest messages takes (2,000), title and footer included."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel sends, as plain text. told: the alerts that are in it."""

    level: Level
    title: str
    body: str
    told: tuple[Alert, ...]


def compose(waiting: Sequence[Alert], name: str, zone: tzinfo) -> Message:
    """A message with the first of these alerts, as many as fit; where not all do, the critical ones go first.

    Each alert's number is in it: a message that comes twice is recognised by that.

    Args:
        waiting: at least one, in the order of their numbers.
        name: of the bot.
        zone: of the times.
    """
    kinds: dict[tuple[str, str, str], list[Alert]] = {}
    for alert in waiting:
        kinds.setdefault(kind_of(alert), []).append(alert)
    groups = list(kinds.values())
    if len(groups) == 1:
        return _of_one_kind(groups[0], name, zone)
    if len(groups) > KINDS_MAX:
        groups.sort(key=lambda group: group[0].level is not Level.CRITICAL)
    chosen: list[tuple[list[Alert], str]] = []
    size = 0
    for group in groups[:KINDS_MAX]:
        line = _line(group, zone)
        size += len(line) + 1
        if chosen and size > BODY_CHARACTERS:
            break
        chosen.append((group, line))
    if len(chosen) == 1:
        return _of_one_kind(chosen[0][0], name, zone)
    chosen.sort(key=lambda one: one[0][0].seq)
    told = [alert for group, _ in chosen for alert in group]
    critical = sum(alert.level is Level.CRITICAL for alert in told)
    count = f"{len(told)} alerts" + (f", {critical} critical" if critical else "")
    return Message(
        level=max((alert.level for alert in told), key=URGENCY.__getitem__),
        title=f"{name}: {count}",
        body="\n".join(line for _, line in chosen),
        told=tuple(told),
    )


def plain(message: Message, name: str) -> Message:
    """The least that can be said, for a channel that does not take the message itself: maybe something in its text."""
    seqs = [alert.seq for alert in message.told]
    numbers = f"{seqs[0]}" if len(seqs) == 1 else f"{seqs[0]} to {seqs[-1]}"
    return Message(
        level=message.level,
        title=f"{_ascii(name)}: {message.level} alert",
        body=f"Alert {numbers}. Its text could not be delivered here: `tradebot alerts` shows it.",
        told=message.told,
    )


def _of_one_kind(group: list[Alert], name: str, zone: tzinfo) -> Message:
    first, last = group[0], group[-1]
    wording = wording_of(last.code)
    urgent = f"{last.level.upper()}: " if last.level is not Level.INFO else ""
    subject = f": {last.symbol}" if last.symbol else ""
    lines = [_clipped(last.text, TEXT_CHARACTERS)]
    if wording.advice:
        lines.append(wording.advice)
    if len(group) > 1:
        lines.append(f"{len(group)} times since {_time(first, zone)}; this is the last of them.")
    lines.append(f"{_date(last, zone)}, alert {_numbers(group)}")
    return Message(
        level=last.level,
        title=f"{name}: {urgent}{wording.headline}{subject}",
        body="\n".join(lines),
        told=tuple(group),
    )


def _line(group: list[Alert], zone: tzinfo) -> str:
    last = group[-1]
    urgent = f"{last.level.upper()} " if last.level is not Level.INFO else ""
    times = f" ({len(group)} times since {_time(group[0], zone)})" if len(group) > 1 else ""
    text = f"{_time(last, zone)} {urgent}{wording_of(last.code).headline}: {_clipped(last.text, LINE_CHARACTERS)}"
    return f"{text}{times} [{_numbers(group)}]"


def _numbers(group: list[Alert]) -> str:
    if not group[0].seq:
        return "without a number: it is not stored yet"
    return f"#{group[0].seq}" if len(group) == 1 else f"#{group[0].seq}-#{group[-1].seq}"


def _clipped(text: str, characters: int) -> str:
    """One line of printable text."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= characters else f"{line[: characters - 1]}…"


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()


def _time(alert: Alert, zone: tzinfo) -> str:
    return datetime.fromtimestamp(alert.created_ms / 1000, zone).strftime("%H:%M:%S")


def _date(alert: Alert, zone: tzinfo) -> str:
    return datetime.fromtimestamp(alert.created_ms / 1000, zone).strftime("%Y-%m-%d %H:%M:%S %Z")
