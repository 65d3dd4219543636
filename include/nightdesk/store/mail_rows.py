"""Mails of sessions, weeks and months: made with a report, raised by the close, brought by the sender."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from nightdesk.store.db import Connection, cursor
from nightdesk.store.message_rows import raise_alert
from nightdesk.store.rows import read_row, read_rows

MailKind = Literal["daily", "weekly", "monthly"]


@dataclass(frozen=True)
class StoredMail:
    """A mail as it is sent, whenever that is.

    `session` is the one that it is of, or the last of its week or month; `as_of` the decision whose report
    made it. `summary` is what a chat is sent. `equity` and `drawdown` are PNG, None where there is no curve.
    """

    book: str
    kind: MailKind
    session: date
    as_of: datetime
    subject: str
    summary: str
    body: str
    html: str
    equity: bytes | None = None
    drawdown: bytes | None = None

    @property
    def alert_key(self) -> str:
        """The key of the alert that carries it."""
        return f"mail {self.kind} {self.book} {self.session}"


@dataclass(frozen=True)
class FailedStep:
    """A step of a decision that failed: how often, its newest error, and whether it came through after."""

    step: str
    failures: int
    error: str
    came_through: bool


@dataclass(frozen=True)
class TradesOfSession:
    """The fills of one session: how many, and their sums in dollars (costs are positive)."""

    session: date
    trades: int
    commission: Decimal
    notional: Decimal
    expected: Decimal
    realised: Decimal


def keep_mail(conn: Connection, mail: StoredMail) -> None:
    """Store a mail in place of an earlier one of the same; one that was raised stays as it is."""
    names = tuple(StoredMail.__dataclass_fields__)
    values = {name: getattr(mail, name) for name in names}
    changed = ", ".join(f"{name} = excluded.{name}" for name in names)
    places = ", ".join(f"%({name})s" for name in names)
    with cursor(conn) as cur:
        cur.execute(
            f"INSERT INTO nightdesk.mails AS held ({', '.join(names)}) VALUES ({places}) "
            f"ON CONFLICT (book, kind, session) DO UPDATE SET {changed}, created_at = clock_timestamp() "
            "WHERE held.alert_id IS NULL",
            values,
        )


def raise_mails(conn: Connection, book: str, as_of: datetime) -> int:
    """Raise the alerts of the mails that a decision's report has made; how many are new.

    To be called in the transaction that closes the decision, so that both stand or neither.
    """
    raised = 0
    for row in read_rows(conn, "mails_of_decision", book=book, as_of=as_of):
        mail = _stored(row)
        raised += raise_alert(
            conn, mail.alert_key, "INFO", mail.subject, mail.summary, book=book, session=mail.session
        )
        with cursor(conn) as cur:
            cur.execute(
                "UPDATE nightdesk.mails m SET alert_id = a.alert_id FROM nightdesk.alerts a "
                "WHERE a.alert_key = %s AND (m.book, m.kind, m.session) = (%s, %s, %s)",
                (mail.alert_key, mail.book, mail.kind, mail.session),
            )
    return raised


def mail_of_alert(conn: Connection, alert_id: int) -> StoredMail | None:
    """The mail that an alert carries; None of any other alert."""
    row = read_row(conn, "mail_of_alert", alert_id=alert_id)
    return None if row is None else _stored(row)


def is_overdue(conn: Connection, book: str, kind: MailKind, last: date) -> bool:
    """Whether a book that has sent mails before lacks the summary of the week or month that ended at `last`.

    A book that has sent none yet lacks none: what it decided then was of the past.
    """
    row = read_row(conn, "mails_raised", book=book, kind=kind, session=last)
    return row is not None and row["one_before"] and not row["it_was"]


def failed_steps(conn: Connection, book: str, as_of: datetime) -> tuple[FailedStep, ...]:
    """The steps of a decision that failed at least once, in the order in which they were first begun."""
    rows = read_rows(conn, "failed_attempts", book=book, as_of=as_of)
    return tuple(FailedStep(**{**row, "error": row["error"] or "no word"}) for row in rows)


def warnings_of_session(conn: Connection, book: str, session: date) -> tuple[tuple[str, str], ...]:
    """Level and subject of what was raised of a book's session beyond INFO, the gravest first."""
    rows = read_rows(conn, "warnings_of_session", book=book, session=session)
    return tuple((row["level"], row["subject"]) for row in rows)


def profits_between(conn: Connection, book: str, first: date, last: date) -> dict[tuple[date, str], Decimal]:
    """The profit by session and strategy; that of no strategy under an empty name. Dollars and cents."""
    rows = read_rows(conn, "period_profits", book=book, first=first, last=last)
    return {(row["session"], row["strategy"]): row["profit"] for row in rows}


def trades_between(conn: Connection, book: str, first: date, last: date) -> dict[date, TradesOfSession]:
    """The fills of the sessions that had any, by session."""
    rows = read_rows(conn, "period_trades", book=book, first=first, last=last)
    return {row["session"]: TradesOfSession(**row) for row in rows}


def benchmark_return_by(conn: Connection, book: str, session: date) -> float | None:
    """What the book's benchmark had made since the inception by a session; None where it is not known."""
    row = read_row(conn, "benchmark_by", book=book, session=session)
    return None if row is None else float(row["total_return"])


def _stored(row: dict[str, object]) -> StoredMail:
    pictures = {
        name: None if row[name] is None else bytes(row[name])  # type: ignore[call-overload]
        for name in ("equity", "drawdown")
    }
    return StoredMail(**{**row, **pictures})  # type: ignore[arg-type]
