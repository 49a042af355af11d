"""One who listens to `WS /ws` in a test, with what it has received so far."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from websockets.sync.client import ClientConnection

from tests.support.web import Served

PATIENCE_S = 60.0
Message = dict[str, Any]


class Listening:
    """An open stream. A context manager that closes it."""

    def __init__(self, served: Served, since: int | None = None, **options: Any) -> None:
        self.messages: list[Message] = []
        self.connection: ClientConnection
        self._connect = served.websocket("/ws" if since is None else f"/ws?since={since}", **options)

    def __enter__(self) -> Listening:
        self.connection = self._connect.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connect.__exit__(kind, error, trace)

    @property
    def last(self) -> int:
        """The number of the last message received."""
        return int(self.messages[-1]["seq"])

    def next(self) -> Message:
        """The next message. Its number must follow that of the one before."""
        message: Message = json.loads(self.connection.recv(timeout=PATIENCE_S))
        assert message.keys() == {"seq", "type", "data", "timestamp"}
        if self.messages:
            assert message["seq"] == self.last + 1
        self.messages.append(message)
        return message

    def until(self, wanted: Callable[[Message], bool], what: str) -> Message:
        """Read on to the message that is wanted."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            message = self.next()
            if wanted(message):
                return message
        raise AssertionError(f"never came: {what}; last: {[m['type'] for m in self.messages[-20:]]}")

    def until_type(self, kind: str) -> Message:
        """Read on to the next message of this type."""
        return self.until(lambda message: message["type"] == kind, kind)
