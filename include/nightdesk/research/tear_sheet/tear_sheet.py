"""A backtest on one page: HTML without a script, a font or a picture from elsewhere.

The same backtest gives the same bytes, whoever makes it, when and where.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nightdesk.alerts.figures import money
from nightdesk.alerts.page_templates import counted
from nightdesk.core.errors import Refused
from nightdesk.research.backtest.courses import course_of
from nightdesk.research.tear_sheet.activity_sections import (
    costs_section,
    exposure_section,
    levels_of,
    turnover_section,
)
from nightdesk.research.tear_sheet.cause_sections import verdicts_section, worst_section
from nightdesk.research.tear_sheet.course_sections import (
    drawdown_section,
    earnings_section,
    growth_section,
    months_section,
    rolling_section,
)
from nightdesk.research.tear_sheet.figure_sections import (
    SheetTrials,
    key_figures,
    learning_section,
    target_words_of,
    targets_section,
    trials_section,
)
from nightdesk.research.tear_sheet.sheet_course import SheetCourse, sheet_course
from nightdesk.research.tear_sheet.sheet_origin import SheetOrigin, data_section
from nightdesk.research.tear_sheet.sheet_parts import SheetSection
from nightdesk.research.tear_sheet.trade_sections import pairs_section, trades_section
from nightdesk.research.tear_sheet.unknowable import unknown_section

if TYPE_CHECKING:
    import jinja2

    from nightdesk.research.backtest.run import Result
    from nightdesk.store.backtest_rows import BacktestSeries, KeptBacktest

#: What a kept backtest has no rows for.
NOT_KEPT = (
    "This sheet is made of what is kept: figures and courses. Exposure, turnover, trades, pairs, the "
    "symbols behind "
    "the worst sessions and the gate's verdicts are in the sheet that `nightdesk backtest --out` writes."
)


#: Of figures that were kept before there were all of these.
_AT_FIRST: Mapping[str, Any] = {
    **dict.fromkeys(("targets", "models", "calendar", "per_strategy", "per_symbol"), MappingProxyType({})),
    "quarantines": (),
}


@dataclass(frozen=True)
class SheetHead:
    """The top of the page.

    Attributes
    ----------
    title, text : str
        The book, and what it is, in its own words.
    span : str
    marks : tuple of (name, value)
        What the backtest was made with.
    notices : tuple of (class, sentence)
        What must be known before any figure.
    """

    title: str
    text: str
    span: str
    marks: tuple[tuple[str, str], ...]
    notices: tuple[tuple[str, str], ...]


def tear_sheet(
    result: Result, figures: Mapping[str, Any], origin: SheetOrigin, trials: SheetTrials | None = None
) -> str:
    """The page of a backtest.

    Parameters
    ----------
    result : Result
    figures : mapping
        Those of `nightdesk.research.backtest.metrics.metrics`.
    origin : SheetOrigin
    trials : SheetTrials, optional
        Where tries of the book are counted.

    Returns
    -------
    str
        Where the NAV was not above 0 in every session, without growth and what is measured by it; it says so.
    """
    document = json.loads(result.desk.book.document)
    notices = list(_spell_notices(result))
    grown: tuple[SheetSection | None, ...] = ()
    try:
        course = sheet_course(course_of(result))
    except Refused as error:
        notices.insert(0, ("loss", f"No growth, drawdowns and costs: {error}."))
    else:
        grown = tuple(_grown(result, course, figures, _levels(document)))
    bars = f"{result.market.sessions[0]} to {result.market.sessions[result.decided[-1].t]}"
    return _page(
        _head(document, figures, origin, bars, notices),
        (
            targets_section(figures),
            *grown,
            trades_section(result),
            pairs_section(result),
            verdicts_section(result),
            learning_section(figures),
            trials_section(trials),
            data_section(origin, figures, result),
            unknown_section(document, origin, result, trials),
        ),
    )


def _grown(
    result: Result, course: SheetCourse, figures: Mapping[str, Any], levels: Sequence[tuple[int, float]]
) -> Iterator[SheetSection | None]:
    """The sections that are measured by NAV."""
    benchmark = str(figures["benchmark"])
    yield key_figures(course, figures)
    yield growth_section(course, benchmark)
    yield drawdown_section(course, benchmark, levels, *levels_of(result))
    yield rolling_section(course)
    yield months_section(course, benchmark)
    yield exposure_section(result, course)
    yield turnover_section(result, course)
    yield costs_section(course, figures, result)
    yield earnings_section(course, figures)
    yield worst_section(course, benchmark, result)


def kept_tear_sheet(
    kept: KeptBacktest,
    series: Sequence[BacktestSeries],
    document: Mapping[str, Any],
    trials: SheetTrials | None = None,
) -> str:
    """The page of a kept backtest, as far as what is kept suffices; it says what is missing.

    Parameters
    ----------
    kept : KeptBacktest
    series : sequence of BacktestSeries
        Its course.
    document : mapping
        The book that decided it.
    trials : SheetTrials, optional

    Raises
    ------
    Refused
        When it has no course, or its NAV was not above 0 in every session.
    """
    course, benchmark = sheet_course(series), str(document["benchmark"])
    figures = {**_AT_FIRST, "book": kept.book, "benchmark": benchmark, **kept.figures}
    figures |= {"first": kept.first, "last": kept.last, "sessions": len(course.sessions)}
    figures |= {"config_hash": kept.config_hash, "code_version": kept.code_version}
    origin = SheetOrigin(dict.fromkeys(kept.sources), changes=kept.changes)
    return _page(
        _head(document, figures, origin, "", (("soft", NOT_KEPT),)),
        (
            targets_section(figures),
            key_figures(course, figures),
            growth_section(course, benchmark),
            drawdown_section(course, benchmark, _levels(document)),
            rolling_section(course),
            months_section(course, benchmark),
            costs_section(course, figures),
            earnings_section(course, figures),
            worst_section(course, benchmark),
            learning_section(figures),
            trials_section(trials),
            data_section(origin, figures),
            unknown_section(document, origin, trials=trials),
        ),
    )


def _head(
    document: Mapping[str, Any],
    figures: Mapping[str, Any],
    origin: SheetOrigin,
    bars: str,
    notices: Iterable[tuple[str, str]],
) -> SheetHead:
    rhythm = "decided each hour" if document["schedule"]["rhythm"] == "hourly" else "decided once a session"
    marks = {
        "Book": str(figures["book"]),
        "Capital": money(Decimal(document["initial_capital"])),
        "Benchmark": str(figures["benchmark"]),
        "Sources": ", ".join(origin.sources) or "none",
        "Bars": bars,
        "Config hash": str(figures["config_hash"]),
        "Code version": str(figures["code_version"]),
        "Hash of the bars": str(figures.get("panel_hash", "")),
        "Over its file": ", ".join(f"{key}={value}" for key, value in origin.changes.items()),
    }
    return SheetHead(
        title=str(document["title"]),
        text=str(document.get("description", "")).strip(),
        span=f"{figures['first']} to {figures['last']}, {counted(figures['sessions'], 'session')}, {rhythm}",
        marks=tuple((name, value) for name, value in marks.items() if value),
        notices=(*_origin_notices(origin), *_target_notices(figures), *notices),
    )


def _origin_notices(origin: SheetOrigin) -> Iterator[tuple[str, str]]:
    if origin.sampled:
        yield "warn", "Sample data: these bars are generated, not a market's."
    if origin.exercises:
        yield "warn", f"An exercise and no result of the book: {', '.join(origin.exercises)}."


def _target_notices(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    words = target_words_of(figures)
    if words:
        outcomes = {one["outcome"] for one in figures["targets"].values()}
        yield "loss" if "missed" in outcomes else "soft", words


def _spell_notices(result: Result) -> Iterator[tuple[str, str]]:
    """Since when the kill switch let nothing be opened."""
    for one in result.killed_spells:
        if one.ongoing:
            sessions = counted(one.sessions, "session")
            yield (
                "loss",
                f"Killed from {one.first} to the end, {sessions} in which nothing was opened: {one.reason}.",
            )
    over = [one for one in result.killed_spells if not one.ongoing]
    if over:
        sessions = counted(sum(one.sessions for one in over), "session")
        yield (
            "warn",
            f"Killed and released {counted(len(over), 'time')}: {sessions} in which nothing was opened.",
        )


def _levels(document: Mapping[str, Any]) -> tuple[tuple[int, float], ...]:
    """The drawdown levels of a book, with the drawdowns from which they hold."""
    levels = document.get("levels")
    return () if levels is None else tuple((n, at) for n, at in enumerate(levels["at"], 1) if at is not None)


def _page(head: SheetHead, sections: Iterable[SheetSection | None]) -> str:
    shown = [one for one in sections if one is not None]
    return _template().render(head=head, sections=shown)


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nightdesk.research.tear_sheet"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("tear_sheet.html.j2")
