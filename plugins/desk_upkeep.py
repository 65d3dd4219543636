"""The operators of the DAGs `upkeep` and `drill`: a part of the upkeep, and the rehearsal of a restore."""

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

#: What it means that a task fails for good.
_MEANT = {
    "backup": "the newest backup grows old",
    "integrity": "nobody knows whether the ledgers agree",
    "feeds": "nobody looks how the sources of data fare",
    "drill": "nobody knows whether the backups serve",
    "gates": "nobody is told what books lack for their next stage",
}


def raise_alert(context: Context) -> None:
    """Tell that a part of the upkeep failed, once a day; not what was told where it was found."""
    from nightdesk.machine.drill import DrillFailed
    from nightdesk.operations.backup_concerns import tell_backups
    from nightdesk.operations.integrity import DoesNotVerify
    from nightdesk.store.backup_rows import backup_standing
    from nightdesk.store.db import now
    from nightdesk.store.message_rows import raise_alert as store

    ti, error = context["ti"], context.get("exception")
    if isinstance(error, DoesNotVerify | DrillFailed):
        return
    link = log_link(ti.dag_id, ti.run_id, ti.task_id, ti.try_number)

    def write(conn: Connection) -> None:
        if ti.task_id == "backup":
            tell_backups(conn)
            if backup_standing(conn).failed_at is not None:
                return  # the attempt has told of itself, once for as long as it lasts
        store(
            conn,
            f"upkeep {ti.task_id} {now(conn):%Y-%m-%d}",
            "CRITICAL" if ti.task_id == "drill" else "WARNING",
            f"The upkeep of {ti.task_id} fails: {_MEANT.get(ti.task_id, 'it grows until that is mended')}",
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


class DrillOperator(BaseOperator):
    """Rehearses a restore; fails where the backup does not serve, of which the drill itself has told."""

    ui_color = "#eeeeee"

    @without_secrets()
    def execute(self, context: Context) -> dict[str, int | str]:
        from nightdesk.machine.drill import DrillFailed, drill
        from nightdesk.machine.home import Home

        environ, params = desk_environment(), context["params"]
        found = drill(Home.find(environ), environ, source=params["backup"], newest=params["decisions"])
        words = found.words()
        log.info("drill_done outcome=%s file=%s", "ok" if found.is_well else "failed", found.file)
        if not found.is_well:
            raise DrillFailed(words)
        return {"file": str(found.file), "books": len(found.verified), "decisions": len(found.again)}
