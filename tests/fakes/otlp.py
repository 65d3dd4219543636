"""A receiver of metrics on loopback, after the published OTLP/HTTP: a POST of protobuf, often gzipped.

Prometheus takes the same at ``/api/v1/otlp/v1/metrics`` from version 2.47 on.
"""

from __future__ import annotations

import gzip
from http.server import BaseHTTPRequestHandler

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.fakes.loopback import LoopbackServer

PATH = "/api/v1/otlp/v1/metrics"


class FakeReceiver(LoopbackServer):
    """The receiver; `requests` are those that came to `PATH`."""

    def __init__(self) -> None:
        self.requests: list[ExportMetricsServiceRequest] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                is_it = self.path == PATH and self.headers["Content-Type"] == "application/x-protobuf"
                if is_it:
                    receiver.requests.append(ExportMetricsServiceRequest.FromString(body))
                self.send_response(200 if is_it else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.listen(Handler)

    def names(self) -> set[str]:
        """What came, by Prometheus' names: dots become underscores, counters end in ``_total``."""
        return {
            metric.name.replace(".", "_") + ("_total" if metric.sum.is_monotonic else "")
            for request in self.requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def instances(self) -> set[str]:
        """The ``service.instance.id`` of who sent, which Prometheus makes the label `instance`."""
        return {
            one.value.string_value
            for request in self.requests
            for resource in request.resource_metrics
            for one in resource.resource.attributes
            if one.key == "service.instance.id"
        }
