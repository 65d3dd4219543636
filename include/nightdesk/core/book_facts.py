"""Which facts beside prices a book reads: of which kinds, of whom, and from which day on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType

from nightdesk.core.book import Book
from nightdesk.core.facts import (
    EARNINGS,
    FACT_CLASSES,
    FACT_KINDS,
    LISTINGS,
    MACRO,
    POSITIONING,
    QUOTES,
    FactKind,
)

#: How long before the origin the facts lie that a factor of the first session reads: the newest value of a
#: year's series, 156 weeks of positions, a quarter's report, a listing, some quotes.
_BEFORE: Mapping[str, timedelta] = MappingProxyType(
    {
        MACRO.name: timedelta(days=400),
        POSITIONING.name: timedelta(weeks=160),
        EARNINGS.name: timedelta(days=400),
        LISTINGS.name: timedelta(days=400),
        QUOTES.name: timedelta(days=14),
    }
)


def fact_sources(book: Book, kind: FactKind) -> tuple[str, ...]:
    """The names of a book's sources of a kind, in order."""
    named: tuple[str, ...] = getattr(book.feeds, kind.name)
    return named


def fact_subjects(book: Book) -> Mapping[FactKind, tuple[str, ...]]:
    """The kinds of facts that a book reads, and of each the series, contracts or symbols, each once."""
    found = {kind: _subjects(book, kind) for kind in FACT_KINDS.values() if fact_sources(book, kind)}
    return {kind: subjects for kind, subjects in found.items() if subjects}


def first_fact_day(kind: FactKind, origin: date) -> date:
    """The first day of which a book reads facts, from the origin of its factors."""
    return origin - _BEFORE[kind.name]


def _subjects(book: Book, kind: FactKind) -> tuple[str, ...]:
    if kind is MACRO:
        return book.macro.series
    if kind is POSITIONING:
        return tuple(dict.fromkeys(book.positioning.codes.values()))
    classes = FACT_CLASSES[kind.name]
    return tuple(symbol for symbol, one in book.universe.items() if one.asset_class in classes)
