"""When an alert is due on a channel: its level, quiet hours, and repeats that wait to be sent as one. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

from trading.domain.actions import Level
from trading.store.alerts import Alert
from trading.store.deliveries import Repeats

URGENCY = {Level.INFO: 0, Level.WARNING: 1, Level.CRITICAL: 2}


class QuietHours:
    """Hours of the day in which only what is critical is sent.

    Args:
        text: such as 22:00-07:00; the end is not in them.
        zone: whose hours these are.
    """

    def __init__(self, text: str, zone: tzinfo) -> None:
        begin, end = text.split("-")
        self._begin, self._end = _minute(begin), _minute(end)
        self._zone = zone

    def end_ms(self, now_ms: int) -> int | None:
        """When the quiet hours that now are will be over (UTC ms), None where there are none now."""
        local = datetime.fromtimestamp(now_ms / 1000, self._zone)
        minute = local.hour * 60 + local.minute
        is_past_begin, is_before_end = minute >= self._begin, minute < self._end
        over_midnight = self._begin > self._end
        if not (is_past_begin or is_before_end if over_midnight else is_past_begin and is_before_end):
            return None
        end = local.replace(hour=self._end // 60, minute=self._end % 60, second=0, microsecond=0)
        if not is_before_end:
            end += timedelta(days=1)
        return int(end.timestamp() * 1000)


class AlertRules:
    """The rule by which the sender puts down when an alert is due (`deliveries.DueRule`).

    Args:
        min_level: by channel, the least urgent level that it gets.
        join_ms: repeats of what was sent less than this ago wait until then, and are sent as one.
        quiet: hours in which only what is critical is sent.
    """

    def __init__(self, min_level: Callable[[str], Level], *, join_ms: int, quiet: QuietHours | None = None) -> None:
        self.min_level = min_level
        self.join_ms = join_ms
        self._quiet = quiet

    def __call__(self, channel: str, alert: Alert, repeats: Repeats, now_ms: int) -> int | None:
        """When the alert is due on the channel (UTC ms); None where it is not urgent enough for it."""
        if URGENCY[alert.level] < URGENCY[self.min_level(channel)]:
            return None
        due_ms = now_ms
        if self._quiet is not None and alert.level is not Level.CRITICAL:
            due_ms = self._quiet.end_ms(now_ms) or now_ms
        if repeats.waits_until_ms is not None:
            return repeats.waits_until_ms
        # A time of the future was given by a clock that was wrong.
        if repeats.sent_ms is not None and repeats.sent_ms <= now_ms:
            due_ms = max(due_ms, repeats.sent_ms + self.join_ms)
        return due_ms


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)
