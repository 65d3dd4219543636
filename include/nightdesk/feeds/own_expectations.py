"""A book's own expectations on arrays, over all sessions at once, as Great Expectations has them on a frame.

What a decision follows is always the verdict of this module, whoever asks: the store or a backtest. A value
that is missing (NaN) is judged by the expectations of missing values alone, and by a pair as its
`ignore_row_if` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.book import Book
from nightdesk.core.expectation_terms import FRAME_COLUMNS, OwnExpectation
from nightdesk.core.panel import Panel
from nightdesk.feeds.checks import WHOLE_BOOK, Finding, Flags, Floats
from nightdesk.feeds.measures import Measured


@dataclass(frozen=True)
class SessionFrames:
    """The frames that own expectations are asked of, as arrays over all sessions.

    A row of a frame is a symbol that may be opened in the session: of `bars` one with a bar of it, of
    `measures` one that had a bar by then. Benchmark and volatility index are rows where they may be traded.

    Parameters
    ----------
    panel : Panel
        Of sessions.
    measured : mapping of check name to ndarray of shape (n_sessions, n_symbols)
        What the checks measured.
    tradable : int
        Columns of the panel that may be traded; they come first.
    member : bool ndarray of shape (n_sessions, tradable) or None
        Who is a member when; None in a book that lists its symbols.
    """

    panel: Panel
    measured: Mapping[str, Measured]
    tradable: int
    member: Flags | None
    _made: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def column(self, frame: str, name: str) -> Floats:
        """The numbers of a column; shape (n_sessions, tradable), NaN where one is missing."""
        key = f"{frame}.{name}"
        if key not in self._made:
            found = self.measured[name] if frame == "measures" else _BAR_COLUMNS[name](self)
            self._made[key] = np.asarray(found[:, : self.tradable], dtype=np.float64)
        out: Floats = self._made[key]
        return out

    def rows(self, frame: str) -> Flags:
        """Which symbols are rows in which session; shape (n_sessions, tradable)."""
        if frame not in self._made:
            mine, panel = slice(self.tradable), self.panel
            if frame == "measures":
                there = panel.age[:, mine] >= 0
            else:
                prices = (panel.open, panel.high, panel.low, panel.close)
                there = np.any([np.isfinite(one[:, mine]) for one in prices], axis=0)
            self._made[frame] = there if self.member is None else there & self.member
        out: Flags = self._made[frame]
        return out

    def rows_of(self, one: OwnExpectation) -> Flags:
        """The rows that an expectation looks at."""
        rows = self.rows(one.frame)
        return rows & np.isin(self.panel.symbols[: self.tradable], one.symbols) if one.symbols else rows

    def table(self, frame: str, t: int, rows: Flags) -> dict[str, Any]:
        """The columns of a frame at session `t`, of the symbols in `rows`; shape of each (n_rows,)."""
        at = np.flatnonzero(rows[t])
        numbers = {name: self.column(frame, name)[t, at] for name in FRAME_COLUMNS[frame]}
        return {"symbol": np.array(self.panel.symbols, dtype=object)[at], **numbers}


def _previous_close(frames: SessionFrames) -> Floats:
    """The newest close before the session, restated for a split of it."""
    panel = frames.panel
    out = np.full_like(panel.close, np.nan)
    out[1:] = panel.last_close[:-1] / panel.split[1:]
    return out


def _change(frames: SessionFrames) -> Floats:
    """Close over `previous_close`, less 1; dividends are left in."""
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = frames.panel.close / _previous_close(frames) - 1.0
    return np.where(np.isfinite(moved), moved, np.nan)


_BAR_COLUMNS: Mapping[str, Callable[[SessionFrames], Floats]] = {
    "open": lambda frames: frames.panel.open,
    "high": lambda frames: frames.panel.high,
    "low": lambda frames: frames.panel.low,
    "close": lambda frames: frames.panel.close,
    "volume": lambda frames: frames.panel.volume,
    "previous_close": _previous_close,
    "change": _change,
    "traded": lambda frames: frames.panel.close * frames.panel.volume,
}


@dataclass(frozen=True)
class OwnVerdict:
    """What one expectation says of every session.

    Attributes
    ----------
    said : OwnExpectation
    value : ndarray of shape (n_sessions, n)
        What was judged, NaN where nothing was; `n` is the tradable symbols, or 1 where the verdict is on all
        rows together: their count, or the share that fails.
    limit : ndarray of the same shape
        What it was held against; NaN where that is no number.
    asked, failed : bool ndarray of the same shape
        Where it was judged, and where it fails.
    """

    said: OwnExpectation
    value: Floats
    limit: Floats
    asked: Flags
    failed: Flags

    def by_symbol(self, width: int) -> Flags:
        """Where it fails, of a panel's `width` columns; what speaks of all rows together fails for none."""
        out = np.zeros((len(self.failed), width), dtype=np.bool_)
        if not self.said.of_the_whole:
            out[:, : self.failed.shape[1]] = self.failed
        return out

    def findings(self, t: int, symbols: Sequence[str]) -> list[Finding]:
        """Its outcome at session `t`, symbol by symbol or for the whole book."""
        names = (WHOLE_BOOK,) if self.said.of_the_whole else symbols
        return [
            Finding(
                self.said.name,
                names[n],
                float(self.value[t, n]),
                float(self.limit[t, n]),
                self.said.then if self.failed[t, n] else "pass",
                self.words(t, n) if self.failed[t, n] else self.said.name,
            )
            for n in map(int, np.flatnonzero(self.asked[t]))
        ]

    def words(self, t: int, n: int) -> str:
        """What was found there and what was expected, with the person's reason."""
        found = _words(self.said, float(self.value[t, n]), float(self.limit[t, n]))
        return f"{found} ({self.said.because})" if self.said.because else found


