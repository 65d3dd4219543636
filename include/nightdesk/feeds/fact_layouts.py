"""The columns of files of facts, and from when a fact is taken to be known where its file does not say.

What is assumed is never earlier than the truth: a decision may see a fact late, never ahead of its time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.facts import EARNINGS, LISTINGS, MACRO, POSITIONING, QUOTES, FactKind
from nightdesk.core.releases import NEW_YORK, cot_release

#: Series that are measured once and not revised: rates of a day, and what is computed from prices.
_FINAL = re.compile(
    r"VIXCLS|VXVCLS|DFF|EFFR|SOFR|OBFR|DTB\d+|DGS\d+(MO)?|DFII\d+|T\d+Y\d+[YM]|T\d+YFF|T\d+YIE|DPRIME|DEX[A-Z]{4}|"
    r"DCOIL\w+|BAML\w+|SP500|DJIA|NASDAQ\w*"
)

_TIMINGS = MappingProxyType(
    {
        "": "",
        "before": "before",
        "after": "after",
        "pre-market": "before",
        "post-market": "after",
        "bmo": "before",
        "amc": "after",
    }
)

#: What each column may be called in the files of publishers, the desk's own name first.
_CALLED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    MACRO.name: {"series": ("series_id",), "period": ("date", "observation_date")},
    POSITIONING.name: {
        "code": ("cftc_contract_market_code", "CFTC Contract Market Code"),
        "report_date": ("report_date_as_yyyy_mm_dd", "As of Date in Form YYYY-MM-DD"),
        "long": ("noncomm_positions_long_all", "Noncommercial Positions-Long (All)"),
        "short": ("noncomm_positions_short_all", "Noncommercial Positions-Short (All)"),
        "open_interest": ("open_interest_all", "Open Interest (All)"),
    },
    EARNINGS.name: {
        "fiscal_end": ("fiscalDateEnding",),
        "report_date": ("reportDate",),
        "timing": ("timeOfTheDay",),
    },
    LISTINGS.name: {"title": ("name",)},
    QUOTES.name: {},
}
#: Columns of publishers that say nothing that the desk keeps.
_BESIDE = {EARNINGS.name: ("name", "estimate", "currency")}
#: Columns that a file must have, beside subject and day.
_NEEDED = {
    MACRO.name: ("value",),
    POSITIONING.name: ("long", "short", "open_interest"),
    EARNINGS.name: ("report_date",),
    LISTINGS.name: (),
    QUOTES.name: ("bid", "ask"),
}


class Dated(Protocol):
    """A line of a file, as far as it says when it may have been known."""

    @property
    def subject(self) -> str: ...
    @property
    def day(self) -> date: ...
    @property
    def values(self) -> tuple[object, ...]: ...


@dataclass(frozen=True)
class FactLayout:
    """How the columns of a file are read.

    Attributes
    ----------
    places, called : mapping of str
        By the desk's name of a column its place in the file, and what the file calls it.
    words : mapping of str to mapping
        Columns that have certain words, and what each means.
    source : str
        Who said it, where the file has no column `source`.
    instants_as_days : bool
        Whether its days may be written with a time behind them.
    """

    places: Mapping[str, int]
    called: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    source: str = "files"
    instants_as_days: bool = False


def layout_of(kind: FactKind, header: Sequence[str], place: str) -> FactLayout:
    """The layout of a file of one kind by its header.

    Raises
    ------
    Refused
        When a column is lacking, there twice or not known; names all that are expected.
    """
    aliases = {name: (name, *_CALLED[kind.name].get(name, ())) for name in kind.columns}
    found: dict[str, str] = {}
    for name, called in aliases.items():
        there = [one for one in header if one in called]
        if len(there) > 1:
            raise Refused(f"{place}: found {' and '.join(there)}, which both say {name}: keep one of them")
        if there:
            found[name] = there[0]
    # A report of the CFTC has more than a hundred columns beside those that are kept.
    of_the_cftc = kind is POSITIONING and found.get("code", "code") != "code"
    known = {*found.values(), *_BESIDE.get(kind.name, ())}
    unknown = [] if of_the_cftc else [one for one in header if one not in known]
    needed = (kind.subject, kind.day, *_NEEDED[kind.name])
    lacking = [name for name in needed if name not in found]
    for what, names in (("no column", lacking), ("the unknown column", unknown)):
        if names:
            optional = [name for name in kind.columns if name not in needed]
            raise Refused(
                f"{place}: found {what} {', '.join(names)}; a file of {kind.name} facts has "
                f"{', '.join(needed)} and, where they are known, {', '.join(optional)}"
            )
    return FactLayout(
        {name: list(header).index(one) for name, one in found.items()},
        found,
        {"timing": _TIMINGS} if kind is EARNINGS else {},
        instants_as_days=of_the_cftc,
    )


def assumed_instant(kind: FactKind, line: Dated, now: datetime) -> datetime | None:
    """From when a line that states no instant is taken to be known; None where nothing may be assumed.

    ============ ========================================================================================
    macro        a series that is not revised: the end of the next business day in New York; of another
                 none, since its first figure is not the one of today
    positioning  the release of the report, see `nightdesk.core.releases.cot_release`
    earnings     now, when the file is read; of a report that is past the end of its day
    listings     the end of the day
    quotes       the close of the session
    ============ ========================================================================================
    """
    match kind.name:
        case MACRO.name:
            return _end_of(_next_session(line.day)) if _FINAL.fullmatch(line.subject) else None
        case POSITIONING.name:
            return cot_release(line.day)
        case EARNINGS.name:
            report = line.values[list(kind.values).index("report_date")]
            return min(now, _end_of(report)) if isinstance(report, date) else now
        case QUOTES.name:
            calendar = get_calendar()
            return calendar.close_at(line.day) if calendar.is_session(line.day) else _end_of(line.day)
    return _end_of(line.day)


def why_nothing_is_assumed(path: Path, kind: FactKind, subject: str) -> str:
    """The words on a subject whose lines state no instant, and of which none may be assumed."""
    return (
        f"{path}: {kind.name} {subject} is a series that is revised, and the file does not say from when "
        "each figure was known: today's figures would be read in the past; add a column known_at with the "
        "instants of its releases, or take it from a source with vintages, such as fred"
    )


def _next_session(day: date) -> date:
    """The first session after a day."""
    calendar = get_calendar()
    after = calendar.between(day + timedelta(days=1), day + timedelta(days=14))
    return after[0].item() if len(after) else day + timedelta(days=5)


def _end_of(day: date) -> datetime:
    """The midnight in New York that ends a day, UTC."""
    return datetime.combine(day + timedelta(days=1), time(), NEW_YORK).astimezone(UTC)
