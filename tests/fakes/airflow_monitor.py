"""Airflow's word on its own health, on loopback: ``GET /api/v2/monitor/health`` of its published OpenAPI.

It needs no login. A part is ``healthy`` or ``unhealthy``, or null where none ever ran (a triggerer).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class FakeMonitor(ThreadingHTTPServer):
    """The server; `ages` says how many seconds ago each part gave its newest sign of life.

    `raw` is answered in place of all, as it is, with `status`.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Health)
        self.ages = {"scheduler": 1.0, "dag_processor": 1.0, "triggerer": 1.0}
        self.raw: bytes | None = None
        self.status = 200

    @property
    def url(self) -> str:
        """The address of its API server."""
        return f"http://127.0.0.1:{self.server_port}"

    def body(self) -> bytes:
        """What it says now."""
        if self.raw is not None:
            return self.raw
        parts: dict[str, dict[str, str | None]] = {"metadatabase": {"status": "healthy"}}
        for part, age in self.ages.items():
            parts[part] = {
                "status": "healthy" if age < 30 else "unhealthy",
                f"latest_{part}_heartbeat": (datetime.now(UTC) - timedelta(seconds=age)).isoformat(),
            }
        return json.dumps(parts).encode()


class _Health(BaseHTTPRequestHandler):
    server: FakeMonitor

    def do_GET(self) -> None:
        if self.path != "/api/v2/monitor/health":
            self.send_error(404)
            return
        body = self.server.body()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def airflow_monitor() -> Iterator[FakeMonitor]:
    """A running one."""
    server = FakeMonitor()
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
