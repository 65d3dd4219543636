"""Who is a member of a universe, and when: spans of sessions by symbol, pairs, and the faults of a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]

#: Faults of a list that are told one by one; the rest is counted.
MOST_TOLD = 5


@dataclass(frozen=True, slots=True, order=True)
class MemberSpan:
    """A symbol is a member from session `first` on, up to and with `last` (None: it still is).

    `group` is the class or sector that it is counted with; empty where the list says none.
    """

    symbol: str
    first: date
    last: date | None = None
    group: str = ""

    def holds(self, session: date) -> bool:
        """Whether it is a member in a session."""
        return self.first <= session and (self.last is None or session <= self.last)


@dataclass(frozen=True, slots=True, order=True)
class PairSpan:
    """Two symbols are a pair of the screen in force for decisions of sessions `first` to `last` (None: of all
    since).

    `a` is the dependent leg: log a = alpha + beta log b. `sector` is that of both legs, empty where they
    differ or none is known.
    """

    a: str
    b: str
    first: date
    last: date | None = None
    sector: str = ""

    def holds(self, session: date) -> bool:
        """Whether it is a pair in a session."""
        return self.first <= session and (self.last is None or session <= self.last)


@dataclass(frozen=True, slots=True, order=True)
class OffSpan:
    """A member failed the check before the open of a session: in its decision it opens nothing, and what is
    held of it is kept.
    """

    symbol: str
    session: date
    reason: str


class Succession(NamedTuple):
    """Who holds `symbol` at the open of a session has `other` instead, or besides."""

    symbol: str
    session: date
    other: str


@dataclass(frozen=True)
class Membership:
    """A list as it was known at one instant.

    Attributes
    ----------
    spans : tuple of MemberSpan
        By symbol and first session; see `faults_of`.
    listed_before : tuple of MemberSpan
        Spans of earlier versions of the list that are not in it any more, and what members have become by a
        corporate action: what they name may be held, so it has a column, and is no member.
    pairs : tuple of PairSpan
        The pairs of a screen, by session and name; none in a list of a file.
    legs : tuple of MemberSpan
        When a symbol is a member as a leg of a pair alone: it does not pass what a screen asks of the others.
    off : tuple of OffSpan
        Members that open nothing in single sessions; they stay members, and keep their place in ranks.
    """

    spans: tuple[MemberSpan, ...]
    listed_before: tuple[MemberSpan, ...] = ()
    pairs: tuple[PairSpan, ...] = ()
    legs: tuple[MemberSpan, ...] = ()
    off: tuple[OffSpan, ...] = ()

    def groups(self, first: date, last: date) -> dict[str, str]:
        """The symbols that were listed in any session from `first` to `last`, sorted, with their groups: of
        one that an earlier version of the list had as well, that of the newer version.
        """

        def begun(spans: Sequence[MemberSpan]) -> dict[str, str]:
            return {
                one.symbol: one.group
                for one in spans
                if one.first <= last and (one.last is None or one.last >= first)
            }

        found = begun(self.listed_before) | begun(self.spans)
        return {symbol: found[symbol] for symbol in sorted(found)}

    def with_successors(self, successions: Iterable[Succession]) -> Membership:
        """With what its symbols have become in `listed_before`, each from that session on and in the group of
        the symbol that it was; what a successor becomes is one too.
        """
        found = list(self.listed_before)
        for one in sorted(successions, key=lambda one: (one.session, one.symbol, one.other)):
            before = [span for span in (*self.spans, *found) if span.symbol == one.symbol]
            begun = [span for span in before if span.first <= one.session]
            if begun and not any(span.symbol == one.other for span in found):
                found.append(MemberSpan(one.other, one.session, None, begun[-1].group))
        return replace(self, listed_before=tuple(found))

    def at(self, session: date) -> tuple[str, ...]:
        """The members of a session, sorted."""
        return tuple(sorted({one.symbol for one in self.spans if one.holds(session)}))

    def pairs_at(self, session: date) -> tuple[PairSpan, ...]:
        """The pairs of the screen that is in force in a session, by name."""
        return tuple(sorted(one for one in self.pairs if one.holds(session)))

    def off_at(self, session: date) -> dict[str, str]:
        """The members that open nothing in a session, sorted, with the reason."""
        return {one.symbol: one.reason for one in sorted(self.off) if one.session == session}

    def newest_by(self, symbol: str, session: date) -> MemberSpan | None:
        """The newest span of a symbol that had begun by a session; None before its first."""
        return next((one for one in reversed(self._of.get(symbol, ())) if one.first <= session), None)

    @cached_property
    def _of(self) -> dict[str, list[MemberSpan]]:
        out: dict[str, list[MemberSpan]] = {}
        for one in sorted(self.spans):
            out.setdefault(one.symbol, []).append(one)
        return out

    def mask(self, sessions: NDArray[Any], symbols: Sequence[str]) -> Flags:
        """Who is a member when.

        Parameters
        ----------
        sessions : ndarray of shape (n_sessions,), datetime64[D]
            Ascending.
        symbols : sequence of str, length n_symbols

        Returns
        -------
        bool ndarray of shape (n_sessions, n_symbols)
            Row t is a function of the spans that begin by session t.
        """
        return _mask(self.spans, sessions, symbols)

    def leg_mask(self, sessions: NDArray[Any], symbols: Sequence[str]) -> Flags | None:
        """Which members are such as legs of pairs alone when, as `mask`; None where that is never so."""
        out = _mask(self.legs, sessions, symbols)
        return out if out.any() else None

    def off_mask(self, sessions: NDArray[Any], symbols: Sequence[str]) -> Flags | None:
        """Which members open nothing when, in the shape of `mask`; None where that is never so."""
        if not self.off:
            return None
        out = np.zeros((len(sessions), len(symbols)), dtype=np.bool_)
        column = {symbol: n for n, symbol in enumerate(symbols)}
        own = [one for one in self.off if one.symbol in column]
        days = np.array([one.session for one in own], dtype="datetime64[D]")
        rows = np.searchsorted(sessions, days)
        for one, day, row in zip(own, days, rows.tolist(), strict=True):
            if row < len(sessions) and sessions[row] == day:
                out[row, column[one.symbol]] = True
        return out if out.any() else None


def _mask(spans: Sequence[MemberSpan], sessions: NDArray[Any], symbols: Sequence[str]) -> Flags:
    """Which symbols have a span when, of shape (n_sessions, n_symbols)."""
    out = np.zeros((len(sessions), len(symbols)), dtype=np.bool_)
    column = {symbol: n for n, symbol in enumerate(symbols)}
    own = [one for one in spans if one.symbol in column]
    begins = np.searchsorted(sessions, np.array([one.first for one in own], dtype="datetime64[D]"))
    lasts = [one.last or date.max for one in own]
    ends = np.searchsorted(sessions, np.array(lasts, dtype="datetime64[D]"), side="right")
    for one, begin, end in zip(own, begins.tolist(), ends.tolist(), strict=True):
        out[begin:end, column[one.symbol]] = True
    return out


def first_without(membership: Membership, sessions: NDArray[Any]) -> date | None:
    """The first session of some in which the list has no member at all; None where it always has one.

    Parameters
    ----------
    membership : Membership
    sessions : ndarray of shape (n_sessions,), datetime64[D]
        Ascending.
    """
    listed = membership.mask(sessions, sorted({one.symbol for one in membership.spans}))
    empty = sessions[~listed.any(axis=1)]
    return empty[0].item() if len(empty) else None


def faults_of(spans: Iterable[MemberSpan]) -> list[str]:
    """What is wrong with the spans of a list: one that ends before it begins, a symbol that is in it twice at
    once. At most `MOST_TOLD` are named.
    """
    found = list(_faults(sorted(spans, key=lambda one: (one.symbol, one.first))))
    rest = len(found) - MOST_TOLD
    return found if rest <= 0 else [*found[:MOST_TOLD], f"and {rest} more of the kind"]


def _faults(spans: Sequence[MemberSpan]) -> Iterator[str]:
    for one in spans:
        if one.last is not None and one.last < one.first:
            yield f"{one.symbol}: until {one.last} lies before from {one.first}"
    for one, then in pairwise(spans):
        if one.symbol == then.symbol and (one.last is None or one.last >= then.first):
            ends = "without an end" if one.last is None else f"until {one.last}"
            yield (
                f"{one.symbol}: listed twice at once, from {one.first} {ends} and again from {then.first}; "
                "end the first one before"
            )
    for one, then in pairwise(spans):
        if one.symbol == then.symbol and one.group != then.group:
            yield (
                f"{one.symbol}: found in group {one.group!r} and in group {then.group!r}; a symbol has one "
                "group in all its lines"
            )