def judge_own(frames: SessionFrames, said: Sequence[OwnExpectation]) -> tuple[OwnVerdict, ...]:
    """The verdicts of those expectations that have a form on arrays, in their order."""
    return tuple(_verdict(frames, one) for one in said if one.has_array_form)


def frames_of(panel: Panel, book: Book, measured: Mapping[str, Measured]) -> SessionFrames:
    """The frames of a book's panel."""
    member = book.member_mask(panel.sessions) if book.quality.expectations else None
    return SessionFrames(panel, measured, len(book.symbols), member)


def _verdict(frames: SessionFrames, one: OwnExpectation) -> OwnVerdict:
    rows = frames.rows_of(one)
    if one.expect.startswith("expect_table"):
        return _of_count(one, rows)
    value, limit, counted, failed = _by_row(frames, one, rows)
    if "mostly" not in one.arguments:
        return OwnVerdict(one, value, limit, rows, failed)
    total = counted.sum(axis=1, keepdims=True)
    passed = total - failed.sum(axis=1, keepdims=True)
    mostly = float(cast(float, one.arguments["mostly"]))
    share = passed / np.maximum(total, 1)
    some = total > 0
    value = np.where(some, 1.0 - share, 0.0)
    return OwnVerdict(
        one, value, np.full_like(value, 1.0 - mostly), np.ones_like(some), some & (share < mostly)
    )


def _of_count(one: OwnExpectation, rows: Flags) -> OwnVerdict:
    given = one.arguments
    value = rows.sum(axis=1, keepdims=True).astype(np.float64)
    if one.expect == "expect_table_row_count_to_equal":
        limit = np.full_like(value, float(cast(float, given["value"])))
        failed = value != limit
    else:
        failed, limit = _outside(value, given)
    return OwnVerdict(one, value, limit, np.ones_like(failed), failed)


