"""The operator of the DAG `fills`: what became of a book's orders while the market is open."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from airflow.sdk.exceptions import AirflowSkipException

from desk_connections import desk_environment, without_secrets
from desk_operator import SCHEDULED, BookOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger("nightdesk.dag")


class CollectOperator(BookOperator):
    """Asks a book's brokers what became of its orders, and keeps the answer; skipped where none is at work,
    unless a broker tells of executions on their day alone.

    On a holiday of its calendar nothing is asked, unless a person asks for it.
    """

    ui_color = "#e8f4ea"

    @without_secrets()
    def execute(self, context: Context) -> dict[str, int]:
        from nightdesk.core.calendar import get_calendar
        from nightdesk.operations.collect import accounts_to_ask, collect
        from nightdesk.session.entry import open_standing
        from nightdesk.store.book_rows import book_record
        from nightdesk.store.connection import connect
        from nightdesk.store.order_rows import working_orders

        run, calendar = context["dag_run"], get_calendar(self.calendar)
        day = run.run_after.astimezone(ZoneInfo(calendar.zone)).date()
        if run.run_type == SCHEDULED and not calendar.is_session(day):
            raise AirflowSkipException(f"{day} is no session of {self.calendar}")
        environ = desk_environment()
        conn = connect(environ=environ)
        try:
            if book_record(conn, self.book) is None:
                raise AirflowSkipException(f"{self.book} was never started: no order of it is at work")
            with open_standing(self.book, conn=conn, environ=environ) as desk:
                if not accounts_to_ask(desk, working_orders(conn, self.book)):
                    raise AirflowSkipException(f"no order of {self.book} is at work")
                found = collect(desk)
        finally:
            conn.close()
        counts = {
            "moved": len(found.moved),
            "executions": found.executions,
            "cancelled": len(found.cancelled),
            "overdue": len(found.overdue),
            "unknown": len(found.unknown_to_broker),
            "untold": len(found.untold),
            "commissions_pending": found.pending,
        }
        for name in found.untold:
            log.warning("executions of an order are still to be told order=%s", name)
        told = " ".join(f"{name}={value}" for name, value in counts.items())
        log.info("collected book=%s %s", self.book, told)
        return counts
