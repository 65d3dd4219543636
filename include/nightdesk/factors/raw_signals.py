"""The raw signals of a book that weighs five of them: volatility, momentum, tails, beta and carry.

Each is in a scale of its own, so they are compared by z-score, as ``zscore_252_of(carry_signal)``; over hours
as ``h:zscore_252_of(carry_signal)``. Returns are simple ones of adjusted closes, and a session of a symbol
meets the same session of the benchmark: a return that one of the two lacks makes the windows missing that
hold it. Deviations have ddof = 1.
"""

from __future__ import annotations

import math

import numpy as np

from nightdesk.core.calendar import Sessions
from nightdesk.core.panel import Floats
from nightdesk.factors import windows
from nightdesk.factors.benchmark import market_of
from nightdesk.factors.compute import Source
from nightdesk.factors.factor_registry import factor, resolve
from nightdesk.factors.of_factors import zscores

#: Rows of a mean or deviation that something of today is compared with.
LONG = 252

VOLATILITY, BETA = "volatility_20", "damped_beta_60"

#: Sine of the day of the year, by day: one number a day, whatever the machine's vectors make of a sine.
_SINE = np.array([math.sin(2.0 * math.pi * day / 365.0) for day in range(367)])


@factor(
    "volatility_signal",
    look_back=lambda: resolve(f"zscore_{LONG}_of({VOLATILITY})").look_back,
    by_column=True,
)
def volatility_signal(source: Source) -> Floats:
    """-z × (1 + s): above 0 where it is calmer than usual.

    z is ``zscore_252_of(volatility_20)``, s is ``std_20_of(volatility_20)``; the volatility is annualised.
    """
    z, spread = source.factor(f"zscore_{LONG}_of({VOLATILITY})"), source.factor(f"std_20_of({VOLATILITY})")
    return -z * (1.0 + spread)


@factor("momentum_signal", look_back=lambda: 61, by_column=True)
def momentum_signal(source: Source) -> Floats:
    """0.7 (sum_20 - that of the benchmark) + 0.3 (sum_20 - sum_60); sums of returns, not compounded."""
    market = source.once(
        "sum of 20 returns of the benchmark",
        lambda: windows.total(market_of(source, "momentum_signal"), 20),
    )
    short, long = source.factor("sum_20"), source.factor("sum_60")
    return 0.7 * (short - market) + 0.3 * (short - long)


@factor("tail_signal", look_back=lambda: 61, by_column=True)
def tail_signal(source: Source) -> Floats:
    """-q05_60 × tail_asymmetry_60: above 0 where gains reach further than losses, more so in wild markets.

    Missing where the two quantiles are equal.
    """
    return -source.factor("q05_60") * source.factor("tail_asymmetry_60")


@factor("beta_signal", look_back=lambda: resolve(f"std_60_of({BETA})").look_back, by_column=True)
def beta_signal(source: Source) -> Floats:
    """-b × (1 + s): the higher, the less it moves with the benchmark, and the steadier.

    b is ``damped_beta_60``, s is ``std_60_of(damped_beta_60)``.
    """
    return -source.factor(BETA) * (1.0 + source.factor(f"std_60_of({BETA})"))


@factor("carry_signal", look_back=lambda: LONG, by_column=True)
def carry_signal(source: Source) -> Floats:
    """0.5 (s40 - s20) - 0.3 d + 0.2 sin(2π × day of year / 365).

    s are deviations of the last 40 and 20 returns, d is close / mean_252 - 1 of adjusted closes, the day that
    of the session. The first term is some 0.003 wide and the second 0.1, the sine 0.7: mostly the calendar.
    """
    risk, distance, sine = _carry_terms(source)
    return 0.5 * risk - 0.3 * distance + 0.2 * sine


@factor("carry_signal_standardised", look_back=lambda: 2 * LONG - 1, by_column=True)
def standardised_carry_signal(source: Source) -> Floats:
    """The same of the three terms' 252-period z-scores, so that each counts by its weight."""
    risk, distance, sine = (zscores(one, LONG) for one in _carry_terms(source))
    return 0.5 * risk - 0.3 * distance + 0.2 * sine


def _carry_terms(source: Source) -> tuple[Floats, Floats, Floats]:
    """Short less long risk, distance from the mean, and the sine of the season; the last of one column."""
    short, long = (windows.deviation(source.returns, n, ddof=1, kernels=source.kernels) for n in (20, 40))
    mean = source.factor(f"mean_{LONG}_of(adjusted_close)")
    return long - short, (source.close - mean) / mean, _season(source.panel.sessions)


def _season(sessions: Sessions) -> Floats:
    """sin(2π × day of year / 365) of each session, shape (n_rows, 1)."""
    day = (sessions - sessions.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64) + 1
    sine: Floats = _SINE[day]
    return sine[:, None]
