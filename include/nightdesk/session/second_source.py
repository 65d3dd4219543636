"""The closes of the sources that a book compares its own with: facts, each version kept as it came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from nightdesk.core.calendar import as_moment
from nightdesk.core.errors import NightdeskError
from nightdesk.core.facts import SECOND_CLOSES
from nightdesk.session.context import Context
from nightdesk.session.fetching import REFRESH_SESSIONS
from nightdesk.store.fact_rows import facts_changed, save_facts, source_of

if TYPE_CHECKING:
    import pandas as pd

    from nightdesk.feeds.feed import Feed

_OF_HOURS = ("symbol", "end", "session", "close")


def store_second_closes(context: Context) -> dict[str, int | str]:
    """Store the closes of a book's second sources, those of the last sessions again; counts.

    A second source that does not answer costs its comparison, never the session: `not_compared` says why.
    """
    from nightdesk.feeds.asking import compared_feeds

    if context.book.feeds.compare_with is None:
        return {}
    stored, silent = 0, []
    try:
        feeds = compared_feeds(context.book, context.environ)
    except NightdeskError as error:
        return {"not_compared": str(error)}
    for feed, symbols in feeds:
        try:
            saved, why = _store_of(context, feed, symbols)
        except NightdeskError as error:
            saved, why = 0, str(error)
        stored += saved
        silent += [why] if why else []
    counts: dict[str, int | str] = {"second_closes": stored} if len(silent) < len(feeds) else {}
    return {**counts, "not_compared": "; ".join(silent)} if silent else counts


def _store_of(context: Context, feed: Feed, symbols: Sequence[str]) -> tuple[int, str]:
    """How many closes of one source are new, and why the session has none of it."""
    from nightdesk.feeds.fact_checks import check_facts

    begun = datetime.now(UTC)
    first = max(context.record.inception, context.calendar.shift(context.session, -REFRESH_SESSIONS))
    closes = _closes(context, feed, symbols, first, begun)
    check_facts(SECOND_CLOSES, closes, symbols, f"the second source {feed.name}")
    saved = save_facts(context.conn, SECOND_CLOSES, closes, begun)
    there = (closes["session"] == str(context.session)).any()
    return saved.new + saved.corrected, "" if there else f"{feed.name} has no bar of {context.session}"


def _closes(
    context: Context, feed: Feed, symbols: Sequence[str], first: date, moment: datetime
) -> pd.DataFrame:
    """The closes of the sessions from `first` on that a source says."""
    from nightdesk.feeds.fact_feed import fact_frame

    by_hours, calendar = context.book.hour_closes, context.calendar
    known, rows = moment.replace(tzinfo=None), []
    # The close of a coin that is gathered from hours is that of the hour which ends with the session.
    hourly = [one for one in symbols if one in by_hours and feed.covers_hours(one)]
    if hourly:
        hours = feed.fetch_hours(hourly, first, context.session).bars
        for symbol, end, stamp, close in zip(*(hours[name] for name in _OF_HOURS), strict=True):
            if end == as_moment(calendar.close_at(stamp.date())):
                rows.append((symbol, stamp.date(), known, close, feed.name))
    daily = [one for one in symbols if one not in by_hours]
    bars = feed.fetch(daily, first - timedelta(days=1), context.session).bars if daily else None
    named = () if bars is None else zip(bars["symbol"], bars["session"], bars["close"], strict=True)
    for symbol, stamp, close in named:
        # A market that never closes is valued at the end of its last whole day before the session's close.
        day: date = stamp.date()
        session = day + timedelta(days=1) if feed.is_continuous(symbol) else day
        if first <= session <= context.session and calendar.is_session(session):
            rows.append((symbol, session, known, close, feed.name))
    return fact_frame(SECOND_CLOSES, rows)


def second_closes_changed(context: Context, since: datetime) -> bool:
    """Whether a close of the book's second sources came after an instant; never for a book that has none."""
    return any(
        facts_changed(
            context.conn, SECOND_CLOSES, symbols, last=context.session, since=since, source=source_of(name)
        )
        for name, symbols in context.book.second_sources(context.book.panel_symbols).items()
    )
