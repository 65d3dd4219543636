"""A person's word on prices in quarantine, for a backtest in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.panel import Action
from nightdesk.feeds.acceptance import must_be_a_session_of, must_wait
from nightdesk.research.backtest.data import FetchedBars, read_market


def read_accepting(
    book: Book, first: date, last: date, feeds: Sequence[str] | None, given: Sequence[tuple[str, date]]
) -> FetchedBars:
    """`read_market`, with some prices taken as they are that would wait in quarantine.

    Parameters
    ----------
    book : Book
        Its limits say which prices wait.
    first, last : date
        See `read_market`.
    feeds : sequence of str or None
        See `read_market`.
    given : sequence of (symbol, session)
        In any order; a later one is judged with the earlier ones given.

    Raises
    ------
    Refused
        As `read_market`; an unknown symbol, a day that is no session, or a price that does not wait.
    """
    for symbol, session in given:
        must_be_a_session_of(book, symbol, session)
    market, stated = read_market(book, first, last, feeds), []
    for symbol, session in sorted(given, key=lambda one: (one[1], one[0])):
        must_wait(market.panel, book, symbol, session)
        stated.append(Action(symbol, np.datetime64(session, "D"), "accept", 1.0))
        market = read_market(book, first, last, feeds, stated)
    return market
