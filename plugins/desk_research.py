"""The operators of the DAG `research__backtest`: a form becomes backtests that are kept."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from desk_connections import desk_environment, without_secrets
from desk_failure import log_link
from desk_note import note_refusal, write_note
from desk_sending import tell
from nightdesk.core.errors import Refused

if TYPE_CHECKING:
    from airflow.sdk import Context

    from nightdesk.store.backtest_rows import KeptBacktest
    from nightdesk.store.db import Connection

log = logging.getLogger("nightdesk.dag")

#: The first word of the note of a run.
BACKTEST = "Backtest "


def raise_alert(context: Context) -> None:
    """Tell that a task of research failed; of a form that was refused the note tells who has sent it."""
    from nightdesk.store.message_rows import raise_alert as store

    ti, error = context["ti"], context.get("exception")
    if isinstance(error, Refused):
        return
    link = log_link(ti.dag_id, ti.run_id, ti.task_id, ti.try_number, ti.map_index)
    what = f"{ti.dag_id} {ti.run_id} {ti.task_id} {ti.map_index} {ti.try_number}"

    def write(conn: Connection) -> None:
        store(
            conn,
            f"research {what}",
            "WARNING",
            f"Research that somebody asked for has failed: {ti.dag_id}",
            f"{error or 'Its process was killed'}\n\n{link}",
        )

    tell(write, f"dag={ti.dag_id} run={ti.run_id} task={ti.task_id}")


class FormOperator(BaseOperator):
    """Reads the form, and hands on which books it asks of; what cannot be meant is refused in the note."""

    ui_color = "#e8f0fa"

    @without_secrets()
    def execute(self, context: Context) -> list[str]:
        from nightdesk.operations.keep_backtest import read_forms

        try:
            return [one.book for one in read_forms(dict(context["params"]))]
        except Refused as error:
            note_refusal(context["ti"], error)
            raise


class BacktestOperator(BaseOperator):
    """Decides what the form asks of one book, keeps it, and says in the run's note what came of it.

    Parameters
    ----------
    book : str
        One of the form's.
    """

    ui_color = "#e8f0fa"
    template_fields = ("book",)

    def __init__(self, *, book: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.book = book

    @without_secrets()
    def execute(self, context: Context) -> dict[str, Any]:
        from nightdesk.operations.keep_backtest import read_forms, run_backtest
        from nightdesk.store.connection import connect

        ti, run, environ = context["ti"], context["dag_run"], desk_environment()
        conn = connect(environ=environ)
        try:
            (form,) = read_forms({**context["params"], "books": [self.book]})
            done = run_backtest(
                conn, form, by=run.triggering_user_name or "airflow", run=f"{ti.dag_id}/{ti.run_id}",
                environ=environ,
            )  # fmt: skip
        except Refused as error:
            note_refusal(ti, error)
            raise
        finally:
            conn.close()
        write_note(ti, f"{BACKTEST}{in_words(done)}", over=(f"{BACKTEST}{done.number} ", "Refused: "))
        log.info("backtest_kept number=%d book=%s", done.number, done.book)
        return {"backtest": done.number, "book": done.book}


def in_words(done: KeptBacktest) -> str:
    """What came of a backtest, in a line."""
    from nightdesk.alerts.figures import number, percent

    figures = done.figures
    return (
        f"{done.number} of {done.book} from {done.first} to {done.last}: "
        f"{percent(figures['total_return'], signed=True)}, Sharpe {number(figures['sharpe'])}, "
        f"deepest drawdown {percent(figures['max_drawdown'])}"
    )
