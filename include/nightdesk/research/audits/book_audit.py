"""An audit of a whole book over a span: its bars are read once, and both audits run on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel
from nightdesk.engine.warm_up import warm_up_sessions
from nightdesk.research.audits.differences import RunDifference
from nightdesk.research.audits.look_ahead import (
    LookAhead,
    audit_look_ahead,
    member_differences,
    reading_differences,
)
from nightdesk.research.audits.warm_up_needed import WarmUp, audit_warm_up
from nightdesk.research.backtest.data import FetchedBars, read_market
from nightdesk.research.backtest.decided_span import Start, begin_span

#: What may be audited.
AUDITS = ("look_ahead", "warm_up")
#: Truncations, and as many beginnings, unless somebody says another number.
CUTS = 4
#: Said of a book whose universe is screened.
OF_SCREENS = (
    "screens: made again up to the cut from what sources say today. A bar that came late was missing in the "
    "screen of the day and is there in this one: only the stored screens of a running book show that"
)


@dataclass(frozen=True)
class BookAudit:
    """What the audits of a book have shown.

    Attributes
    ----------
    start : Start
        The book at the beginning of the span.
    market : FetchedBars
        What both ran on.
    look_ahead : LookAhead or None
        None where it was not asked for.
    warm_up : WarmUp or None
        Likewise.
    read_until : date or None
        The session up to which bars and universe were read a second time; None without a look-ahead audit.
    read_differences : tuple of RunDifference
        What that changes in earlier sessions.
    notes : tuple of str
        What a reader must know.
    """

    start: Start
    market: FetchedBars
    look_ahead: LookAhead | None = None
    warm_up: WarmUp | None = None
    read_until: date | None = None
    read_differences: tuple[RunDifference, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all that was asked for passed."""
        each = [one.passed for one in (self.look_ahead, self.warm_up) if one is not None]
        return all(each) and not self.read_differences


def steps_of(kinds: Sequence[str], cuts: int) -> int:
    """How often `audit_book` calls `done`."""
    return 1 + (cuts + 2 if "look_ahead" in kinds else 0) + (cuts if "warm_up" in kinds else 0)


def audit_book(
    book: Book,
    start: Start,
    feed: str | None = None,
    *,
    kinds: Sequence[str] = AUDITS,
    cuts: int = CUTS,
    done: Callable[[], None] = lambda: None,
) -> BookAudit:
    """Audit a book over a span of sessions.

    For the warm-up audit bars are read from twice as far back as the book declares. For the look-ahead audit
    they are read once more, up to the middle cut alone: panel and universe of the sessions up to there must
    be the same.

    Parameters
    ----------
    book : Book
        As it was asked for.
    start : Start
        The same at the beginning of the span.
    feed : str, optional
        One source of bars in place of the book's own.
    kinds : sequence of str
        Of `AUDITS`.
    cuts : int
        Truncations, and beginnings with less history.
    done : callable
        Called after each step, `steps_of` times at most.

    Raises
    ------
    Refused
        As `begin_span`, `read_market` and `nightdesk.research.backtest.run.backtest`; where nothing is asked.
    """
    if not kinds or cuts < 1:
        raise Refused(f"an audit of {', '.join(kinds) or 'nothing'} with {cuts} cuts: ask for one at least")
    declared = declared_sessions(book, start)
    feeds = [feed] if feed is not None else None
    back = declared if "warm_up" in kinds else 0
    market = read_market(start.book, _earlier(book, start.origin, back), start.until, feeds)
    done()
    out = BookAudit(start, market, notes=start.notes)
    if book.members is not None and book.members.members is None:
        out = replace(out, notes=(*out.notes, OF_SCREENS))
    if "look_ahead" in kinds:
        panel = market.panel.since(np.datetime64(start.origin, "D"))
        found = audit_look_ahead(start.book, panel, start.inception, start.last, cuts, done)
        out = replace(_read_again(replace(out, look_ahead=found), book, feeds), look_ahead=found)
        done()
    if "warm_up" in kinds:
        begins = spread_sessions(market.panel, start.inception, start.last, cuts)
        out = replace(out, warm_up=audit_warm_up(start.book, market.panel, begins, declared, done))
    return out


def declared_sessions(book: Book, start: Start) -> int:
    """Sessions before the span from which a book says that its factors are to be computed."""
    if book.origin is None:
        return warm_up_sessions(start.book)
    return len(get_calendar(book.calendar).between(start.origin, start.inception)) - 1


def _earlier(book: Book, origin: date, sessions: int) -> date:
    """A session before the origin; the first of the calendar where that does not reach so far."""
    calendar = get_calendar(book.calendar)
    at = int(np.searchsorted(calendar.sessions, np.datetime64(origin, "D")))
    return as_date(calendar.sessions[max(0, at - sessions)])


def spread_sessions(panel: Panel, first: date, last: date, count: int) -> list[date]:
    """Sessions of a span, the first and the last among them where there are two or more."""
    days = panel.days.sessions
    inside = days[(days >= np.datetime64(first, "D")) & (days <= np.datetime64(last, "D"))]
    at = np.unique(np.linspace(0, len(inside) - 1, count).round().astype(int)) if count > 1 else [-1]
    return [as_date(inside[k]) for k in at]


def _read_again(out: BookAudit, book: Book, feeds: Sequence[str] | None) -> BookAudit:
    """The same with what a second reading has shown, up to the middle cut."""
    cuts = out.look_ahead.cuts if out.look_ahead is not None else ()
    if not cuts:
        return out
    start, until = out.start, cuts[len(cuts) // 2].last
    again = begin_span(book, start.inception, until)
    panel = read_market(again.book, again.origin, until, feeds).panel
    whole = out.market.panel.since(np.datetime64(start.origin, "D"))
    found = (
        *reading_differences(again.book, whole, panel),
        *member_differences(start.book, again.book, panel, start.inception),
    )
    return replace(out, read_until=until, read_differences=found)
