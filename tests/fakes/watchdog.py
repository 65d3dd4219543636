"""A watchdog outside on loopback, after the published ping API of healthchecks.io.

A GET of the address is a ping; a POST to the address with ``/fail`` behind it is a message.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

PATH = "/1f0e-check"


class FakeWatchdog(ThreadingHTTPServer):
    """The server; `pings` counts, `messages` holds bodies, `status` is what it answers.

    While `hangs` is set it answers nobody.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pings = 0
        self.messages: list[str] = []
        self.status = 200
        self.hangs = False
        self.released = Event()

    @property
    def url(self) -> str:
        """What a user is given to ping."""
        return f"http://127.0.0.1:{self.server_port}{PATH}"


@contextmanager
def watchdog() -> Iterator[FakeWatchdog]:
    """A running watchdog."""
    server = FakeWatchdog()
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: FakeWatchdog

    def do_GET(self) -> None:
        if self._answers(PATH):
            self.server.pings += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self._answers(f"{PATH}/fail"):
            self.server.messages.append(body)

    def _answers(self, expected: str) -> bool:
        """Answer; whether the request was taken."""
        if self.server.hangs:
            self.server.released.wait()
        status = self.server.status if self.path == expected else 404
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"OK")
        return status == 200

    def log_message(self, *_: object) -> None: ...