def _by_row(frames: SessionFrames, one: OwnExpectation, rows: Flags) -> tuple[Floats, Floats, Flags, Flags]:
    """Values, limits, where a row is counted, and where one fails."""
    given, expect = one.arguments, one.expect
    if expect.startswith("expect_column_pair"):
        value, other = (frames.column(one.frame, str(given[key])) for key in ("column_A", "column_B"))
        counted = rows & ~_ignored(value, other, str(given.get("ignore_row_if", "both_values_are_missing")))
        return value, other, counted, counted & ~_pair_holds(value, other, one)
    words = given["column"] == "symbol"
    value = np.full(rows.shape, np.nan) if words else frames.column(one.frame, str(given["column"]))
    none = np.full_like(value, np.nan)
    missing = np.zeros(rows.shape, dtype=np.bool_) if words else np.isnan(value)
    if expect.endswith("be_null"):
        failed = missing if expect.endswith("not_be_null") else ~missing
        return value, none, rows, rows & failed
    counted = rows & ~missing
    if expect.endswith("in_set"):
        names: NDArray[Any] = np.array(frames.panel.symbols[: frames.tradable], dtype=object)
        listed = np.broadcast_to(
            np.isin(names if words else value, cast(Sequence[Any], given["value_set"])),
            rows.shape,
        )
        return value, none, counted, counted & (listed if expect.endswith("not_be_in_set") else ~listed)
    failed, limit = _outside(value, given)
    return value, limit, counted, counted & failed


def _outside(value: Floats, given: Mapping[str, Any]) -> tuple[Flags, Floats]:
    """Where a value lies outside its bounds, and the bound that it is held against."""
    failed: Flags = np.zeros(value.shape, dtype=np.bool_)
    limit = np.full_like(value, np.nan)
    low, high = given.get("min_value"), given.get("max_value")
    if high is not None:
        above = value >= high if given.get("strict_max") else value > high
        failed, limit = above, np.where(above | (low is None), float(high), limit)
    if low is not None:
        below = value <= low if given.get("strict_min") else value < low
        failed, limit = failed | below, np.where(below | (high is None), float(low), limit)
    return failed, limit


def _ignored(value: Floats, other: Floats, rule: str) -> Flags:
    first, second = np.isnan(value), np.isnan(other)
    out: Flags = first & second if rule == "both_values_are_missing" else first | second
    return np.zeros_like(out) if rule == "neither" else out


def _pair_holds(value: Floats, other: Floats, one: OwnExpectation) -> Flags:
    holds: Flags
    if one.expect == "expect_column_pair_values_to_be_equal":
        holds = value == other
    elif one.arguments.get("or_equal"):
        holds = value >= other
    else:
        holds = value > other
    return holds


def _words(one: OwnExpectation, value: float, limit: float) -> str:
    """What was found and what was expected, of a verdict that fails."""
    given, expect = one.arguments, one.expect
    if "mostly" in given:
        return f"{one.name}: {value:.1%} of the symbols fail {expect}, more than {limit:.1%}"
    if expect.startswith("expect_table"):
        return f"{one.name}: {value:.0f} symbols have a row, {_bounds(given)} are expected"
    if expect.startswith("expect_column_pair"):
        relation = "equal to" if expect.endswith("equal") else "above"
        relation += " or equal to" if given.get("or_equal") else ""
        return (
            f"{one.name}: {given['column_A']} is {value:.6g}, expected {relation} {given['column_B']}, "
            f"which is {limit:.6g}"
        )
    column = given["column"]
    if expect.endswith("be_null"):
        return f"{one.name}: {column} is {'missing' if expect.endswith('not_be_null') else f'{value:.6g}'}"
    found = f"{one.name}: {column}" + ("" if column == "symbol" else f" is {value:.6g}")
    if expect.endswith("in_set"):
        apart = "among" if expect.endswith("not_be_in_set") else "not among"
        return f"{found}, {apart} {', '.join(map(str, cast(Sequence[Any], given['value_set'])))}"
    return f"{found}, expected {_bounds(given)}"


def _bounds(given: Mapping[str, Any]) -> str:
    if "value" in given:
        return f"exactly {given['value']}"
    low, high = given.get("min_value"), given.get("max_value")
    parts = [f"{'more than' if given.get('strict_min') else 'at least'} {low:g}"] if low is not None else []
    if high is not None:
        parts.append(f"{'less than' if given.get('strict_max') else 'at most'} {high:g}")
    return " and ".join(parts)
