"""What the columns of a price history show of corporate actions, symbol by symbol.

It is evidence and no verdict: `nightdesk.core.corporate.judgement` decides what counts. All of it is causal:
what is found at a bar rests on bars up to that one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.corporate.findings import INFERRED
from nightdesk.core.corporate.ratios import TOLERANCE, SplitRatio, nearest_split
from nightdesk.core.corporate.soundness import Floats, newest_before, sound_bars

#: Growth of the adjustment factor from which on it is a change. Published to 6 decimals, the factor of a
#: price above 0.20 dollars is exact to 5e-6, so that anything beyond is no rounding.
SMALLEST_ADJUSTMENT = 1e-5

#: More decimals than this are computed and no rounding.
MOST_DECIMALS = 8
#: Bars whose changes say how noisy a factor is, and how few of them say it.
NOISE_WINDOW, FEWEST_CHANGES = 63, 5
#: A factor is exact where its usual change is below this share of what the decimals allow.
EXACT_SHARE = 1 / 50
#: Levels of a factor that are remembered, so that one that comes back is the same.
LEVELS_KEPT = 4

#: Dollars traded on the day of a split, in multiples of their recent median: above it may be a crash.
CRASH_VOLUME = 5.0
#: A decimal point that slipped is a plausible ratio too: from this one on the dollars traded decide.
SLIP_RATIO = 10.0
#: Bars of that median, and how few of them make one.
VOLUME_WINDOW, FEWEST_VOLUMES = 60, 5


@dataclass(frozen=True)
class History:
    """Bars of one symbol in ascending order, arrays of shape (n_bars,); NaN where a column has nothing."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    adjusted: Floats

    def __len__(self) -> int:
        return len(self.close)


@dataclass(frozen=True)
class RatioChange:
    """A change of the adjustment factor at bar `at`: its ratio to the level before."""

    at: int
    ratio: float


@dataclass(frozen=True)
class RawSplit:
    """A split that raw prices show at bar `at`, and how they show it."""

    at: int
    split: SplitRatio
    note: str


def factor_changes(history: History) -> list[RatioChange]:
    """Changes of adjusted / close beyond what the decimals of both columns explain.

    Of bars that are sound and have an adjusted close. With half a unit of the last decimal h of each column,
    a bar says that the factor lies in ``[(adj - h) / (close + h'), (adj + h) / (close - h')]``; a level is
    the intersection of these over its bars, and a bar that does not meet it begins another. The decimals are
    those seen so far. Where the factor has been far steadier than they allow, the columns were computed from
    each other, and only `SMALLEST_ADJUSTMENT` is allowed.

    The ratio is that of the two bars where both are exact, else that of the middles of the levels; a level
    that comes back has the ratio that leads back to it.
    """
    sound = sound_bars(history.open, history.high, history.low, history.close)
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero(sound & (history.adjusted > 0))
    if len(rows) < 2:
        return []
    close, adjusted = history.close[rows], history.adjusted[rows]
    factor = adjusted / close
    width = _width(close, adjusted, factor)
    return [RatioChange(int(rows[at]), ratio) for at, ratio in _level_changes(factor, width)]


def _level_changes(factor: Floats, width: Floats) -> list[tuple[int, float]]:
    exact = width <= SMALLEST_ADJUSTMENT / 2
    low, high = factor * (1.0 - width), factor * (1.0 + width)
    found: list[tuple[int, float]] = []
    kept: list[tuple[float, float]] = []
    start, floor, ceiling = 0, -math.inf, math.inf
    while True:
        at, floor, ceiling = _first_outside(low, high, start, floor, ceiling)
        if at < 0:
            return found
        kept = [*kept[1 - LEVELS_KEPT :], (floor, ceiling)]
        middle = (floor + ceiling) / 2
        if exact[at] and exact[at - 1]:
            ratio, floor, ceiling = float(factor[at] / factor[at - 1]), -math.inf, math.inf
        else:
            floor, ceiling = _new_level(low, high, at, kept)
            ratio = (floor + ceiling) / 2 / middle
        start = at
        if abs(ratio - 1.0) > SMALLEST_ADJUSTMENT:
            found.append((at, ratio))


def _first_outside(
    low: Floats, high: Floats, start: int, floor: float, ceiling: float
) -> tuple[int, float, float]:
    """The first bar from `start` on that does not meet the level, and the level before it; -1 if none."""
    step = 64
    while start < len(low):
        part = slice(start, start + step)
        floors = np.maximum(np.maximum.accumulate(low[part]), floor)
        ceilings = np.minimum(np.minimum.accumulate(high[part]), ceiling)
        apart = np.flatnonzero(floors > ceilings)
        if len(apart):
            k = int(apart[0])
            return (start + k, *((float(floors[k - 1]), float(ceilings[k - 1])) if k else (floor, ceiling)))
        floor, ceiling = float(floors[-1]), float(ceilings[-1])
        start, step = start + step, 2 * step
    return -1, floor, ceiling


