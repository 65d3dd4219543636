"""What people did or tried to do by hand in the cockpit: each request acts once, and all of them are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg2.extras import Json

from nightdesk.store.db import Connection, cursor
from nightdesk.store.rows import read_row, read_rows

#: Of a field that somebody sent, for the record.
KEPT_CHARACTERS = 1000

State = Literal["begun", "done", "refused", "failed"]


def begin_action(
    conn: Connection,
    request: UUID,
    action: str,
    *,
    book: str,
    who: str,
    reason: str,
    given: Mapping[str, str],
) -> dict[str, Any] | None:
    """Keep that somebody asks for an action.

    Returns
    -------
    dict or None
        None when the request is new; else what is known of it: action, book, who, state, words.
    """
    kept = {name[:80]: _plain(value) for name, value in given.items()}
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.manual_actions (request, action, book, who, reason, given) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (str(request), action, _plain(book), who, _plain(reason), Json(kept)),
        )
        if cur.rowcount:
            return None
    return read_row(conn, "manual_action", request=str(request))


def end_action(conn: Connection, request: UUID, state: State, words: str) -> None:
    """Keep what became of it, in the words that the person was told."""
    with cursor(conn) as cur:
        cur.execute(
            "UPDATE nightdesk.manual_actions SET state = %s, words = %s, ended_at = clock_timestamp() "
            "WHERE request = %s AND state = 'begun'",
            (state, words, str(request)),
        )


def newest_actions(
    conn: Connection, books: Sequence[str], *, before: datetime | None = None, rows: int = 50
) -> list[dict[str, Any]]:
    """The newest of some books (an empty name: of the desk): request, action, book, who, reason, given,
    asked_at, state, words, ended_at.
    """
    return read_rows(conn, "newest_manual_actions", books=list(books), before=before, rows=rows)


def _plain(text: str) -> str:
    """As PostgreSQL can hold it, and no longer than is kept."""
    return text.replace("\x00", "")[:KEPT_CHARACTERS]
