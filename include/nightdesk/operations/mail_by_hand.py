"""A mail that a person asks for: of any session, week or month of a book, to look at or to be sent now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nightdesk.alerts.concerns import concerns
from nightdesk.alerts.mail_lines import UndecidedMail
from nightdesk.alerts.mail_message import mail_message
from nightdesk.alerts.mail_page import undecided_mail
from nightdesk.alerts.sending import receivers, send_mail, shows_mail, variable
from nightdesk.alerts.session_page import NavPoint
from nightdesk.core.errors import Refused, Transient
from nightdesk.session.ingest import bar_sources, is_sample
from nightdesk.session.mails import PeriodKind, links_of, session_mail, summary_mail
from nightdesk.session.report import session_report
from nightdesk.store.db import Connection, now
from nightdesk.store.kill_switch_rows import kill_switch
from nightdesk.store.ledger_rows import read_marks
from nightdesk.store.mail_rows import MailKind, StoredMail, failed_steps, warnings_of_session
from nightdesk.store.message_rows import report_html

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.session.context import Context

#: Who a mail in a file is from and for: RFC 2606 keeps the name for what is nobody's.
_NOBODY = ("Nightdesk", "desk@nightdesk.invalid"), ("", "reader@nightdesk.invalid")


def mail_now(context: Context, kind: MailKind) -> StoredMail:
    """The mail of a session, or of the week or month that it lies in, from what is stored now.

    Of a session without a report it says how far that came and what failed.

    Raises
    ------
    Refused
        When no session of the week or month up to this one is settled.
    """
    conn, book = context.conn, context.book.name
    if kind != "daily":
        sample = any(is_sample(line) for line in bar_sources(context))
        return _summary(context, kind, sample=sample)
    if report_html(conn, book, context.as_of) is None:
        return undecided_mail(_undecided(context))
    return session_mail(context, session_report(context))


def mail_file(conn: Connection, mail: StoredMail) -> bytes:
    """A mail as the content of a file that mail programs open (``.eml``)."""
    return mail_message(mail, *_NOBODY, now(conn)).as_bytes()


def send_now(conn: Connection, book: Book, mail: StoredMail, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Send a mail to everybody of the routes of the book's INFO alerts who is shown mails; their names.

    It is no alert: what is sent by itself is sent all the same, and nobody tries this one again.

    Raises
    ------
    Refused
        When no route leads to a mail address.
    Transient
        When somebody's server did not take it; names those who have it.
    """
    routes = book.alerts.routes.INFO
    found = [one for route in routes for one in receivers(route, environ) if shows_mail(one)]
    if not found:
        names = " or ".join(map(variable, routes)) or "a route under `alerts.routes.INFO` of the book"
        raise Refused(
            f"nobody would have the mail of {book.name}: set {names} to the address of a mail server "
            "(docs/operations.md), or write it to a file with --to"
        )
    failed = {one.name: error for one in found if (error := send_mail(one, mail, now(conn))) is not None}
    had = tuple(one.name for one in found if one.name not in failed)
    if failed:
        words = "; ".join(f"{name}: {error}" for name, error in failed.items())
        raise Transient(f"the mail was not taken by {words}. It has reached {', '.join(had) or 'nobody'}")
    return had


def _summary(context: Context, kind: PeriodKind, *, sample: bool) -> StoredMail:
    return summary_mail(context, kind, last=context.session, sample=sample)


def _undecided(context: Context) -> UndecidedMail:
    conn, book = context.conn, context.book
    run = context.run()
    failed = failed_steps(conn, book.name, context.as_of)
    broken = [one.step for one in failed if not one.came_through]
    if run is None:
        standing = "No step of this session was begun."
    elif broken:
        standing = f"{', '.join(broken)} failed, so the session is not decided."
    else:
        standing = "The session was begun, and is not at its report yet."
    before = [
        one for one in read_marks(conn, book.name, last=context.as_of) if one.session <= context.session
    ]
    newest = NavPoint(before[-1].session, before[-1].nav, before[-1].drawdown) if before else None
    against = concerns(
        kill_switch(conn, book.name, context.session, context.as_of),
        failed=f"{context.schedule.noun} {context.name}" if broken else None,
        schedule=context.schedule,
    )
    return UndecidedMail(
        book=book.name,
        title=book.label,
        session=context.session,
        as_of=context.as_of,
        standing=standing,
        newest=newest,
        concerns=against,
        failed=failed,
        warnings=warnings_of_session(conn, book.name, context.session),
        links=links_of(context),
    )
