"""HTTP between the fake Alpaca and its callers: what arrives, what is sent, and what is sent in its place."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.alpaca_faults import Fault


@dataclass(frozen=True)
class Request:
    """One request that arrived, and the status that was answered; 0 for none at all, or not yet."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any
    endpoint: str
    status: int


@dataclass(frozen=True)
class Reply:
    """What is sent back; `claimed` is a length that is told in place of the true one, status 0 a reset."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    claimed: int | None = None


#: Answers a request, given method, path, query, body, and its key and secret; None is silence.
Answering = Callable[[str, str, Mapping[str, str], Any, tuple[str | None, str | None]], Reply | None]

_PAGE = b"<html><head><title>Alpaca</title></head><body>Back soon</body></html>"
#: What would pass for a clock and for an account, had it not come with a redirection.
_ELSEWHERE = b'{"timestamp":"2022-03-01T00:00:00Z","cash":"7"}'
_HTML = {"Content-Type": "text/html"}


def as_json(status: int, answer: Any) -> Reply:
    """An answer as it should be."""
    if status == 204:
        return Reply(204)
    return Reply(status, json.dumps(answer).encode(), {"Content-Type": "application/json; charset=UTF-8"})


def in_place_of(fault: Fault, answer: Any, silence: float) -> Reply | None:
    """What is sent when the line fails, in place of an answer."""
    if fault in (Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER):
        time.sleep(silence)
        return None
    if fault is Fault.TRUNCATED:
        whole = as_json(200, answer if answer is not None else {"message": "a body that is longer"})
        return Reply(200, whole.body[: len(whole.body) // 2], whole.headers, len(whole.body))
    too_many = as_json(429, {"code": 42910000, "message": "rate limit exceeded"})
    return {
        Fault.REFUSED: Reply(0),
        Fault.TOO_MANY: too_many,
        Fault.TOO_MANY_WAIT: Reply(429, too_many.body, {**too_many.headers, "Retry-After": "1"}),
        Fault.SERVER_ERROR: as_json(500, {"code": 50010000, "message": "internal server error occurred"}),
        Fault.BAD_GATEWAY: Reply(502, _PAGE, _HTML),
        Fault.GATEWAY_TIMEOUT: Reply(504, _PAGE, _HTML),
        Fault.NOT_JSON: Reply(200, _PAGE, _HTML),
        Fault.EMPTY: Reply(200),
        Fault.REDIRECT: Reply(302, _ELSEWHERE, {"Location": "/elsewhere"}),
        Fault.UNAUTHORIZED: Reply(401, _PAGE, _HTML),
        Fault.FORBIDDEN: as_json(403, {"message": "forbidden."}),
        Fault.NOT_FOUND: Reply(404, _PAGE, _HTML),
    }[fault]


def handler_of(answering: Answering) -> type[BaseHTTPRequestHandler]:
    """A handler that reads requests and sends what `answering` gives, one connection for each."""

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                body = json.loads(raw) if raw else None
            except ValueError:
                body = raw.decode(errors="replace")
            login = (self.headers.get("APCA-API-KEY-ID"), self.headers.get("APCA-API-SECRET-KEY"))
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            self._send(answering(self.command, parts.path, query, body, login))

        do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _any  # noqa: N815

        def _send(self, reply: Reply | None) -> None:
            if reply is None:
                return
            if not reply.status:  # closing with nothing lingering resets the connection
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
            try:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.status != 204:
                    length = len(reply.body) if reply.claimed is None else reply.claimed
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(reply.body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client did not wait

        def log_message(self, *_: object) -> None:
            pass

    return Handler
