"""Where a tear sheet comes from: its bars, what was changed or exercised, and the warts of the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from nightdesk.alerts.page_templates import counted
from nightdesk.core.calendar import as_date
from nightdesk.core.corporate.findings import fold
from nightdesk.research.tear_sheet.sheet_parts import (
    SheetGrid,
    SheetLines,
    SheetSection,
    plain,
    section,
    shortened,
)

if TYPE_CHECKING:
    from nightdesk.research.backtest.data import FetchedBars
    from nightdesk.research.backtest.run import Result

#: Rows of each kind that are shown.
MOST_ROWS = 20
#: Kinds of ledger entries by which a symbol ended, or became another.
ENDED = ("exchange", "redemption")


@dataclass(frozen=True)
class SheetOrigin:
    """What a backtest was made of, beside its book.

    Attributes
    ----------
    sources : mapping of str to int or None
        Bars by the source that they are from; None where they were not counted.
    missing, unread : mapping of str to str
        Symbols without any bar, and files that were not read, with the reason.
    dropped : mapping of str to int
        Rows that were left out, by reason.
    notes : tuple of str
        What must be known of the universe.
    changes : mapping of str to str
        Values over the book's file, by dotted key.
    exercises : tuple of str
        What people put in: signals, kills, notices. Any of them makes it no result of the book.
    """

    sources: Mapping[str, int | None]
    missing: Mapping[str, str] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    changes: Mapping[str, str] = field(default_factory=dict)
    exercises: tuple[str, ...] = ()

    @property
    def sampled(self) -> bool:
        """Whether bars of it were generated and are no market's."""
        return "sample" in self.sources


def origin_of_bars(
    market: FetchedBars,
    *,
    notes: Iterable[str] = (),
    changes: Mapping[str, str] | None = None,
    exercises: Iterable[str] = (),
) -> SheetOrigin:
    """The origin of a backtest on fetched bars."""
    return SheetOrigin(
        sources=dict(market.sources),
        missing={symbol: str(reason) for symbol, reason in market.missing.items()},
        unread=dict(market.passed_over),
        dropped=dict(market.dropped),
        notes=tuple(notes),
        changes=dict(changes or {}),
        exercises=tuple(exercises),
    )


def data_section(
    origin: SheetOrigin, figures: Mapping[str, Any], result: Result | None = None
) -> SheetSection | None:
    """What a reader must know of the bars before believing a figure."""
    lines = [*_origin_lines(origin), *(() if result is None else _result_lines(result))]
    spells = [
        plain(
            (
                one["symbol"],
                *(one.get("named") or (one["first"], one["last"])),
                f"{one['sessions']:,}",
                one["reason"],
            )
        )
        for one in figures["quarantines"]
    ]
    left = len(spells) - MOST_ROWS
    grid = SheetGrid(
        "Spells of quarantine, the longest first" + (f"; {left:,} more are left out" if left > 0 else ""),
        ("Symbol", "From", "To", "Sessions", "Why"),
        tuple(spells[:MOST_ROWS]),
        words=frozenset({0, 1, 2, 4}),
    )
    return section(
        "The data behind it",
        [SheetLines(tuple(lines)) if lines else None, grid if spells else None],
        "A symbol in quarantine is not traded; its position is kept and marked at the newest good price.",
    )


def _origin_lines(origin: SheetOrigin) -> Iterator[str]:
    if origin.sampled:
        yield "Sample data: these bars are generated and no market's. Nothing here was or could be earned."
    counts = [
        name if count is None else f"{name} ({counted(count, 'bar')})"
        for name, count in origin.sources.items()
    ]
    yield f"Bars are from {', '.join(counts) or 'no source'}."
    yield from shortened(
        [f"Without {symbol}: {reason}." for symbol, reason in origin.missing.items()], MOST_ROWS, "symbols"
    )
    if origin.unread:
        names = ", ".join(shortened([PurePath(path).name for path in origin.unread], MOST_ROWS, "files"))
        yield f"Files of the feed that were not read: {names}; the summary of the backtest says why."
    if origin.dropped:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in origin.dropped.items())
        yield f"Rows dropped: {reasons}."
    yield from shortened([f"{one}." for one in origin.notes], MOST_ROWS, "notes")


def _result_lines(result: Result) -> Iterator[str]:
    """What the walk met: corporate actions, symbols that ended, stale prices, prices that people accepted."""
    told = [
        f"Corporate action {one.outcome.value}: {one.symbol} {as_date(one.session)}: {one.words}."
        for one in fold(result.findings)
    ]
    yield from shortened(told, MOST_ROWS, "corporate actions that are not plain")
    ended = Counter((one.session, one.kind, one.symbol) for one in result.entries if one.kind in ENDED)
    gone = [
        f"{symbol} ended on {session} by {kind} while it was held." for session, kind, symbol in sorted(ended)
    ]
    yield from shortened(gone, MOST_ROWS, "symbols that ended")
    stale = [
        f"{one.newest.symbol} was held and marked at an old price from {one.first} to {one.last}"
        f"{', the end' if one.ongoing else ''}."
        for one in result.stale_spells
    ]
    yield from shortened(stale, MOST_ROWS, "spells of old prices")
    accepted = [f"{symbol} {session}" for symbol, session in result.accepted]
    if accepted:
        yield f"Prices that a person took as they are: {', '.join(shortened(accepted, MOST_ROWS, 'prices'))}."
    yield from shortened([f"{one}." for one in result.notes], MOST_ROWS, "notes on funding")
