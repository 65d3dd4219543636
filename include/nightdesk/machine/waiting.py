"""The wait for the runs that decide a book's sessions: bounded, and in words while it lasts."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nightdesk.core.errors import Transient
from nightdesk.machine.airflow import Airflow
from nightdesk.machine.dag_runs import DagRun

if TYPE_CHECKING:
    from nightdesk.core.schedule import Schedule

#: A book is left to its runs when no task of theirs has changed for so long.
QUIET_SECONDS = 300.0
#: States of a task that is done, or cannot begin before another one is.
_SETTLED = {"success", "failed", "skipped", "upstream_failed", None}


@dataclass(frozen=True)
class DueDecisions:
    """What a started book should have decided: from the first of its inception to the newest completed one.

    Parameters
    ----------
    dag_id : str
        Who decides it.
    schedule : Schedule
        The book's.
    decisions : tuple of datetime
        Their instants; ascending.
    """

    dag_id: str
    schedule: Schedule
    decisions: tuple[datetime, ...]

    def name_of(self, run: DagRun) -> str:
        """What people call the decision of a run."""
        as_of = run.decision(self.schedule)
        return "no decision" if as_of is None else self.schedule.name_of(as_of)


class Wait:
    """The wait for the runs of one book: how they stand, on standard error, and whether they come on."""

    def __init__(self, airflow: Airflow, span: DueDecisions) -> None:
        self._airflow, self._span = airflow, span
        self._stands: object = None
        self._moved_at = time.monotonic()
        self._noted = ""
        self.words = ""

    @property
    def is_stuck(self) -> bool:
        """Whether nothing of it has moved for `QUIET_SECONDS`."""
        return time.monotonic() - self._moved_at > QUIET_SECONDS

    def look(self) -> bool:
        """Whether all runs have ended, well or badly; while Airflow does not answer they have not."""
        try:
            runs = deciding(self._airflow, self._span)
            open_runs = [run for run in runs if not run.finished]
            tasks = self._airflow.task_states(self._span.dag_id, open_runs[0].run_id) if open_runs else {}
        except Transient as error:
            self.words = f"it is not known whether it is decided: {error}"
            return False
        states = Counter(run.state for run in runs)
        self._note(", ".join(f"{count} {state}" for state, count in sorted(states.items())))
        stands = (states, tasks)
        if stands != self._stands:
            self._stands, self._moved_at = stands, time.monotonic()
        if open_runs:
            self.words = self._still(open_runs[0], tasks)
        return not open_runs

    def _still(self, run: DagRun, tasks: Mapping[str, str | None]) -> str:
        """In words what an open run waits with."""
        at = ", ".join(f"{task} {state}" for task, state in tasks.items() if state not in _SETTLED)
        name = self._span.name_of(run)
        return (
            f"not decided yet: the run of {name} is {run.state} ({at or 'no task was begun'}) "
            f"and goes on by itself. Look at {self._airflow.address}/dags/{self._span.dag_id}; "
            "`nightdesk up` waits again"
        )

    def _note(self, line: str) -> None:
        if line != self._noted:
            note(f"{self._span.dag_id}: {line}")
            self._noted = line


def deciding(airflow: Airflow, span: DueDecisions) -> list[DagRun]:
    """The runs that make a decision of the span: a dry run keeps nothing, so it decides nothing."""
    wanted = set(span.decisions)
    return [run for run in airflow.runs(span.dag_id) if run.decision(span.schedule) in wanted]


def why_failed(airflow: Airflow, span: DueDecisions, as_of: datetime) -> str:
    """In words why a decision of which all runs have ended is not closed."""
    ids = [run.run_id for run in deciding(airflow, span) if run.decision(span.schedule) == as_of]
    states = airflow.task_states(span.dag_id, ids[-1]) if ids else {}
    tasks = ", ".join(task for task, state in states.items() if state == "failed") or "no run was made"
    return (
        f"its run has failed ({tasks}). Read its log at {airflow.address}/dags/{span.dag_id}, "
        "put right what it names and clear the task"
    )


def note(line: str) -> None:
    """Progress, for a person who watches."""
    sys.stderr.write(f"· {line}\n")
    sys.stderr.flush()
