"""Hears what is posted to it and writes each body into the data folder: mounted by tests, and in no image."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

HEARD = Path("/app/data/heard.jsonl")


class Hears(BaseHTTPRequestHandler):
    """One line for each body."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with HEARD.open("ab") as file:
            file.write(body.replace(b"\n", b" ") + b"\n")
        self.send_response(204)
        self.end_headers()


if __name__ == "__main__":
    HTTPServer(("", 8000), Hears).serve_forever()
