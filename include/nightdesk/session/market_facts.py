"""Facts beside prices in the day's run: fetched with the bars, stored by version, read as they were known.

Facts that do not come cost their factors, never the session: the step tells of them, and a strategy that
needs one has none to speak on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

from nightdesk.core.book import Book
from nightdesk.core.book_facts import fact_sources, fact_subjects, first_fact_day
from nightdesk.core.errors import Refused
from nightdesk.core.facts import FactKind
from nightdesk.feeds.fact_chain import FactQuestion, GatheredFacts, gather_facts
from nightdesk.feeds.fact_feed import FactFeed, make_facts
from nightdesk.feeds.fact_sources import check_fact_name
from nightdesk.feeds.feed import Fault, Missing
from nightdesk.session.context import Context
from nightdesk.session.left_out import dropped_rows
from nightdesk.store.db import Connection
from nightdesk.store.fact_rows import SavedFacts, facts_changed, keep_reach_of, read_reach, save_facts

#: Sessions of which facts are fetched again at each ingest, for those that came late or were corrected.
REFRESH_SESSIONS = 10


#: Of a kind, a source's name and the subjects that it is asked for: what is asked.
Asks = Callable[[FactKind, str, Sequence[str]], Sequence[FactQuestion]]


@dataclass(frozen=True)
class BroughtFacts:
    """What became of the facts of a fetch, by kind."""

    gathered: Mapping[FactKind, GatheredFacts] = field(default_factory=dict)
    saved: Mapping[FactKind, SavedFacts] = field(default_factory=dict)

    def counts(self) -> dict[str, int | str]:
        """Small facts for logs and people; empty for a book without."""
        return _counts(self.gathered, self.saved) if self.gathered else {}

    def notes(self) -> list[dict[str, Any]]:
        """What was left out and what did not come, as `ingest_notes` holds it."""
        return _notes(self.gathered, self.saved)


def store_facts(context: Context) -> BroughtFacts:
    """Fetch the facts of a book up to the session, and store what is new of them.

    The first time all that its factors read is fetched, then what came since and some sessions more.

    Raises
    ------
    Refused
        When no source has a name that the book gives; a source that fails raises nothing.
    """
    conn, book = context.conn, context.book
    brought = bring_facts(conn, book, partial(_questions, context), context.session, context.environ)
    for kind, found in brought.gathered.items():
        span = first_fact_day(kind, context.record.origin), context.session
        for name, heard in found.heard.items():
            keep_reach_of(conn, book.name, kind, name, heard, span)
    return brought


def bring_facts(
    conn: Connection, book: Book, asks: Asks, last: date, environ: Mapping[str, str]
) -> BroughtFacts:
    """Fetch and store the facts that a book reads, up to a day.

    Parameters
    ----------
    conn : Connection
        In no transaction: what happened to a source happened.
    book : Book
    asks : callable
        What is asked of each source.
    last : date
    environ : mapping of str to str
        Where the keys of vendors are.

    Raises
    ------
    Refused
        When no source has a name that the book gives; a source that fails raises nothing.
    """
    from nightdesk.store.health_rows import Health

    gathered, saved = {}, {}
    for kind, subjects in fact_subjects(book).items():
        begun = datetime.now(UTC)
        feeds, failed = _feeds(book, kind, environ)
        found = gather_facts(kind, feeds, subjects, partial(asks, kind), last, Health(conn))
        saved[kind] = save_facts(conn, kind, found.rows, begun)
        gathered[kind] = _with_unmade(found, subjects, feeds, failed)
    return BroughtFacts(gathered, saved)


def _feeds(
    book: Book, kind: FactKind, environ: Mapping[str, str]
) -> tuple[dict[str, FactFeed], dict[str, Missing]]:
    """The sources of a kind by name, and why one could not be made: a key or a file that is not there."""
    feeds, failed = {}, {}
    for name in fact_sources(book, kind):
        check_fact_name(name, kind)
        try:
            feeds[name] = make_facts(name, environ=environ)
        except Refused as error:
            failed[name] = Missing(str(error), Fault.FINAL)
    return feeds, failed


def _with_unmade(
    found: GatheredFacts,
    subjects: Sequence[str],
    feeds: Mapping[str, FactFeed],
    failed: Mapping[str, Missing],
) -> GatheredFacts:
    """What the sources gave, with those that could not be made among the failures."""
    missing = found.missing
    if failed and not feeds:
        why = Missing("; ".join(f"{name}: {one.reason}" for name, one in failed.items()), Fault.FINAL)
        missing = dict.fromkeys(subjects, why)
    return replace(found, missing=missing, failures={**failed, **found.failures})


def _questions(context: Context, kind: FactKind, name: str, subjects: Sequence[str]) -> list[FactQuestion]:
    """All history of whom a source was not asked for yet, and of the others what may have come since."""
    first = first_fact_day(kind, context.record.origin)
    until = read_reach(context.conn, context.book.name, kind, name, first)
    known = [one for one in subjects if one in until]
    fresh = [one for one in subjects if one not in until]
    asked = [FactQuestion(fresh, first)] if fresh else []
    if known:
        refresh = context.calendar.shift(context.session, -REFRESH_SESSIONS)
        since = min(refresh, *(until[one] for one in known))
        asked.append(FactQuestion(known, max(first, since), whole=False))
    return asked


def _counts(
    gathered: Mapping[FactKind, GatheredFacts], saved: Mapping[FactKind, SavedFacts]
) -> dict[str, int | str]:
    counts: dict[str, int | str] = {
        "facts": sum(len(one.rows) for one in gathered.values()),
        "new_facts": sum(one.new for one in saved.values()),
        "corrected_facts": sum(one.corrected for one in saved.values()),
    }
    dropped = sum(sum(one.dropped.values()) for one in gathered.values()) + sum(
        one.ahead for one in saved.values()
    )
    if dropped:
        counts["dropped_facts"] = dropped
    failures = [
        f"{kind.name}:{name}: {why.reason}"
        for kind, one in gathered.items()
        for name, why in one.failures.items()
    ]
    if failures:
        counts["facts_failed"] = "; ".join(failures)
    missing = [f"{kind.name} {name}" for kind, one in gathered.items() for name in sorted(one.missing)]
    if missing:
        counts["missing_facts"] = ", ".join(missing)
    return counts


def _notes(
    gathered: Mapping[FactKind, GatheredFacts], saved: Mapping[FactKind, SavedFacts]
) -> list[dict[str, Any]]:
    """What was left out and what did not come, as `ingest_notes` holds it."""
    rows: list[dict[str, Any]] = []
    for kind, one in gathered.items():
        left_out = {**one.dropped, "known later than now": saved[kind].ahead}
        rows += dropped_rows(left_out, f"{kind.name}: ")
        rows += [
            {"kind": "no_facts", "subject": f"{kind.name} {subject}", "rows": None, "detail": str(why)}
            for subject, why in sorted(one.missing.items())
        ]
    return rows


def facts_moved(context: Context, since: datetime) -> bool:
    """Whether a fact of the decision came after an instant; never for a book that reads none."""
    known_from, origin = context.schedule.known_from(context.as_of), context.record.origin
    return any(
        facts_changed(
            context.conn,
            kind,
            subjects,
            since=since,
            known_from=known_from,
            first=first_fact_day(kind, origin),
        )
        for kind, subjects in fact_subjects(context.book).items()
    )
