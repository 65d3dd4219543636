"""A chat's webhook on loopback: keeps what is posted to it, and answers as it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class FakeHook(ThreadingHTTPServer):
    """The server; `received` holds (path, body), `status` is what it answers.

    A refusal quotes what was asked for, its whole address included.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[str, str]] = []
        self.status = 200

    def url(self, token: str) -> str:
        """Its address for Apprise."""
        return f"json://127.0.0.1:{self.server_port}/{token}"


@contextmanager
def webhook() -> Iterator[FakeHook]:
    """A running webhook."""
    server = FakeHook()
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: FakeHook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.received.append((self.path, body))
        self.send_response(self.server.status)
        self.end_headers()
        if self.server.status != 200:
            self.wfile.write(f"cannot take http://{self.headers['Host']}{self.path}: {body}".encode())

    def log_message(self, *_: object) -> None: ...
