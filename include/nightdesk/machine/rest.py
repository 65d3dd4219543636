"""Airflow's REST API as the desk uses it: DAGs, runs, backfills, task states."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import quote

from nightdesk.core.errors import Refused, Transient
from nightdesk.machine.dag_runs import DagRun, DagState, in_utc, midnight, read_run
from nightdesk.machine.environment import Login
from nightdesk.machine.transport import Rest

POLL_SECONDS = 0.5
#: What a run may take Airflow to make (0.04 s measured, 0.15 s under load): it answers when all are made.
RUN_SECONDS = 0.5


class AirflowClient:
    """A person's session with a running Airflow.

    Parameters
    ----------
    address : str
        Of the API server, as ``http://127.0.0.1:8080``.
    login : Login
        The user in whose name it acts.
    timeout : float, optional
        Seconds to wait for an answer.
    """

    def __init__(self, address: str, login: Login, *, timeout: float | None = None) -> None:
        self._login = login
        self._rest = Rest(address, login, timeout)

    @property
    def address(self) -> str:
        """Of the API server and the web UI."""
        return self._rest.address

    def move_to(self, address: str) -> None:
        """Talk to the API server at another address from now on."""
        self._rest = Rest(address, self._login)

    def has_dag(self, dag_id: str) -> bool:
        """Whether the DAG is parsed and stored."""
        return self.dag_state(dag_id) is not None

    def dag_state(self, dag_id: str) -> DagState | None:
        """How a DAG stands; None for one that was never parsed."""
        found = self._rest.send("GET", f"dags/{dag_id}", missing_is_none=True)
        if found is None:
            return None
        following = found.get("next_dagrun_logical_date")
        return DagState(
            found["is_paused"], found["is_stale"], None if following is None else in_utc(following)
        )

    def await_dag(self, dag_id: str, *, timeout: float = 120.0) -> None:
        """Wait until the DAG is parsed; `Refused` with the import errors where it is not in time."""
        deadline = time.monotonic() + timeout
        while not self.has_dag(dag_id):
            if time.monotonic() > deadline:
                reasons = "\n".join(self.import_errors()) or "no import error is recorded"
                raise Refused(f"Airflow has not found the DAG {dag_id!r} after {timeout:.0f} s: {reasons}")
            time.sleep(POLL_SECONDS)

    def ensure_pool(self, name: str, slots: int, description: str) -> None:
        """Make the pool where there is none; slots that a person has set since are kept.

        Tasks of a pool that does not exist wait for ever.
        """
        order = {"name": name, "slots": slots, "description": description, "include_deferred": False}
        self._rest.send("POST", "pools", order, busy_is_none=True)

    def import_errors(self) -> list[str]:
        """The DAG files that do not import, each with its last line of error."""
        return [
            f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}"
            for error in self._rest.pages("importErrors", "import_errors")
        ]

    def unpause(self, dag_id: str) -> None:
        """Switch the DAG on; its newest scheduled run, when due, starts at once."""
        self._rest.send("PATCH", f"dags/{dag_id}", {"is_paused": False}, query={"update_mask": "is_paused"})

    def pause(self, dag_id: str) -> None:
        """Switch the DAG off; its runs under way stop after their running tasks."""
        self._rest.send("PATCH", f"dags/{dag_id}", {"is_paused": True}, query={"update_mask": "is_paused"})

    def trigger(self, dag_id: str, session: date | None = None, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run by hand, as the form in the web UI does.

        Parameters
        ----------
        dag_id : str
            The DAG.
        session : date, optional
            Goes into the form's ``session``; without it the DAG takes its own default.
        conf : mapping, optional
            Further fields of the form.

        Returns
        -------
        str
            The run's id.
        """
        form = dict(conf or {}) | ({} if session is None else {"session": session.isoformat()})
        answer = self._rest.send("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": form})
        return str(answer["dag_run_id"])

    def trigger_once(self, dag_id: str, run_id: str, session: date) -> bool:
        """Start a run of a session under an id; False where there is one of that id."""
        order = {"dag_run_id": run_id, "logical_date": None, "conf": {"session": session.isoformat()}}
        return self._rest.send("POST", f"dags/{dag_id}/dagRuns", order, busy_is_none=True) is not None

    def note(self, dag_id: str, run_id: str) -> str:
        """What stands in the note of a run; empty where nothing does."""
        return self._rest.send("GET", f"dags/{dag_id}/dagRuns/{quote(run_id)}")["note"] or ""

    def write_note(self, dag_id: str, run_id: str, note: str) -> None:
        """Replace the note of a run, which the web UI shows beside it."""
        self._patch_run(dag_id, run_id, note=note)

    def end_run(self, dag_id: str, run_id: str, note: str) -> None:
        """Mark a run failed, with the reason as its note; tasks of it that run are ended."""
        self._patch_run(dag_id, run_id, state="failed", note=note)

    def _patch_run(self, dag_id: str, run_id: str, **fields: str) -> None:
        self._rest.send("PATCH", f"dags/{dag_id}/dagRuns/{quote(run_id)}", fields)

    def backfill(
        self,
        dag_id: str,
        first: date,
        last: date,
        *,
        max_active_runs: int = 6,
        reprocess: str = "none",
        conf: Mapping[str, Any] | None = None,
        timeout: float = 120.0,
    ) -> int:
        """Queue a run for each decision of the sessions from `first` to `last`, both included.

        Runs of a DAG that is switched off wait until it is on.

        Airflow takes one backfill of a DAG at a time, and one that has ended counts for up to half a minute
        more: this waits for it.

        Parameters
        ----------
        reprocess : {"none", "failed", "completed"}
            Which decisions that have a run already are run again.
        timeout : float
            Seconds to wait for an earlier backfill before `Transient` is raised.

        Returns
        -------
        int
            The backfill's id.
        """
        order = {
            "dag_id": dag_id,
            "from_date": midnight(first).isoformat(),
            "to_date": midnight(last).isoformat(),
            "max_active_runs": max_active_runs,
            "reprocess_behavior": reprocess,
            "dag_run_conf": dict(conf or {}),
        }
        deadline = time.monotonic() + timeout
        patience = ((last - first).days + 1) * RUN_SECONDS
        while True:
            answer = self._rest.send("POST", "backfills", order, busy_is_none=True, patience=patience)
            if answer is not None:
                return int(answer["id"])
            if time.monotonic() > deadline:
                raise Transient(
                    f"another backfill of {dag_id} is still active after {timeout:.0f} s: wait for it"
                )
            time.sleep(1.0)

    def backfill_preview(
        self, dag_id: str, first: date, last: date, *, reprocess: str = "none"
    ) -> list[datetime]:
        """The logical dates for which a backfill would make a run, ascending; see `decision_named`."""
        order = {
            "dag_id": dag_id,
            "from_date": midnight(first).isoformat(),
            "to_date": midnight(last).isoformat(),
            "reprocess_behavior": reprocess,
        }
        found = self._rest.send("POST", "backfills/dry_run", order)["backfills"]
        return sorted(in_utc(one["logical_date"]) for one in found)

    def open_runs(self) -> dict[str, list[DagRun]]:
        """The runs of all DAGs that have not ended, by DAG."""
        found: dict[str, list[DagRun]] = defaultdict(list)
        for state in ("queued", "running"):
            for record in self._rest.pages("dags/~/dagRuns", "dag_runs", state=state, order_by="run_after"):
                found[record["dag_id"]].append(read_run(record))
        return dict(found)

    def runs(self, dag_id: str) -> list[DagRun]:
        """All runs of the DAG, oldest first."""
        found = self._rest.pages(f"dags/{dag_id}/dagRuns", "dag_runs", order_by="run_after")
        return [read_run(record) for record in found]

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """State of each task of a run; a mapped task's copies are ``task[0]``, ``task[1]``, ..."""
        found = self._rest.pages(f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances", "task_instances")
        return {
            task["task_id"] + (f"[{task['map_index']}]" if task["map_index"] >= 0 else ""): task["state"]
            for task in found
        }

    def task_log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """What a task wrote in an attempt, one event a line, each exception with its class and words."""
        path = f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/logs/{attempt}"
        answer = self._rest.send("GET", path, query={"full_content": "true"})
        return "\n".join(_log_line(line) for line in answer["content"])

    def clear(
        self, dag_id: str, run_id: str, task_ids: Collection[str] | None = None, *, downstream: bool = True
    ) -> list[str]:
        """Have tasks of a run run again, whatever their state.

        Parameters
        ----------
        task_ids : collection of str, optional
            All tasks of the run when None.
        downstream : bool
            With what follows them.

        Returns
        -------
        list of str
            The tasks that were cleared.
        """
        order: dict[str, Any] = {
            "dry_run": False,
            "dag_run_id": run_id,
            "only_failed": False,
            "reset_dag_runs": True,
            "include_downstream": downstream,
        }
        if task_ids is not None:
            order["task_ids"] = sorted(task_ids)
        answer = self._rest.send("POST", f"dags/{dag_id}/clearTaskInstances", order)
        return sorted({task["task_id"] for task in answer["task_instances"]})

    def wait(
        self,
        dag_id: str,
        run_ids: Collection[str] | None = None,
        *,
        timeout: float = 600.0,
        progress: Callable[[list[DagRun]], None] | None = None,
    ) -> list[DagRun]:
        """Wait until runs have ended, well or badly.

        Parameters
        ----------
        run_ids : collection of str, optional
            All runs of the DAG when None.
        timeout : float
            Seconds before `Transient` is raised, naming what still runs.
        progress : callable, optional
            Called with the runs at each look.

        Returns
        -------
        list of DagRun
            Those runs, oldest first.
        """
        deadline = time.monotonic() + timeout
        while True:
            found = [run for run in self.runs(dag_id) if run_ids is None or run.run_id in run_ids]
            if progress is not None:
                progress(found)
            waiting = [f"{run.run_id} ({run.state})" for run in found if not run.finished]
            if not waiting and (run_ids is None or len(found) == len(set(run_ids))):
                return found
            if time.monotonic() > deadline:
                left = ", ".join(waiting) or "runs that were never made"
                raise Transient(f"runs of {dag_id} have not ended after {timeout:.0f} s: {left}")
            time.sleep(POLL_SECONDS)


def _log_line(line: str | Mapping[str, Any]) -> str:
    if isinstance(line, str):
        return line
    causes = [f"{error['exc_type']}: {error['exc_value']}" for error in line.get("error_detail") or ()]
    return "\n".join([str(line.get("event", "")), *causes])
