"""What a person limits in a book for some time: overrides, and what they ask of a decision's symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.panel import Floats

OverrideKind = Literal["close_only", "no_new_entries", "max_size"]

#: What each kind asks for, in words; of `max_size` the rule says it with its numbers.
EFFECTS: dict[OverrideKind, str] = {
    "close_only": "nothing is added to what is held",
    "no_new_entries": "nothing is opened",
    "max_size": "no position grows beyond it",
}

#: A position above the size that a person allows by more than this share of it is reduced at once, whatever
#: limits on trades say; one that drifted less is reduced as any other.
DRIFT = 0.05


@dataclass(frozen=True, slots=True)
class Override:
    """A dated fact: what a person limits in a book, from one decision on until the end of a session.

    Attributes
    ----------
    symbol : str or None
        Of the book; None: all of its symbols.
    kind : str
        "close_only": nothing adds to a position; "no_new_entries": nothing is opened, also by a strategy in
        a symbol that another one holds; "max_size": no position grows beyond `size`. Exits always pass.
    begins : datetime
        The first decision that it counts in, UTC.
    since, until : date
        Session of that decision, and the last one that it counts in.
    who, reason : str
    size : float or None
        Share of NAV, absolute, of the net position in each symbol, 0 or more; None of other kinds.
    reduces : bool
        Whether a position beyond `size` is brought back to it.
    ends : datetime or None
        The first decision that it does not count in any more, since a person has ended it; UTC.
    number : int
        Of the fact, in the order in which they were stated.
    """

    symbol: str | None
    kind: OverrideKind
    begins: datetime
    since: date
    until: date
    who: str
    reason: str
    size: float | None = None
    reduces: bool = False
    ends: datetime | None = None
    number: int = 0

    def holds(self, as_of: datetime, session: date) -> bool:
        """Whether it counts in the decision at an instant of a session."""
        ended = self.ends is not None and self.ends <= as_of
        return self.begins <= as_of and session <= self.until and not ended

    @property
    def name(self) -> str:
        """The kind as people write it, with its size, as ``max-size of 5.00%``."""
        written = self.kind.replace("_", "-")
        if self.size is None:
            return written
        return f"{written} of {self.size:.2%}{', reduced to it' if self.reduces else ''}"

    @property
    def subject(self) -> str:
        """What it is about: a symbol, or the whole book."""
        return "the whole book" if self.symbol is None else self.symbol

    @property
    def told(self) -> str:
        """Who limits what, since when, until when and why; without the symbol."""
        whole = " of the whole book" if self.symbol is None else ""
        return f"{self.name}{whole} by {self.who} from {self.since} until {self.until} ({self.reason})"

    @property
    def words(self) -> str:
        """The same with what it is about."""
        return self.told if self.symbol is None else f"{self.symbol}: {self.told}"


@dataclass(frozen=True, slots=True)
class ByHand:
    """What people ask of a decision; arrays and tuples of shape (n_symbols,).

    Attributes
    ----------
    barred, unopened : bool ndarrays
        Where nothing may be added to what is held; where nothing may be opened.
    size, reduce_to : ndarray
        Largest net position, absolute share of NAV, that may be bought, and that may be kept; infinite where
        nobody says one.
    entry_words, size_words, reduce_words : tuple of str
        Who, since when, until when and why; empty where nobody says anything.
    """

    barred: NDArray[np.bool_]
    unopened: NDArray[np.bool_]
    size: Floats
    reduce_to: Floats
    entry_words: tuple[str, ...]
    size_words: tuple[str, ...]
    reduce_words: tuple[str, ...]


def in_force(overrides: Iterable[Override], as_of: datetime, session: date) -> tuple[Override, ...]:
    """Those that count in a decision, in the order in which they were stated."""
    held = (one for one in overrides if one.holds(as_of, session))
    return tuple(sorted(held, key=lambda one: one.number))


def limits_by_hand(overrides: Sequence[Override], symbols: Sequence[str]) -> ByHand | None:
    """What overrides ask of symbols, the strictest of each; None where they ask for nothing.

    One on a symbol that is none of these (it has left the book since) asks for nothing.
    """
    known = set(symbols)
    if not any(one.symbol is None or one.symbol in known for one in overrides):
        return None
    of = [[one for one in overrides if one.symbol in (None, symbol)] for symbol in symbols]
    entry = [_first(_strictest_entry(some)) for some in of]
    size = [_first(_smallest(some, lambda one: one.kind == "max_size")) for some in of]
    kept = [_first(_smallest(some, lambda one: one.reduces)) for some in of]
    return ByHand(
        barred=np.array([one is not None and one.kind == "close_only" for one in entry]),
        unopened=np.array([one is not None and one.kind == "no_new_entries" for one in entry]),
        size=np.array([np.inf if one is None else one.size for one in size], dtype=np.float64),
        reduce_to=np.array([np.inf if one is None else one.size for one in kept], dtype=np.float64),
        entry_words=tuple("" if one is None else one.told for one in entry),
        size_words=tuple("" if one is None else one.told for one in size),
        reduce_words=tuple("" if one is None else one.told for one in kept),
    )


def _strictest_entry(some: Sequence[Override]) -> list[Override]:
    """Those on entries, the strictest first; of equals a symbol's own, then the first that was stated."""
    entries = [one for one in some if one.kind in ("close_only", "no_new_entries")]
    return sorted(entries, key=lambda one: (one.kind != "close_only", one.symbol is None, one.number))


def _smallest(some: Sequence[Override], which: Callable[[Override], bool]) -> list[Override]:
    """Those on sizes that are meant, the smallest first; of equals likewise."""
    sizes = [one for one in some if which(one)]
    return sorted(sizes, key=lambda one: (one.size or 0.0, one.symbol is None, one.number))


def _first(some: Sequence[Override]) -> Override | None:
    return some[0] if some else None
