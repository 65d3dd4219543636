"""Closes of sessions that stored rows name and that no run began, for the migration to decision instants."""

from __future__ import annotations

from nightdesk.core.errors import Refused
from nightdesk.store.db import Cursor

#: What may be of a session without a run: events and adjustments of the next one, an account on the day
#: before its first, findings of checks.
_WITHOUT_RUN = """
SELECT named.book, named.session, coalesce(b.document ->> 'calendar', %(usual)s)
FROM (
    SELECT o.book, e.session FROM nightdesk.order_events e JOIN nightdesk.orders o USING (client_order_id)
    UNION SELECT book, session FROM nightdesk.adjustments
    UNION SELECT book, session FROM nightdesk.quality_runs
    UNION SELECT b.book, p.session FROM nightdesk.paper_accounts p
        JOIN nightdesk.books b ON b.broker = 'paper' AND b.account = p.account
) named LEFT JOIN nightdesk.books b USING (book)
WHERE NOT EXISTS (
    SELECT FROM nightdesk.runs r WHERE (r.book, r.session) = (named.book, named.session)
)
"""


def give_closes(cur: Cursor) -> None:
    """Fill ``pg_temp.closes_without_run`` with the book, session and close of each, within a transaction.

    Raises
    ------
    Refused
        When a stored session is none of its book's calendar.
    """
    from nightdesk.core.calendar import USUAL_CALENDAR, get_calendar

    cur.execute("CREATE TEMPORARY TABLE closes_without_run (book text, session date, as_of timestamptz)")
    cur.execute(_WITHOUT_RUN, {"usual": USUAL_CALENDAR})
    for book, session, calendar in cur.fetchall():
        try:
            close = get_calendar(calendar).close_at(session)
        except Refused as error:
            raise Refused(
                f"the database cannot be brought up to date: there are rows of {book} {session}: {error}. "
                "Correct or delete them first; nothing was changed"
            ) from None
        cur.execute("INSERT INTO closes_without_run VALUES (%s, %s, %s)", (book, session, close))
