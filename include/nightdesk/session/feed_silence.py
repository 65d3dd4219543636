"""A book of whose bars no source answers while its newest decision is due: it is stopped after minutes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from nightdesk.core.errors import NotYet, Transient
from nightdesk.core.feed_order import named_feeds
from nightdesk.feeds.breaker import SourceHealth
from nightdesk.session.auto_stop import stop_by_rule
from nightdesk.session.context import Context
from nightdesk.store.db import now
from nightdesk.store.feed_silence_rows import end_feed_silence, note_feed_silence
from nightdesk.store.health_rows import Health

RULE = "feeds unreachable"


@contextmanager
def listening(context: Context) -> Iterator[None]:
    """A block that asks the sources of the book's bars; how long none of them has answered is kept.

    After `kill_switch.feeds_unreachable_minutes` of the book it is stopped. A book without that, and a
    decision that is not the newest one that can be made, are left alone: what is decided late trades nothing.
    """
    minutes = context.book.kill_switch.feeds_unreachable_minutes
    if minutes is None or context.dry_run or not _is_due(context):
        yield
        return
    try:
        yield
    except NotYet:
        end_feed_silence(context.conn, context.book.name)
        raise
    except Transient as error:
        if not context.conn.closed:
            _note(context, timedelta(minutes=minutes), str(error))
        raise
    end_feed_silence(context.conn, context.book.name)


def _is_due(context: Context) -> bool:
    return context.as_of == context.schedule.latest_completed(now(context.conn))


def _note(context: Context, patience: timedelta, error: str) -> None:
    """Keep a failure, and stop the book where no source has answered for longer than `patience`."""
    conn, book, sources = context.conn, context.book.name, sources_of_bars(context)
    if not _all_fail(context, sources):
        end_feed_silence(conn, book)
        return
    at = now(conn)
    since = note_feed_silence(conn, book, context.as_of, at, error)
    if at - since > patience:
        stop_by_rule(
            conn,
            book,
            rule=RULE,
            reason=f"none of its sources of bars ({', '.join(sources)}) has answered since "
            f"{since:%Y-%m-%d %H:%M} UTC while {context.name} is to be decided: {error}",
            key=f"{RULE} {book} {since.isoformat()}",
        )


def sources_of_bars(context: Context) -> tuple[str, ...]:
    """The sources that are asked for the book's bars, each once: those that a run names, or the book's."""
    feeds = context.book.feeds
    of_book = (*named_feeds(feeds.daily), *(named_feeds(feeds.hourly) if context.is_hourly else ()))
    return tuple(dict.fromkeys(context.feeds or of_book))


def _all_fail(context: Context, sources: tuple[str, ...]) -> bool:
    """Whether each source failed when it was last asked."""
    health = Health(context.conn)
    return all(SourceHealth.from_row(health.load(one)).failures for one in sources)
