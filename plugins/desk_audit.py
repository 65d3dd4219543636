"""The operator of the DAG `research__audit`: a form becomes an audit whose outcome is kept."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from desk_connections import desk_environment, without_secrets
from desk_note import note_refusal, write_note
from nightdesk.core.errors import Refused

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightdesk.operations.keep_audit import KeptAudit

log = logging.getLogger("nightdesk.dag")

#: The first word of the note of a run.
AUDIT = "Audit "


class AuditOperator(BaseOperator):
    """Audits what the form asks for, keeps the outcome, and says in the run's note what came of it.

    A book that fails its audit is an outcome and no failure of the task.
    """

    ui_color = "#e8f0fa"

    @without_secrets()
    def execute(self, context: Context) -> dict[str, Any]:
        from nightdesk.operations.keep_audit import read_audit_form, run_audit
        from nightdesk.research.audits.audit_document import audit_lines
        from nightdesk.store.connection import connect

        ti, environ = context["ti"], desk_environment()
        conn = connect(environ=environ)
        try:
            done = run_audit(conn, read_audit_form(dict(context["params"])), environ)
        except Refused as error:
            note_refusal(ti, error)
            raise
        finally:
            conn.close()
        for line in audit_lines(done.found):
            log.info("audit %s", line)
        write_note(ti, f"{AUDIT}{audit_in_words(done)}", over=(AUDIT, "Refused: "))
        return {"evidence": done.number, "passed": done.found.passed}


def audit_in_words(done: KeptAudit) -> str:
    """What came of an audit, in a line."""
    found = done.found
    start, ahead, warm = found.start, found.look_ahead, found.warm_up
    span = f"{start.book.name} from {start.inception} to {start.last}"
    if found.passed:
        needed = "" if warm is None else f"; {warm.needed} of {warm.declared} sessions of warm-up are needed"
        return f"{done.number} of {span}: passed{needed}"
    first = None if ahead is None else ahead.first
    why = [first.words] if first is not None else [one.words for one in found.read_differences[:1]]
    if warm is not None and not warm.passed:
        short = ", ".join(one.name for one in warm.factors if not one.passed)
        too_short = f"the warm-up is too short{f' for {short}' if short else ''}"
        why.append(too_short if warm.judged else "the warm-up could not be judged")
    return f"{done.number} of {span}: FAILED: {'; '.join(why)}"
