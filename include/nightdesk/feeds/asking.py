"""The feeds that are asked for the symbols of a book, each made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nightdesk.feeds.feed import Feed, KnownSplits
from nightdesk.feeds.feed_registry import has_hours, make

if TYPE_CHECKING:
    from nightdesk.core.book import Book


def feeds_asked(
    book: Book,
    symbols: Sequence[str],
    instead: Sequence[str] = (),
    *,
    hours: bool = False,
    environ: Mapping[str, str] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    splits: Callable[[str], KnownSplits | None] | None = None,
) -> dict[str, tuple[Feed, ...]]:
    """The feeds of each symbol, in the order in which they are asked: `fetch_with_fallback` takes it.

    Parameters
    ----------
    book : Book
        Says the order of each symbol.
    symbols : sequence of str
        Of the book.
    instead : sequence of str
        Names of feeds that are asked for all symbols in place of the book's; empty: the book's own.
    hours : bool
        Whether hours are asked for; feeds without hours are left out then.
    environ : mapping of str to str, optional
        Where the keys of vendors are.
    now : callable
        The clock, timezone-aware.
    splits : callable, optional
        The splits of a symbol that are known, for feeds that state none.

    Raises
    ------
    Refused
        As `nightdesk.feeds.make`.
    """
    made: dict[str, Feed] = {}

    def feed(name: str) -> Feed:
        if name not in made:
            made[name] = make(
                name,
                calendar=book.calendar,
                continuous=book.continuous_symbols,
                environ=environ,
                now=now,
            )
            made[name].splits = splits
        return made[name]

    asked = book.hour_feeds_of if hours else book.feeds_of
    return {
        symbol: tuple(
            feed(name) for name in (tuple(instead) or asked(symbol)) if not hours or has_hours(name)
        )
        for symbol in symbols
    }


def compared_feeds(book: Book, environ: Mapping[str, str] | None = None) -> list[tuple[Feed, list[str]]]:
    """The second sources of a book's closes, each with the symbols that it is compared on."""
    return [
        (make(name, calendar=book.calendar, continuous=book.continuous_symbols, environ=environ), those)
        for name, those in book.second_sources(book.panel_symbols).items()
    ]
