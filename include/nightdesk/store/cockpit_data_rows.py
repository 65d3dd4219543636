"""What the cockpit reads of the data behind decisions: what is held back, sources, versions of bars."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from nightdesk.store.db import Connection
from nightdesk.store.rows import read_row, read_rows


@dataclass(frozen=True, slots=True)
class FindingRow:
    """What a check found of a symbol in a decision's data, with its limit, in the check's own unit."""

    book: str
    symbol: str
    session: date
    as_of: datetime
    check_name: str
    value: float | None
    limit_value: float | None
    detail: str


@dataclass(frozen=True, slots=True)
class OpenQuarantine:
    """A symbol that a book's newest decision held back, since when running, and what each check found."""

    book: str
    symbol: str
    session: date
    since: date
    findings: tuple[FindingRow, ...]


@dataclass(frozen=True, slots=True)
class IngestRow:
    """The newest ingest of a book: how it stands, and its times; `as_of` is the instant it was due for."""

    book: str
    session: date
    as_of: datetime
    started_at: datetime
    ended_at: datetime | None
    status: str
    error: str | None

    @property
    def took(self) -> timedelta | None:
        """How long it ran; None while it does."""
        return None if self.ended_at is None else self.ended_at - self.started_at

    @property
    def after_the_close(self) -> timedelta | None:
        """From the decision's instant until its data was ready; None while it is not."""
        return None if self.ended_at is None or self.status != "done" else self.ended_at - self.as_of


@dataclass(frozen=True, slots=True)
class FactsReached:
    """Up to when facts of a book were answered by a source: of its oldest and its newest subject."""

    book: str
    kind: str
    source: str
    subjects: int
    oldest: date
    newest: date
    behind: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BarVersion:
    """A version of a daily bar, raw dollars: from when it was known, and when another took its place."""

    known_at: datetime
    superseded_at: datetime | None
    source: str
    open: float
    high: float
    low: float
    close: float
    volume: float | None


@dataclass(frozen=True, slots=True)
class SeenBy:
    """The decisions of a book that saw a version: how many, the first and the last."""

    known_at: datetime
    book: str
    decisions: int
    first: datetime
    last: datetime


def open_quarantines(conn: Connection, books: Collection[str]) -> tuple[OpenQuarantine, ...]:
    """What the newest decision of each book holds back, the longest first."""
    found: dict[tuple[str, str], OpenQuarantine] = {}
    for row in read_rows(conn, "open_quarantines", books=list(books)):
        since = row.pop("since")
        finding = FindingRow(**row)
        key = (finding.book, finding.symbol)
        before = found.get(key)
        kept = () if before is None else before.findings
        found[key] = OpenQuarantine(*key, finding.session, since, (*kept, finding))
    return tuple(found.values())


def past_quarantines(
    conn: Connection, books: Collection[str], *, rows: int, before: datetime | None = None
) -> tuple[FindingRow, ...]:
    """Findings that held symbols back in decisions before an instant, the newest first.

    Some more than `rows` where the last instant has more: no decision is cut in two.
    """
    found = read_rows(conn, "past_quarantines", books=list(books), before=before, rows=rows)
    return tuple(FindingRow(**row) for row in found)


def newest_findings(conn: Connection, books: Collection[str]) -> list[dict[str, Any]]:
    """What each book's newest decision was warned of or stopped by: a `FindingRow` and its `outcome`."""
    return read_rows(conn, "newest_findings", books=list(books))


def newest_ingests(conn: Connection, books: Collection[str]) -> tuple[IngestRow, ...]:
    """The newest attempt at the newest ingest of each book, by name."""
    return tuple(IngestRow(**row) for row in read_rows(conn, "newest_ingests", books=list(books)))


def left_out(conn: Connection, books: Collection[str]) -> list[dict[str, Any]]:
    """What the newest ingest of each book did not take in: book, session, kind, subject, rows, detail."""
    return [row for row in read_rows(conn, "newest_ingest_notes") if row["book"] in books]


def facts_reached(conn: Connection, books: Collection[str]) -> tuple[FactsReached, ...]:
    """Up to when the facts of each book came, the oldest first."""
    rows = read_rows(conn, "facts_reached", books=list(books))
    return tuple(FactsReached(**{**row, "behind": tuple(row["behind"])}) for row in rows)


def news_reached(conn: Connection, books: Collection[str]) -> list[dict[str, Any]]:
    """Up to when the headlines of each book came, the oldest first: book, feed, until."""
    return read_rows(conn, "news_reached", books=list(books))


def bar_versions(conn: Connection, symbol: str, session: date) -> tuple[BarVersion, ...]:
    """Every version of a daily bar, the first known first; its volume is None where the source has none."""
    rows = read_rows(conn, "bar_versions", symbol=symbol, session=session)
    names = tuple(BarVersion.__dataclass_fields__)
    whole = ({**row, "volume": row["volume"] if row["volume"] == row["volume"] else None} for row in rows)
    return tuple(BarVersion(**{name: row[name] for name in names}) for row in whole)


def bar_seen_by(conn: Connection, symbol: str, session: date, books: Sequence[str]) -> tuple[SeenBy, ...]:
    """Which decisions could see which version of a daily bar."""
    rows = read_rows(conn, "bar_seen_by", symbol=symbol, session=session, books=list(books))
    return tuple(SeenBy(**row) for row in rows)


def versions_beside(conn: Connection, symbol: str, session: date) -> dict[str, list[dict[str, Any]]]:
    """Versions of what belongs to a bar: its hours, its corporate actions, its closes of second sources."""
    asked = {"symbol": symbol, "session": session}
    return {
        "hours": read_rows(conn, "hours_of_bar", **asked),
        "actions": read_rows(conn, "action_versions", **asked),
        "second_closes": read_rows(conn, "second_close_versions", **asked),
    }


def bar_neighbours(conn: Connection, symbol: str, session: date) -> tuple[date | None, date | None]:
    """The sessions with a bar of the symbol before and after one; None where there is none."""
    row = read_row(conn, "bar_neighbours", symbol=symbol, session=session)
    return (None, None) if row is None else (row["before"], row["after"])
