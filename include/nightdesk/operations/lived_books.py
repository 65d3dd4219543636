"""The days that books have lived, as the store holds them: on paper, and with real money."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

from nightdesk.core.book_rules import rules_hash_of
from nightdesk.core.money import ZERO
from nightdesk.core.schedule import Schedule
from nightdesk.research.gates.lived_days import LivedDays, LivedSession
from nightdesk.store.book_version_rows import configurations
from nightdesk.store.code_rows import package_of
from nightdesk.store.db import Connection, now
from nightdesk.store.lived_rows import (
    LivedDecision,
    lived_decisions,
    newest_configurations,
    sources_of_bars,
)


def days_of(
    conn: Connection, book: str, rules_hash: str, schedule: Schedule, packages: Collection[str]
) -> LivedDays | None:
    """The newest sessions running that a book has decided by some rules; None where there is none.

    Parameters
    ----------
    conn : Connection
    book : str
        Its name.
    rules_hash : str
        A decision by other rules ends the days before it.
    schedule : Schedule
        The book's.
    packages : collection of str
        Versions of the package that count; a decision by another one ends the days before it.
    """
    decided = lived_decisions(conn, book)
    texts = configurations(conn, book, {one.config_hash for one in decided})
    alike = {name for name, text in texts.items() if rules_hash_of(text) == rules_hash}
    running: list[LivedDecision] = []
    for one in reversed(decided):
        if one.config_hash not in alike or package_of(one.code_version) not in packages:
            break
        running.append(one)
    if not running:
        return None
    running.reverse()
    lived = tuple(
        _lived(session, list(some), schedule)
        for session, some in groupby(running, key=lambda one: one.session)
    )
    read = {name for one in running if (name := texts[one.config_hash].get("benchmark"))}
    sources = sources_of_bars(conn, read, lived[0].session, lived[-1].session)
    return LivedDays(book, lived, _missing(running, schedule, now(conn)), sources)


def paper_days(
    conn: Connection, rules_hash: str, schedule: Schedule, packages: Collection[str]
) -> LivedDays | None:
    """The days of the book on paper that has decided by some rules for longest; None without one."""
    found = []
    for name, (_, text) in newest_configurations(conn).items():
        if rules_hash_of(text) == rules_hash and not _is_live(text):
            found.append(days_of(conn, name, rules_hash, schedule, packages))
    known = [one for one in found if one is not None]
    return max(known, key=lambda one: one.sessions, default=None)


def _lived(session: date, decisions: Sequence[LivedDecision], schedule: Schedule) -> LivedSession:
    last = decisions[-1]
    return LivedSession(
        session,
        last.nav,
        sum((one.flow for one in decisions), ZERO),
        late=any(one.closed_at >= schedule.window(one.as_of)[1] for one in decisions),
        faults=tuple(dict.fromkeys(one.fault for one in decisions if one.fault)),
        crashes=tuple(dict.fromkeys(words for one in decisions for words in (*one.cut_off, *one.failures))),
    )


def _missing(decided: Sequence[LivedDecision], schedule: Schedule, at: datetime) -> tuple[date, ...]:
    """Sessions with a decision that lacks, up to the newest of which the time to decide is over."""
    known = {one.as_of for one in decided}
    newest, missing = schedule.latest_completed(at), []
    as_of = decided[0].as_of
    while as_of <= newest:
        if as_of not in known and schedule.window(as_of)[1] <= at:
            missing.append(schedule.session_of(as_of))
        as_of = schedule.after(as_of)
    return tuple(dict.fromkeys(missing))


def _is_live(configuration: Mapping[str, Any]) -> bool:
    entries = [configuration.get("broker") or {}, *(configuration.get("accounts") or {}).values()]
    return any(one.get("live") for one in entries)
