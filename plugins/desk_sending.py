"""Alerts that leave from the process of a task, and do not wait for the DAG `alerts`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from desk_connections import desk_environment

if TYPE_CHECKING:
    from nightdesk.store.db import Connection

log = logging.getLogger("nightdesk.dag")

#: After so long no further message is begun: Airflow ends a process 20 s after its task has ended
#: (`core.task_success_overtime`), and one conversation with a server that hangs takes 10 of them.
SENDING_SECONDS = 5.0


def tell(write: Callable[[Connection], None], about: str) -> None:
    """Write an alert and send what waits, within `SENDING_SECONDS`; what goes wrong is only logged."""
    from nightdesk.store.connection import connect

    try:
        conn = connect(environ=desk_environment(), checked=False)  # that the schema is refused is told
        try:
            write(conn)
            _send(conn)
        finally:
            conn.close()
    except Exception:
        log.exception("alert_not_written_or_not_sent %s", about)


def send_emergencies(conn: Connection) -> None:
    """Send what waits where an EMERGENCY is among it that was never tried; what goes wrong is only logged."""
    from nightdesk.store.delivery_rows import emergency_waits

    try:
        if emergency_waits(conn):
            _send(conn)
    except Exception:
        log.exception("emergency_not_sent")


def _send(conn: Connection) -> None:
    from nightdesk.operations.delivery import book_routes, deliver
    from nightdesk.session.context import project_root

    environ = desk_environment()
    deliver(conn, book_routes(project_root(environ)), environ, seconds=SENDING_SECONDS)
