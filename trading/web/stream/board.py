"""The numbered messages, the last of them kept for those who come back, and how things stand for those who are new."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Iterable
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from trading.web.models.base import moment

MESSAGES_KEPT = 4_096
RECENT_KEPT = 50
SNAPSHOT = "snapshot"


class Kind(StrEnum):
    """The types of messages besides `snapshot`."""

    POSITION = "position_update"
    ORDER = "order_update"
    TRADE = "trade_executed"
    METRICS = "metrics_update"
    EQUITY = "equity_update"
    HEALTH = "health_update"
    SAFETY = "safety_update"
    DECISION = "decision"
    ALERT = "alert"
    CANDLE = "candle"


class Part(NamedTuple):
    """How messages of one type stand in a snapshot: under which name, and how many at most (1: the thing itself)."""

    name: str
    kept: int


PARTS: dict[Kind, Part] = {
    Kind.POSITION: Part("positions", 10_000),
    Kind.ORDER: Part("orders", 10_000),
    Kind.TRADE: Part("trades", RECENT_KEPT),
    Kind.METRICS: Part("metrics", 1),
    Kind.EQUITY: Part("equity", 1),
    Kind.HEALTH: Part("health", 1),
    Kind.SAFETY: Part("safety", 1),
    Kind.DECISION: Part("decisions", 10_000),
    Kind.ALERT: Part("alerts", RECENT_KEPT),
    Kind.CANDLE: Part("candles", 10_000),
}


class Draft(NamedTuple):
    """A message without its number. key: of what it tells, within its type; data: JSON; ends: it is no more."""

    kind: Kind
    key: str
    data: str
    ends: bool = False


class Board:
    """Numbers messages without a gap, from a number on that a server which was started earlier has not reached.

    Numbers begin at the wall clock's milliseconds times 1000: a server would have to send a million messages a second
    to reach those of one that is started later, and they stay exact in JavaScript for another two centuries.

    Args:
        now_ms: the wall clock, UTC ms.
        kept: how many messages are kept.
    """

    def __init__(self, now_ms: int, *, kept: int = MESSAGES_KEPT) -> None:
        self.last = now_ms * 1000
        self._kept: deque[str] = deque(maxlen=kept)
        self._standing: dict[Kind, OrderedDict[str, str]] = {kind: OrderedDict() for kind in Kind}
        self._snapshot: str | None = None

    def post(self, draft: Draft, now_ms: int) -> str:
        """The draft as a message, encoded once for all."""
        self._stand(draft)
        return self._number(draft.kind, draft.data, now_ms)

    def renew(self, drafts: Iterable[Draft], now_ms: int) -> str:
        """Forget how things stood; the message that tells how they stand now."""
        for standing in self._standing.values():
            standing.clear()
        for draft in drafts:
            self._stand(draft)
        return self._number(SNAPSHOT, self._data(), now_ms)

    def since(self, seq: int) -> list[str] | None:
        """The messages after this number; None where they are not all kept, or it is no number of this server."""
        missing = self.last - seq
        if not 0 <= missing <= len(self._kept):
            return None
        return list(islice(self._kept, len(self._kept) - missing, None))

    def snapshot(self, now_ms: int) -> str:
        """How things stand after the last message, under its number: the next one goes on from there."""
        if self._snapshot is None:
            self._snapshot = _encoded(self.last, SNAPSHOT, self._data(), now_ms)
        return self._snapshot

    def _stand(self, draft: Draft) -> None:
        standing = self._standing[draft.kind]
        if draft.ends:
            standing.pop(draft.key, None)
        else:
            standing[draft.key] = draft.data  # what was there keeps its place: alerts and fills are in their order
        if len(standing) > PARTS[draft.kind].kept:
            standing.popitem(last=False)

    def _number(self, kind: str, data: str, now_ms: int) -> str:
        self.last += 1
        self._snapshot = None
        text = _encoded(self.last, kind, data, now_ms)
        self._kept.append(text)
        return text

    def _data(self) -> str:
        parts = []
        for kind, (name, kept) in PARTS.items():
            found = self._standing[kind].values()
            value = next(iter(found), "null") if kept == 1 else f"[{','.join(found)}]"
            parts.append(f"{json.dumps(name)}:{value}")
        return f"{{{','.join(parts)}}}"


def _encoded(seq: int, kind: str, data: str, now_ms: int) -> str:
    time = moment(now_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f'{{"seq":{seq},"type":"{kind}","data":{data},"timestamp":"{time}"}}'
