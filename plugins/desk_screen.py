"""The operators of the DAGs `screen__BOOK` and `open_check__BOOK`: who is a member, and who is off today."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk.exceptions import AirflowSkipException

from desk_connections import desk_environment, without_secrets
from desk_failure import raise_alert_of_book
from desk_operator import BookOperator
from nightdesk.core.errors import BadRequest

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk import Context

    from nightdesk.core.calendar import Calendar
    from nightdesk.session.screening_step import Screener

log = logging.getLogger("nightdesk.dag")


def raise_alert_of_screen(context: Context) -> None:
    """Tell that a task of a screen failed; not what was told where it was found."""
    from nightdesk.session.screening_step import ScreenFailed

    if not isinstance(context.get("exception"), ScreenFailed):
        raise_alert_of_book(context)


class ScreenOperator(BookOperator):
    """Makes the screen of a book's week, and stores it."""

    ui_color = "#eef6ee"

    def execute(self, context: Context) -> dict[str, Any]:
        """Small facts of the screen."""
        from nightdesk.session.screening_step import run_screen

        with without_secrets(), _screener(self.book, _day(context)) as (screener, at, _):
            made = run_screen(screener, at)
        log.info(
            "screened book=%s at=%s pool=%d members=%d pairs=%d",
            self.book, at.isoformat(), made.pool, made.members, made.admitted,
        )  # fmt: skip
        return {
            "screened_at": at.isoformat(),
            "pool": made.pool,
            "passed": made.passed,
            "members": made.members,
            "pairs": made.admitted,
            "first_session": made.first_session.isoformat(),
        }


class OpenCheckOperator(BookOperator):
    """Looks before an open which members fail the cheap criteria; skipped where nothing can be looked at."""

    ui_color = "#eef6ee"

    def execute(self, context: Context) -> dict[str, Any]:
        """How many are off."""
        from nightdesk.session.open_check import run_open_check

        with without_secrets(), _screener(self.book, _day(context)) as (screener, _, session):
            off, words = run_open_check(screener, session)
        log.info("open_check book=%s session=%s off=%s", self.book, session, off)
        if off is None:
            raise AirflowSkipException(words)
        return {"session": session.isoformat(), "off": off}


def _day(context: Context) -> date | None:
    """The session of the form."""
    text = context["params"].get("session")
    if not text:
        return None
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise BadRequest(f"session: found {text!r}, expected a day like 2026-11-30") from None


@contextmanager
def _screener(name: str, day: date | None) -> Iterator[tuple[Screener, datetime, date]]:
    """A book's screener, the instant of its screen, and the session: those of a day, or of now."""
    from nightdesk.core.book import load_book
    from nightdesk.core.calendar import get_calendar
    from nightdesk.core.screen_weeks import screened_before
    from nightdesk.session.context import book_path, project_root
    from nightdesk.session.screening_step import Screener
    from nightdesk.store.book_rows import book_record
    from nightdesk.store.connection import connect
    from nightdesk.store.db import now

    environ = desk_environment()
    book = load_book(book_path(name, project_root(environ)))
    calendar = get_calendar(book.calendar)
    with closing(connect(environ=environ)) as conn:
        if day is None and book_record(conn, book.name) is None:
            raise AirflowSkipException(f"book {name} was never started: its first decision screens its pool")
        moment = now(conn)
        at = screened_before(moment if day is None else _close(calendar, day))
        session = day or moment.astimezone(ZoneInfo(calendar.zone)).date()
        yield Screener.of_book(conn, book, at, environ), at, session


def _close(calendar: Calendar, session: date) -> datetime:
    if not calendar.is_session(session):
        raise BadRequest(f"session: {session} is no session of {calendar.name}; name one")
    return calendar.close_at(session)
