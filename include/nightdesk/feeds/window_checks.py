"""The data checks of many windows of one panel: what each withholds by itself.

A window begins anew: its jumps are measured against the moves that it holds, so it may come to another answer
than the whole panel. Of most columns no answer but one is possible, and these are not asked again. A column
is calm in a window where

- it has a bar in the first row and in the last, and lacks so few between that no look-back of the window can
  lack too many;
- no bar fails a check in the whole panel, no adjustment waits for an answer, and no person has accepted a
  price;
- each move from bar to bar is within the limit that the moves of the window before it give.

Then every bar of it is sound, each close is measured against the bar before it and accepted, and nothing is
withheld.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.book import Book
from nightdesk.core.data_terms import QualityLimits
from nightdesk.core.panel import Panel
from nightdesk.feeds.checks import CHECKS, CheckConsequence, Flags, Floats, Spoils
from nightdesk.feeds.jumps import jump_limit, scale_of
from nightdesk.feeds.measures import moves_of
from nightdesk.feeds.quality import OF_ABSENCE, check_symbols

Rows = NDArray[np.intp]

#: Columns of the whole panel that are measured at once.
_COLUMNS = 48
#: A move this share of its limit is within it, however the prices of a window are restated for splits before.
_SURELY = 1.0 - 1e-9


@dataclass(frozen=True)
class WindowChecks:
    """What the data checks withhold in windows of a panel.

    Attributes
    ----------
    panel : Panel
        Of sessions.
    book : Book
    moves : _MeasuredMoves
    missing : ndarray of shape (n_sessions + 1, n_columns)
        Sessions without a bar before each row.
    """

    panel: Panel
    book: Book
    moves: _MeasuredMoves
    missing: NDArray[np.int32]

    @classmethod
    def of(cls, panel: Panel, book: Book) -> Self:
        """Those of a panel whose columns are the book's."""
        moves = _MeasuredMoves.none(panel.close.shape)
        if not book.quality.expectations:  # they look at columns together
            for first in range(0, len(panel.symbols), _COLUMNS):
                some = slice(first, first + _COLUMNS)
                moves.measure(some, panel.columns(some), book)
        missing = np.zeros((len(panel) + 1, len(panel.symbols)), dtype=np.int32)
        np.cumsum(~np.isfinite(panel.close), axis=0, out=missing[1:])
        return cls(panel, book, moves, missing)

    def withheld(self, first: int, end: int) -> tuple[Flags, Flags]:
        """What the checks of the rows from `first` up to, and without, `end` withhold.

        Returns
        -------
        tuple of bool ndarrays of shape (end - first, n_columns) and (n_columns,)
            `Withheld.bars` of the window, and `Withheld.quarantined` of its last row.
        """
        asked = np.flatnonzero(~self._calm(first, end))
        bars = np.zeros((end - first, len(self.panel.symbols)), dtype=np.bool_)
        quarantined = np.zeros(len(self.panel.symbols), dtype=np.bool_)
        if len(asked):
            rows = self.panel.until(end).newest(end - first)
            some = rows if len(asked) == len(rows.symbols) else rows.columns(asked)
            found = check_symbols(some, self.book).withheld
            bars[:, asked], quarantined[asked] = found.bars, found.quarantined[-1]
        return bars, quarantined

    def _calm(self, first: int, end: int) -> Flags:
        limits, there = self.book.quality, np.isfinite(self.panel.close[[first, end - 1]]).all(axis=0)
        lacking = self.missing[end] - self.missing[first]
        few = lacking <= limits.missing_sessions * min(end - first, limits.look_back)
        calm: Flags = there & few & ~self.moves.restless[first:end].any(axis=0)
        row, column = np.nonzero(self.moves.large[first + 1 : end] & calm)
        within = self.moves.within(row + first + 1, column, first, limits)
        calm[column[~within]] = False
        return calm


@dataclass(frozen=True)
class _MeasuredMoves:
    """What is known of each cell of the whole panel; arrays of shape (n_sessions, n_columns).

    Attributes
    ----------
    restless : bool ndarray
        Cells that no calm column has.
    large : bool ndarray
        Moves above the smallest limit that there is.
    size : ndarray
        Of each move, see `nightdesk.feeds.jumps.Jumps`.
    limit : ndarray
        By the moves of a whole look-back before.
    moved : ndarray
        Size of each adjusted return; NaN without one, and where it is 0.
    """

    restless: Flags
    large: Flags
    size: Floats
    limit: Floats
    moved: Floats

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> Self:
        """Nothing is known, so no column is calm."""
        numbers = (np.full(shape, np.nan) for _ in range(3))
        return cls(np.ones(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_), *numbers)

    def measure(self, some: slice, panel: Panel, book: Book) -> None:
        """Fill in some columns, whose panel it is."""
        found, limits = check_symbols(panel, book), book.quality
        restless = np.isfinite(panel.unexplained) | (panel.accepted > 0)
        for one in CHECKS:
            counts = one.consequence is CheckConsequence.QUARANTINE or one.spoils is Spoils.BAR
            if counts and one.name not in OF_ABSENCE and one.name in found.failed:
                restless |= found.failed[one.name]
        jumps = found.measured.jumps
        with np.errstate(invalid="ignore"):
            smallest = min(limits.price_jump, limits.price_jump_floor)
            self.large[:, some] = jumps.size > smallest * _SURELY
        self.restless[:, some], self.size[:, some], self.limit[:, some] = restless, jumps.size, jumps.limit
        self.moved[:, some] = moves_of(panel)

    def within(self, row: Rows, column: Rows, first: int, limits: QualityLimits) -> Flags:
        """Whether moves are within the limit of a window that begins in row `first`."""
        limit, look_back = self.limit[row, column], limits.look_back
        # the first row of the window has no move
        early = np.flatnonzero(row - look_back < first + 1)
        if len(early):
            before = row[early, None] - look_back + np.arange(look_back)
            inside = before > first
            moved = self.moved[np.where(inside, before, 0), column[early, None]]
            limit[early] = jump_limit(scale_of(np.where(inside, moved, np.nan), look_back), limits)
        within: Flags = self.size[row, column] <= limit * _SURELY
        return within
