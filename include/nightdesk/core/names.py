"""One instrument under the names that it has had: what there is of an old name goes on under the new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Sessions
from nightdesk.core.corporate.kinds import EVENT_KINDS, Action


@dataclass(frozen=True)
class NameChange:
    """From `day` on what was called `old` is called `new`, a share for a share."""

    old: str
    new: str
    day: np.datetime64


@dataclass(frozen=True)
class NameSpan:
    """A former name, and the days on which it was that of the instrument: from `first` to before `end`.

    `first` is None where nothing is known of the time before.
    """

    name: str
    first: np.datetime64 | None
    end: np.datetime64


def changes_in(actions: Iterable[Action]) -> tuple[NameChange, ...]:
    """The changes of name among some actions; one for more or less than a share continues no prices."""
    return tuple(
        NameChange(one.symbol, one.other, one.day)
        for one in actions
        if one.kind == "symbol_change" and one.value == 1.0 and one.other and one.other != one.symbol
    )


def former_spans(symbol: str, changes: Iterable[NameChange]) -> tuple[NameSpan, ...]:
    """The former names of what is called `symbol` now, newest first.

    A name that was given up may be another instrument's later on: of the changes into a name the newest
    counts that lies before the one out of it, and nothing from before another instrument gave the name up.

    Examples
    --------
    >>> day = np.datetime64
    >>> said = [NameChange("A", "B", day("2020-03-02")), NameChange("B", "C", day("2021-03-01"))]
    >>> [(one.name, str(one.first), str(one.end)) for one in former_spans("C", said)]
    [('B', '2020-03-02', '2021-03-01'), ('A', 'None', '2020-03-02')]
    """
    said = tuple(changes)
    spans: list[NameSpan] = []
    name, end = symbol, None
    while True:
        into = _newest(one for one in said if one.new == name and (end is None or one.day < end))
        if end is not None:
            # who had the name before and gave it up was another instrument
            left = _newest(one for one in said if one.old == name and one.day < end)
            if left is not None and (into is None or left.day > into.day):
                spans[-1] = replace(spans[-1], first=left.day)
                return tuple(spans)
            spans[-1] = replace(spans[-1], first=None if into is None else into.day)
        if into is None:
            return tuple(spans)
        spans.append(NameSpan(into.old, None, into.day))
        name, end = into.old, into.day


def _newest(changes: Iterable[NameChange]) -> NameChange | None:
    return max(changes, key=lambda one: (one.day, one.old), default=None)


def former_names(symbols: Sequence[str], changes: Iterable[NameChange]) -> tuple[str, ...]:
    """All former names of some symbols that are none of them, each once."""
    said = tuple(changes)
    names = (span.name for symbol in symbols for span in former_spans(symbol, said))
    return tuple(dict.fromkeys(name for name in names if name not in symbols))


@dataclass(frozen=True)
class Continued:
    """What of bars counts for each symbol: arrays of shape (n_kept,), and actions by their symbol of now.

    `rows` are places in the long form that was given, `column` the symbol of each. `named` says by symbol
    from which day its name is in force; those that were never called otherwise are absent.
    """

    rows: NDArray[np.intp]
    column: NDArray[np.intp]
    actions: tuple[Action, ...]
    named: Mapping[str, np.datetime64]

    def first_rows(self, symbols: Sequence[str], sessions: Sessions) -> NDArray[np.intp] | None:
        """The first session of each symbol under its name, as a row; None where no symbol had another."""
        if not self.named:
            return None
        since = [self.named.get(symbol, np.datetime64("0001-01-01")) for symbol in symbols]
        return np.searchsorted(sessions, np.array(since, dtype="datetime64[D]"))


def continue_names(
    symbols: Sequence[str],
    column: NDArray[np.intp],
    day: Sessions,
    actions: Sequence[Action],
    changes: Sequence[NameChange],
) -> Continued:
    """Let bars and actions of former names count for the symbols that these have become.

    What a name had before it became the instrument's was another one's and is left out. Splits, payments and
    what a person accepted continue; an event that books positions stays with the name under which it was.

    Parameters
    ----------
    symbols : sequence of str
        Those of the panel, in the order of its columns.
    column : ndarray of shape (n_rows,)
        The name of each bar, as a place in `symbols` and, behind them, `former_names` of them.
    day : ndarray of shape (n_rows,), datetime64[D]
    actions : sequence of Action
        Of all these names.
    changes : sequence of NameChange
        Those that are known.
    """
    names = (*symbols, *former_names(symbols, changes))
    spans = {symbol: former_spans(symbol, changes) for symbol in symbols}
    named = {symbol: found[0].end for symbol, found in spans.items() if found}
    place = {name: at for at, name in enumerate(names)}
    begins = np.full(len(symbols), np.datetime64("NaT", "D"))
    for symbol, since in named.items():
        begins[place[symbol]] = since
    own = column < len(symbols)
    since_of = begins[np.where(own, column, 0)]
    own &= np.isnat(since_of) | (day >= since_of)
    rows, columns = [np.flatnonzero(own)], [column[own]]
    for symbol, found in spans.items():
        for span in found:
            if span.name in place:
                mine = (column == place[span.name]) & _within(span, day)
                rows.append(np.flatnonzero(mine))
                columns.append(np.full(int(mine.sum()), place[symbol], dtype=np.intp))
    return Continued(
        np.concatenate(rows), np.concatenate(columns), _actions_of(symbols, spans, named, actions), named
    )


def _actions_of(
    symbols: Sequence[str],
    spans: Mapping[str, tuple[NameSpan, ...]],
    named: Mapping[str, np.datetime64],
    actions: Sequence[Action],
) -> tuple[Action, ...]:
    mine = set(symbols)
    out = [
        one
        for one in actions
        if one.symbol in mine and not (one.symbol in named and one.day < named[one.symbol])
    ]
    for symbol, found in spans.items():
        for span in found:
            out += [
                replace(one, symbol=symbol)
                for one in actions
                if one.symbol == span.name
                and one.kind not in EVENT_KINDS
                and bool(_within(span, np.array([one.day]))[0])
            ]
    return tuple(out)


def _within(span: NameSpan, day: Sessions) -> NDArray[np.bool_]:
    inside: NDArray[np.bool_] = day < span.end
    return inside if span.first is None else inside & (day >= span.first)
