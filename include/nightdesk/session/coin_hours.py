"""Hours of markets that never close, for a daily book whose sessions are gathered from them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

from nightdesk.session.context import Context
from nightdesk.session.fetching import REFRESH_SESSIONS
from nightdesk.store.bar_rows import Saved
from nightdesk.store.decision_rows import was_ingested

if TYPE_CHECKING:
    from nightdesk.core.book import Book
    from nightdesk.feeds import Fetched
    from nightdesk.feeds.chain import HealthStore
    from nightdesk.store.db import Connection


def store_coin_hours(context: Context) -> tuple[dict[str, int | str], Fetched | None]:
    """Fetch and store the hours up to the session's close, for a daily book that gathers sessions from some.

    The first time all history from the book's origin is fetched, then what came since and some sessions more.
    An hour that does not come is waited for by nobody: what the newest one before it does not stand for is
    stale, as a symbol without a bar of the session is.

    Returns
    -------
    counts : dict of str to int or str
        Empty where the book asks for no hours.
    fetched : Fetched or None
        What came, and what did not.

    Raises
    ------
    Refused
        When what a source holds is malformed; nothing is stored then.
    """
    book = context.book
    if not book.hour_closes:
        return {}, None
    from nightdesk.store.health_rows import Health

    counts, fetched = bring_coin_hours(
        context.conn,
        book,
        _first_session(context),
        context.session,
        Health(context.conn),
        inception=context.record.inception,
        instead=() if book.feeds.hourly else context.feeds,
        environ=context.environ,
    )
    return counts, fetched


def bring_coin_hours(
    conn: Connection,
    book: Book,
    first: date,
    last: date,
    health: HealthStore,
    *,
    inception: date,
    instead: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
) -> tuple[dict[str, int | str], Fetched]:
    """Fetch and store the hours of a span of sessions; `instead` are sources in place of the book's."""
    from nightdesk.feeds.asking import feeds_asked
    from nightdesk.feeds.chain import fetch_with_fallback
    from nightdesk.store.bars_hourly import save_hours

    symbols = tuple(book.hour_closes)
    chain = feeds_asked(book, symbols, instead, hours=True, environ=environ)
    fetched = fetch_with_fallback(chain, symbols, first, last, health, hours=True, or_nothing=True).fetched
    saved = save_hours(conn, book, fetched.bars, inception=inception).bars if len(fetched.bars) else Saved()
    counts: dict[str, int | str] = {
        "hours": len(fetched.bars),
        "new_hours": saved.new,
        "corrected_hours": saved.corrected,
    }
    return counts, fetched


def coin_hours_changed(context: Context, since: datetime) -> bool:
    """Whether the panel of a daily book reads other hours than at an instant."""
    from nightdesk.store.bars_hourly import hours_changed

    if not context.book.hour_closes:
        return False
    return hours_changed(context.conn, context.book, context.record.origin, context.as_of, since)


def _first_session(context: Context) -> date:
    """First session to fetch: all history until each symbol has an hour, then what the last of them lacks."""
    from nightdesk.store.bars_hourly import stored_hours

    book, calendar, origin = context.book, context.calendar, context.record.origin
    stored = stored_hours(context.conn, book.hour_closes)
    if len(stored) < len(book.hour_closes) or not was_ingested(context.conn, book.name, book.config_hash):
        return origin
    newest = min(last for _, last in stored.values())
    return max(origin, min(calendar.shift(context.session, -REFRESH_SESSIONS), calendar.session_of(newest)))
