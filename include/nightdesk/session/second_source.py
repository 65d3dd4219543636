"""The closes of the source that a book compares its own with: facts, each version kept as it came."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from nightdesk.core.errors import NightdeskError
from nightdesk.core.facts import SECOND_CLOSES
from nightdesk.session.context import Context
from nightdesk.session.fetching import REFRESH_SESSIONS
from nightdesk.store.fact_rows import facts_changed, save_facts, source_of

if TYPE_CHECKING:
    import pandas as pd

    from nightdesk.feeds.feed import Feed


def store_second_closes(context: Context) -> dict[str, int | str]:
    """Store the closes of a book's second source, those of the last sessions again; counts.

    A second source that does not answer costs the comparison, never the session: `not_compared` says why.
    """
    from nightdesk.feeds import make
    from nightdesk.feeds.fact_checks import check_facts

    name, book, begun = context.book.feeds.compare_with, context.book, datetime.now(UTC)
    if name is None:
        return {}
    first = max(context.record.inception, context.calendar.shift(context.session, -REFRESH_SESSIONS))
    try:
        feed = make(name, calendar=book.calendar, continuous=book.continuous_symbols, environ=context.environ)
        bars = feed.fetch(book.panel_symbols, first - timedelta(days=1), context.session).bars
        closes = _closes(context, feed, bars, first, begun)
        check_facts(SECOND_CLOSES, closes, book.panel_symbols, f"the second source {name}")
    except NightdeskError as error:
        return {"not_compared": str(error)}
    saved = save_facts(context.conn, SECOND_CLOSES, closes, begun)
    if not (closes["session"] == str(context.session)).any():
        return {"not_compared": f"{name} has no bar of {context.session}"}
    return {"second_closes": saved.new + saved.corrected}


def _closes(context: Context, feed: Feed, bars: pd.DataFrame, first: date, moment: datetime) -> pd.DataFrame:
    """The closes of the sessions from `first` on that some bars say."""
    from nightdesk.feeds.fact_feed import fact_frame

    rows = []
    for symbol, stamp, close in zip(bars["symbol"], bars["session"], bars["close"], strict=True):
        # A market that never closes is valued at the end of its last whole day before the session's close.
        day: date = stamp.date()
        session = day + timedelta(days=1) if feed.is_continuous(symbol) else day
        if first <= session <= context.session and context.calendar.is_session(session):
            rows.append((symbol, session, moment.replace(tzinfo=None), close, feed.name))
    return fact_frame(SECOND_CLOSES, rows)


def second_closes_changed(context: Context, since: datetime) -> bool:
    """Whether a close of the book's second source came after an instant; never for a book that has none."""
    name = context.book.feeds.compare_with
    return name is not None and facts_changed(
        context.conn,
        SECOND_CLOSES,
        context.book.panel_symbols,
        last=context.session,
        since=since,
        source=source_of(name),
    )
