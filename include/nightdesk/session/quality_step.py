"""The step that checks the market: what is found wrong with the bars of a session, and what follows.

What decides is computed on arrays, in every driver alike. Of the newest decision, which people look at, Great
Expectations is asked too, and its results are kept for Data Docs; a replay, a backfill or a dry run of older
ones does without, and finds the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.session.context import Context
from nightdesk.session.data_alerts import tell_data
from nightdesk.session.finding_rows import ACTIONS_CHECK, finding_rows, quarantined_since
from nightdesk.session.writing import StepOutcome, saving
from nightdesk.store.db import now
from nightdesk.store.health_rows import still_kept

if TYPE_CHECKING:
    from nightdesk.feeds.expectations import SessionExpectations
    from nightdesk.feeds.quality import Finding, Quality


def quality(context: Context) -> StepOutcome:
    """Judge the bars of the session, keep every finding, and stop the run where they are too bad.

    Raises
    ------
    Refused
        When the benchmark, the volatility index or too many symbols fail, or an expectation of the book's own
        that stops it; the findings are kept.
    """
    from nightdesk.feeds.expectations import asked_only_here

    panel, book, examined = context.panel(), context.book, context.examined()
    t = len(panel.days) - 1  # the newest session that is over
    asked = asked_of(examined, t) if is_looked_at(context) else None
    findings = [*examined.findings(t), *(() if asked is None else _told(asked))]
    kept_out = context.checked().withheld.quarantined[-1]
    quarantined = [panel.symbols[n] for n in np.flatnonzero(kept_out)]
    rows = finding_rows(context, findings)
    why_not = _why_no_entries(context, t)
    with saving(context) as save:
        # A sealed decision is compared with what was said of it when it was the newest.
        again = asked is None and save.sealed is not None
        besides = asked_only_here(book.quality.expectations) if again else frozenset()
        save.rows("quality_runs", still_kept(context.conn, book.name, context.as_of, rows, besides))
        save.rows(
            "session_quality",
            [
                {
                    "entries_allowed": not why_not,
                    "reason": why_not,
                    "quarantined": quarantined,
                }
            ],
        )
        if save.sealed is None:
            save.rows("quality_outcomes", [context.checked().row()])
            save.rows("quality_validations", [] if asked is None else _validation_rows(asked))
    tell_data(context, quarantined_since(context))
    unwritten = {} if asked is None or save.sealed is not None else _write_pages(context, asked)
    if examined.stop[t]:
        raise Refused(
            f"{book.name} {context.name}: the data is too bad to decide on: {examined.why_stopped(t)}. "
            "Bring the missing bars in, or accept a price that is real, then run the ingest step again"
        )
    warned = sum(row["outcome"] == "warned" and row["check_name"] != ACTIONS_CHECK for row in rows)
    found = sum(row["check_name"] == ACTIONS_CHECK for row in rows)
    counts: dict[str, int | str] = {
        "checks": len(rows) - found,
        "quarantined": len(quarantined),
        "warned": warned,
        "actions": found,
    }
    return save.outcome(**counts, **unwritten)


def _why_no_entries(context: Context, t: int) -> str:
    """Why the decision opens nothing, by session `t` and by its hour; empty where it may."""
    of_hours = context.checked().hours
    words = [context.examined().why_no_entries(t)]
    words += [] if of_hours is None else [of_hours.checks.why_no_entries(-1)]
    return "; ".join(one for one in words if one)


def is_looked_at(context: Context) -> bool:
    """Whether people look at the decision: it is the newest one by the database's clock, and no dry run."""
    if context.dry_run or context.rehearsing:
        return False
    return context.as_of >= context.schedule.latest_completed(now(context.conn))


def asked_of(examined: Quality, t: int) -> SessionExpectations | str:
    """What Great Expectations says of session `t`; in words, why it could not be asked.

    The checks on arrays hold without it, so no fault of it costs the session.

    Raises
    ------
    Refused
        When the table of the checks is malformed.
    """
    from nightdesk.feeds.expectations import ask

    try:
        return ask(examined, t)
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001 (a fault of a library that only looks)
        return f"Great Expectations could not be asked ({type(error).__name__}: {error})"


def _told(asked: SessionExpectations | str) -> list[Finding]:
    """What it alone finds wrong, and a warning where it judges otherwise or could not be asked.

    What it finds in order is no row: so the rows of a decision are the same without it.
    """
    from nightdesk.feeds.expectations import ITSELF
    from nightdesk.feeds.quality import WHOLE_BOOK, Finding

    own, words = ([], asked) if isinstance(asked, str) else (list(asked.findings), "; ".join(asked.differs))
    if words:
        said = f"{words}. The desk's own checks were followed; report it"
        own.append(Finding(ITSELF, WHOLE_BOOK, math.nan, math.nan, "warn", said))
    return [one for one in own if one.outcome != "pass"]


def _write_pages(context: Context, asked: SessionExpectations | str) -> dict[str, str]:
    """Write what Great Expectations says as pages beside those of the sessions; why not, where that fails.

    The upkeep of the day writes them again, with a list of all.
    """
    from nightdesk.session.data_docs import write_newest

    if isinstance(asked, str):
        return {}
    try:
        write_newest(context)
    except Exception as error:  # noqa: BLE001 (pages that only show; the results are stored)
        return {"data_docs": f"not written ({type(error).__name__}: {error})"}
    return {}


def _validation_rows(asked: SessionExpectations | str) -> Sequence[dict[str, Any]]:
    if isinstance(asked, str):
        return []
    return [
        {"suite": one.suite, "success": one.success, "document": one.document} for one in asked.validations
    ]
