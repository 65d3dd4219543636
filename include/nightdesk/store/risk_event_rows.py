"""What people and the desk itself say of a book's risk: facts with the session from which they count."""

from __future__ import annotations

from datetime import date, datetime

from nightdesk.core.errors import Refused
from nightdesk.core.masking import mask_line, one_line
from nightdesk.store.db import Connection, cursor


def store_risk_fact(
    conn: Connection,
    book: str,
    session: date,
    kind: str,
    *,
    reason: str,
    who: str,
    key: str | None,
    what: str,
    level: int | None = None,
    after: datetime | None = None,
) -> bool:
    """Store a fact, masked and on one line.

    Parameters
    ----------
    conn : Connection
        Where it is stored.
    book : str
        A started book.
    session : date
        First session whose decision reads it.
    kind : str
        One of the kinds of `risk_events`.
    reason, who : str
        Why, and the person or step that says so.
    key : str or None
        Names the event: given twice under one key, it is stored once. None: every call is its own event.
    what : str
        What wants a reason and a person, for the error.
    level : int, optional
        A drawdown level that it sets.
    after : datetime, optional
        The decision after which it counts; default: all decisions of its session read it.

    Returns
    -------
    bool
        Whether it was stored now.

    Raises
    ------
    Refused
        When no reason or person is given.
    """
    if not reason.strip() or not who.strip():
        raise Refused(f"{what} wants a reason and a person: who says so, and why?")
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.risk_events (book, session, after_as_of, kind, reason, who, level, "
            "event_key) VALUES (%s, %s, %s, %s, %s, %s, %s, coalesce(%s, gen_random_uuid()::text)) "
            "ON CONFLICT (event_key) DO NOTHING",
            (book, session, after, kind, mask_line(reason.strip()), one_line(who.strip()), level, key),
        )
        return cur.rowcount > 0
