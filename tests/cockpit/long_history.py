"""Stretches a decided desk over years: copies of one decision, dated at the sessions before the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.conftest import open_connection
from tests.session.small_desk import INCEPTION, instant

from nightdesk.core.calendar import as_date, get_calendar

#: Tables that hold what a decision left, each keyed by it; runs first, which the others refer to.
COPIED = (
    "runs", "run_steps", "portfolio", "account_marks", "positions", "performance", "benchmarks", "signals",
    "targets", "target_scales", "gated", "verdicts", "regimes", "session_quality", "risk_state",
    "risk_reports", "risk_distances", "risk_contributions", "risk_correlations", "factors", "reports",
)  # fmt: skip

#: What is another in each copy, by column.
DATED: Mapping[str, str] = {
    "session": "a.day",
    "as_of": "a.at",
    "task": "split_part(t.task, '/', 1) || '/scheduled__' || a.day || '/step/1'",
}


def stretch(url: str, sessions: int, source: int) -> None:
    """Give each book `sessions` more closed sessions, each as the session `source` left it."""
    calendar = get_calendar()
    before = calendar.between(calendar.shift(INCEPTION, -sessions), calendar.shift(INCEPTION, -1))
    days = [as_date(one) for one in before]
    with open_connection(url) as conn, conn.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE added AS "
            "SELECT * FROM unnest(%s::date[], %s::timestamptz[]) AS t (day, at)",
            (days, [calendar.close_at(day) for day in days]),
        )
        for table in COPIED:
            names = _columns(cursor, table)
            values = ", ".join(DATED.get(name, f"t.{name}") for name in names)
            cursor.execute(
                f"INSERT INTO nightdesk.{table} ({', '.join(names)}) SELECT {values} "
                f"FROM nightdesk.{table} t CROSS JOIN added a WHERE t.as_of = %s",
                (instant(source),),
            )
        cursor.execute("ANALYZE")


def _columns(cursor: Any, table: str) -> list[str]:
    """Those that a row is given; no numbers and values that the database makes itself."""
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND NOT attisdropped AND attgenerated = '' AND attidentity = ''",
        (f"nightdesk.{table}",),
    )
    return [name for (name,) in cursor.fetchall()]
