"""Stocks of the sample market: each made when it is asked for, on what the market was made before.

Model (per session):

- The return of a stock is its beta times that of SPY, and a residual with a drift of its own.
- The residual has a part in common with its sector, and follows the VIX of the session before by a little
  more than half (measured on large stocks, as is all of the volume).
- A few sessions a year bring news of the company: larger moves, most of them overnight, and much volume.
- Level: the residual is pulled slowly back to a path of constant growth, and carries a slow trend.
- Volume: its logarithm remembers the session before, and answers the size of the move.

Every stock and every sector has random numbers of its own, which none other touches. Nothing at a session
depends on a later one.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nightdesk.core.calendar import Sessions, as_date
from nightdesk.feeds.sample_market import LATE_SHARE, MISSING_SHARE, SampleMarket, generate
from nightdesk.feeds.sample_parameters import SYMBOLS
from nightdesk.feeds.sample_process import (
    BENCHMARK,
    DEGREES_OF_FREEDOM,
    PULL,
    TREND_MEMORY,
    TREND_SHARE,
    VIX,
    VIX_USUAL,
    WORST_SHOCK,
)
from nightdesk.feeds.sample_stock_parameters import STOCKS, MeasuredStock

Floats = NDArray[np.float64]

SEED = 57
SPLITS = {"AAPL": (date(2020, 8, 31), 4.0)}
DIVIDEND_MONTHS = (2, 5, 8, 11)

ANSWER_TO_VIX = 0.58  # power of VIX / its usual value in the volatility of residuals
NEWS_SHARE, NEWS_SIZE, NEWS_OVERNIGHT = 4 / 252, 3.5, 0.9  # of sessions; of the usual residual; of the move
VOLUME_MEMORY, VOLUME_NOISE = 0.55, 0.27  # of the log of volume
VOLUME_ANSWER, NEWS_VOLUME = 0.27, 0.5  # to the log of the move in deviations; of news, log

_DRAWS = ("residual", "trend", "news", "overnight", "top", "bottom", "volume", "lot")


@lru_cache(maxsize=64)
def generate_stock(symbol: str, last: date) -> SampleMarket:
    """One stock of the sample market up to a day, on the sessions of the calendar."""
    stock, behind = STOCKS[symbol], _background(last)
    shocks = _draws(symbol, len(behind.sessions), len(_DRAWS))
    part = {name: shocks[:, k] for k, name in enumerate(_DRAWS)}
    news = _uniform(part["news"]) < NEWS_SHARE
    split, scale = _splits(symbol, behind.sessions)
    path, sigma = _path(stock, part, news, behind)
    close, dividend = _pay(symbol, stock, path * scale, behind.sessions)
    bars = _bars(stock, part, news, close, sigma, dividend, split, behind)
    bars["volume"] = np.round(bars["volume"] / scale)
    lot = _uniform(part["lot"])
    may = np.arange(len(lot)) > 0
    missing = may & (lot < MISSING_SHARE)
    late = may & ~missing & (lot < MISSING_SHARE + LATE_SHARE)
    columns = {name: np.where(missing, np.nan, values)[:, None] for name, values in bars.items()}
    return SampleMarket(
        symbols=(symbol,),
        days=behind.sessions,
        **columns,
        late=late[:, None],
        dividend=dividend[:, None],
        split=split[:, None],
    )


@dataclass(frozen=True)
class _Background:
    """What all stocks stand on; arrays of shape (n_sessions,).

    `benchmark` is the log of its value with dividends, 0 at first; `storm` the factor on volatilities.
    """

    sessions: Sessions
    benchmark: Floats
    storm: Floats


@lru_cache(maxsize=2)
def _background(last: date) -> _Background:
    market = generate(last)
    n = market.symbols.index(BENCHMARK)
    vix = market.close[:, market.symbols.index(VIX)]
    on = np.isfinite(vix)
    close, paid = market.close[on, n], market.dividend[on, n] + market.close[on, n]
    grown = np.log(paid[1:] * market.split[on, n][1:] / close[:-1])
    storm = (vix[on] / VIX_USUAL) ** ANSWER_TO_VIX
    return _Background(
        sessions=market.days[on],
        benchmark=np.concatenate([[0.0], np.cumsum(grown)]),
        storm=np.concatenate([storm[:1], storm[:-1]]),
    )


@lru_cache(maxsize=16)
def _sector(name: str, sessions: int) -> Floats:
    """What a sector's residuals have in common, standard deviations a session."""
    return _fat(_draws(name, sessions, 1)[:, 0])


