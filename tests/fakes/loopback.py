"""A server on loopback that is there while a `with` lasts."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Bad:
    """An answer, most often a bad one: a status with a body, or a silence of some seconds.

    Attributes
    ----------
    status : int
        0 for none: the connection is reset.
    body : str
    headers : mapping of str to str
    silence : float
        Seconds before anything is sent.
    claimed : int or None
        A length that is told in place of the true one: the answer ends in the middle.
    pause : float
        Seconds after each byte of the body.
    """

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    silence: float = 0.0
    claimed: int | None = None
    pause: float = 0.0


def as_json(status: int, answer: Any) -> Bad:
    """An answer in JSON."""
    return Bad(status, json.dumps(answer), {"Content-Type": "application/json; charset=UTF-8"})


class QuietHandler(BaseHTTPRequestHandler):
    """What gives such answers, and writes no log."""

    def give(self, answer: Bad) -> None:
        """Answer the request, if its client still waits."""
        time.sleep(answer.silence)
        if not answer.status:  # closing with nothing lingering resets the connection
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        body = answer.body.encode("utf-8", "surrogatepass")
        try:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if answer.claimed is None else answer.claimed))
            self.end_headers()
            for piece in [body[n : n + 1] for n in range(len(body))] if answer.pause else [body]:
                self.wfile.write(piece)
                time.sleep(answer.pause)
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
