"""The checks that bars must pass before anything is computed from them.

One declaration, `nightdesk.feeds.checks.CHECKS`, says what is measured and which limit holds. `examine`
measures all sessions at once on arrays; `nightdesk.feeds.expectations` asks Great Expectations of one session
whether it comes to the same. What a book expects besides is judged by `nightdesk.feeds.own_expectations`.
What is measured at a session never depends on later ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.book import Book
from nightdesk.core.calendar import as_date
from nightdesk.core.contracts import Contract
from nightdesk.core.corporate.findings import likely_split
from nightdesk.core.data_terms import QualityLimits as Limits
from nightdesk.core.panel import ENDINGS, Panel
from nightdesk.core.withheld import QuarantineSpell, Withheld, longest_first, runs
from nightdesk.feeds.checks import CHECKS, WHOLE_BOOK, Check, CheckConsequence, Finding, Spoils
from nightdesk.feeds.jumps import Jumps
from nightdesk.feeds.measures import BarMeasures, Measured, measure
from nightdesk.feeds.own_expectations import OwnVerdict, SessionFrames, frames_of, judge_own

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

__all__ = ["CHECKS", "WHOLE_BOOK", "Check", "CheckConsequence", "Finding", "Quality", "Spoils", "examine"]

_QUARANTINE, _WARN, _STOP = CheckConsequence.QUARANTINE, CheckConsequence.WARN, CheckConsequence.STOP

#: Checks of absence: for a reference these are ruled by `reference_age`.
OF_ABSENCE = frozenset({"missing_share", "absent"})


@dataclass(frozen=True)
class Quality:
    """What the checks say of every session of a panel.

    Attributes
    ----------
    book : str
        Name of the book whose limits hold.
    panel : Panel
        What was checked.
    values : mapping of check name to ndarray of shape (n_sessions, n_of_check)
        What was measured, NaN where nothing could be.
    failed : mapping of check name to bool ndarray of the same shape
    columns : mapping of check name to ndarray of shape (n_of_check,)
        Of which columns a check speaks, ascending: all symbols, the references, or the whole book, whose
        column comes after those of the symbols.
    jumps : Jumps
        What each close was measured against, and the limit of each symbol and session.
    withheld : Withheld
        What decisions do not use. A symbol without a bar of the session is warned at first and quarantined
        from the second session on.
    warned : bool ndarray of shape (n_sessions, n_symbols)
    entries_allowed : bool ndarray of shape (n_sessions,)
        False while the benchmark or the volatility index is absent.
    stop : bool ndarray of shape (n_sessions,)
        Where the run must end before signals.
    compare : ndarray of shape (n_sessions, n_symbols) or None
        Closes of the second source, NaN where it has none.
    compare_with : mapping of symbol to str
        The name of its second source, where it has one.
    frames : SessionFrames
        What the book's own expectations are asked of.
    own : tuple of OwnVerdict
        What they say, of those with a form on arrays.
    """

    book: str
    limits: Limits
    panel: Panel
    values: Mapping[str, Measured]
    failed: Mapping[str, Flags]
    columns: Mapping[str, Rows]
    jumps: Jumps
    withheld: Withheld
    warned: Flags
    entries_allowed: Flags
    stop: Flags
    frames: SessionFrames
    own: tuple[OwnVerdict, ...] = ()
    compare: Floats | None = None
    compare_with: Mapping[str, str] = field(default_factory=dict)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The columns of the panel."""
        return self.panel.symbols

    @property
    def quarantined(self) -> Flags:
        """Where a symbol opens nothing; shape (n_sessions, n_symbols)."""
        return self.withheld.quarantined

    def value(self, check: Check, t: int) -> Floats:
        """What the check measured at session `t`, NaN where it has no say; shape (n_symbols + 1,)."""
        row = np.full(len(self.symbols) + 1, np.nan)
        row[self.columns[check.name]] = self.values[check.name][t]
        return row

    def limit(self, check: Check, t: int) -> Floats:
        """What the check allows at session `t`; shape (n_symbols + 1,)."""
        if check.limit is None:
            return np.append(self.jumps.limit[t], np.nan)
        return np.full(len(self.symbols) + 1, float(check.limit(self.limits)))

    def findings(self, t: int) -> list[Finding]:
        """Every outcome at session `t` of a check that could be measured, symbol by symbol."""
        out, names = [], self.row_names
        for check in CHECKS:
            limit, columns = self.limit(check, t), self.columns[check.name]
            value, failed = self.values[check.name][t], self.failed[check.name][t]
            for at in np.flatnonzero(np.isfinite(value)):
                n, outcome = columns[at], check.consequence.value if failed[at] else "pass"
                out.append(Finding(check.name, names[n], float(value[at]), float(limit[n]), outcome))
        return out + [one for verdict in self.own for one in verdict.findings(t, self.symbols)]

    @property
    def row_names(self) -> tuple[str, ...]:
        """What the columns of `values` speak of."""
        return (*self.symbols, WHOLE_BOOK)

    def explain(self, finding: Finding, t: int) -> str:
        """A finding of session `t` as a sentence: since when a jump lasts, and both closes of two sources."""
        n = None if finding.symbol == WHOLE_BOOK else self.panel.column(finding.symbol)
        if n is not None and finding.check == "price_jump":
            return self._explain_jump(finding, t, n)
        if n is not None and finding.check == "adjustment_jump":
            return self._explain_adjustment(finding, t, n)
        if n is not None and finding.check == "source_deviation" and self.compare is not None:
            named = self.compare_with.get(finding.symbol)
            name = f" ({named})" if named else ""
            return (
                f"{finding.symbol}: the close of {self.panel.close[t, n]:g} and that of "
                f"{self.compare[t, n]:g} of the second source{name} lie "
                f"{finding.value:.1%} apart, beyond the limit of {finding.limit:.1%}"
            )
        return finding.words

    def reasons(self, t: int, consequence: CheckConsequence) -> dict[str, str]:
        """Why at session `t` a symbol is in quarantine, warned of, or the run stops: words by symbol."""
        out: dict[str, list[str]] = {}
        for finding in self.findings(t):
            if finding.outcome == consequence.value:
                out.setdefault(finding.symbol, []).append(self.explain(finding, t))
        return {symbol: "; ".join(sentences) for symbol, sentences in out.items()}

    def why_stopped(self, t: int) -> str:
        """Why the run stops at session `t`; of a faulty reference with what its bar fails, and the answer."""
        held = self.reasons(t, CheckConsequence.QUARANTINE)
        columns, names = self.columns["reference_faulty"], self.row_names
        faulty = {names[n] for n in columns[self.failed["reference_faulty"][t]]}
        return "; ".join(
            f"{words} ({held[symbol]})" if symbol in faulty else words
            for symbol, words in self.reasons(t, CheckConsequence.STOP).items()
        )

    def why_no_entries(self, t: int) -> str:
        """Why no entry is allowed at session `t`; empty when entries are allowed."""
        ages = zip(self.columns["reference_age"], self.values["reference_age"][t], strict=True)
        absent = [f"{self.symbols[n]} for {age:.0f} session(s)" for n, age in ages if age > 0]
        return f"no bar of {', '.join(absent)}" if absent else ""

    def spells(self, first: int = 0) -> tuple[QuarantineSpell, ...]:
        """Spells of quarantine from row `first` on, the longest first; one that began before is cut."""
        sessions, out = self.panel.sessions[first:], []
        for n, begin, end in runs(self.quarantined[first:]):
            names = [
                one.name
                for one in CHECKS
                if one.consequence is _QUARANTINE
                and self.failed[one.name][first + begin : first + end, n].any()
            ]
            names += [
                one.said.name
                for one in self.own
                if one.said.then == "quarantine"
                and one.by_symbol(len(self.symbols))[first + begin : first + end, n].any()
            ]
            reason = self.reasons(first + begin, _QUARANTINE)[self.symbols[n]]
            out.append(
                QuarantineSpell(
                    self.symbols[n],
                    tuple(names),
                    reason.removeprefix(f"{self.symbols[n]}: "),
                    as_date(sessions[begin]),
                    as_date(sessions[end - 1]),
                    end - begin,
                    ongoing=end == len(sessions),
                )
            )
        return longest_first(out)

    def first_of_jump(self, t: int, n: int) -> int:
        """Row in which the jump began that waits at session `t` in column `n`."""
        since = int(self.jumps.since[t, n])
        return since + 1 + int(np.argmax(self.failed["price_jump"][since + 1 : t + 1, n]))

    def _explain_jump(self, finding: Finding, t: int, n: int) -> str:
        panel, since = self.panel, int(self.jumps.since[t, n])
        row = self.first_of_jump(t, n)
        begun, move = panel.sessions[row], self.jumps.move(panel, row, n)
        accepted = panel.close[since, n] / np.prod(panel.split[since + 1 : t + 1, n])
        return (
            f"{finding.symbol}: the close of {panel.last_close[t, n]:g} is {finding.value:.1%} away from the "
            f"last accepted price {accepted:g} of {panel.sessions[since]}, beyond the limit of "
            f"{finding.limit:.1%}, and no corporate action explains it; in quarantine since {begun}. It ends "
            "when an action explains it (`nightdesk action` states one), the vendor takes it back, or a "
            "person accepts it: "
            f"{self._accept(finding.symbol, begun)}{likely_split(finding.symbol, begun, move)}"
        )

    def _explain_adjustment(self, finding: Finding, t: int, n: int) -> str:
        ratio, day = self.panel.unexplained[t, n], self.panel.sessions[t]
        if not np.isfinite(ratio):
            return f"{finding.words}. To take it as it is: {self._accept(finding.symbol, day)}"
        since = int(self.jumps.since[t, n])
        return (
            f"{finding.symbol}: its source's adjustment grew by a factor of {ratio:.6g} on {day}, while the "
            f"close went from {self.panel.close[since, n]:g} to {self.panel.close[t, n]:g}: no plausible "
            f"dividend or split ({finding.value:.1%} apart, beyond the limit of {finding.limit:.1%}). It "
            "counts neither in prices nor in cash until a person states what it was, or takes the price as "
            f"it is: {self._accept(finding.symbol, day)}"
        )

    def _accept(self, symbol: str, day: np.datetime64) -> str:
        return f'nightdesk accept {self.book} {symbol} --session {day} --reason "..."'


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
    volatility index only the close counts, and no jump of it is a fault; nor is one of an option, whose price
    may halve in a day, and after its expiry or a split of its underlying no bar is missed; nor is one of a
    symbol that a stated action has ended (`ENDINGS`), as long as none comes. An absent
    benchmark or volatility index forbids entries; one absent for longer than allowed, or whose bar is faulty,
    stops the run, and so does a failed share of the universe above its limit, in which a symbol without a bar
    of the session counts as failed, and of a list of members those of the session alone count.
    """
    limits, found = book.quality, check_symbols(panel, book, compare)
    measured, failed, own = found.measured, found.failed, found.own
    at = {symbol: n for n, symbol in enumerate(panel.symbols)}
    references = np.array(sorted({at[book.benchmark], at[book.volatility_index]}))
    others = _of_references(measured, failed, references) | {
        "failed_share": _failed_share(
            measured.by_check["absent"],
            found.withheld.quarantined,
            [at[one] for one in book.symbols],
            book.member_mask(panel.sessions),
        )
    }
    failed = {**failed, **_failing(others, measured.jumps, limits)}
    width = len(panel.symbols)
    columns: dict[str, Rows] = dict.fromkeys(measured.by_check, np.arange(width))
    columns |= dict.fromkeys(others, references) | {"failed_share": np.array([width])}
    return Quality(
        book=book.name,
        limits=limits,
        panel=panel,
        values={**measured.by_check, **others},
        failed=failed,
        columns=columns,
        jumps=measured.jumps,
        withheld=found.withheld,
        warned=_any_of(failed, lambda one: one.consequence is _WARN) | _of_own(own, _WARN, panel),
        entries_allowed=np.all(others["reference_age"] <= 0, axis=1),
        stop=np.any(
            [failed[one.name].any(axis=1) for one in CHECKS if one.consequence is _STOP]
            + [one.failed.any(axis=1) for one in own if one.said.then == _STOP.value],
            axis=0,
        ),
        frames=found.frames,
        own=own,
        compare=compare,
        compare_with={
            symbol: name for name, symbols in book.second_sources(panel.symbols).items() for symbol in symbols
        },
    )


@dataclass(frozen=True)
class SymbolChecks:
    """What `examine` says of each symbol by itself; see `Quality`."""

    measured: BarMeasures
    failed: Mapping[str, Flags]
    frames: SessionFrames
    own: tuple[OwnVerdict, ...]
    withheld: Withheld


def check_symbols(panel: Panel, book: Book, compare: Floats | None = None) -> SymbolChecks:
    """Check each column by itself: of some columns it is what it is of all.

    Expectations of a book's own look at all of its symbols, and want all columns.
    """
    measured = _measured(panel, book, compare)
    failed = _failing(measured.by_check, measured.jumps, book.quality)
    frames = frames_of(panel, book, measured.by_check)
    own = judge_own(frames, book.quality.expectations)
    bars = _any_of(failed, lambda one: one.spoils is Spoils.BAR)
    withheld = Withheld(
        quarantined=_any_of(failed, lambda one: one.consequence is _QUARANTINE)
        | _of_own(own, _QUARANTINE, panel),
        bars=bars,
        prices=bars | _any_of(failed, lambda one: one.spoils is Spoils.PRICE),
        opens=measured.opens,
    )
    return SymbolChecks(measured, failed, frames, own, withheld)


def _of_own(own: Sequence[OwnVerdict], consequence: CheckConsequence, panel: Panel) -> Flags:
    """Where an expectation of the book's own has a consequence; shape (n_sessions, n_symbols)."""
    out = np.zeros(panel.close.shape, dtype=np.bool_)
    for one in own:
        if one.said.then == consequence.value:
            out |= one.by_symbol(len(panel.symbols))
    return out


