"""The generator of the sample market: prices with the structure that real markets have, from one seed.

The day's randomness comes from a counter-based stream that is read day by day from a fixed first session, and
nothing at a day depends on a later one: a longer span never changes earlier bars.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Sessions, get_calendar
from nightdesk.feeds.sample_parameters import SYMBOLS
from nightdesk.feeds.sample_process import (
    BENCHMARK,
    CRYPTO,
    FIRST_DAY,
    VIX,
    crashes,
    draws,
    returns_of,
    vix_of,
    volatility_of,
)

Floats = NDArray[np.float64]

SPLITS = (("QQQ", date(2021, 7, 19), 2.0),)
DIVIDEND_MONTHS = (3, 6, 9, 12)

MISSING_SHARE, LATE_SHARE = 0.0005, 0.0030  # of bars; never of the benchmark, the VIX or crypto


@dataclass(frozen=True)
class SampleMarket:
    """The sample market up to a day, every array of shape (n_days, n_symbols) over calendar days.

    `symbols` ends with the VIX. NaN where a symbol has no bar that day. `late` marks bars that come a
    session late, `dividend` is cash per share, `split` the shares after for one before.
    """

    symbols: tuple[str, ...]
    days: Sessions
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    late: NDArray[np.bool_]
    dividend: Floats
    split: Floats


@lru_cache(maxsize=2)
def generate(last: date) -> SampleMarket:
    """The sample market from its first day to `last`, both included."""
    names = tuple(SYMBOLS)
    width = len(names)
    days = np.arange(np.datetime64(FIRST_DAY), np.datetime64(last) + np.timedelta64(1, "D"))
    on_session = np.isin(days, get_calendar("XNYS").between(FIRST_DAY, last))
    shocks = draws(len(days), 8 * width + 8)
    part = {
        name: shocks[:, k * width : (k + 1) * width]
        for k, name in enumerate(("calm", "stress", "trend", "overnight", "top", "bottom", "volume", "lot"))
    }
    market = shocks[:, 8 * width :]
    push = crashes(days, on_session)
    spread = volatility_of(market[:, 0], part["calm"][:, names.index(BENCHMARK)], on_session, push < 0)
    returns, sigma = returns_of(names, part, spread, on_session, push)
    close, dividend, split = _prices(names, days, returns, on_session)
    bars = _bars(names, close, sigma, part, dividend, split, on_session, spread)
    gone = _lots(part["lot"], names, days, on_session)
    for array in bars.values():
        array[gone.missing] = np.nan
    benchmark = np.where(on_session, returns[:, names.index(BENCHMARK)], 0.0)
    vix = vix_of(spread, benchmark, market, on_session)
    nothing = np.full((len(days), 1), np.nan)
    return SampleMarket(
        symbols=(*names, VIX),
        days=days,
        **{name: np.hstack([bars[name], vix[name][:, None]]) for name in ("open", "high", "low", "close")},
        volume=np.hstack([bars["volume"], nothing]),
        late=np.hstack([gone.late, np.zeros((len(days), 1), dtype=bool)]),
        dividend=np.hstack([dividend, np.zeros((len(days), 1))]),
        split=np.hstack([split, np.ones((len(days), 1))]),
    )


def _prices(
    names: tuple[str, ...], days: Sessions, returns: Floats, on_session: NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats]:
    """Raw closes in whole cents, cash dividends and splits."""
    start = np.array([SYMBOLS[name].start for name in names])
    level = start * np.exp(np.cumsum(returns, axis=0) - returns[0])
    dividend, split = np.zeros_like(level), np.ones_like(level)
    ex_dates = _ex_dates(days, on_session)
    for n, name in enumerate(names):
        for day, shares in ((day, shares) for symbol, day, shares in SPLITS if symbol == name):
            at = int(np.searchsorted(days, np.datetime64(day)))
            if at < len(days):
                split[at, n] = shares
                level[at:, n] /= shares
        if SYMBOLS[name].dividend_yield > 0:
            for t in ex_dates:
                cash = round(level[t - 1, n] * SYMBOLS[name].dividend_yield / 4.0, 3)
                dividend[t, n] = cash
                level[t:, n] *= 1.0 - cash / level[t - 1, n]
    return np.round(level, 2), dividend, split


def _ex_dates(days: Sessions, on_session: NDArray[np.bool_]) -> list[int]:
    """The first session from the 18th of each quarter's last month on, where it is reached."""
    out = []
    for year in range(FIRST_DAY.year, days[-1].item().year + 1):
        for month in DIVIDEND_MONTHS:
            at = int(np.searchsorted(days, np.datetime64(date(year, month, 18))))
            after = np.flatnonzero(on_session[at : at + 7])
            if len(after):
                out.append(at + int(after[0]))
    return out


def _bars(
    names: tuple[str, ...],
    close: Floats,
    sigma: Floats,
    part: dict[str, Floats],
    dividend: Floats,
    split: Floats,
    on_session: NDArray[np.bool_],
    spread: Floats,
) -> dict[str, Floats]:
    """Open, high, low and volume around the closes; NaN on days without trading."""
    share = np.array([SYMBOLS[name].overnight for name in names])
    reach = np.array([SYMBOLS[name].reach for name in names]) / np.sqrt(2.0 / np.pi)
    before = np.vstack([close[:1], close[:-1]])
    base = before / split - dividend
    # the gap and the day's move as two parts of a Brownian path whose end is known
    gap = share * np.log(close / base) + np.sqrt(share * (1.0 - share)) * sigma * part["overnight"]
    opened = np.round(base * np.exp(gap), 2)
    high = np.round(np.maximum(opened, close) * np.exp(np.abs(part["top"]) * reach * sigma), 2)
    low = np.round(np.minimum(opened, close) * np.exp(-np.abs(part["bottom"]) * reach * sigma), 2)
    usual = np.array([SYMBOLS[name].volume for name in names])
    surprise = np.abs(np.log(close / base)) / sigma
    volume = np.round(
        usual * spread[:, None] ** 0.6 * np.exp(0.22 * part["volume"] + 0.18 * (surprise - 0.8))
    )
    volume = volume * np.cumprod(split, axis=0)
    trades = on_session[:, None] | (np.array(names) == CRYPTO)
    rows = {"open": opened, "high": high, "low": low, "close": close, "volume": volume}
    return {name: np.where(trades, array, np.nan) for name, array in rows.items()}


@dataclass(frozen=True)
class _Lots:
    missing: NDArray[np.bool_]
    late: NDArray[np.bool_]


def _lots(normal: Floats, names: tuple[str, ...], days: Sessions, on_session: NDArray[np.bool_]) -> _Lots:
    """Which bars never come, and which come a session late."""
    from scipy.special import ndtr

    lot = ndtr(normal)
    spared = np.array([name in (BENCHMARK, CRYPTO) for name in names])
    # corporate actions and the first session are never lost
    may = on_session[:, None] & ~spared & (np.arange(len(days)) > 0)[:, None]
    missing = may & (lot < MISSING_SHARE)
    return _Lots(missing, may & ~missing & (lot < MISSING_SHARE + LATE_SHARE))
