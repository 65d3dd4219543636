"""The operator of the DAG `fills`: what became of a book's orders while the market is open."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from desk_connections import desk_environment, without_secrets
from desk_operator import SCHEDULED, BookOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger("nightdesk.dag")


class CollectOperator(BookOperator):
    """Asks a book's broker what became of its orders, and keeps the answer; skipped where none is at work.

    On a holiday of its calendar nothing is asked, unless a person asks for it.
    """

    ui_color = "#e8f4ea"

    @without_secrets()
    def execute(self, context: Context) -> dict[str, int]:
        from nightdesk.core.calendar import get_calendar
        from nightdesk.operations.collect import collect
        from nightdesk.session.entry import open_standing
        from nightdesk.store.broker_rows import orders_due
        from nightdesk.store.connection import connect

        run = context["dag_run"]
        if run.run_type == SCHEDULED and not get_calendar(self.calendar).is_session(run.run_after.date()):
            raise AirflowSkipException(f"{run.run_after:%Y-%m-%d} is no session of {self.calendar}")
        environ = desk_environment()
        conn = connect(environ=environ)
        try:
            if not orders_due(conn, self.book):
                raise AirflowSkipException(f"no order of {self.book} is at work")
            with open_standing(self.book, conn=conn, environ=environ) as desk:
                found = collect(desk)
        finally:
            conn.close()
        counts = {
            "moved": len(found.moved),
            "executions": found.executions,
            "cancelled": len(found.cancelled),
            "unknown": len(found.unknown_to_broker),
        }
        told = " ".join(f"{name}={value}" for name, value in counts.items())
        log.info("collected book=%s %s", self.book, told)
        return counts
