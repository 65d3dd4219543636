"""The check of a screened book's members before an open: who fails it opens nothing in that session.

The DAG of the check makes it half an hour before the open, or the decision of the session where it is
missing. Both look at the closes of the session before, and at what the world knew before the open.
"""

from __future__ import annotations

from datetime import date

from nightdesk.core.pool_book import book_of_pool, screen_terms
from nightdesk.core.screen_weeks import checked_at, screened_before
from nightdesk.session.context import Context
from nightdesk.session.screening_step import Screener, read_pool_facts
from nightdesk.store.db import now
from nightdesk.store.member_rows import read_stored_members
from nightdesk.store.run_rows import find_run
from nightdesk.store.screen_rows import newest_good, open_check_of, save_open_check


def check_before_open(context: Context) -> tuple[Context, dict[str, int | str]]:
    """The decision of a screened book with what is off in its session, checked now where that is missing.

    Another book is as it was. The bars of the session before are stored by now.
    """
    book = context.book
    if book.screen is None:
        return context, {}
    off = make_open_check(Screener.of_decision(context), context.session)
    return context.with_list_of(now(context.conn)), {"off": off}


def run_open_check(screener: Screener, session: date) -> tuple[int | None, str]:
    """Check the members of a session before its open for its own sake.

    It looks at the closes of the session before, so it waits for nothing: where these or the screen are
    missing it leaves the check to the decision of the session.

    Returns
    -------
    tuple of (int or None, str)
        How many are off, None where nothing was checked; and what came of it in words.
    """
    conn, book, calendar = screener.conn, screener.book, screener.calendar
    if not calendar.is_session(session):
        return None, f"{session} is no session of {book.calendar}: nothing is checked"
    wanted = screened_before(calendar.close_at(session))
    used = newest_good(conn, book.name, wanted)
    if used is None or used.screened_at != wanted:
        missing = f"the screen of {wanted:%Y-%m-%d} is missing"
        return None, f"{missing}: the decision of {session} makes it, and checks"
    before = calendar.shift(session, -1)
    run = find_run(conn, book.name, calendar.close_at(before))
    if run is None or run.known_by is None:
        return None, f"the bars of {before} were not ingested yet: the decision of {session} checks"
    off = make_open_check(screener, session)
    return off, f"{off} of {used.members} members are off in session {session}"


def make_open_check(screener: Screener, session: date) -> int:
    """Check the members of a session before its open, where that was not done; how many are off."""
    from nightdesk.screening.outcomes import off_before_open, open_check_sessions

    conn, book = screener.conn, screener.book
    found = open_check_of(conn, book.name, session)
    if found is not None:
        return found.off
    known_by = now(conn)
    members = read_stored_members(conn, book.name, known_by).at(session)
    pool, last = book_of_pool(book, members), screener.calendar.shift(session, -1)
    window = (screener.calendar.shift(last, 1 - open_check_sessions()), last)
    facts = read_pool_facts(
        conn, pool, window, checked_at(screener.calendar, session), known_by, examined=False
    )
    off = off_before_open(facts, screen_terms(book).criteria)
    save_open_check(conn, book.name, session, known_by, len(members), off)
    return len(off)
