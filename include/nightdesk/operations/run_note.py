"""What a run of Airflow was, in a line: decided, dry, compared with what is sealed, degraded, failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from nightdesk.store.db import Connection
from nightdesk.store.decision_rows import silent_strategies
from nightdesk.store.run_rows import find_run, newest_attempts

#: The ids of the runs that catch up begin with it; their session follows.
CATCHING_UP = "catching_up__"


def describe(
    conn: Connection,
    book: str,
    as_of: datetime | None,
    name: str,
    *,
    dag_id: str,
    run_id: str,
    dry_run: bool,
    failed: Sequence[str] | None,
) -> str:
    """A run at its end.

    Parameters
    ----------
    as_of, name
        The decision, and what people call it; no instant where there is none such.
    dag_id, run_id : str
        The run.
    failed : sequence of str or None
        Its failed tasks; None where its last task succeeded.

    Returns
    -------
    str
        As ``2025-01-08, decided, degraded: no signals of rotation``.
    """
    parts = begun(name, run_id, dry_run=dry_run)
    if failed is not None:
        parts.append(f"failed: {', '.join(failed)}" if failed else "failed")
    if dry_run or as_of is None:
        return ", ".join(parts)
    attempts = [
        one
        for one in newest_attempts(conn, book, as_of).values()
        if (one.task or "").startswith(f"{dag_id}/{run_id}/")
    ]
    if any(one.status == "compared" for one in attempts):
        differ = sum(len(one.differences) for one in attempts)
        found = {0: "nothing differs", 1: "1 row differs"}.get(differ, f"{differ} rows differ")
        parts.append(f"sealed and compared: {found}")
    run = find_run(conn, book, as_of)
    if run is not None and run.status == "closed" and failed is None:
        parts.append("decided")
        silent = silent_strategies(conn, book, as_of)
        if silent:
            parts.append(f"degraded: no signals of {' and '.join(silent)}")
    return ", ".join(parts)


def begun(name: str, run_id: str, *, dry_run: bool) -> list[str]:
    """What is known of a run from its beginning: its decision, whether it catches up, whether it is dry."""
    parts = [name]
    if run_id.startswith(CATCHING_UP):
        parts.append("catching up")
    if dry_run:
        parts.append("dry run: nothing kept, nothing sent")
    return parts
