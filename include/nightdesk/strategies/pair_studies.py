"""What a strategy of pairs measures of its pairs, of all sessions, kept where a session shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.pair_records import PairFigure
from nightdesk.core.panel import Floats
from nightdesk.factors.pair_spreads import PairSpread


@dataclass(frozen=True)
class ShownPair:
    """A pair, the rows of the sessions that show it, and its figures in them."""

    legs: tuple[str, str]
    rows: NDArray[np.intp]
    listed: NDArray[np.bool_]
    spread: PairSpread


@dataclass(frozen=True)
class PairStudies(Sequence[tuple[PairFigure, ...]]):
    """Figures of pairs in every session: of those alone that a session shows, since of all pairs of some
    years few are listed at a time.

    Attributes
    ----------
    sessions : tuple of date
    pairs : tuple of (a, b)
        Sorted.
    first : ndarray of shape (n_sessions + 1,)
        Where the figures of each session begin in the arrays below, and the end of the last ones.
    pair : ndarray of shape (n_figures,)
        Of which of `pairs` each is, ascending within a session.
    listed : bool ndarray of shape (n_figures,)
        Whether the list in force has it.
    fitted : ndarray of shape (n_figures,)
        Row of its fit, -1 without one.
    numbers : mapping of name to ndarray of shape (n_figures,)
        By `PairSpread.names`.
    """

    sessions: tuple[date, ...]
    pairs: tuple[tuple[str, str], ...]
    first: NDArray[np.intp]
    pair: NDArray[np.intp]
    listed: NDArray[np.bool_]
    fitted: NDArray[np.intp]
    numbers: Mapping[str, Floats]

    @classmethod
    def of(cls, sessions: tuple[date, ...], shown: Sequence[ShownPair]) -> Self:
        """Those of some pairs, sorted by their legs, session by session."""
        rows = _joined((one.rows for one in shown), np.intp)
        pair = np.repeat(np.arange(len(shown)), np.array([len(one.rows) for one in shown], dtype=np.intp))
        order = np.argsort(rows, kind="stable")  # within a session they stay in the order of the pairs
        return cls(
            sessions=sessions,
            pairs=tuple(one.legs for one in shown),
            first=np.searchsorted(rows[order], np.arange(len(sessions) + 1)),
            pair=pair[order],
            listed=_joined((one.listed for one in shown), np.bool_)[order],
            fitted=_joined((one.spread.fitted for one in shown), np.intp)[order],
            numbers={
                name: _joined((getattr(one.spread, name) for one in shown), np.float64)[order]
                for name in PairSpread.names()
            },
        )

    def __len__(self) -> int:
        return len(self.sessions)

    def __getitem__(self, t: Any) -> Any:
        t = range(len(self))[t]
        return tuple(self._figure(at) for at in range(self.first[t], self.first[t + 1]))

    def _figure(self, at: int) -> PairFigure:
        row, (a, b) = int(self.fitted[at]), self.pairs[int(self.pair[at])]
        numbers: dict[str, Any] = {name: float(values[at]) for name, values in self.numbers.items()}
        return PairFigure(
            a,
            b,
            listed=bool(self.listed[at]),
            fit_month=None if row < 0 else self.sessions[row],
            **numbers,
        )


def _joined(arrays: Iterable[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *arrays])
