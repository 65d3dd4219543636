"""The operator of the DAG `upkeep`: one part of the daily upkeep."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from desk_connections import desk_environment, without_secrets
from desk_failure import log_link
from desk_sending import tell

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightdesk.store.db import Connection

log = logging.getLogger("nightdesk.dag")


def raise_alert(context: Context) -> None:
    """Tell that a part of the upkeep failed, once a day."""
    from nightdesk.store.db import now
    from nightdesk.store.message_rows import raise_alert as store

    ti, error = context["ti"], context.get("exception")
    link = log_link(ti.dag_id, ti.run_id, ti.task_id, ti.try_number)

    def write(conn: Connection) -> None:
        store(
            conn,
            f"upkeep {ti.task_id} {now(conn):%Y-%m-%d}",
            "WARNING",
            f"The upkeep of {ti.task_id} fails: it grows until that is mended",
            f"{error or 'Its process was killed'}\n\n{link}",
        )

    tell(write, f"dag={ti.dag_id} run={ti.run_id} task={ti.task_id}")


class UpkeepOperator(BaseOperator):
    """Does one part of the upkeep, and says what it removed.

    Parameters
    ----------
    part : str
        Its name among `nightdesk.machine.upkeep.parts`.
    """

    ui_color = "#eeeeee"

    def __init__(self, *, part: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.part = part

    @without_secrets()
    def execute(self, context: Context) -> str:
        from nightdesk.machine.home import Home
        from nightdesk.machine.upkeep import parts

        environ = desk_environment()
        said = parts(Home.find(environ), environ, context["params"]["keep_days"])[self.part]()
        log.info("upkeep_done part=%s %s", self.part, said)
        return said
