"""The checks that bars must pass before anything is computed from them.

One declaration, `CHECKS`, says what is measured and which limit holds. `examine` measures all sessions at
once on arrays; `nightdesk.feeds.expectations.judge` makes a Great Expectations suite of the same
declaration and validates one session. What is measured at a session never depends on later ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from nightdesk.book import Book
from nightdesk.book import Quality as Limits
from nightdesk.feeds.measures import Measured, measure
from nightdesk.panel import Panel

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: The row of a session that speaks of the whole book, beside the rows of its symbols.
WHOLE_BOOK = "*"


class Consequence(StrEnum):
    """What follows from a check that fails."""

    QUARANTINE = "quarantine"  #: the symbol opens nothing; a position in it is kept
    WARN = "warn"  #: it is said, nothing else
    STOP = "stop"  #: the run ends before signals


@dataclass(frozen=True)
class Check:
    """One check: a measured number, the limit it must not exceed and what follows when it does.

    A number that cannot be measured (NaN: no bar, no second source) passes.
    """

    name: str
    consequence: Consequence
    limit: Callable[[Limits], float]
    meaning: str
    #: whether reaching the limit fails already
    reaching_fails: bool = False

    def failed(self, value: Floats, limits: Limits) -> Flags:
        """Where `value` fails."""
        limit = self.limit(limits)
        with np.errstate(invalid="ignore"):
            return value >= limit if self.reaching_fails else value > limit


_QUARANTINE, _WARN, _STOP = Consequence.QUARANTINE, Consequence.WARN, Consequence.STOP

CHECKS: tuple[Check, ...] = (
    Check("nulls", _QUARANTINE, lambda _: 0, "prices missing in the bar"),
    Check("not_positive", _QUARANTINE, lambda _: 0, "prices not above zero, or a volume below it"),
    Check(
        "out_of_range", _QUARANTINE, lambda _: 1e-9, "open or close outside low to high, share of the close"
    ),
    Check(
        "price_jump",
        _QUARANTINE,
        lambda of: of.price_jump,
        "move of the close that no corporate action explains",
    ),
    Check(
        "adjustment_jump", _QUARANTINE, lambda of: of.adjustment_jump, "adjusted return away from the raw one"
    ),
    Check(
        "missing_share",
        _QUARANTINE,
        lambda of: of.missing_sessions,
        "missing sessions in the look-back, share",
    ),
    Check(
        "source_deviation",
        _QUARANTINE,
        lambda of: of.source_deviation,
        "close away from the second source's, share",
    ),
    Check("absent", _QUARANTINE, lambda _: 1, "sessions since the last bar"),
    Check("no_bar", _WARN, lambda _: 0, "no bar of this session, so no entry; sessions since the last bar"),
    Check(
        "unchanged",
        _WARN,
        lambda of: of.stale_sessions,
        "sessions with an unchanged close",
        reaching_fails=True,
    ),
    Check("outlier", _WARN, lambda of: of.outlier_z, "robust z of the return"),
    Check("reference_age", _STOP, lambda of: of.reference_age, "sessions since the last bar of a reference"),
    Check("reference_faulty", _STOP, lambda _: 0, "checks that a reference's bar fails"),
    Check("failed_share", _STOP, lambda of: of.failed_share, "failed share of the symbols listed by then"),
)

#: Checks of absence: for a reference these are ruled by `reference_age`.
_OF_ABSENCE = frozenset({"missing_share", "absent"})


@dataclass(frozen=True)
class Finding:
    """The outcome of one check for one symbol at one session; `symbol` is ``*`` for the whole book."""

    check: str
    symbol: str
    value: float
    limit: float
    outcome: str  #: ``pass``, ``quarantine``, ``warn`` or ``stop``

    @property
    def words(self) -> str:
        """The finding as a sentence for people."""
        check = _BY_NAME[self.check]
        verb = "at or above" if check.reaching_fails else "above"
        who = "the whole book" if self.symbol == WHOLE_BOOK else self.symbol
        return f"{who}: {check.meaning}: {self.value:.6g}, {verb} the limit {self.limit:.6g}"


@dataclass(frozen=True)
class Quality:
    """What the checks say of every session of a panel.

    Attributes
    ----------
    values : mapping of check name to ndarray of shape (n_sessions, n_symbols + 1)
        What was measured, NaN where nothing could be; the last column speaks of the whole book.
    failed : mapping of check name to bool ndarray of the same shape
    quarantined, warned : bool ndarray of shape (n_sessions, n_symbols)
        By column of the panel. A symbol without a bar of the session is warned at first and quarantined
        from the second session on.
    entries_allowed : bool ndarray of shape (n_sessions,)
        False while the benchmark or the volatility index is absent.
    stop : bool ndarray of shape (n_sessions,)
        Where the run must end before signals.
    """

    symbols: tuple[str, ...]
    limits: Limits
    values: Mapping[str, Floats]
    failed: Mapping[str, Flags]
    quarantined: Flags
    warned: Flags
    entries_allowed: Flags
    stop: Flags

    def findings(self, t: int) -> list[Finding]:
        """Every outcome at session `t` of a check that could be measured, symbol by symbol."""
        out = []
        for check in CHECKS:
            limit, value, failed = (
                check.limit(self.limits),
                self.values[check.name][t],
                self.failed[check.name][t],
            )
            for n in np.flatnonzero(np.isfinite(value)):
                outcome = check.consequence.value if failed[n] else "pass"
                out.append(Finding(check.name, self.row_names[n], float(value[n]), limit, outcome))
        return out

    @property
    def row_names(self) -> tuple[str, ...]:
        """What the columns of `values` speak of."""
        return (*self.symbols, WHOLE_BOOK)

    def reasons(self, t: int, consequence: Consequence) -> dict[str, str]:
        """Why at session `t` a symbol is in quarantine, warned of, or the run stops: words by symbol."""
        out: dict[str, str] = {}
        for finding in self.findings(t):
            if finding.outcome == consequence.value:
                told = out.get(finding.symbol)
                out[finding.symbol] = finding.words if told is None else f"{told}; {finding.words}"
        return out

    def why_no_entries(self, t: int) -> str:
        """Why no entry is allowed at session `t`; empty when entries are allowed."""
        age = self.values["reference_age"][t]
        absent = [f"{self.symbols[n]} for {age[n]:.0f} session(s)" for n in np.flatnonzero(age > 0)]
        return f"no bar of {', '.join(absent)}" if absent else ""


_BY_NAME = {check.name: check for check in CHECKS}


def examine(panel: Panel, book: Book, compare: Floats | None = None) -> Quality:
    """Check every session of a panel.

    Parameters
    ----------
    panel : Panel
        From the book's origin on, its columns being the book's panel symbols.
    book : Book
        Its limits, benchmark and volatility index.
    compare : ndarray of shape (n_sessions, n_symbols), optional
        Closes of a second source, NaN where it has none.

    Returns
    -------
    Quality
        Row t is a function of the rows up to t.

    Notes
    -----
    A symbol before its first bar is absent, not missing: it fails nothing and is not counted. Of the
    volatility index only the close counts, and no jump of it is a fault. An absent benchmark or volatility
    index forbids entries; one absent for longer than allowed, or whose bar is faulty, stops the run, and so
    does a failed share of the universe above its limit, in which a symbol without a bar of the session
    counts as failed.
    """
    limits = book.quality
    measured = measure(panel, limits.look_back, index=book.volatility_index, compare=compare)
    length, width = panel.close.shape
    nothing = np.full((length, 1), np.nan)
    values = {name: np.hstack([value, nothing]) for name, value in measured.by_check.items()}
    failed = {one.name: one.failed(values[one.name], limits) for one in CHECKS if one.name in values}
    quarantined = _any_of(failed, _QUARANTINE)[:, :width]
    references = [panel.symbols.index(book.benchmark), panel.symbols.index(book.volatility_index)]
    values |= _of_references(measured, failed, references, width)
    values["failed_share"] = _failed_share(panel, book, measured, quarantined)
    failed = {one.name: one.failed(values[one.name], limits) for one in CHECKS}
    with np.errstate(invalid="ignore"):
        absent = np.asarray((values["reference_age"] > 0).any(axis=1))
    return Quality(
        symbols=panel.symbols,
        limits=limits,
        values=values,
        failed=failed,
        quarantined=quarantined,
        warned=_any_of(failed, _WARN)[:, :width],
        entries_allowed=~absent,
        stop=np.asarray(_any_of(failed, _STOP).any(axis=1)),
    )


def _any_of(failed: Mapping[str, Flags], consequence: Consequence) -> Flags:
    chosen = [failed[one.name] for one in CHECKS if one.consequence is consequence and one.name in failed]
    return np.asarray(np.any(chosen, axis=0))


def _of_references(
    measured: Measured, failed: Mapping[str, Flags], references: list[int], width: int
) -> dict[str, Floats]:
    """Age and faults of benchmark and volatility index; one that was never seen is as old as the panel."""
    so_far = np.arange(1, len(measured.age) + 1)
    age, faulty = (np.full((len(measured.age), width + 1), np.nan) for _ in range(2))
    faults = [
        failed[one.name] for one in CHECKS if one.consequence is _QUARANTINE and one.name not in _OF_ABSENCE
    ]
    count = np.sum(faults, axis=0)
    for n in references:
        age[:, n] = np.where(measured.age[:, n] < 0, so_far, measured.age[:, n])
        faulty[:, n] = count[:, n]
    return {"reference_age": age, "reference_faulty": faulty}


def _failed_share(panel: Panel, book: Book, measured: Measured, quarantined: Flags) -> Floats:
    universe = [panel.symbols.index(symbol) for symbol in book.symbols]
    listed = measured.age[:, universe] >= 0
    bad = listed & (quarantined[:, universe] | (measured.age[:, universe] > 0))
    out = np.full((len(listed), len(panel.symbols) + 1), np.nan)
    out[:, -1] = bad.sum(axis=1) / np.maximum(listed.sum(axis=1), 1)
    return out
