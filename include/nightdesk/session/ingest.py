"""The step that brings the market in: bars, corporate actions, headlines, funding rates."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from nightdesk.alerts.session_page import SourceLine
from nightdesk.core.calendar import as_moment
from nightdesk.core.errors import NotYet, Transient
from nightdesk.core.masking import mask_document
from nightdesk.feeds import Fetched, Missing
from nightdesk.feeds.breaker import SourceHealth
from nightdesk.session.coin_hours import coin_hours_changed, store_coin_hours
from nightdesk.session.context import Context
from nightdesk.session.data_alerts import tell_feeds
from nightdesk.session.feed_silence import listening
from nightdesk.session.fetching import (
    awaited_symbols,
    fetch_all,
    fetches,
    first_bar_day,
    first_day,
    together,
)
from nightdesk.session.funding_due import rates_changed, store_funding
from nightdesk.session.headlines import news_changed, store_headlines
from nightdesk.session.known_splits import splits_in_store
from nightdesk.session.left_out import dropped_rows
from nightdesk.session.market_facts import facts_moved, store_facts
from nightdesk.session.member_list import with_list_of_now
from nightdesk.session.open_check import check_before_open
from nightdesk.session.second_source import second_closes_changed, store_second_closes
from nightdesk.session.shard_answers import made_from
from nightdesk.session.writing import StepOutcome, saving
from nightdesk.store.bars_hourly import OF_HOURS
from nightdesk.store.book_rows import keep_book_version
from nightdesk.store.db import now
from nightdesk.store.member_rows import members_changed
from nightdesk.store.override_rows import overrides_changed
from nightdesk.store.rows import read_rows
from nightdesk.store.run_rows import find_run, sealed_because, set_known_by
from nightdesk.store.screen_rows import screens_changed
from nightdesk.store.shard_rows import forget_shards

if TYPE_CHECKING:
    import pandas as pd


def is_sample(line: SourceLine) -> bool:
    """Whether a line is of the made-up market."""
    return line.source.removesuffix(OF_HOURS) == "sample"


def bar_sources(context: Context) -> tuple[SourceLine, ...]:
    """The sources of the session's bars, of the hour's too, and how they fare."""
    conn = context.conn
    symbols, known_by = list(context.book.panel_symbols), context.known_by()
    day = {"first": context.session, "last": context.session, "known_by": known_by}
    given = {row["source"]: row["bars"] for row in read_rows(conn, "bar_sources", symbols=symbols, **day)}
    hourly = symbols if context.is_hourly else list(context.book.hour_closes)
    if hourly:
        of_hour = read_rows(conn, "hour_sources", symbols=hourly, as_of=context.as_of, known_by=known_by)
        given = {**given, **{f"{row['source']}{OF_HOURS}": row["bars"] for row in of_hour}}
    health = {row["source"]: row for row in read_rows(conn, "feeds_health")}
    lines = []
    for source, bars in given.items():
        known = SourceHealth.from_row(health.get(source.removesuffix(OF_HOURS)))
        # An error that was overcome is no word on a source that is well again.
        lines.append(
            SourceLine(source, known.lasting_status(), bars, known.last_error if known.failures else "")
        )
    return tuple(lines)


def ingest(context: Context) -> StepOutcome:
    """Store what the feeds have, and let the decision use all that is known then.

    A sealed session fetches nothing: what it used is what was known at its decision. Of one that is ingested
    again the instant up to which it knows the market moves only where something of its span, its book or the
    code has changed: what was computed before that instant is old.
    """
    from nightdesk.store.bar_rows import known_now, market_changed

    sealed = sealed_because(context.conn, context.book.name, context.as_of)
    if sealed is not None:
        return StepOutcome({}, sealed)
    # Within a dry run list and bars were stored before its one transaction began.
    listed: dict[str, int | str] = {}
    came = Stored({})
    if not context.rehearsing:
        with listening(context):
            context, listed = with_list_of_now(context)
            context, came = _store_whole_market(context)
        context, off = check_before_open(context)
        listed = {**listed, **off}
    book, session = context.book, context.session
    stored = {**listed, **came.counts}
    with saving(context) as save:
        if not context.rehearsing:
            save.rows("ingest_notes", came.notes)
        if save.sealed is None:
            run, earlier = context.new_run(), find_run(context.conn, book.name, context.as_of)
            known_by = known_now(context.conn)
            if earlier is not None and earlier.known_by is not None:
                if earlier.config_hash != run.config_hash:
                    save.rows("signals", [])  # of strategies that the book may no longer have
                    save.rows("silent_rows", [])
                    save.rows("pair_figures", [])
                    save.rows("pair_states", [])
                    save.rows("models", [])
                elif earlier.code_version == run.code_version and not (
                    market_changed(context.conn, book, first_bar_day(context), session, earlier.known_by)
                    or _hours_changed(context, earlier.known_by)
                    or news_changed(context, earlier.known_by)
                    or _list_changed(context, earlier.known_by)
                    or rates_changed(context, earlier.known_by)
                    or facts_moved(context, earlier.known_by)
                    or second_closes_changed(context, earlier.known_by)
                    or overrides_changed(context.conn, book.name, context.as_of, session, earlier.known_by)
                ):
                    known_by = earlier.known_by
            set_known_by(context.conn, book.name, context.as_of, known_by, run.code_version, run.config_hash)
            keep_book_version(context.conn, book.name, book.config_hash, book.configuration)
    if not context.dry_run:
        tell_feeds(context.conn)
    return StepOutcome(stored, save.sealed)


@dataclass(frozen=True)
class Stored:
    """What a fetch brought: small facts for logs, what was left out, as rows of `ingest_notes`, and of hours
    all of it, whose corporate actions are stored after those of days.
    """

    counts: Mapping[str, int | str]
    notes: Sequence[dict[str, Any]] = ()
    hours: Fetched | None = None


def _store_whole_market(context: Context) -> tuple[Context, Stored]:
    """What `store_market` brings, and of what members of a screen have become by it too, which the book names
    from then on.
    """
    came = store_market(context)
    if context.book.screen is None:
        return context, came
    became: list[str] = []
    while True:
        after = context.with_list_of(now(context.conn))
        new = sorted({*after.book.symbols} - {*context.book.symbols})
        if not new:
            break
        became += new
        context = after
        came = store_market(context)
    return context, replace(came, counts={**came.counts, "became": ", ".join(became)}) if became else came


def store_market(context: Context) -> Stored:
    """Bars, corporate actions and, for a book that has them, headlines and facts; raises as `store_bars`."""
    first = first_day(context)
    hours, came = store_hours(context), store_bars(context)
    counts = {**came.counts, **hours.counts, **_store_actions_of_hours(context, first, hours.hours)}
    news, funding, facts = store_headlines(context), store_funding(context), store_facts(context)
    beside = {**(news.counts() if news else {}), **funding.counts, **facts.counts()}
    beside |= store_second_closes(context)
    told = [*came.notes, *hours.notes, *(news.notes() if news else ()), *funding.notes, *facts.notes()]
    notes: Sequence[dict[str, Any]] = mask_document(told)
    return Stored({**counts, **beside}, notes)


def store_bars(context: Context) -> Stored:
    """Fetch bars and corporate actions up to the session and store what is new of them.

    The first time all history from the book's origin is fetched, then what came since and some sessions more.

    Raises
    ------
    NotYet
        When an hourly book's decision at a close comes before the bars of its session; what came is kept.
    Transient
        When so much did not come for a passing reason that the session would have to stop; what came is kept.
    Refused
        When every source refuses the book, or what a source holds is malformed; nothing is stored then.
    """
    from nightdesk.feeds.asking import feeds_asked
    from nightdesk.feeds.volumes import symbols_without_volume
    from nightdesk.store.bar_rows import save_market
    from nightdesk.store.health_rows import Health

    book, session = context.book, context.session
    asked = fetches(context)
    first = asked[0].first
    feeds = feeds_asked(
        book, book.panel_symbols, context.feeds, environ=context.environ, splits=splits_in_store(context.conn)
    )
    fetched, unheard = fetch_all(context, feeds, asked, Health(context.conn))
    saved = save_market(
        context.conn,
        book,
        fetched.bars,
        fetched.actions,
        inception=context.record.inception,
        # Of the first day a ratio to the day before it may be unknown to a source.
        complete=(first + timedelta(days=1), session) if first < session else None,
    )
    ahead = 0
    if book.feeds.shards > 1:
        ahead = forget_shards(context.conn, book.name, context.as_of, made_from(context))
    counts: dict[str, int | str] = {
        "from": first.isoformat(),
        "bars": len(fetched.bars),
        "new": saved.bars.new,
        "corrected": saved.bars.corrected,
        "restated": saved.bars.restated,
        "actions": saved.actions.new + saved.actions.corrected,
        "dropped": sum(fetched.dropped.values()),
    }
    if book.feeds.shards > 1:
        counts["asked_ahead"] = f"{ahead} of {book.feeds.shards} parts"
    if saved.restatements:
        counts["restatements"] = "; ".join(saved.restatements)
    if fetched.missing:
        counts["missing"] = "; ".join(
            f"{symbol}: {reason}" for symbol, reason in sorted(fetched.missing.items())
        )
    if fetched.passed_over:
        counts["passed_over"] = len(fetched.passed_over)
    bars = fetched.bars
    without = symbols_without_volume(book, bars["symbol"].to_numpy(), bars["volume"].to_numpy())
    # A real broker's market has a volume, whatever bars say.
    without = tuple(one for one in without if book.is_simulated(book.account_of(one)))
    if without:
        counts["without_volume"] = ", ".join(without)
    _await_the_day(context, bars)
    _ask_again_where_needed(context, unheard)
    return Stored(counts, note_rows(fetched))


def store_hours(context: Context) -> Stored:
    """Fetch the hours of a book that decides by them, or gathers sessions from some, and store what is new.

    Of a symbol without a stored hour all history is fetched. The benchmark may have none: then its sessions
    are read alone, and nobody waits for its hour.

    Raises
    ------
    NotYet
        When a symbol's bar of the decision's hour has not come and may yet come; what came is kept.
    Transient, Refused
        As `store_bars`.
    """
    if not context.is_hourly:
        coins, brought = store_coin_hours(context)
        return Stored(coins, () if brought is None else note_rows(brought, hours=True))
    from nightdesk.store.bars_hourly import save_hours, stored_hours

    book, stored = context.book, stored_hours(context.conn, context.book.hour_symbols)
    fetched = _fetch_hours(context, stored)
    saved = save_hours(context.conn, book, fetched.bars, inception=context.record.inception).bars
    there = {*stored, *fetched.bars["symbol"]}
    expected = tuple(one for one in book.hour_symbols if one in book.universe or one in there)
    _await_late_hours(context, fetched.bars, expected)
    counts = {"hours": len(fetched.bars), "new_hours": saved.new, "corrected_hours": saved.corrected}
    missing = {symbol: why for symbol, why in fetched.missing.items() if symbol in expected}
    return Stored(counts, note_rows(replace(fetched, missing=missing), hours=True), fetched)


def _fetch_hours(context: Context, stored: Collection[str]) -> Fetched:
    """The hours up to the session: all history of what has none stored, and of the rest what is new."""
    from nightdesk.feeds.asking import feeds_asked
    from nightdesk.feeds.chain import fetch_with_fallback
    from nightdesk.store.health_rows import Health

    book, last, health = context.book, context.session, Health(context.conn)
    instead = () if book.feeds.hourly else context.feeds
    feeds = feeds_asked(
        book,
        book.hour_symbols,
        instead,
        hours=True,
        environ=context.environ,
        splits=splits_in_store(context.conn),
    )
    since, history = first_day(context), first_bar_day(context)
    fresh = [one for one in book.hour_symbols if one not in stored]
    if since == history or len(fresh) == len(book.hour_symbols):
        return fetch_with_fallback(feeds, book.hour_symbols, history, last, health, hours=True).fetched
    known = [one for one in book.hour_symbols if one in stored]
    fetched = fetch_with_fallback(feeds, known, since, last, health, hours=True).fetched
    if not fresh:
        return fetched
    more = fetch_with_fallback(feeds, fresh, history, last, health, hours=True, or_nothing=True).fetched
    return together([fetched, more])


def _store_actions_of_hours(context: Context, first: date, fetched: Fetched | None) -> dict[str, int]:
    """Store the corporate actions that came with hours, where no source of days or person says anything."""
    if fetched is None:
        return {}
    from nightdesk.store.bars_hourly import save_actions_of_hours

    saved = save_actions_of_hours(
        context.conn,
        context.book,
        fetched.bars,
        fetched.actions,
        inception=context.record.inception,
        complete=(first, context.session),
    )
    return {"actions_of_hours": saved.new + saved.corrected}


def _await_late_hours(context: Context, bars: pd.DataFrame, expected: Sequence[str]) -> None:
    """Raise `NotYet` for `expected` symbols without a bar of the hour, up to the bound that the book sets."""
    until = context.schedule.waited_until(context.as_of)
    there = set(bars.loc[bars["end"] == as_moment(context.as_of), "symbol"])
    late = [symbol for symbol in expected if symbol not in there]
    if late and now(context.conn) < until:
        raise NotYet(
            f"{context.book.name} {context.name}: the hour's bar of {', '.join(late)} has not come; it is "
            f"waited for until {until:%H:%M} UTC (schedule.wait_minutes), then decided without"
        )


def _await_the_day(context: Context, bars: pd.DataFrame) -> None:
    """Raise `NotYet` where an hourly book decides at a close before the bars of its session are known.

    Its hour is known minutes after the close, and the session's own bar half an hour after it. The orders of
    that decision are meant for the next open, so they lose nothing by the wait.
    """
    if not context.is_hourly or not context.schedule.is_last(context.as_of):
        return
    known, session = context.calendar.known_from(context.session), np.datetime64(context.session, "s")
    there = {*bars.loc[bars["session"] == session, "symbol"], *context.book.continuous_symbols}
    late = [symbol for symbol in context.book.panel_symbols if symbol not in there]
    if late and now(context.conn) < known:
        raise NotYet(
            f"{context.book.name} {context.name}: the bar of session {context.session} of {', '.join(late)} "
            f"has not come; it is waited for until {known:%H:%M} UTC, when the session's bars are known",
            due=known,
        )


def _list_changed(context: Context, since: datetime) -> bool:
    terms, name = context.book.members, context.book.name
    if terms is None:
        return False
    changed = terms.screen is not None and screens_changed(context.conn, name, context.session, since)
    return changed or members_changed(context.conn, name, since)


def _hours_changed(context: Context, since: datetime) -> bool:
    if not context.is_hourly:
        return coin_hours_changed(context, since)
    from nightdesk.store.bars_hourly import hours_changed

    return hours_changed(context.conn, context.book, context.record.origin, context.as_of, since)


def note_rows(fetched: Fetched, *, hours: bool = False) -> list[dict[str, Any]]:
    """What a fetch of days, or of hours, left out, as the table `ingest_notes` holds it: dropped rows, unread
    files, no bars.
    """

    def named(subject: str) -> str:
        return f"{subject} (hours)" if hours and "hours" not in subject else subject

    dropped = dropped_rows({named(reason): count for reason, count in fetched.dropped.items()})
    unread = [
        {"kind": "passed_over", "subject": file, "rows": None, "detail": why}
        for file, why in sorted(fetched.passed_over.items())
    ]
    missing = [
        {"kind": "missing", "subject": named(symbol), "rows": None, "detail": str(why)}
        for symbol, why in sorted(fetched.missing.items())
    ]
    rows: list[dict[str, Any]] = mask_document([*dropped, *unread, *missing])
    return rows


def _ask_again_where_needed(context: Context, unheard: Mapping[str, Missing]) -> None:
    """Raise `Transient` where the checks would stop the run for want of bars that may still come."""
    from nightdesk.feeds.chain import in_words
    from nightdesk.store.bar_rows import stored_days

    if not unheard:
        return
    book, session, limits = context.book, context.session, context.book.quality
    stored = stored_days(context.conn, book.panel_symbols)
    wanted = awaited_symbols(context)
    lost = [symbol for symbol in wanted if symbol in unheard]
    listed = [symbol for symbol in wanted if symbol in stored or symbol in unheard]
    needed = set(lost) if len(lost) > limits.failed_share * len(listed) else set()
    oldest = context.calendar.shift(session, -limits.reference_age)
    for reference in (book.benchmark, book.volatility_index):
        if reference in unheard and (reference not in stored or stored[reference][1] < oldest):
            needed.add(reference)
    if needed:
        told = in_words({symbol: why for symbol, why in unheard.items() if symbol in needed})
        raise Transient(
            f"{book.name} {context.name}: nothing can be decided without bars that did not come: {told}. "
            "What came is stored; the others are asked for again"
        )
