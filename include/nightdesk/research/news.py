"""Sentiment straight from sources of headlines, in memory: for research that needs no database."""

from __future__ import annotations

import numpy as np

from nightdesk.book import Book
from nightdesk.calendar import Sessions, as_date, get_calendar
from nightdesk.feeds.chain import MemoryHealth
from nightdesk.feeds.news import by_kind, failures_of, gather, refuse_failures
from nightdesk.feeds.news_sources import make_news
from nightdesk.scorers import make
from nightdesk.sentiment import Headlines, Sentiment, daily_sentiment, story_numbers


def read_sentiment(book: Book, sessions: Sessions, n_symbols: int) -> Sentiment | None:
    """Fetch and score the headlines of a book's symbols, as the daily run would know them.

    Parameters
    ----------
    book : Book
        Says the symbols, the sources and the scorer.
    sessions : ndarray of shape (n_sessions,), datetime64[D]
        Those of a panel, from the book's origin on.
    n_symbols : int
        Columns of the panel, of which the book's symbols are the first.

    Returns
    -------
    Sentiment or None
        None for a book without news.

    Raises
    ------
    Transient, Refused
        When a source fails: a result on half of the news would look like one on all of it.
    """
    if not book.feeds.news:
        return None
    calendar, scorer = get_calendar(book.calendar), make(book.sentiment.scorer)
    first, last = as_date(sessions[0]), as_date(sessions[-1])
    after = calendar.close_at(calendar.shift(first, -1))
    feeds = [make_news(name, calendar=book.calendar) for name in book.feeds.news]
    asked = [(feed, after) for feed in feeds]
    answers = gather(asked, book.symbols, calendar.close_at(last), MemoryHealth())
    refuse_failures(failures_of(book.feeds.news, answers))
    column = {symbol: at for at, symbol in enumerate(book.symbols)}
    frames = by_kind(feeds, answers).values()
    words = [text for frame in frames for text in frame["headline"]]
    headlines = Headlines(
        column=np.array([column[one] for frame in frames for one in frame["symbol"]], dtype=np.intp),
        published=np.concatenate([frame["published_at"].to_numpy("datetime64[us]") for frame in frames]),
        story=story_numbers(words),
        score=scorer.score(words),
    )
    at = np.searchsorted(calendar.sessions, sessions)
    closes = calendar.closes[at].astype("datetime64[us]")
    return daily_sentiment(headlines, closes, calendar.closes[at[0] - 1].astype("datetime64[us]"), n_symbols)
