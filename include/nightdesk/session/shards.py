"""Bars asked for ahead of an ingest: tasks side by side, each for a part of the symbols of a wide book.

A task of these stores no bar. It keeps what vendors answered, and the one `ingest` of the decision goes on as
if it had asked itself: it asks for what is missing, checks all of it as a whole, stores it and stamps
`known_by`. So a decision is the same whatever the number of tasks; one that fails costs only time, and one
that is tried twice replaces its own answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from nightdesk.feeds.chain import fetch_with_fallback
from nightdesk.session.context import Context
from nightdesk.session.fetching import fetches
from nightdesk.session.known_splits import splits_in_store
from nightdesk.session.member_list import with_list_of_now
from nightdesk.session.shard_answers import ShardAnswer, made_from, packed
from nightdesk.store.run_rows import sealed_because
from nightdesk.store.shard_rows import keep_shard


def fetch_shard(context: Context, shard: int) -> dict[str, int | str]:
    """Ask vendors for a part of the bars that the ingest of a decision will want, and keep the answer.

    Parameters
    ----------
    context : Context
        The decision.
    shard : int
        Number of the part, from 0, of as many as the book's `feeds.shards`.

    Returns
    -------
    dict of str to int or str
        Small facts for logs.

    Raises
    ------
    Refused, Transient
        As `with_list_of_now` and the sources of the book; nothing is kept then.
    """
    from nightdesk.feeds.asking import feeds_asked
    from nightdesk.store.health_rows import Health

    sealed = sealed_because(context.conn, context.book.name, context.as_of)
    if sealed is not None:
        return {"sealed": sealed}
    context, _ = with_list_of_now(context)
    book, counts = context.book, {"symbols": 0, "bars": 0, "missing": 0}
    for one in fetches(context):
        mine = part_of(one.symbols, shard, book.feeds.shards)
        if not mine:
            continue
        feeds = feeds_asked(
            book, mine, context.feeds, environ=context.environ, splits=splits_in_store(context.conn)
        )
        answer = fetch_with_fallback(
            feeds, mine, one.first, context.session, Health(context.conn), or_nothing=True
        )
        content = packed(ShardAnswer(mine, answer.fetched, frozenset(answer.unheard)))
        keep_shard(context.conn, book.name, context.as_of, shard, one.first, made_from(context), content)
        counts["symbols"] += len(mine)
        counts["bars"] += len(answer.fetched.bars)
        counts["missing"] += len({*answer.fetched.missing, *answer.unheard})
    return dict(counts)


def part_of(symbols: Sequence[str], shard: int, shards: int) -> tuple[str, ...]:
    """The symbols of a part: every so many-th, so that each has some of every kind."""
    return tuple(symbols[shard::shards])
