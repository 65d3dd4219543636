"""The operator of a day's run that asks a person: it starts the DAG of approval where the book waits."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import DagRunTriggerException

from desk_connections import desk_environment, without_secrets

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger("nightdesk.dag")


class AskOperator(BaseOperator):
    """Starts a run of the DAG of approval, once for each stay at a level, where the gate has asked a person.

    It never waits for the person: the next decisions read the answer that is stored.

    Parameters
    ----------
    book : str
        Name of the book.
    calendar : str
        The book's exchange calendar.
    asks : str
        The DAG of approval.
    """

    ui_color = "#f3ecfa"

    def __init__(self, *, book: str, calendar: str, asks: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.book = book
        self.calendar = calendar
        self.asks = asks

    def execute(self, context: Context) -> None:
        run_id = None if context["params"]["dry_run"] else self._run_id()
        if run_id is None:
            log.info("nobody_asked book=%s", self.book)
            return
        ti = context["ti"]
        if ti.get_dr_count(dag_id=self.asks, run_ids=[run_id]):
            log.info("person_asked_before book=%s dag=%s run=%s", self.book, self.asks, run_id)
            return
        log.info("person_asked book=%s dag=%s run=%s", self.book, self.asks, run_id)
        raise DagRunTriggerException(
            trigger_dag_id=self.asks,
            dag_run_id=run_id,
            conf={},
            reset_dag_run=False,
            # Another attempt at this task may have been quicker.
            skip_when_already_exists=True,
            wait_for_completion=False,
            allowed_states=[],
            failed_states=[],
            poke_interval=0,
            deferrable=False,
        )

    @without_secrets()
    def _run_id(self) -> str | None:
        """The run that asks for the book's present stay at its level; None where nobody is to be asked."""
        from nightdesk.pipeline.answering import what_waits
        from nightdesk.store.db import connect

        conn = connect(environ=desk_environment())
        try:
            waiting = what_waits(conn, self.book)
        finally:
            conn.close()
        if waiting is None or waiting.asked is None:
            return None
        return f"level_{waiting.episode.level}_since_{waiting.episode.since}"
