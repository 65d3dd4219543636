"""Bundles in the targets: which legs belong together, exits that end all legs, legs brought to their ratio.

A bundle is opened by entry signals that share a code, and its legs belong together until none is held.

===============================================  ==========================================================
what happens to a leg                            what becomes of the bundle
===============================================  ==========================================================
its stop, target or age is reached, its signal   all legs are left
leaves it whole, or turns it round alone
its signal or the volatility target reduces it   all legs are reduced to the same level
it is held in quarantine while a leg is to go    all legs are kept whole
nothing of it is wanted, or can be had           nothing of the bundle is opened
it was filled, or rejected, unlike the others    the repair: what is beyond the worst leg is reduced, or the
                                                 missing part is bought where the signals still enter
it is uneven at more than `REPAIRS` decisions    all legs are left
===============================================  ==========================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nightdesk.core.panel import Floats
from nightdesk.engine.desk import Desk
from nightdesk.engine.exits import Cause
from nightdesk.engine.inputs import Day, Flags
from nightdesk.portfolio import Bundles, Dropped, Legs, brought_even
from nightdesk.portfolio.sizing import entered
from nightdesk.strategies.strategy import Codes

#: Decisions in a row that ask for the repair of a bundle; the next one that finds it uneven ends it.
REPAIRS = 2


def standing(desk: Desk, day: Day, held: Floats, before: Bundles | None) -> Bundles:
    """What belongs together in a decision: bundles of which a leg is held, and those that signals open.

    A symbol that its strategy holds is in no new bundle, nor are the other legs of that one; see
    `without_strangers`.

    Parameters
    ----------
    desk, day
    held : ndarray of shape (n_strategies, n_symbols)
        Units.
    before : Bundles or None
        As the decision before left them, restated for the session's actions.
    """
    out = Bundles.nothing((len(desk.strategies), len(desk.symbols)))
    for legs in before.legs() if before is not None else ():
        s, columns = legs.strategy, legs.columns
        if not held[s, columns].any():
            continue
        out.code[s, columns], out.ratio[s, columns] = legs.code, legs.ratio
        size, units = np.abs(held[s, columns]), desk.units.part(columns)
        if before is not None and not np.array_equal(brought_even(size, legs.ratio, units), size):
            out.uneven[s, columns] = before.uneven[s, columns[0]] + 1
    for legs in _said(day):
        s, columns = legs.strategy, legs.columns
        if legs.code not in out.code[s] and not (out.code[s, columns].any() or held[s, columns].any()):
            out.code[s, columns], out.ratio[s, columns] = legs.code, legs.ratio
    return out


def _said(day: Day) -> list[Legs]:
    """The bundles that entry signals of the day speak of."""
    if day.bundle is None or day.ratio is None:
        return []
    said = Bundles(day.bundle, day.ratio, np.zeros_like(day.bundle))
    enters = entered(day.direction, day.side) != 0
    return [one for one in said.legs() if enters[one.strategy, one.columns].any()]


def without_strangers(
    day: Day, wanted: Floats, held: Floats, bundles: Bundles
) -> tuple[Floats, tuple[Dropped, ...]]:
    """What is wanted without entries of bundles that may not be opened, since a leg is held already.

    Such a leg belongs to another bundle of its strategy, or is held by itself, or the code stands for other
    legs still; the bundle may be opened when these are left.
    """
    out, dropped = wanted, []
    for legs in _said(day):
        s, columns = legs.strategy, legs.columns
        if (bundles.code[s, columns] == legs.code).all():
            continue
        taken = np.flatnonzero(bundles.code[s] == legs.code)  # its code stands for other legs
        own = columns[(bundles.code[s, columns] != 0) | (held[s, columns] != 0.0)]
        other = int(own[0] if len(own) else taken[0])
        ratio = float(legs.ratio[columns == other][0]) if len(own) else float(bundles.ratio[s, other])
        new = [n for n in columns.tolist() if held[s, n] == 0.0 and wanted[s, n] != 0.0]
        out = out.copy() if out is wanted else out
        grown = np.abs(out[s, columns]) > np.abs(held[s, columns])
        out[s, columns] = np.where(grown, held[s, columns], out[s, columns])
        dropped += [Dropped(s, n, "bundle", other, 0.0, ratio) for n in new]
    return out, tuple(dropped)


def ended_together(wanted: Floats, held: Floats, ended: Codes, bundles: Bundles) -> tuple[Floats, Codes]:
    """What is wanted and why positions end, where one leg's exit is that of all.

    Parameters
    ----------
    wanted, held : ndarray of shape (n_strategies, n_symbols)
        Units; of what ends by a plan nothing is wanted.
    ended : int8 ndarray of shape (n_strategies, n_symbols)
        Of `Cause`, as the exit plans say.
    bundles : Bundles
    """
    wanted, ended = wanted.copy(), ended.copy()
    for legs in bundles.legs():
        at = (legs.strategy, legs.columns)
        had, asked = held[at], wanted[at]
        here = had != 0.0
        if not here.any():
            continue
        if bundles.uneven[legs.strategy, legs.columns[0]] > REPAIRS:
            wanted[at], ended[at] = 0.0, np.where(here, Cause.UNEVEN, ended[at])
            continue
        out = here & ((asked == 0.0) | (ended[at] != Cause.NONE))
        turned = here & (had * asked < 0.0)
        if (out | turned).any() and not (turned == here).all():
            others = here & ~out & ~turned & (ended[at] == Cause.NONE)
            wanted[at], ended[at] = 0.0, np.where(others, Cause.BUNDLE, ended[at])
    return wanted, ended


@dataclass(frozen=True, slots=True)
class Evened:
    """Quantities with legs at their ratio, why, and the entries that came to nothing by it."""

    quantity: Floats
    cause: Codes
    dropped: tuple[Dropped, ...]


def evened_targets(
    desk: Desk, day: Day, quantity: Floats, held: Floats, cause: Codes, bundles: Bundles
) -> Evened:
    """Bring the legs of every bundle to their ratio; what a leg in quarantine keeps, all legs keep.

    Parameters
    ----------
    desk, day
    quantity, held : ndarray of shape (n_strategies, n_symbols)
        Whole units; wanted of a symbol in quarantine as if it could be sold.
    cause : int8 ndarray of shape (n_strategies, n_symbols)
        Of `Cause`.
    bundles : Bundles
    """
    quantity, cause, dropped = quantity.copy(), cause.copy(), list[Dropped]()
    for legs in bundles.legs():
        at = (legs.strategy, legs.columns)
        had, asked = held[at], quantity[at]
        size = brought_even(np.abs(asked), legs.ratio, desk.units.part(legs.columns))
        even = np.where(asked < 0.0, -size, size) + 0.0
        if _kept(had, even, day.quarantined[legs.columns]):
            changed = (even != had) & (had != 0.0)
            quantity[at], cause[at] = had, np.where(changed, Cause.KEPT, Cause.NONE)
            continue
        less = np.abs(even) < np.abs(asked)
        if not less.any():
            continue
        repaired = bundles.uneven[legs.strategy, legs.columns[0]] > 0
        opens, why = had == 0.0, np.where(repaired, Cause.UNEVEN, Cause.BUNDLE)
        reduced = less & ~opens & (np.abs(even) < np.abs(had)) & (cause[at] == Cause.NONE)
        gone = less & opens & (even == 0.0)
        dropped += _never_opened(legs, asked, gone)
        quantity[at] = even
        cause[at] = np.where(reduced, why, np.where(gone, Cause.BUNDLE, cause[at]))
    return Evened(quantity, cause, tuple(dropped))


def _kept(held: Floats, wanted: Floats, quarantined: Flags) -> bool:
    """Whether a leg that is held cannot be sold while any leg is to be reduced, or turned round."""
    reduces = (held != 0.0) & ((np.abs(wanted) < np.abs(held)) | (held * wanted < 0.0))
    return bool(reduces.any() and (quarantined & (held != 0.0)).any())


def _never_opened(legs: Legs, asked: Floats, gone: Flags) -> list[Dropped]:
    """The entries of a bundle of which the worst leg comes to nothing."""
    worst = int(np.argmin(np.abs(asked) / legs.ratio))
    units, ratio = float(abs(asked[worst])), float(legs.ratio[worst])
    return [
        Dropped(legs.strategy, n, "bundle", int(legs.columns[worst]), units, ratio)
        for n in legs.columns[gone].tolist()
    ]


def one_reason_each(*found: tuple[Dropped, ...]) -> tuple[Dropped, ...]:
    """Entries that were taken away, each with its first reason."""
    out: dict[tuple[int, int], Dropped] = {}
    for one in (one for some in found for one in some):
        out.setdefault((one.strategy, one.symbol), one)
    return tuple(out.values())


def bundles_after(bundles: Bundles, held: Floats, quantity: Floats) -> Bundles:
    """What the decision leaves to the next: bundles of which a leg is held or wanted."""
    out = Bundles(bundles.code.copy(), bundles.ratio.copy(), bundles.uneven.copy())
    for legs in bundles.legs():
        at = (legs.strategy, legs.columns)
        if not (held[at].any() or quantity[at].any()):
            out.code[at], out.ratio[at], out.uneven[at] = 0, 0.0, 0
    return out


def ends_at_once(cause: Codes, bundles: Bundles) -> Flags:
    """Where a stop ends a position, its own or that of another leg, or the legs of a bundle are uneven.

    Of shape (n_strategies, n_symbols).
    """
    stopped: Flags = cause == Cause.STOP
    out: Flags = stopped | (bundles.uneven > 0)
    for legs in bundles.legs():
        at = (legs.strategy, legs.columns)
        if stopped[at].any():
            out[at] |= cause[at] == Cause.BUNDLE
    return out