def _draws(name: str, sessions: int, width: int) -> Floats:
    """Standard normal numbers, `width` a session, of one stock or sector."""
    from scipy.special import ndtri

    key = [SEED, zlib.crc32(name.encode())]
    bits = np.random.Philox(key=key).random_raw(sessions * width).reshape(sessions, width)
    normal: Floats = ndtri(((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53)
    return normal


def _uniform(normal: Floats) -> Floats:
    from scipy.special import ndtr

    out: Floats = ndtr(normal)
    return out


def _fat(normal: Floats) -> Floats:
    """Student t of the same ranks and variance 1."""
    from scipy.special import ndtr, stdtrit

    scale = np.sqrt((DEGREES_OF_FREEDOM - 2) / DEGREES_OF_FREEDOM)
    fat: Floats = scale * stdtrit(DEGREES_OF_FREEDOM, ndtr(np.clip(normal, -7.5, 7.5)))
    return np.clip(fat, -WORST_SHOCK, WORST_SHOCK)


def _splits(symbol: str, sessions: Sessions) -> tuple[Floats, Floats]:
    """Shares after for one before, per session; and what one of the shares after all splits was then."""
    split, scale = np.ones(len(sessions)), np.ones(len(sessions))
    if symbol in SPLITS:
        day, shares = SPLITS[symbol]
        at = int(np.searchsorted(sessions, np.datetime64(day)))
        scale[:at] = shares
        split[at : at + 1] = shares
    return split, scale


def _path(
    stock: MeasuredStock, part: dict[str, Floats], news: NDArray[np.bool_], behind: _Background
) -> tuple[Floats, Floats]:
    """Values with dividends, dollars; and the standard deviation of each session's return."""
    from scipy.signal import lfilter

    own, a_day = np.sqrt(1.0 - stock.shared**2) * _fat(part["residual"]), stock.residual / np.sqrt(252.0)
    usual = 1.0 / np.sqrt(1.0 + NEWS_SHARE * (NEWS_SIZE**2 - 1.0))
    size = np.where(news, NEWS_SIZE, 1.0) * usual
    common = stock.shared * _sector(stock.sector, len(own)) if stock.shared else 0.0
    step = np.sqrt(1.0 - TREND_MEMORY**2)
    trend = lfilter([step], [1.0, -TREND_MEMORY], part["trend"]) * TREND_SHARE * stock.residual / 252.0
    shock = a_day * behind.storm * (common + own * size) + trend
    away = lfilter([1.0], [1.0, -(1.0 - PULL)], np.concatenate([[0.0], shock[1:]]))
    drift = (stock.drift - stock.beta * SYMBOLS[BENCHMARK].drift) / 252.0
    grown = stock.beta * behind.benchmark + away + drift * np.arange(len(own))
    of_market = stock.beta * SYMBOLS[BENCHMARK].volatility / np.sqrt(252.0)
    sigma = behind.storm * np.sqrt(of_market**2 + a_day**2)
    return stock.start * np.exp(grown), sigma


def _pay(symbol: str, stock: MeasuredStock, level: Floats, sessions: Sessions) -> tuple[Floats, Floats]:
    """Raw closes in whole cents, and cash dividends: each quarter, on a day of the month of its own."""
    dividend = np.zeros_like(level)
    if not stock.dividend_yield:
        return np.round(level, 2), dividend
    level, day = level.copy(), 5 + zlib.crc32(symbol.encode()) % 20
    for year in range(as_date(sessions[0]).year, as_date(sessions[-1]).year + 1):
        for month in DIVIDEND_MONTHS:
            t = int(np.searchsorted(sessions, np.datetime64(date(year, month, day))))
            if t < len(sessions):
                dividend[t] = round(float(level[t - 1]) * stock.dividend_yield / 4.0, 3)
                level[t:] *= 1.0 - dividend[t] / level[t - 1]
    return np.round(level, 2), dividend


def _bars(
    stock: MeasuredStock,
    part: dict[str, Floats],
    news: NDArray[np.bool_],
    close: Floats,
    sigma: Floats,
    dividend: Floats,
    split: Floats,
    behind: _Background,
) -> dict[str, Floats]:
    """Open, high, low and volume around the closes; volume in the shares after all splits."""
    from scipy.signal import lfilter

    share, reach = np.where(news, NEWS_OVERNIGHT, stock.overnight), stock.reach / np.sqrt(2.0 / np.pi)
    base = np.concatenate([close[:1], close[:-1]]) / split - dividend
    move = np.log(close / base)
    # the gap and the day's move as two parts of a Brownian path whose end is known
    opened = np.round(
        base * np.exp(share * move + np.sqrt(share * (1.0 - share)) * sigma * part["overnight"]), 2
    )
    answer = VOLUME_ANSWER * (np.log(np.abs(move) / sigma + 0.3) + 0.14) + NEWS_VOLUME * news
    busy = lfilter([1.0], [1.0, -VOLUME_MEMORY], answer + VOLUME_NOISE * part["volume"])
    return {
        "open": opened,
        "high": np.round(np.maximum(opened, close) * np.exp(np.abs(part["top"]) * reach * sigma), 2),
        "low": np.round(np.minimum(opened, close) * np.exp(-np.abs(part["bottom"]) * reach * sigma), 2),
        "close": close,
        "volume": stock.volume * behind.storm * np.exp(busy),
    }
