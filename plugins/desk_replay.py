"""The operators of the DAGs `replay__BOOK`: a long span of decisions, walked in few processes."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from desk_connections import desk_environment, without_secrets
from desk_note import note_refusal, write_note
from desk_operator import BookOperator
from desk_sending import send_emergencies
from desk_step import await_turn_again
from nightdesk.core.errors import BadRequest, NotYet, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from nightdesk.operations.replay import Walked
    from nightdesk.session.context import Context as Desk

log = logging.getLogger("nightdesk.dag")

#: The line of a run's note that tells how far it is, and how often it is brought up to date.
PROGRESS, PROGRESS_SECONDS = "Replay: ", 15.0


class PlanOperator(BookOperator):
    """Reads the form, takes the book back where it asks for that, and cuts the span into pieces."""

    ui_color = "#eef3f8"

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """The pieces: first and last decision (ISO 8601), how many, how many before them, and of all."""
        try:
            with without_secrets():
                return self._plan(context)
        except Refused as reason:
            note_refusal(context["ti"], reason)
            raise

    def _plan(self, context: Context) -> list[dict[str, Any]]:
        from nightdesk.core.book import load_book
        from nightdesk.core.schedule import schedule_of
        from nightdesk.operations.replay import chunks_of, due_decisions
        from nightdesk.session.context import book_path, project_root
        from nightdesk.session.entry import open_context
        from nightdesk.store.connection import connect

        params, environ = context["params"], desk_environment()
        first, last = _day(params, "from"), _day(params, "to")
        if first is None:
            raise BadRequest("from: it is empty; name the first session of the span")
        if params["rebuild"] and not str(params["reason"] or "").strip():
            raise BadRequest("reason: it is empty; a rebuild wants one: why is the book decided anew?")
        book = load_book(book_path(self.book, project_root(environ)))
        schedule = schedule_of(book)
        conn = connect(environ=environ)
        try:
            decisions: Sequence[datetime] = due_decisions(conn, schedule, book.calendar, first, last)
            with open_context(self.book, decisions[0], conn=conn, environ=environ) as desk:
                if params["rebuild"]:
                    decisions = sorted({*decisions, *self._rewound(context, desk)})
            chunks = chunks_of(decisions, params["chunk"])
        except BadRequest:
            raise
        except Refused as reason:
            raise BadRequest(str(reason)) from None
        finally:
            conn.close()
        log.info("replay_planned book=%s decisions=%d chunks=%d", self.book, len(decisions), len(chunks))
        return [
            {
                "first": chunk[0].isoformat(),
                "last": chunk[-1].isoformat(),
                "decisions": len(chunk),
                "before": sum(map(len, chunks[:n])),
                "of": len(decisions),
            }
            for n, chunk in enumerate(chunks)
        ]

    def _rewound(self, context: Context, desk: Desk) -> tuple[datetime, ...]:
        from nightdesk.operations.replay import rewind_once
        from nightdesk.session.sequencing import await_turn
        from nightdesk.store.rebuild_rows import Rebuild

        run = context["dag_run"]
        await_turn(desk)
        asked = Rebuild(
            run.dag_id,
            run.run_id,
            self.book,
            desk.as_of,
            run.triggering_user_name or "",
            str(context["params"]["reason"]).strip(),
        )
        return rewind_once(desk, asked)


class ChunkOperator(BookOperator):
    """Walks one piece of the span in this process; a cleared or retried one goes on where it was.

    Parameters
    ----------
    span : mapping
        A piece, as `PlanOperator` cuts it.
    """

    ui_color = "#eef3f8"
    template_fields = ("span",)

    def __init__(self, *, span: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.span = span

    def execute(self, context: Context) -> dict[str, Any]:
        began = monotonic()
        try:
            with without_secrets():
                walked = self._walk(context)
        except NotYet as reason:
            log.info("turn_not_come book=%s chunk=%s %s", self.book, self.span["first"], reason)
            await_turn_again(context["ti"].get_first_reschedule_date(context), datetime.now(UTC), reason)
            raise
        seconds = monotonic() - began
        log.info(
            "chunk_done book=%s decided=%d skipped=%d compared=%d differing=%d seconds=%.1f",
            self.book, walked.decided, walked.skipped, walked.compared, len(walked.differing), seconds,
        )  # fmt: skip
        return {
            "decided": walked.decided,
            "skipped": walked.skipped,
            "compared": walked.compared,
            "differing": [one.isoformat() for one in walked.differing],
            "seconds": round(seconds, 1),
        }

    def _walk(self, context: Context) -> Walked:
        from nightdesk.core.schedule import schedule_of
        from nightdesk.operations.replay import due_decisions, walk
        from nightdesk.session.entry import open_context

        ti, environ = context["ti"], desk_environment()
        first, last = (datetime.fromisoformat(self.span[name]) for name in ("first", "last"))
        task = f"{ti.dag_id}/{ti.run_id}/{ti.task_id}[{ti.map_index}]/{ti.try_number}"
        with open_context(self.book, first, environ=environ, task=task) as desk:
            schedule = schedule_of(desk.book)
            sessions = schedule.session_of(first), schedule.session_of(last)
            found = due_decisions(desk.conn, schedule, desk.book.calendar, *sessions)
            progress = _Progress(ti, self.span, schedule.name_of)
            walked = walk(
                desk,
                [one for one in found if first <= one <= last],
                progress.tell,
                compare=bool(context["params"]["compare"]),
            )
            progress.write()
            send_emergencies(desk.conn)
        return walked


class SummaryOperator(BookOperator):
    """Says in the run's note, and returns, what the pieces have done."""

    ui_color = "#eef3f8"

    def __init__(self, *, of: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.of = of

    def execute(self, context: Context) -> dict[str, Any]:
        ti = context["ti"]
        pulled = ti.xcom_pull(task_ids=self.of) or []
        # Of a single piece Airflow gives what it has returned, not a list of one.
        done = [one for one in ([pulled] if isinstance(pulled, dict) else pulled) if one]
        total = {
            name: sum(one[name] for one in done) for name in ("decided", "skipped", "compared", "seconds")
        }
        differing = [one for piece in done for one in piece["differing"]]
        minutes = total["seconds"] / 60
        rate = f", {total['decided'] / minutes:.0f} a minute" if total["decided"] and minutes else ""
        words = [f"{total['decided']} decided{rate}"]
        if total["skipped"]:
            words.append(f"{total['skipped']} were closed already")
        if total["compared"]:
            words.append(f"{total['compared']} compared")
        if differing:
            words.append(f"{len(differing)} would come out differently, the first of {differing[0][:10]}")
        write_note(ti, PROGRESS + ", ".join(words), over=(PROGRESS,))
        return total | {"differing": differing[:20]}


class _Progress:
    """Tells how far a run is: a line of the log for each decision, and now and then its note."""

    def __init__(self, ti: Any, span: Mapping[str, Any], name_of: Any) -> None:
        self._ti, self._span, self._name_of = ti, span, name_of
        self._began = self._written = monotonic()
        self._done = self._walked = 0
        self._at = ""

    def tell(self, as_of: datetime, steps: Mapping[str, Any]) -> None:
        """Take a decision into account; without steps it was left out."""
        self._done += 1
        self._walked += bool(steps)
        self._at = self._name_of(as_of)
        if steps:
            log.info("decided book=%s at=%s %s", self._ti.task.book, self._at, self._in_words())
        if monotonic() - self._written > PROGRESS_SECONDS:
            self.write()

    def write(self) -> None:
        """Bring the run's note up to date."""
        self._written = monotonic()
        write_note(self._ti, f"{PROGRESS}{self._in_words()}, at {self._at}", over=(PROGRESS,))

    def _in_words(self) -> str:
        minutes = (monotonic() - self._began) / 60
        rate = f", {self._walked / minutes:.0f} a minute" if self._walked and minutes else ""
        return f"{self._span['before'] + self._done} of {self._span['of']} decisions{rate}"


def _day(params: Mapping[str, Any], name: str) -> date | None:
    """A day of the form; None where it is empty."""
    text = params[name]
    if text is None or text == "":
        return None
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise BadRequest(f"{name}: found {text!r}; expected a date such as 2025-01-08") from None
