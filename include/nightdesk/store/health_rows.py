"""What is remembered of the sources and of the checks that their data passed or failed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from nightdesk.core.masking import mask_document
from nightdesk.store.db import Connection
from nightdesk.store.rows import Row, read_row, read_rows, replace_rows

#: The checks whose rows are kept for ever, as those of other checks that did not pass: ages of newest bars.
KEPT_CHECKS = ("no_bar", "reference_age")


class Health:
    """The circuit breakers' state, shared by all processes of the desk.

    What happened to a source happened: give it a connection that is in no transaction, so that no fault later
    in the step takes it back.
    """

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def load(self, source: str) -> Mapping[str, Any] | None:
        """What is stored of `source`: failures, opened_at, last_success, last_failure, last_error."""
        row = read_row(self._conn, "feed_health", source=source)
        return None if row is None else {name: value for name, value in row.items() if name != "source"}

    def save(self, source: str, row: Mapping[str, Any]) -> None:
        """Replace what is stored of `source`."""
        replace_rows(self._conn, "feed_health", {"source": source}, [mask_document(row)])


def thin_findings(conn: Connection, before: date) -> tuple[int, int]:
    """Delete what passed of the closed sessions before a date, but for `KEPT_CHECKS`, and what Great
    Expectations said of them.

    Returns
    -------
    tuple of int
        Sessions that were thinned now, and rows that were deleted.
    """
    row = read_row(conn, "thin_findings", before=before, kept=list(KEPT_CHECKS))
    assert row is not None
    return row["sessions"], row["rows"]


def still_kept(
    conn: Connection, book: str, as_of: datetime, findings: Sequence[Row], besides: Collection[str] = ()
) -> list[Row]:
    """Those of a decision's findings that `thin_findings` leaves, where it was there; else all of them.

    With the stored ones of the checks that `besides` names, which were not asked again.
    """
    row = read_row(conn, "findings_kept", book=book, as_of=as_of, besides=sorted(besides))
    if row is None:
        return list(findings)
    kept = [
        one
        for one in findings
        if not row["thinned"] or one["outcome"] != "passed" or one["check_name"] in KEPT_CHECKS
    ]
    return kept + list(row["besides"])


def read_findings(conn: Connection, book: str, as_of: datetime) -> list[dict[str, Any]]:
    """What the checks of a decision found, those that did not pass first.

    Passed checks have rows too: a decision without any row was not checked, and a spell of quarantine does
    not end there.

    Returns
    -------
    list of dict
        check_name, symbol (``*`` where the check is of all), value and limit_value (None where there is no
        number), outcome (passed, warned, quarantined, stopped), detail.
    """
    return read_rows(conn, "quality_findings", book=book, as_of=as_of)


def ingest_notes(conn: Connection, book: str, as_of: datetime) -> list[dict[str, Any]]:
    """What the newest ingest of a decision left out.

    Returns
    -------
    list of dict
        kind (dropped, passed_over, missing), subject (the reason, the file, the symbol), rows (of those that
        were dropped, else None), detail (header and reason of a file, reason of a symbol).
    """
    return read_rows(conn, "ingest_notes", book=book, as_of=as_of)


def quarantine_spells(conn: Connection, book: str, first: date, last: date) -> list[dict[str, Any]]:
    """Spells of quarantine that touch the sessions from `first` to `last`.

    A spell is a run of decisions, and ends by itself at the first one at which the symbol passes.

    Returns
    -------
    list of dict
        symbol, reason (the checks that failed), first_session, last_session, ongoing (whether the newest
        decision that was checked is in it), sessions, detail (its newest finding in words), first_as_of,
        last_as_of (its decisions, UTC), by first decision.
    """
    return read_rows(conn, "quarantine_spells", book=book, first=first, last=last)


def quarantines_at(conn: Connection, book: str, session: date, as_of: datetime) -> dict[str, dict[str, Any]]:
    """The spells of quarantine that a decision is in, by symbol, as `quarantine_spells` gives them."""
    spells = quarantine_spells(conn, book, session, session)
    return {one["symbol"]: one for one in spells if one["first_as_of"] <= as_of <= one["last_as_of"]}


def read_validations(conn: Connection, book: str, decisions: int) -> list[dict[str, Any]]:
    """What Great Expectations said of the newest decisions of a book that it was asked of.

    Returns
    -------
    list of dict
        as_of, session, suite, success, document, ascending by instant and suite.
    """
    return read_rows(conn, "validations", book=book, decisions=decisions)


def validated_books(conn: Connection) -> tuple[str, ...]:
    """The books of which anything is stored that Great Expectations said, by name."""
    return tuple(row["book"] for row in read_rows(conn, "validated_books"))


def is_validated(conn: Connection, book: str, as_of: datetime) -> bool:
    """Whether Great Expectations was asked of a decision."""
    row = read_row(conn, "is_validated", book=book, as_of=as_of)
    return row is not None and bool(row["validated"])