def _measured(panel: Panel, book: Book, compare: Floats | None) -> BarMeasures:
    """What is measured symbol by symbol; of what is over, nothing that speaks of a missing bar."""
    contracts = book.contracts
    options = {symbol: one.option for symbol, one in contracts.items() if one.option is not None}
    measured = measure(panel, book.quality, index=book.volatility_index, options=options, compare=compare)
    over = _over(panel, {symbol: contracts[symbol] for symbol in options})
    if any(panel.events):
        over |= _ended(panel)
    for name in (*OF_ABSENCE, "no_bar") if over.any() else ():
        measured.by_check[name][over] = np.nan
    return measured


def _failing(values: Mapping[str, Measured], jumps: Jumps, limits: Limits) -> dict[str, Flags]:
    """Where each check fails whose values are given."""
    return {
        one.name: one.failed(values[one.name], jumps.limit if one.limit is None else float(one.limit(limits)))
        for one in CHECKS
        if one.name in values
    }


def _any_of(failed: Mapping[str, Flags], counts: Callable[[Check], bool]) -> Flags:
    """Where a check fails, of those that count."""
    first, *rest = (failed[one.name] for one in CHECKS if one.name in failed and counts(one))
    out = first.copy()
    for flags in rest:
        out |= flags
    return out


def _of_references(
    measured: BarMeasures, failed: Mapping[str, Flags], references: Rows
) -> dict[str, Measured]:
    """Age and faults of benchmark and volatility index; one that was never seen is as old as the panel."""
    since = measured.by_check["absent"][:, references].astype(np.float64)
    so_far = np.arange(1, len(since) + 1)[:, None]
    faults = [
        failed[one.name][:, references]
        for one in CHECKS
        if one.consequence is _QUARANTINE and one.name not in OF_ABSENCE
    ]
    return {
        "reference_age": np.where(np.isnan(since), so_far, since),
        "reference_faulty": np.sum(faults, axis=0).astype(np.float64),
    }


