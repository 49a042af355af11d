"""A local stand-in for the services that alerts go to, on a real socket: each request is kept, the test answers it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Request(NamedTuple):
    """What came in. body: as JSON where it is some."""

    method: str
    path: str
    body: Any


Answer = tuple[int, bytes] | None
"""Status and body; None cuts the connection."""


class Service:
    """An HTTP server on a loopback port. `answer` may be changed at any time, and may block as long as it likes."""

    def __init__(self, answer: Callable[[Request], Answer] = lambda _request: (200, b"ok")) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length", 0)))
                try:
                    body = json.loads(raw)
                except ValueError:
                    body = raw.decode("utf-8", "replace")
                request = Request(self.command, self.path, body)
                service.requests.append(request)
                found = service.answer(request)
                try:
                    if found is None:
                        self.connection.close()
                        return
                    self.send_response(found[0])
                    self.send_header("Content-Length", str(len(found[1])))
                    self.end_headers()
                    self.wfile.write(found[1])
                except OSError:  # the client has given up
                    pass

            do_GET = do_POST = _do  # noqa: N815 - the names that http.server asks for

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def service(answer: Callable[[Request], Answer] = lambda _request: (200, b"ok")) -> Iterator[Service]:
    """A service for the length of a test."""
    found = Service(answer)
    try:
        yield found
    finally:
        found.close()
