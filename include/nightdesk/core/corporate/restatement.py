"""A history that comes back changed by one factor: the stored prices stay, and the split is learnt from it.

Vendors divide all prices before a split by its ratio. What is stored was raw on its own day; what comes later
is turned back before it is compared, now and at every later time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.corporate.evidence import half_units
from nightdesk.core.corporate.findings import ASKED, INFERRED
from nightdesk.core.corporate.kinds import ActionKind
from nightdesk.core.corporate.ratios import nearest_split
from nightdesk.core.corporate.soundness import Floats

#: Prices are the same within this, relative: single precision and the printing of six decimals.
SAME_PRICE = 1e-6
#: A factor nearer to 1 changes no position and is no question.
SMALLEST_STEP = 1e-4
#: Bars in a row with one factor that make a restatement which no known split explains.
FEWEST_BARS = 3
#: How far a factor of many bars may lie from the ratio of a split; from that of one that is known.
STEP_TOLERANCE, KNOWN_TOLERANCE = 0.005, 0.01


@dataclass(frozen=True)
class Versions:
    """Bars of one symbol as they came, beside those that are stored.

    Attributes
    ----------
    day : ndarray of shape (n_bars,), datetime64[D]
        Ascending.
    incoming, stored : ndarray of shape (n_bars, 4)
        Open, high, low and close in dollars; stored is NaN where nothing is.
    incoming_volume, stored_volume : ndarray of shape (n_bars,)
        NaN where unknown.
    splits : mapping of datetime64[D] to float
        Those known, stored or stated now: shares after for one before.
    """

    day: NDArray[np.datetime64]
    incoming: Floats
    stored: Floats
    incoming_volume: Floats
    stored_volume: Floats
    splits: Mapping[np.datetime64, float]


@dataclass(frozen=True)
class Implied:
    """What a restatement says of a day: a split, or a change that is asked; `note` says how it was seen."""

    day: np.datetime64
    kind: ActionKind
    value: float
    note: str


@dataclass(frozen=True)
class Restatement:
    """The bars turned back, and what follows.

    Attributes
    ----------
    factor : ndarray of shape (n_bars,)
        Of each bar the price that came over the price of its own day.
    prices : ndarray of shape (n_bars, 4)
        As of their own day; those that differ from the stored ones by rounding only are the stored ones.
    volume : ndarray of shape (n_bars,)
    implied : tuple of Implied
        Not known before.
    words : tuple of str
        Each implied action and each difference without one, for people.
    """

    factor: Floats
    prices: Floats
    volume: Floats
    implied: tuple[Implied, ...]
    words: tuple[str, ...]

    @property
    def count(self) -> int:
        """Bars that came in other prices than those of their day."""
        return int((self.factor != 1.0).sum())


@dataclass(frozen=True)
class _Run:
    """Bars `first` to `last` that came as one multiple of what is stored."""

    first: int
    last: int
    ratio: float
    room: float
    count: int


def read_restatement(versions: Versions) -> Restatement | None:
    """Recognise what came in other prices than those of its day; None where nothing did.

    From the newest bar back, each run of bars with one ratio to the stored ones is a step. A step is a split
    where its ratio is plausible and the prices as they came run smoothly over it, while the raw ones jump.
    Where the raw ones run smoothly, two sources only differ in their basis. Any other step is asked.
    """
    runs = _runs(versions)
    if all(abs(run.ratio - 1.0) <= run.room for run in runs):
        return None
    factor = np.ones(len(versions.day))
    newer, implied, words = 1.0, [], []
    for run in reversed(runs):
        step = newer / run.ratio
        if abs(step - 1.0) > max(run.room, SMALLEST_STEP):
            step, action, text = _read_step(versions, run, newer, step)
            implied += [] if action is None else [action]
            words += [text] if text else []
        newer /= step if abs(step - 1.0) > run.room else 1.0
        factor[: run.last + 1] = newer
    prices, volume = _turn_back(versions, factor)
    return Restatement(factor, prices, volume, tuple(implied), tuple(words))


def _runs(versions: Versions) -> list[_Run]:
    """The runs of bars with one ratio to the stored ones, ascending; single ones are corrections."""
    both = np.stack([versions.incoming, versions.stored])
    there = np.flatnonzero((np.isfinite(both) & (both > 0)).all(axis=(0, 2)))
    if not len(there):
        return []
    ratios = versions.incoming[there] / versions.stored[there]
    ratio = np.median(ratios, axis=1)
    rounding = sum(
        _half_unit(side[there]) / side[there].min(axis=1) for side in (versions.incoming, versions.stored)
    )
    room = np.asarray(2.0 * rounding + SAME_PRICE)
    steady = np.abs(ratios / ratio[:, None] - 1.0).max(axis=1) <= 2.0 * room
    runs: list[_Run] = []
    for k in np.flatnonzero(steady):
        own, at = float(ratio[k]), int(there[k])
        newest = runs[-1] if runs else None
        if newest is not None and abs(own / newest.ratio - 1.0) <= newest.room + room[k]:
            mean = (newest.ratio * newest.count + own) / (newest.count + 1)
            runs[-1] = _Run(newest.first, at, mean, max(newest.room, float(room[k])), newest.count + 1)
        else:
            runs.append(_Run(at, at, own, float(room[k]), 1))
    firm = [run for run in runs if _is_firm(versions, run)]
    joined: list[_Run] = []
    for run in firm:
        if joined and abs(run.ratio / joined[-1].ratio - 1.0) <= joined[-1].room + run.room:
            old = joined.pop()
            run = _Run(old.first, run.last, old.ratio, max(old.room, run.room), old.count + run.count)
        joined.append(run)
    return joined


def _is_firm(versions: Versions, run: _Run) -> bool:
    later = _known(versions.splits, versions.day[run.last], versions.day[-1])
    known = abs(run.ratio * later - 1.0) <= KNOWN_TOLERANCE and later != 1.0
    return run.count >= FEWEST_BARS or abs(run.ratio - 1.0) <= run.room or known


def _known(splits: Mapping[np.datetime64, float], after: np.datetime64, until: np.datetime64) -> float:
    """The product of the known splits after one day up to another."""
    return math.prod(ratio for day, ratio in splits.items() if after < day <= until)


def _read_step(versions: Versions, run: _Run, newer: float, step: float) -> tuple[float, Implied | None, str]:
    """What lies between a run and the bars after it: the exact ratio, an action that was not known, words."""
    day, at = versions.day, run.last + 1
    if at < len(day):
        known = _known(versions.splits, day[run.last], day[at])
        if known != 1.0 and abs(step / known - 1.0) <= KNOWN_TOLERANCE:
            return known, None, ""
    split = nearest_split(step, STEP_TOLERANCE)
    exact = step if split is None else split.value
    seen = (
        f"the source multiplied {run.count} stored bars from {day[run.first]} to {day[run.last]} by "
        f"{newer / exact:.6g}"
    )
    if at >= len(day):
        return exact, None, f"{seen}, and no bar came after them yet: they stay as stored, nothing is booked"
    came = versions.incoming[at, 3]
    smooth = abs(math.log(came / versions.incoming[run.last, 3]))
    raw = abs(math.log(came / newer / versions.stored[run.last, 3]))
    if raw <= smooth:
        return exact, None, f"{seen}: its prices jump on {day[at]} where the stored ones do not; those stay"
    if split is None:
        note = f"{ASKED}: {seen}, which is no plausible split; the stored bars stay"
        return exact, Implied(day[at], "adjustment", step, note), note
    note = f"{INFERRED}: {seen}, as for a split of {split} on {day[at]}"
    return exact, Implied(day[at], "split", split.value, note), note


def _turn_back(versions: Versions, factor: Floats) -> tuple[Floats, Floats]:
    moved = factor != 1.0
    prices = np.where(moved[:, None], versions.incoming / factor[:, None], versions.incoming)
    rounding = _half_unit(versions.incoming) / factor + _half_unit(versions.stored)
    with np.errstate(invalid="ignore"):
        same = np.abs(prices - versions.stored) <= 1.01 * rounding[:, None] + SAME_PRICE * versions.stored
        prices = np.where(moved[:, None] & same, versions.stored, prices)
        scaled = versions.incoming_volume * factor
        # not every vendor restates volumes: those that are as stored stay so
        kept = np.abs(np.log(versions.incoming_volume / versions.stored_volume))
        turned = np.abs(np.log(scaled / versions.stored_volume))
        restated = not np.nanmedian(kept[moved]) <= np.nanmedian(turned[moved])
        volume = np.where(moved & restated, scaled, versions.incoming_volume)
        unit = 1.0 + 1.0 / factor
        near = np.abs(volume - versions.stored_volume) <= unit + 1e-3 * versions.stored_volume
    return prices, np.where(moved & near, versions.stored_volume, volume)


def _half_unit(prices: Floats) -> float:
    """Half a unit of the last decimal of some prices."""
    known = prices[np.isfinite(prices)]
    return float(half_units(known)[-1]) if len(known) else 0.0
