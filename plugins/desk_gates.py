"""The operator of the DAG `gates`: every book held against the criteria of its next stage."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperator

from desk_connections import desk_environment, without_secrets

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger("nightdesk.dag")


class GatesOperator(BaseOperator):
    """Evaluates all books; one that cannot be read is told of by the DAGs that decide it."""

    ui_color = "#eeeeee"

    @without_secrets()
    def execute(self, context: Context) -> dict[str, str]:
        from nightdesk.operations.trading_stage import look_at_all
        from nightdesk.session.context import project_root
        from nightdesk.store.connection import connect

        environ = desk_environment()
        conn = connect(environ=environ)
        try:
            found = look_at_all(conn, project_root(environ))
        finally:
            conn.close()
        for one in found:
            log.info("gate_looked_at book=%s stage=%s unmet=%d", one.book, one.stage, len(one.unmet))
        return {one.book: f"{one.stage}" for one in found}
