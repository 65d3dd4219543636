"""Measure what the weekly screens of a book on the sample market make of the pairs that are planted in it.

    python tools/measure_pairs.py reversion_pairs 2018-01-02 2025-12-31 [KEY=VALUE ...]

prints a row a year: members (mean, fewest and most of a session), pairs of the list in force (mean), how many
of the planted ones that go together at the year's end were in force at some time in it, the share of pairs
in force, by session, that are planted, and how many pairs that are not planted were in force at some time.
A VALUE takes the place of that of the book's file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from nightdesk.cli.options import processors
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.core.members import Membership
from nightdesk.feeds.sample_pairs import PLANTED_PAIRS
from nightdesk.research.backtest.decided_span import begin_span
from nightdesk.session.books import read_book

BOOKS = Path(__file__).parents[1] / "books"
HEADS = ("year", "members", "fewest", "most", "pairs", "planted found", "of", "share planted", "false")


def measured(membership: Membership, first: date, last: date) -> Iterator[tuple[str, ...]]:
    """A row a year."""
    sessions = [as_date(one) for one in get_calendar().between(first, last)]
    for year in sorted({one.year for one in sessions}):
        days = [one for one in sessions if one.year == year]
        members = [len(membership.at(day)) for day in days]
        pairs = [{frozenset((one.a, one.b)) for one in membership.pairs_at(day)} for day in days]
        whole = {
            frozenset((one.a, one.b))
            for one in PLANTED_PAIRS
            if one.broken_on is None or one.broken_on > days[-1]
        }
        planted = {frozenset((one.a, one.b)) for one in PLANTED_PAIRS}
        ever, listed = set().union(*pairs), sum(map(len, pairs))
        true = sum(len(some & planted) for some in pairs)
        yield (
            str(year),
            f"{sum(members) / len(days):.1f}",
            str(min(members)),
            str(max(members)),
            f"{listed / len(days):.1f}",
            str(len(ever & whole)),
            str(len(whole)),
            f"{true / listed:.1%}" if listed else "",
            str(len(ever - planted)),
        )


def main(name: str, first: str, last: str, *changes: str) -> None:
    """Print the table of a book over a span."""
    settings = dict(one.split("=", 1) for one in changes)
    start = begin_span(
        read_book(BOOKS / f"{name}.yaml", settings),
        date.fromisoformat(first),
        date.fromisoformat(last),
        processors(),
    )
    membership = start.book.membership
    if membership is None:
        sys.exit(f"book {name} has no screen")
    print("\n".join(start.notes))
    for row in (HEADS, *measured(membership, start.inception, start.last)):
        print(" | ".join(row))


if __name__ == "__main__":
    main(*sys.argv[1:])
