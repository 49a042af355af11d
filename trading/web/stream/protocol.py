"""uvicorn's WebSocket, with bounds for a peer that does not read."""

from __future__ import annotations

import socket
from asyncio.transports import BaseTransport

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

SEND_BUFFER_BYTES = 128 * 1024
UNREAD_MS_MAX = 30_000


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """Ends a connection whose peer takes nothing for `UNREAD_MS_MAX`, and lets little wait in the system's buffers.

    Without this a closed connection stays until all that was written has been read, which may be never.
    """

    def connection_made(self, transport: BaseTransport) -> None:
        """The handshake has arrived."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MS_MAX)
