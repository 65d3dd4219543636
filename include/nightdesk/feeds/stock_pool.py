"""The pool of stocks that a screen looks at: all that the book's sources list, or those of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.fields import SYMBOL_PATTERN
from nightdesk.core.pool_book import screen_terms
from nightdesk.feeds.fact_feed import make_facts
from nightdesk.feeds.pool_files import read_pool_file

_SYMBOL = re.compile(SYMBOL_PATTERN)


def read_pool(book: Book, environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The stocks that the screen of a book looks at, sorted.

    Of sources of listings those that can say what they list count together. The volatility index and words
    that no book can name are left out of them; in a file they are refused.

    Parameters
    ----------
    book : Book
        With a screen.
    environ : mapping of str to str, optional
        Where the keys of vendors are.

    Raises
    ------
    Refused
        When no source of the book says what it lists, or they list none; when the file is not there, cannot
        be read, names a symbol twice or something that is none, or is empty.
    Transient
        When a source cannot be reached.
    """
    source = screen_terms(book).pool
    if source.startswith("files:"):
        return _of_file(source, book.volatility_index)
    found, silent = set[str](), list[Refused]()
    for name in book.feeds.listings:
        try:
            found |= set(make_facts(name, environ=environ).pool())
        except Refused as error:
            silent.append(error)
    if silent and not found:
        raise Refused("universe.screen.pool: found listings: " + "; ".join(map(str, silent)))
    pool = {symbol for symbol in found if _SYMBOL.fullmatch(symbol)} - {book.volatility_index}
    if not pool:
        raise Refused(
            f"the pool of book {book.name} is empty: {', '.join(book.feeds.listings)} list no stock; name "
            "another source in feeds.listings, or pool: files:PATH"
        )
    return tuple(sorted(pool))


def _of_file(place: str, volatility_index: str) -> tuple[str, ...]:
    lines = read_pool_file(place)
    if volatility_index in lines:
        raise Refused(
            f"{place.removeprefix('files:')}:{lines[volatility_index]}: {volatility_index} is the volatility "
            "index of the book, and no stock: leave it out"
        )
    return tuple(sorted(lines))