def _over(panel: Panel, options: Mapping[str, Contract]) -> Flags:
    """Where a contract is over, and no bar of it is missed; shape (n_sessions, n_symbols)."""
    out = np.zeros(panel.close.shape, dtype=np.bool_)
    row = np.arange(len(panel))
    for symbol, contract in options.items():
        n, terms = panel.symbols.index(symbol), contract.option
        if terms is not None:
            out[:, n] = panel.sessions > np.datetime64(terms.expiry)
        # From a split of its underlying on it is another symbol; where that is this one, it has bars.
        split = panel.split[:, panel.symbols.index(contract.underlying)] != 1.0
        newest = np.maximum.accumulate(np.where(split, row, -len(panel)))
        out[:, n] |= panel.age[:, n] > row - newest
    return out


def _ended(panel: Panel) -> Flags:
    """Where a stated action has ended a symbol and no bar came since; shape (n_sessions, n_symbols)."""
    out, column = np.zeros(panel.close.shape, dtype=np.bool_), {one: n for n, one in enumerate(panel.symbols)}
    for row, events in enumerate(panel.events):
        for n in (column[one.symbol] for one in events if one.kind in ENDINGS and one.symbol in column):
            out[row:, n] |= panel.age[row:, n] > np.arange(len(panel) - row)
    return out


def _failed_share(age: Measured, quarantined: Flags, universe: list[int], member: Flags | None) -> Floats:
    """Shape (n_sessions, 1)."""
    of_universe = np.zeros(age.shape if member is not None else age.shape[1], dtype=bool)
    of_universe[..., universe] = True if member is None else member
    listed = ~np.isnan(age) & of_universe
    bad = listed & (quarantined | (age > 0))
    share: Floats = bad.sum(axis=1, keepdims=True) / np.maximum(listed.sum(axis=1, keepdims=True), 1)
    return share
