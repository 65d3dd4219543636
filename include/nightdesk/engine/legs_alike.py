"""The book's filters on entries where legs go together: a bundle is one entry, and moves as its net does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.engine.desk import Desk
from nightdesk.engine.inputs import Day, Flags
from nightdesk.portfolio import Bundles, Dropped, Legs
from nightdesk.portfolio.filters import apart_from_what_moves_alike
from nightdesk.risk import correlations


def with_their_legs(
    dropped: Sequence[Dropped], opens: Flags, bundles: Bundles, wanted: Floats
) -> list[Dropped]:
    """The entries of bundles of which a filter took another leg away.

    Parameters
    ----------
    dropped : sequence of Dropped
        Those that a filter took away.
    opens : bool ndarray of shape (n_strategies, n_symbols)
        Where an entry is wanted.
    bundles : Bundles
    wanted : ndarray of shape (n_strategies, n_symbols)
        Units.
    """
    gone = {(one.strategy, one.symbol) for one in dropped}
    out = []
    for legs in bundles.legs():
        s, columns = legs.strategy, legs.columns.tolist()
        first = next((n for n in columns if (s, n) in gone), None)
        if first is not None:
            ratio = float(bundles.ratio[s, first])
            rest = [n for n in columns if opens[s, n] and wanted[s, n] != 0.0 and (s, n) not in gone]
            out += [Dropped(s, n, "bundle", first, 0.0, ratio) for n in rest]
    return out


@dataclass(frozen=True)
class _Together:
    """Bundles as further columns behind the symbols, each with the returns of its net."""

    legs: list[Legs]
    returns: Floats

    @classmethod
    def of(cls, day: Day, bundles: Bundles, wanted: Floats) -> _Together:
        legs, price = bundles.legs(), np.where(np.isfinite(day.unit_value), day.unit_value, 0.0)
        net = []
        for one in legs:
            worth = wanted[one.strategy, one.columns] * price[one.columns]
            whole = float(np.abs(worth).sum())
            part = worth / whole if whole else worth
            net.append(day.returns[:, one.columns] @ part if whole else np.full(len(day.returns), np.nan))
        return cls(legs, np.column_stack([day.returns, *net]))

    def expanded(self, one: Dropped, symbols: int, opens: set[tuple[int, int]]) -> list[Dropped]:
        """An entry that was dropped, for each leg of it; the other by its first leg."""
        other = one.other if one.other < symbols else int(self.legs[one.other - symbols].columns[0])
        if one.symbol < symbols:
            return [Dropped(one.strategy, one.symbol, one.filter, other, one.value, one.limit)]
        columns = self.legs[one.symbol - symbols].columns.tolist()
        return [
            Dropped(one.strategy, n, one.filter, other, one.value, one.limit)
            for n in columns
            if (one.strategy, n) in opens
        ]


def apart_as_bundles(
    desk: Desk,
    day: Day,
    ordered: Sequence[tuple[int, int]],
    wanted: Floats,
    stays: Flags,
    bundles: Bundles,
) -> list[Dropped]:
    """`apart_from_what_moves_alike` where a bundle is one entry with the returns of its net.

    Its legs are not compared with each other. It stands where its least confident leg does, and a bundle that
    is held counts with its net as well.

    Parameters
    ----------
    desk, day
    ordered : sequence of (row, column)
        Entries, the most confident first.
    wanted : ndarray of shape (n_strategies, n_symbols)
        Units.
    stays : bool ndarray of shape (n_strategies, n_symbols)
        Where a position is held and stays.
    bundles : Bundles
    """
    n, together = len(desk.symbols), _Together.of(day, bundles, wanted)
    place = {(legs.strategy, m): n + b for b, legs in enumerate(together.legs) for m in legs.columns.tolist()}
    last = {place[entry]: entry[0] for entry in reversed(ordered) if entry in place}
    entries: list[tuple[int, int]] = []
    for number, entry in enumerate(ordered):
        at = place.get(entry)
        if at is None:
            entries.append(entry)
        elif all(place.get(one) != at for one in ordered[number + 1 :]):
            entries.append((last[at], at))
    single = np.where(stays & (bundles.code == 0), np.sign(wanted), 0.0).sum(axis=0)
    held = np.concatenate([np.sign(single), [float(_stays(one, stays)) for one in together.legs]])
    sides = np.hstack([np.sign(wanted), np.ones((len(wanted), len(together.legs)))])
    asked = held != 0.0
    asked[[m for _, m in entries]] = True
    matrix, limit = correlations(together.returns, asked).matrix, desk.book.portfolio.entry_correlation or 0.0
    opens = set(ordered)
    return [
        leg
        for one in apart_from_what_moves_alike(entries, sides, held, matrix, limit)
        for leg in together.expanded(one, n, opens)
    ]


def _stays(legs: Legs, stays: Flags) -> bool:
    """Whether a bundle is held and stays."""
    return bool(stays[legs.strategy, legs.columns].any())
