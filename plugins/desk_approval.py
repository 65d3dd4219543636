"""The operators of an approval: the day's run asks, a person answers, the answer is stored."""

from __future__ import annotations

import logging
from datetime import date
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, DagRunTriggerException

from desk_connections import desk_environment, without_secrets
from desk_operator import BookOperator
from nightdesk.core.errors import BadRequest

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger("nightdesk.dag")

APPROVE, REJECT = "Approve", "Reject"


class AskOperator(BookOperator):
    """Starts a run of the DAG of approval, once for each stay at a level, where the gate has asked a person.

    It never waits for the person: the next decisions read the answer that is stored.

    Parameters
    ----------
    asks : str
        The DAG of approval.
    """

    ui_color = "#f3ecfa"

    def __init__(self, *, asks: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
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
        from nightdesk.operations.approval import what_waits
        from nightdesk.store.connection import connect

        conn = connect(environ=desk_environment())
        try:
            waiting = what_waits(conn, self.book)
        finally:
            conn.close()
        if waiting is None or waiting.asked is None:
            return None
        return waiting.episode.run_id


class WaitsOperator(BookOperator):
    """Reads what a book waits for a person for; skipped, with what follows, where it does not wait."""

    ui_color = "#f3ecfa"

    @without_secrets()
    def execute(self, context: Context) -> dict[str, str | int]:
        from nightdesk.core.book import load_book
        from nightdesk.operations.approval import question_of, what_waits
        from nightdesk.session.context import book_path, project_root
        from nightdesk.store.connection import connect
        from nightdesk.store.risk_state_rows import level_changes

        environ = desk_environment()
        conn = connect(environ=environ)
        try:
            waiting = what_waits(conn, self.book)
            if waiting is None:
                raise AirflowSkipException(
                    f"{self.book} waits for nobody: no drawdown level asks for a person, or its answer stands"
                )
            level, since = waiting.episode.level, waiting.episode.since
            moves = level_changes(conn, self.book, since, since)
        finally:
            conn.close()
        levels = load_book(book_path(self.book, project_root(environ))).levels
        if levels is None:
            raise AirflowFailException(f"{self.book} has no drawdown levels any more, and waits at {level}")
        question = question_of(waiting, levels, moves[-1] if moves else None)
        log.info("waits book=%s level=%d since=%s", self.book, level, since)
        return {"subject": question.subject, "body": question.body, "level": level, "since": f"{since}"}


class ApprovalOperator(HITLOperator):
    """Waits for a person who approves or rejects, with a reason; without one the person is asked again.

    Parameters
    ----------
    book : str
        Name of the book.
    calendar : str
        The book's exchange calendar.
    asks : str
        Task that has read what waits.
    """

    ui_color = "#f3ecfa"

    def __init__(self, *, book: str, calendar: str, asks: str, **kwargs: Any) -> None:
        asked = f"ti.xcom_pull(task_ids='{asks}')"
        super().__init__(
            subject=f"{{{{ {asked}['subject'] }}}}",
            body=f"{{{{ {asked}['body'] }}}}",
            options=[APPROVE, REJECT],
            params={
                # Airflow starts no task whose parameter lacks a valid value: an empty one must be valid.
                "reason": Param(
                    "",
                    type="string",
                    title="Reason",
                    description="Why you approve or reject. It is kept with your name.",
                )
            },
            **kwargs,
        )
        self.book = book
        self.calendar = calendar

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Give the choice, the reason and the person to the task that stores them."""
        reason = str((event.get("params_input") or {}).get("reason") or "").strip()
        if "error" not in event and not reason:
            log.warning("answer_without_reason book=%s asked_again=true", self.book)
            return self.execute(context)
        said = super().execute_complete(context, event)
        person = said["responded_by_user"] or {}
        return {
            "approved": said["chosen_options"] == [APPROVE],
            "reason": reason,
            "who": person.get("name") or person.get("id") or "",
            "at": said["responded_at"].isoformat(),
        }

    def process_trigger_event_error(self, event: dict[str, Any]) -> None:
        """Nobody has answered: that is final, and the book goes on waiting."""
        if event["error_type"] != "timeout":
            super().process_trigger_event_error(event)
        days = self.response_timeout.days if self.response_timeout else 0
        raise AirflowFailException(
            f"nobody has answered within {days} days: {self.book} stays at its drawdown level, and opens "
            f"nothing that it forbids. Trigger {self.dag_id} to be asked again, or answer by "
            f'`nightdesk resume {self.book} --reason "..."`'
        )


class AnswerOperator(BookOperator):
    """Stores what the person said, with the name that Airflow knows; the next decision reads it.

    Parameters
    ----------
    asks, says : str
        Tasks that have read what waits, and heard the person.
    """

    ui_color = "#f3ecfa"

    def __init__(self, *, asks: str, says: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.asks = asks
        self.says = says

    @without_secrets()
    def execute(self, context: Context) -> dict[str, str]:
        from nightdesk.operations.approval import AlreadyAnswered, Episode, answer
        from nightdesk.store.connection import connect

        ti = context["ti"]
        asked, said = ti.xcom_pull(task_ids=self.asks), ti.xcom_pull(task_ids=self.says)
        if asked is None or said is None:
            marked = self.asks if asked is None else self.says
            raise BadRequest(
                f"nobody has answered: {marked} was marked as success, which grants nothing. {self.book} "
                f"stays where it is. Trigger {ti.dag_id} and answer under Required Actions, or answer by "
                f'`nightdesk resume {self.book} --reason "..."`'
            )
        conn = connect(environ=desk_environment())
        try:
            fact = answer(
                conn,
                self.book,
                approved=said["approved"],
                reason=said["reason"],
                who=said["who"],
                about=Episode(asked["level"], date.fromisoformat(asked["since"])),
                key=f"answer {ti.dag_id}/{ti.run_id}/{said['at']}",
                calendar=self.calendar,
            )
        except AlreadyAnswered as error:
            raise AirflowSkipException(str(error)) from error
        finally:
            conn.close()
        log.info("answered book=%s kind=%s who=%s from=%s", self.book, fact.kind, fact.who, fact.session)
        return {"kind": fact.kind, "who": fact.who, "counts_from": f"{fact.session}"}
