"""The operators of the DAG `research__sweep`: a form becomes points that tasks try side by side."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from desk_connections import desk_environment, without_secrets
from desk_note import note_refusal, write_note
from nightdesk.core.errors import Refused

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightdesk.store.db import Connection

log = logging.getLogger("nightdesk.dag")

#: The first word of the note of a run.
SWEEP = "Sweep "


class SweepOperator(BaseOperator):
    """What the tasks of a sweep share: a connection, and a refusal that is told in the run's note."""

    ui_color = "#e8f0fa"

    @contextmanager
    def _desk(self, context: Context) -> Iterator[tuple[Connection, Mapping[str, str]]]:
        from nightdesk.store.connection import connect

        environ = desk_environment()
        conn = connect(environ=environ)
        try:
            yield conn, environ
        except Refused as error:
            note_refusal(context["ti"], error)
            raise
        finally:
            conn.close()

    @staticmethod
    def run_of(context: Context) -> str:
        """The run of Airflow, as the store names it."""
        return f"{context['ti'].dag_id}/{context['ti'].run_id}"


class SweepPlanOperator(SweepOperator):
    """Notes the sweep that the form asks for, and cuts its grid into pieces of point numbers."""

    @without_secrets()
    def execute(self, context: Context) -> list[dict[str, Any]]:
        from nightdesk.operations.keep_sweep import plan_sweep, read_sweep_form

        with self._desk(context) as (conn, environ):
            form = read_sweep_form(dict(context["params"]))
            by = context["dag_run"].triggering_user_name or "airflow"
            kept, pieces = plan_sweep(conn, form, by=by, run=self.run_of(context), environ=environ)
        said = f"{kept.number} of {kept.book}: {kept.points:,} points in {len(pieces):,} tasks, under way"
        write_note(context["ti"], f"{SWEEP}{said}", over=(SWEEP, "Refused: "))
        return [{"sweep": kept.number, "first": one[0], "last": one[-1]} for one in pieces]


class SweepPieceOperator(SweepOperator):
    """Tries the points of one piece in this process; those that are kept already are passed over.

    Parameters
    ----------
    piece : mapping
        As `SweepPlanOperator` cuts it.
    """

    template_fields = ("piece",)

    def __init__(self, *, piece: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.piece = piece

    @without_secrets()
    def execute(self, context: Context) -> dict[str, int]:
        from nightdesk.operations.keep_sweep import try_points

        wanted = range(self.piece["first"], self.piece["last"] + 1)
        with self._desk(context) as (conn, environ):
            tried = try_points(conn, self.piece["sweep"], wanted, environ=environ)
        refused = sum(bool(one.refused) for one in tried)
        log.info("sweep_points number=%d tried=%d refused=%d", self.piece["sweep"], len(tried), refused)
        return {"points": len(wanted), "tried": len(tried), "refused": refused}


class SweepResultOperator(SweepOperator):
    """Says in the run's note which point is the best, and how fast the result falls away from it."""

    @without_secrets()
    def execute(self, context: Context) -> dict[str, Any]:
        from nightdesk.operations.keep_sweep import read_swept, sweep_begun_by
        from nightdesk.research.sweep.sensitivity import falling_away
        from nightdesk.research.sweep.verdict import verdict

        with self._desk(context) as (conn, _):
            swept = read_swept(conn, sweep_begun_by(conn, self.run_of(context)).number)
        kept = swept.kept
        around = falling_away(swept.axes, swept.trials, kept.metric)
        refused = sum(bool(one.refused) for one in swept.trials)
        words = " ".join(verdict(kept.metric, around))
        if refused:
            words += f" {refused:,} points were refused."
        span = f"{kept.number} of {kept.book} from {kept.first} to {kept.last}, {kept.points:,} points"
        write_note(context["ti"], f"{SWEEP}{span}. {words}", over=(SWEEP, "Refused: "))
        return {"sweep": kept.number, "points": len(swept.trials), "refused": refused}
