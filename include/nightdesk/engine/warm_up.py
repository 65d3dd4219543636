"""From which session on a book's factors are computed, where its file does not say so."""

from __future__ import annotations

import math
from datetime import date

from nightdesk import factors
from nightdesk.core.book import Book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.schedule import schedule_of
from nightdesk.engine.desk import resolve

#: Two years, within which the state of a recursive factor forgets where it began.
FEWEST_SESSIONS = 504
#: A month beyond the longest look-back: a bar that is missing at its far end costs no value.
SPARE_SESSIONS = 21


def origin_before(book: Book, inception: date) -> date:
    """The book's own origin, or as many sessions before its inception as its factors need.

    Those are two years, and more where the longest look-back of its factors, with a month to spare, is more.

    Raises
    ------
    Refused
        When the calendar does not reach so far back, or the book names what there is not.
    """
    if book.origin is not None:
        return book.origin
    return get_calendar(book.calendar).shift(inception, -warm_up_sessions(book))


def warm_up_sessions(book: Book) -> int:
    """Sessions before the inception of a book that states no origin, from which its factors are computed."""
    desk = resolve(book)
    hours = factors.hours_back(desk.factor_names)
    sessions_of_hours = math.ceil(hours / schedule_of(book).periods_a_session)
    return max(FEWEST_SESSIONS, max(desk.look_back, sessions_of_hours) + SPARE_SESSIONS)
