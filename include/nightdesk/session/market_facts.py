"""Facts beside prices in the day's run: fetched with the bars, stored by version, read as they were known.

Facts that do not come cost their factors, never the session: the step tells of them, and a strategy that
needs one has none to speak on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nightdesk.core.book_facts import fact_sources, fact_subjects, first_fact_day
from nightdesk.core.errors import Refused
from nightdesk.core.fact_versions import FactVersions
from nightdesk.core.facts import FactKind
from nightdesk.feeds.fact_chain import FactQuestion, GatheredFacts, gather_facts
from nightdesk.feeds.fact_sources import check_fact_name
from nightdesk.feeds.facts import FactFeed, make_facts
from nightdesk.feeds.feed import Fault, Missing
from nightdesk.session.context import Context
from nightdesk.store.fact_rows import SavedFacts, facts_changed, read_versions, save_facts

#: Sessions of which facts are fetched again at each ingest, for those that came late or were corrected.
REFRESH_SESSIONS = 10


@dataclass(frozen=True)
class BroughtFacts:
    """What became of the facts of a fetch: small facts for logs, and rows of `ingest_notes`."""

    counts: Mapping[str, int | str] = field(default_factory=dict)
    notes: Sequence[dict[str, Any]] = ()


def store_facts(context: Context) -> BroughtFacts:
    """Fetch the facts of a book up to the session, and store what is new of them.

    The first time all that its factors read is fetched, then what came since and some sessions more.

    Raises
    ------
    Refused
        When no source has a name that the book gives; a source that fails raises nothing.
    """
    wanted = fact_subjects(context.book)
    if not wanted:
        return BroughtFacts()
    gathered, saved = {}, {}
    for kind, subjects in wanted.items():
        gathered[kind], saved[kind] = _brought(context, kind, subjects)
    return BroughtFacts(_counts(gathered, saved), _notes(gathered, saved))


def _brought(context: Context, kind: FactKind, subjects: Sequence[str]) -> tuple[GatheredFacts, SavedFacts]:
    """What the sources of a kind gave, and what became of it."""
    from nightdesk.store.headline_rows import keep_reach
    from nightdesk.store.health_rows import Health

    conn, book, begun = context.conn, context.book, datetime.now(UTC)
    feeds, failed = _feeds(context, kind)
    found = gather_facts(
        kind,
        feeds,
        subjects,
        lambda name, some: _question(context, kind, name, some),
        context.session,
        Health(conn),
    )
    saved = save_facts(conn, kind, found.rows, begun)
    since = _first_instant(context, kind)
    for name, heard in found.heard.items():
        if heard:
            keep_reach(conn, book.name, f"{kind.name}:{name}", heard, since, context.as_of)
    lost = found.missing
    if failed and not feeds:
        why = Missing("; ".join(f"{name}: {one.reason}" for name, one in failed.items()), Fault.FINAL)
        lost = dict.fromkeys(subjects, why)
    whole = GatheredFacts(found.rows, lost, {**failed, **found.failures}, found.dropped, found.heard)
    return whole, saved


def _feeds(context: Context, kind: FactKind) -> tuple[dict[str, FactFeed], dict[str, Missing]]:
    """The sources of a kind by name, and why one could not be made: a key or a file that is not there."""
    feeds, failed = {}, {}
    for name in fact_sources(context.book, kind):
        check_fact_name(name, kind)
        try:
            feeds[name] = make_facts(name, environ=context.environ)
        except Refused as error:
            failed[name] = Missing(str(error), Fault.FINAL)
    return feeds, failed


def _question(context: Context, kind: FactKind, name: str, subjects: Sequence[str]) -> FactQuestion:
    """All history of what a source was not asked for yet, else what may have come since."""
    from nightdesk.store.headline_rows import reached

    since = _first_instant(context, kind)
    until = reached(context.conn, context.book.name, f"{kind.name}:{name}", subjects, since)
    first = first_fact_day(kind, context.record.origin)
    if until is None:
        return FactQuestion(first)
    refresh = context.calendar.shift(context.session, -REFRESH_SESSIONS)
    return FactQuestion(max(first, min(until.date(), refresh)), whole=False)


def _first_instant(context: Context, kind: FactKind) -> datetime:
    """The beginning of the first day of which the book reads facts of a kind."""
    return datetime.combine(first_fact_day(kind, context.record.origin), datetime.min.time(), UTC)


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
        left_out = {
            **one.dropped,
            **({"known later than now": saved[kind].ahead} if saved[kind].ahead else {}),
        }
        rows += [
            {"kind": "dropped", "subject": f"{kind.name}: {reason}", "rows": count, "detail": ""}
            for reason, count in sorted(left_out.items())
            if count
        ]
        rows += [
            {"kind": "no_facts", "subject": f"{kind.name} {subject}", "rows": None, "detail": str(why)}
            for subject, why in sorted(one.missing.items())
        ]
    return rows


def facts_moved(context: Context, since: datetime) -> bool:
    """Whether a fact of the decision came after an instant; never for a book that reads none."""
    known_from = context.schedule.known_from(context.as_of)
    return any(
        facts_changed(context.conn, kind, subjects, known_from=known_from, since=since)
        for kind, subjects in fact_subjects(context.book).items()
    )


def session_facts_known(context: Context, known_by: datetime) -> dict[str, FactVersions]:
    """The facts that the decision may know, in all versions, by kind."""
    known_from, origin = context.schedule.known_from(context.as_of), context.record.origin
    return {
        kind.name: read_versions(
            context.conn,
            kind,
            subjects,
            first=first_fact_day(kind, origin),
            known_from=known_from,
            known_by=known_by,
        )
        for kind, subjects in fact_subjects(context.book).items()
    }
