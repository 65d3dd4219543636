"""The form of a run: what is written into it and is not known is refused, before anything is decided."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from desk_note import note_refusal
from nightdesk.core.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from airflow.sdk import Context


def refuse_unknown_keys(context: Context) -> None:
    """Refuse a run whose configuration holds a key that the form of its DAG does not have.

    The first task of the run tells it; the tasks that follow end for the same reason, which is no news then.

    Raises
    ------
    BadRequest
        With the keys, what they may have meant, and those that are known.
    """
    dag, task = context["dag"], context["task"]
    reason = unknown_keys(context["dag_run"].conf or {}, dag.params)
    if reason is None:
        return
    reason = f"{dag.dag_id}: {reason}. Nothing was done: trigger the DAG again"
    if not task.upstream_task_ids:
        note_refusal(context["ti"], reason)
        raise BadRequest(reason)
    from nightdesk.operations.task_failures import FollowUpFailure

    raise FollowUpFailure(reason)


def unknown_keys(given: Iterable[str], known: Collection[str]) -> str | None:
    """What is wrong with the keys of a run's configuration; None where all of them are known."""
    strange = [str(key) for key in given if key not in known]
    if not strange:
        return None
    found = ", ".join(_named(key, known) for key in strange)
    allowed = f"known are {', '.join(sorted(known))}" if known else "this DAG takes none"
    return f"the run's configuration holds {found}, which nobody knows: {allowed}"


def _named(key: str, known: Collection[str]) -> str:
    near = get_close_matches(key.lower(), known, n=1)
    return repr(key[:60]) + (f" (did you mean {near[0]!r}?)" if near else "")
