"""The exporter: reads the desk's figures, prints them once, or serves them to Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nightdesk.core.errors import Refused
from nightdesk.metrics.airflow_signs import airflow_address, airflow_samples
from nightdesk.metrics.due import BookSchedules, due_samples
from nightdesk.metrics.families import Sample
from nightdesk.metrics.samples import sample, samples_of

if TYPE_CHECKING:
    from wsgiref.simple_server import WSGIServer

    from prometheus_client import CollectorRegistry

    from nightdesk.store.metric_rows import DeskFigures

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 9464


class FigureReader:
    """Reads all figures of a desk, each time anew but for long counts (`COUNTED_FOR`).

    Parameters
    ----------
    root : Path
        The project, whose books say when they decide.
    environ : mapping of str to str
        Says where the database answers, its reader's address first, and Airflow.

    Raises
    ------
    Refused
        When the environment names no address of HTTP for it.
    """

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._before: DeskFigures | None = None
        self._schedules = BookSchedules(root)
        airflow_address(environ)

    def __call__(self) -> list[Sample]:
        """All samples, ``nightdesk_up 1`` among them.

        Raises
        ------
        Transient, Refused, psycopg2.Error
            When the database does not give them.
        """
        return list(self._samples())

    def _samples(self) -> Iterator[Sample]:
        from nightdesk.store.metric_rows import (
            desk_figures,
            figures_connection,
            newest_backup,
            newest_drill,
        )
        from nightdesk.version import code_version

        began = time.monotonic()
        with figures_connection(self._environ) as conn:
            figures = self._before = desk_figures(conn, self._before)
            backup, drill = newest_backup(conn), newest_drill(conn)
        yield from samples_of(figures)
        yield from due_samples(figures.progress, figures.moment, self._schedules)
        yield from sample("nightdesk_backup_timestamp_seconds", backup)
        yield from sample("nightdesk_drill_timestamp_seconds", drill)
        yield from airflow_samples(airflow_address(self._environ))
        yield from sample("nightdesk_up", 1)
        yield from sample("nightdesk_build_info", 1, version=code_version())
        yield from sample("nightdesk_read_timestamp_seconds", figures.moment)
        yield from sample("nightdesk_read_duration_seconds", time.monotonic() - began)


def registry_of(reader: Callable[[], list[Sample]], say: Callable[[str], None]) -> CollectorRegistry:
    """A registry that holds the desk's figures and nothing else."""
    from prometheus_client import CollectorRegistry

    from nightdesk.metrics.desk_collector import DeskCollector

    registry = CollectorRegistry()
    registry.register(DeskCollector(reader, say))
    return registry


def figures_now(reader: Callable[[], list[Sample]], say: Callable[[str], None]) -> Sequence[Sample]:
    """The samples of one reading; ``nightdesk_up 0`` alone where there is none, and `say` is given why."""
    from nightdesk.metrics.desk_collector import DeskCollector

    return DeskCollector(reader, say).samples()


def metrics_text(samples: Sequence[Sample]) -> str:
    """Samples in Prometheus' text format."""
    from prometheus_client import generate_latest

    return generate_latest(registry_of(lambda: list(samples), lambda _: None)).decode()


@contextmanager
def serving(
    reader: Callable[[], list[Sample]], host: str, port: int, say: Callable[[str], None]
) -> Iterator[int]:
    """Serve the figures at ``/metrics`` from a thread until the end of the block; the port is given.

    Parameters
    ----------
    reader : callable
        Reads them.
    host : str
        The address to listen at.
    port : int
        0 takes a free one.
    say : callable
        Takes lines for the log.

    Raises
    ------
    Refused
        When the port is taken or the address is not this machine's.
    """
    from prometheus_client import start_http_server

    try:
        server, thread = start_http_server(port, host, registry_of(reader, say))
    except OSError as error:
        raise Refused(
            f"cannot listen at {host}:{port}: {error.strerror or error}. Name another with --port or --host"
        ) from None
    try:
        yield _port(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5.0)


def _port(server: WSGIServer) -> int:
    return int(server.server_address[1])
