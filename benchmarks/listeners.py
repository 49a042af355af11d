"""Many WebSocket listeners in one thread, so light that they measure the server and not themselves."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
import time
from typing import Any, cast

OPEN_SECONDS = 30.0
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Listener(asyncio.Protocol):
    """One connection. Notes when which message came; answers pings.

    Attributes:
        opened: done when the server has taken the connection.
        came: by `seq`, the wall clock (s).
        texts: the messages themselves, if they are kept.
        closed: the close code, None while it is open, 0 where this side ended it.
    """

    def __init__(self, path: str, host: str, headers: dict[str, str], *, keeps: bool) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.came: dict[int, float] = {}
        self.texts: list[str] = []
        self.closed: int | None = None
        self._keeps = keeps
        self._buffer = bytearray()
        key = base64.b64encode(os.urandom(16)).decode()
        given = {
            "Host": host,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": "13",
            **headers,
        }
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
        self._request = "\r\n".join(lines).encode()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take what has come apart into messages."""
        now = time.time()
        self._buffer += data
        if not self.opened.done():
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            status = bytes(self._buffer[: self._buffer.find(b"\r\n")]).decode()
            del self._buffer[: end + 4]
            if " 101 " not in status:
                self.opened.set_exception(ConnectionError(status))
                return
            self.opened.set_result(None)
        while (frame := self._next_frame()) is not None:
            self._take(*frame, now)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("closed during the handshake"))
        if self.closed is None:
            self.closed = 1006

    def close(self) -> None:
        """End the connection at once; that is no sending away."""
        self.closed = self.closed or 0
        self._transport.abort()

    def _next_frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, start = buffer[1] & 0x7F, 2
        if length == 126:
            start = 4
            length = int.from_bytes(buffer[2:4], "big")
        elif length == 127:
            start = 10
            length = int.from_bytes(buffer[2:10], "big")
        if len(buffer) < start or len(buffer) < start + length:
            return None
        payload = bytes(buffer[start : start + length])
        opcode = buffer[0] & 0x0F
        del buffer[: start + length]
        return opcode, payload

    def _take(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == _TEXT:
            # Every message begins with {"seq":NUMBER,
            self.came.setdefault(int(payload[7 : payload.index(b",")]), now)
            if self._keeps:
                self.texts.append(payload.decode())
        elif opcode == _PING:
            # The mask is all zeroes: what is sent is its own masked form.
            self._transport.write(struct.pack("!BB4x", 0x80 | _PONG, 0x80 | len(payload)) + payload)
        elif opcode == _CLOSE:
            self.closed = int.from_bytes(payload[:2], "big")


async def listen(
    port: int, count: int, headers: dict[str, str], *, keeps_all: bool = False, path: str = "/ws"
) -> list[Listener]:
    """So many open connections, one after the other; the first keeps its messages, the others if they shall."""
    loop = asyncio.get_running_loop()
    found: list[Listener] = []
    for number in range(count):
        keeps = keeps_all or number == 0

        def make(keeps: bool = keeps) -> Any:
            return Listener(path, f"127.0.0.1:{port}", headers, keeps=keeps)

        _, listener = await loop.create_connection(make, "127.0.0.1", port)
        async with asyncio.timeout(OPEN_SECONDS):
            await listener.opened
        found.append(listener)
    return found