def _new_level(low: Floats, high: Floats, at: int, kept: list[tuple[float, float]]) -> tuple[float, float]:
    """Where the level lies that begins at a bar: one that comes back, else as it and the bars before say."""
    floor, ceiling = float(low[at]), float(high[at])
    for below, above in reversed(kept[:-1]):
        if below <= ceiling and above >= floor:
            return below, above
    # a small change shows late: the bars before that it agrees with tell how small it is
    for k in range(at - 1, -1, -1):
        if low[k] > ceiling or high[k] < floor:
            break
        floor, ceiling = max(floor, float(low[k])), min(ceiling, float(high[k]))
    return floor, ceiling


def _width(close: Floats, adjusted: Floats, factor: Floats) -> Floats:
    """Half the width of what each bar says of the factor, relative to it."""
    least = SMALLEST_ADJUSTMENT / 2
    rounding = half_units(adjusted) / adjusted + half_units(close) / close
    wide = rounding > least
    if not wide.any():
        return np.full_like(close, least)
    exact = _usual_change(close, factor) < EXACT_SHARE * rounding
    return np.where(wide & ~exact, rounding, least)


def _usual_change(close: Floats, factor: Floats) -> Floats:
    """Median size of the factor's changes over the bars before each whose close moved; inf without any."""
    import pandas as pd

    size = np.full_like(factor, np.nan)
    size[1:] = np.where(np.diff(close) != 0, np.abs(np.diff(np.log(factor))), np.nan)
    rolled = pd.Series(size).rolling(NOISE_WINDOW, min_periods=FEWEST_CHANGES).median().shift(1)
    return np.asarray(rolled.fillna(np.inf), dtype=np.float64)


def half_units(values: Floats) -> Floats:
    """Half a unit of the last decimal that a column has shown up to each row."""
    decimals = np.full(len(values), MOST_DECIMALS)
    for places in range(MOST_DECIMALS - 1, -1, -1):
        scaled = values * 10.0**places
        decimals[np.abs(scaled - np.round(scaled)) <= 4e-16 * np.abs(scaled) + 1e-9] = places
    return 0.5 * 10.0 ** -np.maximum.accumulate(decimals).astype(np.float64)


def raw_splits(history: History) -> list[RawSplit]:
    """Splits that raw prices show where nothing states them.

    The open or the close lies within 2 % of a plausible ratio to the close before, and the dollars traded are
    at most five times their recent median: a price that crashes does so on far more. Where no volume is
    known, both open and close must. What is not plausible is left to the checks of the bars.

    Nor is a slip of the decimal point a split: one day's prices a tenth or a hundredth, on the units of any
    other day. After a split of 10:1 or more as many dollars are traded as before, after a slip so many times
    fewer; what lies nearer to the second is none. And a price that is back where it was before a bar that no
    split explains has left no split behind.
    """
    sound = sound_bars(history.open, history.high, history.low, history.close)
    before = newest_before(sound)
    at = np.flatnonzero(sound & (before >= 0))
    previous = history.close[before[at]]
    moves = np.stack([history.open[at], history.close[at]]) / previous
    with np.errstate(invalid="ignore"):
        dollars = np.where(sound & (history.volume > 0), history.volume * history.close, np.nan)
    found: list[RawSplit] = []
    # no plausible ratio is nearer to 1 than 3:2
    for k in np.flatnonzero(((moves < 0.72) | (moves > 1.4)).any(axis=0)):
        today = {"open": float(history.open[at[k]]), "close": float(history.close[at[k]])}
        split, shown = _shown_split(today, float(previous[k]))
        if split is None:
            continue
        volume = _volume_multiple(dollars, int(at[k]))
        if volume > CRASH_VOLUME or (math.isnan(volume) and len(shown) < 2):
            continue
        slipped = split.value >= SLIP_RATIO and volume < split.value**-0.5
        if slipped or _is_back(history.close, before, int(at[k]), found):
            continue
        traded = "volume unknown" if math.isnan(volume) else f"{volume:.1f} times the usual dollars traded"
        note = (
            f"{INFERRED} from raw prices: {' and '.join(shown)} after a close of {previous[k]:.6g}, {traded}"
        )
        found.append(RawSplit(int(at[k]), split, note))
    return found


def _is_back(close: Floats, before: NDArray[np.int64], at: int, found: Sequence[RawSplit]) -> bool:
    """Whether a close is where it was before the bar that it is measured against, which no split explains."""
    odd = int(before[at])
    earlier = int(before[odd])
    if earlier < 0 or (found and found[-1].at == odd):
        return False
    return bool(0.72 <= close[at] / close[earlier] <= 1.4)


def _shown_split(today: Mapping[str, float], previous: float) -> tuple[SplitRatio | None, list[str]]:
    """The split that open or close show against the close before, and which of them do."""
    splits = {name: nearest_split(previous / price, TOLERANCE, 0.0) for name, price in today.items()}
    split = splits["open"] or splits["close"]
    showing = [name for name, one in splits.items() if one is not None and one == split]
    return split, [f"{name} {today[name]:.6g}" for name in showing]


def _volume_multiple(dollars: Floats, at: int) -> float:
    """Dollars traded at a bar in multiples of their median before it; NaN where that is unknown."""
    known = dollars[max(0, at - VOLUME_WINDOW) : at]
    known = known[np.isfinite(known)]
    if len(known) < FEWEST_VOLUMES:
        return math.nan
    return float(dollars[at] / np.median(known))
