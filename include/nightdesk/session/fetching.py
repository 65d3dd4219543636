"""Which bars an ingest asks for: all history of what is new, and of the rest what may have come since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from nightdesk.feeds import Fetched, Missing
from nightdesk.session.context import Context
from nightdesk.session.shard_answers import answers_ahead
from nightdesk.store.bar_rows import stored_days
from nightdesk.store.decision_rows import was_ingested

if TYPE_CHECKING:
    from nightdesk.feeds.chain import HealthStore
    from nightdesk.feeds.feed import Feed

#: Sessions that are fetched again at each ingest, for bars that came late or were corrected.
REFRESH_SESSIONS = 10


@dataclass(frozen=True)
class BarRequest:
    """Symbols whose bars are asked for, from a day on; `beside` rides along and is not kept.

    A fetch that brings nothing at all is an error, and what is new may be known to no source.
    """

    symbols: tuple[str, ...]
    first: date
    beside: str | None = None


def first_day(context: Context) -> date:
    """First day to fetch: all history until each symbol has a bar, then what the last of them lacks."""
    return fetches(context)[0].first


def first_bar_day(context: Context) -> date:
    """First day of which the book's panel reads bars."""
    # A market that never closes gathers its first bar from the days since the session before.
    return context.calendar.shift(context.record.origin, -1)


def awaited_symbols(context: Context) -> tuple[str, ...]:
    """The symbols of which a bar of the session is awaited: of a list, its members alone."""
    book = context.book
    if book.members is None or book.membership is None:
        return book.symbols
    members = {*book.membership.at(context.session), *book.members.always}
    return tuple(one for one in book.symbols if one in members)


def fetches(context: Context) -> tuple[BarRequest, ...]:
    """What is to be fetched.

    Of a list of members that goes on, what has no bar yet is asked for by itself: one new member does not
    bring the history of all of them.
    """
    book, history = context.book, first_bar_day(context)
    every, stored = book.panel_symbols, stored_days(context.conn, book.panel_symbols)
    fresh = [one for one in every if one not in stored]
    if (fresh and book.members is None) or not was_ingested(context.conn, book.name, book.config_hash):
        return (BarRequest(every, history),)
    known = tuple(one for one in every if one in stored)
    awaited = every if book.members is None else (*awaited_symbols(context), book.benchmark)
    newest = [stored[one][1] for one in awaited if one in stored]
    if not newest:
        return (BarRequest(every, history),)
    recent = context.calendar.shift(context.session, -REFRESH_SESSIONS)
    since = BarRequest(known, max(history, min(recent, min(newest) + timedelta(days=1))))
    return (since, BarRequest(tuple(fresh), history, book.benchmark)) if fresh else (since,)


def fetch_all(
    context: Context, feeds: Mapping[str, Sequence[Feed]], asked: Sequence[BarRequest], health: HealthStore
) -> tuple[Fetched, Mapping[str, Missing]]:
    """The bars up to the session as one answer, and what may still come; raises as `fetch_with_fallback`."""
    answers, unheard = [], {}
    for one in asked:
        came, waited = _answered(context, feeds, one, health)
        if one.first == first_bar_day(context) and not context.is_hourly:
            came = _with_history(context, feeds, came, one, health)
        answers.append(came)
        unheard.update({symbol: why for symbol, why in waited.items() if symbol in one.symbols})
    whole = answers[0] if len(answers) == 1 else together(answers)
    return _of_interest(context, _read_by_hours(context, whole)), unheard


def _answered(
    context: Context, feeds: Mapping[str, Sequence[Feed]], one: BarRequest, health: HealthStore
) -> tuple[Fetched, Mapping[str, Missing]]:
    """The answer to one request, of which a part may have been asked for ahead, and what may still come."""
    from nightdesk.feeds.chain import fetch_with_fallback

    ahead = [shard for shard in answers_ahead(context, one.first) if len(shard.fetched.bars)]
    settled = {symbol for shard in ahead for symbol in shard.settled}
    rest = tuple(symbol for symbol in one.symbols if symbol not in settled)
    if not ahead:
        beside = () if one.beside is None else (one.beside,)
        answer = fetch_with_fallback(feeds, (*beside, *rest), one.first, context.session, health)
        return _without(answer.fetched, beside), answer.unheard
    wanted = set(one.symbols)
    parts = [shard.of([name for name in shard.settled if name in wanted]) for shard in ahead]
    if not rest:
        return together(parts), {}
    # Bars have come, so that these have none is an answer.
    answer = fetch_with_fallback(feeds, rest, one.first, context.session, health, or_nothing=True)
    return together([*parts, answer.fetched]), answer.unheard


def _with_history(
    context: Context,
    feeds: Mapping[str, Sequence[Feed]],
    came: Fetched,
    one: BarRequest,
    health: HealthStore,
) -> Fetched:
    """With the bars of former names: all history of what is new is asked for, and that is a part of it."""
    from nightdesk.feeds.former import with_former_bars
    from nightdesk.store.db import now
    from nightdesk.store.panels import read_changes

    known = read_changes(context.conn, context.session, now(context.conn))
    return with_former_bars(feeds, came, one.symbols, one.first, context.session, health, known=known).fetched


def _read_by_hours(context: Context, fetched: Fetched) -> Fetched:
    """Without a word on files of hours, where the book reads them as such."""
    from nightdesk.feeds.bar_tables import OF_HOURS

    if not context.is_hourly and not context.book.hour_closes:
        return fetched
    unread = {file: why for file, why in fetched.passed_over.items() if not why.endswith(OF_HOURS)}
    return replace(fetched, passed_over=unread)


def _of_interest(context: Context, fetched: Fetched) -> Fetched:
    """Without a word on bars that nobody waits for: what left the list, and may be delisted, has none."""
    book = context.book
    if book.members is None:
        return fetched
    awaited = {*awaited_symbols(context), book.benchmark, book.volatility_index}
    return replace(fetched, missing={one: why for one, why in fetched.missing.items() if one in awaited})


def _without(fetched: Fetched, symbols: Sequence[str]) -> Fetched:
    if not symbols:
        return fetched
    return replace(
        fetched,
        bars=fetched.bars[~fetched.bars["symbol"].isin(symbols)],
        actions=fetched.actions[~fetched.actions["symbol"].isin(symbols)],
        missing={one: why for one, why in fetched.missing.items() if one not in symbols},
    )


def together(answers: Sequence[Fetched]) -> Fetched:
    """Answers to several requests as one; of days, or of hours.

    Of what came twice the first counts: the history of a new name holds that of the old one, which may be
    asked for by itself.
    """
    import pandas as pd

    from nightdesk.feeds.feed import action_frame, add_up, bar_frame, hour_frame

    framed, period = (hour_frame, "end") if "end" in answers[0].bars else (bar_frame, "session")
    bars = pd.concat([one.bars for one in answers])
    actions = [one.actions for one in answers if len(one.actions)]
    dropped: dict[str, int] = {}
    for one in answers:
        dropped = add_up(dropped, one.dropped)
    return Fetched(
        framed(bars.drop_duplicates(["symbol", period], keep="first")),
        action_frame(
            pd.concat(actions).drop_duplicates(["symbol", "session", "kind"], keep="first") if actions else ()
        ),
        {symbol: why for one in answers for symbol, why in one.missing.items()},
        dropped,
        {file: why for one in answers for file, why in one.passed_over.items()},
    )
