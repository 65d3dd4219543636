"""What facts must be like before they are stored: one that is malformed loses its source's whole answer."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from nightdesk.core.errors import Refused
from nightdesk.core.fact_versions import WORDS
from nightdesk.core.facts import EARNINGS, LISTINGS, POSITIONING, QUOTES, SECOND_CLOSES, FactKind

if TYPE_CHECKING:
    import pandas as pd

#: Numbers that are never negative.
_AMOUNTS = {
    POSITIONING.name: ("long", "short", "open_interest"),
    LISTINGS.name: ("market_cap", "shares"),
    QUOTES.name: ("bid", "ask", "bid_size", "ask_size"),
    SECOND_CLOSES.name: ("close",),
}
#: Nothing that a desk reads was dated before.
EARLIEST = np.datetime64("1900-01-01", "D")


def check_facts(kind: FactKind, rows: pd.DataFrame, subjects: Collection[str], source: str) -> None:
    """Refuse facts that are malformed.

    Parameters
    ----------
    kind : FactKind
    rows : DataFrame
        See `nightdesk.feeds.fact_feed.fact_frame`.
    subjects : collection of str
        Those that were asked for.
    source : str
        Names it in errors.

    Raises
    ------
    Refused
        With the first few faults: a subject that nobody asked for, no day or instant, a version known
        before what it is of, two versions of one instant, an infinite or negative number, another word.
    """
    if tuple(rows.columns) != kind.columns:
        raise Refused(
            f"{source}: facts of kind {kind.name} have the columns {', '.join(kind.columns)}; "
            f"found {', '.join(map(str, rows.columns))}: correct the source"
        )
    if not len(rows):
        return
    faults = list(_faults(kind, rows, subjects))
    if faults:
        more = f"; and {len(faults) - 3} more kinds of faults" if len(faults) > 3 else ""
        raise Refused(f"{source}: malformed facts of kind {kind.name}: {'; '.join(faults[:3])}{more}")


def _faults(kind: FactKind, rows: pd.DataFrame, subjects: Collection[str]) -> Iterator[str]:
    unasked = rows[~rows[kind.subject].isin(list(subjects))]
    if len(unasked):
        yield f"{kind.subject} {unasked.iloc[0][kind.subject]!r} was not asked for"
    for name in (kind.day, "known_at"):
        lacking = rows[rows[name].isna()]
        if len(lacking):
            yield f"{_named(kind, lacking)} has no {name}"
    early = rows[rows[kind.day] < EARLIEST]
    if len(early):
        yield f"{_named(kind, early)} lies before {EARLIEST}"
    yield from _faults_of_versions(kind, rows)
    yield from _faults_of_numbers(kind, rows)
    yield from _faults_of_words(kind, rows)


def _faults_of_versions(kind: FactKind, rows: pd.DataFrame) -> Iterator[str]:
    # The quarter of an earnings report ends after the report was announced.
    before = rows[rows["known_at"] < rows[kind.day]] if kind.name != EARNINGS.name else rows[:0]
    if len(before):
        yield f"{_named(kind, before)} is known at {before.iloc[0]['known_at']}, before what it is of"
    twice = rows[rows.duplicated([*kind.key, "known_at"], keep=False)]
    if len(twice):
        yield f"{_named(kind, twice)} has two versions known at {twice.iloc[0]['known_at']}"


def _faults_of_numbers(kind: FactKind, rows: pd.DataFrame) -> Iterator[str]:
    amounts = _AMOUNTS.get(kind.name, ())
    for name in kind.columns_of(float):
        values = rows[name].to_numpy(np.float64)
        wrong = np.isinf(values) | ((values < 0) if name in amounts else False)
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            yield f"{_named(kind, rows[wrong])} has {name} {values[at]:g}"


def _faults_of_words(kind: FactKind, rows: pd.DataFrame) -> Iterator[str]:
    for name in (*kind.columns_of(str), "source"):
        none = rows[[not isinstance(one, str) or "\0" in one for one in rows[name]]]
        if len(none):
            yield f"{_named(kind, none)} has {name} {none.iloc[0][name]!r}, which is no text"
        allowed = WORDS.get(name)
        other = rows[~rows[name].isin(list(allowed))] if allowed is not None else rows[:0]
        if len(other):
            known = ", ".join(repr(one) for one in allowed or ())
            yield f"{_named(kind, other)} has {name} {other.iloc[0][name]!r}; known are {known}"
    unsaid = rows[rows["source"] == ""]
    if len(unsaid):
        yield f"{_named(kind, unsaid)} names no source"


def _named(kind: FactKind, rows: pd.DataFrame) -> str:
    """The first of some facts in words."""
    first = rows.iloc[0]
    day: date | str = first[kind.day].date() if first[kind.day] == first[kind.day] else "no day"
    return f"{first[kind.subject]} of {day}"
