"""Which symbols a headline is of: those that its source names, else those that its text marks as such; and
those of which it holds a keyword of the book.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from nightdesk.core.keywords import Keywords

#: A ticker that the text itself marks: ``$AAPL``, ``(NYSE: XOM)``, ``(NASDAQ:AAPL)``. A bare word is none:
#: many tickers are words.
_MARKED = re.compile(
    r"\$(?P<cash>[A-Za-z][A-Za-z0-9.-]{0,9})\b"
    r"|\((?:NYSE|NASDAQ|AMEX|NYSEARCA|NYSE ?American|NYSE ?Arca) ?: ?(?P<listed>[A-Z][A-Z0-9.-]{0,9})\)",
    re.IGNORECASE,
)


def symbols_of(headline: str, named: Iterable[str], wanted: Collection[str]) -> tuple[str, ...]:
    """The symbols of a headline among those that are wanted.

    Parameters
    ----------
    headline : str
    named : iterable of str
        The symbols that the source names, in any letters; where there is one, the text is not looked at.
    wanted : collection of str
        The symbols as a book names them.

    Returns
    -------
    tuple of str
        Without repetition, in the order in which they are named.
    """
    told = [one.strip() for one in named if one.strip()]
    if not told:
        told = [match["cash"] or match["listed"] for match in _MARKED.finditer(headline)]
    known = {_plain(symbol): symbol for symbol in wanted}
    return tuple(dict.fromkeys(known[_plain(one)] for one in told if _plain(one) in known))


def symbols_by_words(
    headline: str, tagged: Collection[str], wanted: Collection[str], keywords: Keywords
) -> tuple[str, ...]:
    """The wanted symbols of which a headline holds a keyword, without those that it is of already.

    Parameters
    ----------
    headline : str
    tagged : collection of str
        What `symbols_of` gives of it.
    wanted : collection of str
        The symbols as a book names them.
    keywords : Keywords
        The book's.
    """
    if not keywords:
        return ()
    return tuple(one for one in keywords.symbols_in(headline) if one in wanted and one not in tagged)


def _plain(symbol: str) -> str:
    """A symbol without what vendors write differently: BTC-USD, BTC/USD and BTCUSD, BRK-B and BRK.B."""
    return re.sub(r"[./-]", "", symbol).upper()
