"""How much of what strategies show is the calendar: its correlation with a wave of one year.

A score that is made of prices should say something of a symbol. One with a term of the date alone, such as
a seasonal one, may say little else: then it is one bet on all symbols at once, made by the day of the year.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from nightdesk.core.calendar import Sessions
from nightdesk.core.panel import Floats
from nightdesk.research.backtest.model_skill import decided_view
from nightdesk.research.backtest.run import Result

#: Over less than two years any slow line looks like a part of a wave.
FEWEST_DAYS = 730
#: From here on the wave explains half of a figure's variance, and people are told.
MOSTLY = math.sqrt(0.5)


def calendar_share(result: Result) -> dict[str, dict[str, float]]:
    """Correlation with the year of each number that strategies show, over the decided sessions.

    Returns
    -------
    dict
        By strategy and figure, from 0 (none) to 1 (the day of the year says all of it); NaN where it cannot
        be said. Strategies that show no numbers are left out.
    """
    view, decided = decided_view(result), slice(result.decided[0].t, result.decided[-1].t + 1)
    out = {}
    for name, strategy in result.desk.strategies.items():
        if strategy.shows_figures:
            said = result.market.signals[name].rows(decided.start, decided.stop)
            shown = strategy.figures(view, said).items()
            numbers = {figure: values for figure, values in shown if values.dtype.kind == "f"}
            if numbers:
                out[name] = {
                    figure: wave_correlation(view.sessions, values) for figure, values in numbers.items()
                }
    return out


def mostly_calendar(shares: Mapping[str, Mapping[str, float | None]]) -> Iterator[str]:
    """The figures that the day of the year explains for the most part, in sentences; None is not known."""
    for strategy, figures in shares.items():
        for figure, share in figures.items():
            if share is not None and share >= MOSTLY:
                yield (
                    f"{figure} of {strategy} is mostly the calendar: its correlation with the best wave of a "
                    f"year is {share:.2f}, whatever the symbol does"
                )


def wave_correlation(sessions: Sessions, values: Floats) -> float:
    """Multiple correlation of values with sine and cosine of the day of the year.

    It is the correlation with the best-fitting wave ``a sin(2 pi d / 365) + b cos(2 pi d / 365)``, of all
    symbols together: the square root of the R squared of that least-squares fit.

    Parameters
    ----------
    sessions : ndarray of shape (n_sessions,), datetime64[D]
    values : ndarray of shape (n_sessions, n_symbols)
        NaN where one is missing; these are left out.

    Returns
    -------
    float
        From 0 to 1; NaN where the known values span less than two years, or are all equal.
    """
    rows, _ = known = np.nonzero(np.isfinite(values))
    if not len(rows) or (sessions[rows[-1]] - sessions[rows[0]]).astype(int) < FEWEST_DAYS:
        return math.nan
    day = (sessions - sessions.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.float64) + 1.0
    angle = 2.0 * np.pi * day[rows] / 365.0
    wave = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    target = values[known]
    wave, target = wave - wave.mean(axis=0), target - target.mean()
    total = float(target @ target)
    if total <= np.finfo(float).eps * len(target):
        return math.nan
    fitted = wave @ np.linalg.lstsq(wave, target, rcond=None)[0]
    return math.sqrt(min(1.0, float(fitted @ fitted) / total))
