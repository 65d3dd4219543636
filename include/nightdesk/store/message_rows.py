"""What people are told: reports, and alerts, each a row first and sent after."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from nightdesk.core.masking import lines_only, mask, mask_line
from nightdesk.store.db import Connection, cursor
from nightdesk.store.rows import read_row, read_rows

#: Characters of an alert's subject and body; more would be read by nobody, and carried by no mail.
LONGEST_SUBJECT, LONGEST_BODY = 300, 20_000

Level = Literal["INFO", "WARNING", "CRITICAL", "EMERGENCY"]


def raise_alert(
    conn: Connection,
    key: str,
    level: Level,
    subject: str,
    body: str,
    *,
    book: str | None = None,
    session: date | None = None,
) -> bool:
    """Tell people of an event, once.

    Parameters
    ----------
    conn : Connection
        Where it is stored; in a transaction it stands and falls with it.
    key : str
        Names the event: what is told twice under one key is stored once.
    level : str
        INFO, WARNING, CRITICAL or EMERGENCY.
    subject, body : str
        One line; what happened, where and what to do. Secrets in them are hidden; what is longer than
        `LONGEST_SUBJECT` and `LONGEST_BODY` is cut, and says so.
    book, session
        What it concerns, where it concerns one.

    Returns
    -------
    bool
        Whether it was stored now.
    """
    with cursor(conn) as cur:
        cur.execute(
            "INSERT INTO nightdesk.alerts (alert_key, level, book, session, subject, body) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (alert_key) DO NOTHING",
            (
                key,
                level,
                book,
                session,
                cut(mask_line(subject), LONGEST_SUBJECT),
                cut(mask(lines_only(body)), LONGEST_BODY),
            ),
        )
        return cur.rowcount > 0


def asking_key(book: str) -> str:
    """How the keys of the alerts begin that ask a person about a book's drawdown level."""
    return f"waits {book} "


def cut(text: str, longest: int) -> str:
    """A text, or its beginning and how long it was."""
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text):,} characters)"


def alerts_of(
    conn: Connection, book: str | None = None, newest: int = 50, *, mails: bool = True
) -> list[dict[str, Any]]:
    """The newest alerts, of one book or of all, newest first; with or without those that carry a mail.

    Returns
    -------
    list of dict
        alert_id, alert_key, level, book, session, subject, body, created_at, sent_at, acknowledged_at,
        acknowledged_by.
    """
    return read_rows(conn, "alert_rows", book=book, newest=newest, mails=mails)


def grave_alerts(conn: Connection, book: str | None = None, newest: int = 50) -> list[dict[str, Any]]:
    """The CRITICAL and EMERGENCY alerts that nobody has acknowledged, the gravest first: see `alerts_of`."""
    return read_rows(conn, "grave_alert_rows", book=book, newest=newest)


def report_html(conn: Connection, book: str, as_of: datetime) -> str | None:
    """The report page of a decision; None when it was not made."""
    row = read_row(conn, "report_html", book=book, as_of=as_of)
    return None if row is None else str(row["html"])
