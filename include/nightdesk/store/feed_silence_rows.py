"""Since when no source of a book's bars answers while its newest decision is due."""

from __future__ import annotations

from datetime import datetime

from nightdesk.core.masking import mask_line
from nightdesk.store.db import Connection, cursor, one


def note_feed_silence(conn: Connection, book: str, as_of: datetime, at: datetime, error: str) -> datetime:
    """Keep that no source answered at `at`; since when that is so for the decision at `as_of`."""
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.feed_silences AS held (book, as_of, since, last_error) "
            "VALUES (%s, %s, %s, %s) ON CONFLICT (book) DO UPDATE SET as_of = excluded.as_of, "
            "last_error = excluded.last_error, "
            "since = CASE WHEN held.as_of = excluded.as_of THEN held.since ELSE excluded.since END "
            "RETURNING since",
            (book, as_of, at, mask_line(error)),
        )
        (since,) = one(cur)
    silent_since: datetime = since
    return silent_since


def end_feed_silence(conn: Connection, book: str) -> None:
    """Keep that a source of the book's bars answered."""
    with cursor(conn) as cur:
        cur.execute("DELETE FROM nightdesk.feed_silences WHERE book = %s", (book,))
