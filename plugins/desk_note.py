"""The note of a run: what it is, in a line that the web UI shows beside it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from desk_connections import desk_environment

log = logging.getLogger("nightdesk.dag")

#: A server that is slow to answer does not hold a session up for longer.
PATIENCE_SECONDS = 5.0

#: Airflow takes notes of up to 1000 characters.
LONGEST = 1000

#: The desk's lines begin with these; what people wrote stands beneath them and is kept.
SESSION, REFUSED = "Session ", "Refused: "


def write_note(ti: Any, line: str, *, over: tuple[str, ...] = (SESSION, REFUSED)) -> None:
    """Put a line first in the note of a task's run, in place of those that begin with `over`.

    Failing to is only logged.
    """
    from nightdesk.core.errors import NightdeskError
    from nightdesk.machine.reaching import client_of_tasks

    client = client_of_tasks(timeout=PATIENCE_SECONDS)
    if client is None:
        log.info("run note=%s", line)
        return
    try:
        kept = [one for one in client.note(ti.dag_id, ti.run_id).splitlines() if not one.startswith(over)]
        client.write_note(ti.dag_id, ti.run_id, "\n".join([line, *kept])[:LONGEST])
    except NightdeskError as error:
        log.warning("note_not_written run=%s note=%s reason=%s", ti.run_id, line, error)


def note_refusal(ti: Any, reason: object) -> None:
    """Say in the note of a run why it was refused."""
    write_note(ti, REFUSED + " ".join(str(reason).split()))


class RunNote:
    """The note of one run, written when it begins and when it ends; failing to write it is only logged.

    Parameters
    ----------
    ti : task instance
        A task of the run.
    book : str
        Name of the book.
    name : str
        What the run decides, in words.
    as_of : callable
        Gives the instant of that, which costs the calendar; None where nothing is decided then.
    dry_run : bool
        Whether it keeps nothing and sends nothing.
    """

    def __init__(
        self, ti: Any, book: str, name: str, as_of: Callable[[], datetime | None], *, dry_run: bool
    ) -> None:
        self._ti = ti
        self._book = book
        self._name = name
        self._as_of = as_of
        self._dry_run = dry_run

    def begin(self) -> None:
        """Say what the run is about to do."""
        from nightdesk.operations.run_note import begun

        parts = [*begun(self._name, self._ti.run_id, dry_run=self._dry_run), "under way"]
        write_note(self._ti, SESSION + ", ".join(parts))

    def end(self, *, failed: bool) -> None:
        """Say what the run was, in its last task."""
        try:
            write_note(self._ti, SESSION + self._outcome(failed=failed), over=(SESSION,))
        except Exception as error:  # noqa: BLE001 (a note that is not written hides no failure and makes none)
            log.warning("note_not_written run=%s reason=%s", self._ti.run_id, type(error).__name__)

    def _outcome(self, *, failed: bool) -> str:
        from nightdesk.operations.run_note import describe
        from nightdesk.operations.task_failures import failed_tasks
        from nightdesk.store.connection import connect

        ti, states = self._ti, {}
        if failed:
            states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
        conn = connect(environ=desk_environment())
        try:
            return describe(
                conn,
                self._book,
                self._as_of(),
                self._name,
                dag_id=ti.dag_id,
                run_id=ti.run_id,
                dry_run=self._dry_run,
                failed=failed_tasks(states) if failed else None,
            )
        finally:
            conn.close()
