"""The span of a piece of research: the sessions that a book decides in memory, and the bars behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.errors import Refused

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.research.backtest.data import FetchedBars


@dataclass(frozen=True)
class Start:
    """A book at the beginning of a span.

    Attributes
    ----------
    book : Book
        With the inception and origin that the span gives it.
    inception, last : date
        The first and the last decided session.
    until : date
        What was asked for as the last day; not always a session.
    sessions : int
        How many are decided.
    notes : tuple of str
        What a reader must know of its universe.
    """

    book: Book
    origin: date
    inception: date
    last: date
    until: date
    sessions: int
    notes: tuple[str, ...] = ()

    def read(self, feed: str | None, accepted: Sequence[tuple[str, date]] = ()) -> FetchedBars:
        """The bars from the origin on, from one feed or from the book's own in order.

        `accepted` are prices by symbol and session that are taken as they are; `Refused` where one of them
        does not wait in quarantine.
        """
        from nightdesk.research.backtest.accepted_prices import read_accepting

        feeds = [feed] if feed is not None else None
        return read_accepting(self.book, self.origin, self.until, feeds, accepted)


def begin_span(book: Book, first: date, last: date, processes: int = 1) -> Start:
    """Let a book begin at the first session of a span.

    Where it has a screen, so many `processes` make its screens side by side; more than one is for a process
    without threads of its own.

    Raises
    ------
    Refused
        When the span holds no session, its last one is not over, the book's own origin does not lie before
        it, or its list of members cannot be read.
    """
    from nightdesk.research.backtest.data import origin_of
    from nightdesk.research.backtest.member_books import listed_span

    calendar = get_calendar(book.calendar)
    sessions = calendar.between(first, max(first, last))
    if last < first or len(sessions) == 0:
        raise Refused(f"there is no session of {book.calendar} from {first} to {last}: widen the span")
    newest = calendar.latest_completed(datetime.now(UTC))
    if as_date(sessions[-1]) > newest:
        raise Refused(f"{as_date(sessions[-1])} is not over: the newest session with bars is {newest}")
    inception = as_date(sessions[0])
    origin = origin_of(book, inception)
    decided_last = as_date(sessions[-1])
    begun, notes = listed_span(book, origin, inception, decided_last, processes)
    begun = begun.model_copy(update={"inception": inception, "origin": origin})
    return Start(begun, origin, inception, decided_last, last, len(sessions), notes)
