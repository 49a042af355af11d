"""A test alert through every channel at once: what each says to it. Goes past the table, the sender and its pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from trading.domain.actions import Level
from trading.monitoring.alerts.channels import Channel
from trading.monitoring.alerts.message import Message
from trading.monitoring.logs import redact

TRIAL_SECONDS = 25.0


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel made of the test. error: empty if it took the message; took_s: seconds until its answer."""

    channel: str
    error: str
    took_s: float

    @property
    def arrived(self) -> bool:
        """Whether the channel took it."""
        return not self.error


def try_channels(channels: Sequence[Channel], name: str, by: str, within_s: float = TRIAL_SECONDS) -> list[Trial]:
    """Send a test through each of the channels; returns when all have answered, or after `within_s`.

    Args:
        channels: where to.
        name: of the bot.
        by: who asked for it.
        within_s: how long to wait for the slowest.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    body = f"This is a test, asked for by {by}. Nothing has happened.\n{now}"
    message = Message(level=Level.INFO, title=f"{name}: Test alert", body=body, told=())
    found: dict[int, Trial] = {}

    def run(place: int, channel: Channel) -> None:
        began = time.monotonic()
        try:
            error = channel.send(message)
        except Exception as problem:  # noqa: BLE001 - whatever a channel raises is its answer to the test
            error = redact(f"{type(problem).__name__}: {problem}") or "failed"
        found[place] = Trial(channel=channel.name, error=error, took_s=round(time.monotonic() - began, 3))

    threads = [
        threading.Thread(target=run, args=(place, channel), name=f"alerts-test-{channel.name}", daemon=True)
        for place, channel in enumerate(channels)
    ]
    until = time.monotonic() + within_s
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return [
        found.get(place) or Trial(channel=channel.name, error=f"no answer within {within_s:g} s", took_s=within_s)
        for place, channel in enumerate(channels)
    ]
