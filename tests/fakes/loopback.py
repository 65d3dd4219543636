"""A server on loopback that is there while a `with` lasts."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True)
class Bad:
    """An answer, most often a bad one: a status with a body, or a silence of some seconds."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    silence: float = 0.0


class QuietHandler(BaseHTTPRequestHandler):
    """What gives such answers, and writes no log."""

    def give(self, answer: Bad) -> None:
        """Answer the request, if its client still waits."""
        time.sleep(answer.silence)
        body = answer.body.encode()
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client did not wait

    def log_message(self, *_: object) -> None:
        pass


class LoopbackServer:
    """A context manager; who has this as its base says by `listen` what answers."""

    url: str
    _server: ThreadingHTTPServer

    def listen(self, handler: type[BaseHTTPRequestHandler]) -> None:
        """Take a free port; nothing is answered before the `with` begins."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
