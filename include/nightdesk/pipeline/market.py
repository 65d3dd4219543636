"""The steps that bring the market in: bars, and the checks that they must pass."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np

from nightdesk.errors import NightdeskError, Refused
from nightdesk.pipeline.context import Context
from nightdesk.pipeline.saving import Outcome, saving
from nightdesk.store.runs import sealed_because, set_known_by

#: Sessions that are fetched again at each ingest, for bars that came late or were corrected.
REFRESH_SESSIONS = 10

#: What a finding's outcome is called in the table of the checks.
_OUTCOME = {"pass": "passed", "warn": "warned", "quarantine": "quarantined", "stop": "stopped"}


def ingest(context: Context) -> Outcome:
    """Store what the feeds have, and let the decision use all that is known then.

    A sealed session fetches nothing: what it used is what was known at its decision.
    """
    from nightdesk.store.bars import known_now

    sealed = sealed_because(context.conn, context.book.name, context.session)
    if sealed is not None:
        return Outcome({}, sealed)
    # Within a dry run the bars were stored before its one transaction began.
    stored = {} if context.rehearsing else store_bars(context)
    second, unheard = ([], "") if context.rehearsing else _second_closes(context)
    if unheard:
        stored["not_compared"] = unheard
    with saving(context) as save:
        save.rows("second_closes", second)
        if save.sealed is None:
            run = context.new_run()
            moment = known_now(context.conn)
            set_known_by(context.conn, run.book, run.session, moment, run.code_version, run.config_hash)
    return Outcome(stored, save.sealed)


def store_bars(context: Context) -> dict[str, int | str]:
    """Fetch bars and corporate actions up to the session and store what is new of them.

    The first time all history from the book's origin is fetched, then what came since and some sessions more.
    """
    from nightdesk.feeds import make
    from nightdesk.feeds.chain import fetch_with_fallback
    from nightdesk.store.bars import save_market
    from nightdesk.store.health import Health

    book, session = context.book, context.session
    first = first_day(context)
    continuous = [symbol for symbol, instrument in book.universe.items() if instrument.continuous]
    feeds = [make(name, calendar=book.calendar, continuous=continuous) for name in context.feeds]
    answer = fetch_with_fallback(feeds, book.panel_symbols, first, session, Health(context.conn))
    fetched = answer.fetched
    saved = save_market(
        context.conn,
        book,
        fetched.bars,
        fetched.actions,
        inception=context.record.inception,
        # Of the first day a ratio to the day before it may be unknown to a source.
        complete=(first + timedelta(days=1), session) if first < session else None,
    )
    counts: dict[str, int | str] = {
        "from": first.isoformat(),
        "bars": len(fetched.bars),
        "new": saved.bars.new,
        "corrected": saved.bars.corrected,
        "actions": saved.actions.new + saved.actions.corrected,
        "dropped": sum(fetched.dropped.values()),
    }
    if fetched.missing:
        counts["missing"] = "; ".join(
            f"{symbol}: {reason}" for symbol, reason in sorted(fetched.missing.items())
        )
    return counts


def _second_closes(context: Context) -> tuple[list[dict[str, Any]], str]:
    """The session's closes from the source that the book compares with, and why there are none.

    A second source that does not answer costs the comparison, never the session.
    """
    from nightdesk.feeds import make

    name, book = context.book.feeds.compare_with, context.book
    if name is None:
        return [], ""
    continuous = [symbol for symbol, instrument in book.universe.items() if instrument.continuous]
    try:
        feed = make(name, calendar=book.calendar, continuous=continuous)
        bars = feed.fetch(book.panel_symbols, context.session - timedelta(days=1), context.session).bars
    except NightdeskError as error:
        return [], str(error)
    rows = []
    for symbol, day, close in zip(bars["symbol"], bars["session"], bars["close"], strict=True):
        # A market that never closes is valued at the end of its last whole day before the session's close.
        wanted = context.session - timedelta(days=1) if feed.is_continuous(symbol) else context.session
        if day.date() == wanted:
            rows.append({"symbol": symbol, "source": feed.name, "close": close})
    return rows, "" if rows else f"{name} has no bar of {context.session}"


def first_day(context: Context) -> date:
    """First day to fetch."""
    from nightdesk.store.decisions import newest_bar, was_ingested

    calendar, record, session = context.calendar, context.record, context.session
    # A market that never closes gathers its first bar from the days since the session before.
    history = calendar.shift(record.origin, -1)
    if not was_ingested(context.conn, context.book.name, context.book.config_hash):
        return history
    newest = newest_bar(context.conn, context.book.benchmark, session)
    if newest is None:
        return history
    recent = calendar.shift(session, -REFRESH_SESSIONS)
    return max(history, min(recent, newest + timedelta(days=1)))


def quality(context: Context) -> Outcome:
    """Judge the bars of the session, keep every finding, and stop the run where they are too bad.

    Raises
    ------
    Refused
        When the benchmark, the volatility index or too many symbols fail; the findings are kept.
    """
    from nightdesk.feeds.expectations import judge, session_frame
    from nightdesk.feeds.quality import Consequence

    panel, book, examined = context.panel(), context.book, context.examined()
    t = len(panel) - 1
    findings = judge(session_frame(examined, t), book.quality)
    quarantined = [panel.symbols[n] for n in np.flatnonzero(examined.quarantined[t])]
    rows = [
        {
            "check_name": one.check,
            "symbol": one.symbol,
            "value": one.value,
            "limit_value": one.limit,
            "outcome": _OUTCOME[one.outcome],
            "detail": "" if one.outcome == "pass" else one.words,
        }
        for one in findings
    ]
    with saving(context) as save:
        save.rows("quality_runs", rows)
        save.rows(
            "session_quality",
            [
                {
                    "entries_allowed": bool(examined.entries_allowed[t]),
                    "reason": examined.why_no_entries(t),
                    "quarantined": quarantined,
                }
            ],
        )
    if examined.stop[t]:
        reasons = "; ".join(examined.reasons(t, Consequence.STOP).values())
        raise Refused(
            f"{book.name} {context.session}: the data is too bad to decide on: {reasons}. "
            "Bring the missing bars in, then run this session's ingest step again"
        )
    warned = sum(one.outcome == "warn" for one in findings)
    return save.outcome(checks=len(findings), quarantined=len(quarantined), warned=warned)
