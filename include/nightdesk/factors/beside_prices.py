"""Factors of facts beside prices: what the world knew of them when the decision was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.factors.compute import Source
from nightdesk.factors.factor_registry import factor, innermost

#: The key of `feeds` that the factors of a family need, by the family's pattern.
NEEDS: Mapping[str, str] = {
    "macro_{series}": "macro",
    "positioning_ratio": "positioning",
    "positioning_percentile": "positioning",
    "sessions_to_earnings": "earnings",
    "sessions_since_earnings": "earnings",
    "market_cap": "listings",
    "quoted_spread": "quotes",
}


@factor("macro_{series}", look_back=lambda series: 1)
def macro(source: Source, series: str) -> Floats:
    """Newest value that was known of a series of the economy, in its publisher's unit.

    The same for all symbols; the series is one of the book's `macro.series`.
    """
    return _known(source, f"macro_{series}")


@factor("positioning_ratio", look_back=lambda: 1)
def positioning_ratio(source: Source) -> Floats:
    """(Long - short) / open interest of non-commercial traders in the symbol's futures, by the newest report.

    Missing where that is of a day more than 15 sessions before; see `positioning.codes` of the book.
    """
    return _known(source, "positioning_ratio")


@factor("positioning_percentile", look_back=lambda: 1)
def positioning_percentile(source: Source) -> Floats:
    """Share of the last 156 weekly `positioning_ratio` that are not above the newest one, from 0 to 1.

    Missing with fewer than 104 of them, and where the ratio is.
    """
    return _known(source, "positioning_percentile")


@factor("sessions_to_earnings", look_back=lambda: 1)
def sessions_to_earnings(source: Source) -> Floats:
    """Sessions to the next report of earnings that was known; 0 where it comes after today's close."""
    return _known(source, "sessions_to_earnings")


@factor("sessions_since_earnings", look_back=lambda: 1)
def sessions_since_earnings(source: Source) -> Floats:
    """Sessions since the last report of earnings; 0 where it came before today's open."""
    return _known(source, "sessions_since_earnings")


@factor("market_cap", look_back=lambda: 1)
def market_cap(source: Source) -> Floats:
    """Newest market capitalisation that was known, dollars."""
    return _known(source, "market_cap")


@factor("quoted_spread", look_back=lambda: 1)
def quoted_spread(source: Source) -> Floats:
    """(Ask - bid) / mid of the last quote of the session, or of one up to 4 sessions before; a share."""
    return _known(source, "quoted_spread")


def facts_needed(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The factors among some that are of facts: by name the key of `feeds` that they need, and their series.

    The series is empty where there is none.
    """
    found = {}
    for name in names:
        family, parts = innermost(name)
        if family.pattern in NEEDS:
            found[name] = (NEEDS[family.pattern], parts.get("series") or "")
    return found


def _known(source: Source, name: str) -> Floats:
    """The values that the panel has; missing in a book that reads no such facts."""
    told = source.panel.facts.get(name)
    return np.full_like(source.panel.close, np.nan) if told is None else told
