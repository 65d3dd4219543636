"""Books whose members change, over a span of history: a list as its file has it now, or weekly screens."""

from __future__ import annotations

from datetime import date

from nightdesk.core.book import Book
from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.members import first_without
from nightdesk.feeds.member_lists import read_members

#: What a book's members rest on: its list or screen, where bars and facts come from, and their checks.
CHOOSE_MEMBERS = ("members", "feeds", "calendar", "schedule", "quality", "benchmark", "volatility_index")


def with_listed(book: Book, origin: date, inception: date, last: date) -> Book:
    """The book of `listed_span`."""
    return listed_span(book, origin, inception, last)[0]


def listed_as(like: Book, book: Book, origin: date, inception: date, last: date) -> Book:
    """The book of `listed_span`, with the members of `like` where both choose them alike."""
    if like.membership is None or any(getattr(book, one) != getattr(like, one) for one in CHOOSE_MEMBERS):
        return with_listed(book, origin, inception, last)
    return book.with_members(like.membership, origin, last)


def listed_span(
    book: Book, origin: date, inception: date, last: date, processes: int = 1
) -> tuple[Book, tuple[str, ...]]:
    """The book with all that is a member from `origin` to `last`, and what must be known of its universe.

    One that lists its symbols is as it is.

    Parameters
    ----------
    book : Book
    origin : date
        First session of its panel.
    inception, last : date
        The decided sessions; each must have a member.
    processes : int
        As of `screen_span` of `nightdesk.research.backtest.screened_universe`.

    Raises
    ------
    Refused
        As `nightdesk.feeds.member_lists.read_members`, or `screen_span` of
        `nightdesk.research.backtest.screened_universe`; when a decided session has no member.
    """
    if book.members is None:
        return book, ()
    if book.members.members is None:
        from nightdesk.research.backtest.screened_universe import screen_span

        screened = screen_span(book, origin, inception, last, processes=processes)
        return book.with_members(screened.membership, origin, last), screened.words
    source = book.members.members
    membership = read_members(source)
    gap = first_without(membership, get_calendar(book.calendar).between(inception, last))
    if gap is not None:
        raise Refused(
            f"{source}: no symbol is a member on {gap}; every session from {inception} to {last} needs one: "
            "add what was a member then, or choose another span"
        )
    return book.with_members(membership, origin, last), ()
