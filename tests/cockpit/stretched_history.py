"""A decided desk with a long past: its decisions are laid before themselves again and again.

Rows are copied as they stand under earlier sessions and other numbers, so that pages have years to read. They
follow from nothing: ledgers of such a desk do not verify.
"""

from __future__ import annotations

from psycopg2 import sql
from tests.conftest import open_connection

from nightdesk.core.calendar import as_date, as_instant, get_calendar
from nightdesk.core.schedule import Schedule, daily

SCHEMA = "nightdesk"

#: Texts that name one thing each: a copy is named apart.
NAMES = (
    "client_order_id",
    "execution_id",
    "reference",
    "broker_order_id",
    "alert_key",
    "resends",
    "action_id",
)

#: A copy was made by the run of its own session.
RUN_OF_COPY = "split_part(t.task, '/', 1) || '/scheduled__' || laid.session || '/step/1'"

#: They hold further dates, which a copy would contradict.
LEFT_OUT = ("models", "strategy_bands")


def stretch(url: str, books: tuple[str, ...], decisions: int, schedule: Schedule | None = None) -> None:
    """Let each book have so many decisions, daily unless a schedule is given; the newest as they were."""
    schedule = schedule or daily(get_calendar("XNYS"))
    with open_connection(url) as conn, conn.cursor() as cur:
        cur.execute("SET session_replication_role = replica")
        for book in books:
            cur.execute("SELECT as_of, session FROM nightdesk.runs WHERE book = %s ORDER BY as_of", (book,))
            decided = cur.fetchall()
            first = schedule.index(decided[0][0])
            cur.execute(
                "CREATE TEMP TABLE laid (old_as_of timestamptz, old_session date, as_of timestamptz, "
                "session date, tag text)"
            )
            ends = schedule.ends[first - (decisions - len(decided)) : first][::-1]
            days = schedule.sessions_of(ends)
            for place, (end, day) in enumerate(zip(ends, days, strict=True)):
                old = decided[-1 - place % len(decided)]
                cur.execute(
                    "INSERT INTO laid VALUES (%s, %s, %s, %s, %s)",
                    (*old, as_instant(end), as_date(day), f"~{place}"),
                )
            for table, columns in _tables(cur).items():
                _copy(cur, table, columns, book)
            cur.execute("DROP TABLE laid")
        cur.execute("RESET session_replication_role")
        cur.execute("ANALYZE")


def _tables(cur) -> dict[str, list[str]]:  # type: ignore[no-untyped-def] # a cursor
    """Tables of decisions: those with book and session, by name, with the columns that can be written."""
    cur.execute(
        "SELECT c.table_name, array_agg(c.column_name::text) FROM information_schema.columns c "
        "JOIN information_schema.tables t USING (table_schema, table_name) "
        "WHERE c.table_schema = %s AND t.table_type = 'BASE TABLE' AND c.is_identity = 'NO' "
        "AND c.is_generated = 'NEVER' GROUP BY 1 "
        "HAVING bool_or(c.column_name = 'book') AND bool_or(c.column_name IN ('as_of', 'session'))",
        (SCHEMA,),
    )
    return {name: columns for name, columns in cur.fetchall() if name not in LEFT_OUT}


def _copy(cur, table: str, columns: list[str], book: str) -> None:  # type: ignore[no-untyped-def]
    key = "as_of" if "as_of" in columns else "session"
    written = []
    for name in columns:
        if name in ("as_of", "session"):
            written.append(sql.SQL("laid.{}").format(sql.Identifier(name)))
        elif name == "task":
            written.append(sql.SQL(RUN_OF_COPY))
        elif name in NAMES:
            written.append(sql.SQL("t.{}::text || laid.tag").format(sql.Identifier(name)))
        else:
            written.append(sql.SQL("t.{}").format(sql.Identifier(name)))
    cur.execute(
        sql.SQL(
            "INSERT INTO nightdesk.{table} ({names}) SELECT {values} FROM nightdesk.{table} t "
            "JOIN laid ON t.{key} = laid.{old} WHERE t.book = %s ON CONFLICT DO NOTHING"
        ).format(
            table=sql.Identifier(table),
            names=sql.SQL(", ").join(map(sql.Identifier, columns)),
            values=sql.SQL(", ").join(written),
            key=sql.Identifier(key),
            old=sql.Identifier(f"old_{key}"),
        ),
        (book,),
    )
