"""Facts of one kind in every version that was known, as arrays, and what of them was known at an instant."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.facts import FactKind

Floats = NDArray[np.float64]
Instants = NDArray[np.datetime64]

#: Words that are compared as numbers: when a company reports on its day.
WORDS: Mapping[str, Mapping[str, float]] = {"timing": {"before": -1.0, "": 0.0, "after": 1.0}}


@dataclass(frozen=True)
class FactVersions:
    """Versions of the facts of some subjects, in any order.

    Attributes
    ----------
    subjects : tuple of str
    subject : ndarray of shape (n_versions,), intp
        Index of `subjects`.
    day : ndarray of shape (n_versions,), datetime64[D]
    known_at : ndarray of shape (n_versions,), datetime64[us]
        UTC. One subject and day has one version an instant.
    values : mapping of str to ndarray of shape (n_versions,)
        The kind's numbers; days as days since 1970, the words of `WORDS` by its numbers; NaN where not known.
    """

    subjects: tuple[str, ...]
    subject: NDArray[np.intp]
    day: NDArray[np.datetime64]
    known_at: Instants
    values: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.subject)

    def rows(self, at: slice | NDArray[np.intp]) -> FactVersions:
        """Some of the versions."""
        values = {name: one[at] for name, one in self.values.items()}
        return FactVersions(self.subjects, self.subject[at], self.day[at], self.known_at[at], values)


def number_columns(kind: FactKind) -> tuple[str, ...]:
    """The values of a kind that `FactVersions` has."""
    return tuple(name for name, one in kind.values.items() if one is not str or name in WORDS)


class KnownFacts:
    """What is known of one subject, as one version after the other becomes known.

    Parameters
    ----------
    names : tuple of str
        The values, in the order of a version.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._places = {name: n for n, name in enumerate(names)}
        self._days: list[int] = []
        self._values: dict[int, tuple[float, ...]] = {}

    def learn(self, day: int, values: tuple[float, ...]) -> None:
        """Take a version for the one that counts of its day (days since 1970)."""
        if day not in self._values:
            insort(self._days, day)
        self._values[day] = values

    @property
    def days(self) -> list[int]:
        """The days of which anything is known, ascending."""
        return self._days

    def of(self, name: str, day: int) -> float:
        """A value of a day that is known."""
        return self._values[day][self._places[name]]

    def newest(self, count: int, usable: Callable[[KnownFacts, int], bool]) -> list[int]:
        """The newest days, ascending, at most `count`, of those whose fact is usable."""
        found: list[int] = []
        for day in reversed(self._days):
            if usable(self, day):
                found.append(day)
                if len(found) == count:
                    break
        return found[::-1]


def as_known[T](
    versions: FactVersions, subject: int, instants: Instants, summary: Callable[[KnownFacts], T]
) -> Iterator[T]:
    """What a summary of one subject's facts was at each instant; made anew only where something came.

    Parameters
    ----------
    versions : FactVersions
    subject : int
        Index of its subjects.
    instants : ndarray of shape (n_rows,), datetime64
        Ascending, UTC. What is known at an instant counts at that instant.
    summary : callable
        Of the `KnownFacts` at an instant; nothing is known before the first version.
    """
    mine = np.flatnonzero(versions.subject == subject)
    mine = mine[np.argsort(versions.known_at[mine], kind="stable")]
    names = tuple(versions.values)
    rows: list[Any] = list(zip(*(versions.values[name][mine].tolist() for name in names), strict=True))
    days = versions.day[mine].astype("datetime64[D]").astype(np.int64).tolist()
    until = np.searchsorted(versions.known_at[mine], instants.astype("datetime64[us]"), side="right")
    known, at = KnownFacts(names), 0
    made = summary(known)
    for end in until.tolist():
        if end > at:
            for n in range(at, end):
                known.learn(days[n], rows[n])
            at, made = end, summary(known)
        yield made
