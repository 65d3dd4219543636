"""Stocks of the sample market: each made when it is asked for, on what the market was made before.

Model (per session):

- The return of a stock is its beta times that of SPY, and a residual with a drift of its own.
- The residual has a part in common with its sector, and follows the VIX of the session before by a little
  more than half (measured on large stocks, as is all of the volume).
- A few sessions a year bring news of the company: larger moves, most of them overnight, and much volume.
- Level: the residual is pulled slowly back to a path of constant growth, and carries a slow trend.
- Volume: its logarithm remembers the session before, and answers the size of the move.

Of companies that are made up (`nightdesk.feeds.sample_companies`) some have more: swings around their path
that last some sessions, trends that turn, a price that follows another's (`nightdesk.feeds.sample_pairs`),
and a first or a last session.

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

from nightdesk.core.calendar import Sessions, as_date, get_calendar
from nightdesk.feeds.sample_companies import SampleCompany, companies
from nightdesk.feeds.sample_market import LATE_SHARE, MISSING_SHARE, SampleMarket, generate
from nightdesk.feeds.sample_pairs import BREAK_DEVIATIONS, BREAK_SESSIONS, PlantedPair
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
from nightdesk.feeds.sample_stock_parameters import MeasuredStock

Floats = NDArray[np.float64]

SEED = 57
DIVIDEND_MONTHS = (2, 5, 8, 11)

ANSWER_TO_VIX = 0.58  # power of VIX / its usual value in the volatility of residuals
NEWS_SHARE, NEWS_SIZE, NEWS_OVERNIGHT = 4 / 252, 3.5, 0.9  # of sessions; of the usual residual; of the move
VOLUME_MEMORY, VOLUME_NOISE = 0.55, 0.27  # of the log of volume
VOLUME_ANSWER, NEWS_VOLUME = 0.27, 0.5  # to the log of the move in deviations; of news, log
SWING_HALF_LIFE = 4.0  # sessions
CYCLE_SESSIONS = 126  # from one turn of a trend to the next
SLIDE_SESSIONS = 120  # before the end of what goes bankrupt

_DRAWS = ("residual", "trend", "news", "overnight", "top", "bottom", "volume", "lot")


#: A year of all of them is some 60 MB.
@lru_cache(maxsize=512)
def generate_stock(symbol: str, last: date) -> SampleMarket:
    """One stock of the sample market up to a day, on the sessions of the calendar."""
    company, behind = companies()[symbol], _background(last)
    made = _moves(company, last)
    split, scale = splits_of(company, behind.sessions)
    close, dividend = _pay(company, made.path * scale, behind.sessions)
    bars = _bars(company.traits, made, close, dividend, split, behind)
    bars["volume"] = np.round(bars["volume"] / scale)
    lot, there = _uniform(made.part["lot"]), _listed(company, behind.sessions)
    may = np.arange(len(lot)) > 0
    missing = may & (lot < MISSING_SHARE)
    late = may & ~missing & (lot < MISSING_SHARE + LATE_SHARE)
    columns = {name: np.where(missing | ~there, np.nan, values)[:, None] for name, values in bars.items()}
    return SampleMarket(
        symbols=(symbol,),
        days=behind.sessions,
        **columns,
        late=(late & there)[:, None],
        dividend=np.where(there, dividend, 0.0)[:, None],
        split=np.where(there, split, 1.0)[:, None],
    )


@dataclass(frozen=True)
class StockMoves:
    """What moves a stock; arrays of shape (n_sessions,).

    `path` is its value with dividends, dollars, `sigma` the standard deviation of each session's return,
    `news` the sessions with news of the company, `part` its random numbers by what they are for.
    """

    path: Floats
    sigma: Floats
    news: NDArray[np.bool_]
    part: dict[str, Floats]


def _moves(company: SampleCompany, last: date) -> StockMoves:
    behind = _background(last)
    shocks = draws_of(company.drawn, len(behind.sessions), len(_DRAWS))
    part = {name: shocks[:, k] for k, name in enumerate(_DRAWS)}
    if company.pair is not None:
        return _following(company, company.pair, part, _moves(companies()[company.pair.b], last), behind)
    news = _uniform(part["news"]) < NEWS_SHARE
    path, sigma = _path(company.traits, part, news, behind)
    if company.swing:
        normal = draws_of(f"{company.drawn} swing", len(path), 1)[:, 0]
        more, a_session = _reverting(normal, company.swing, SWING_HALF_LIFE)
        path, sigma = path * np.exp(more), np.sqrt(sigma**2 + a_session**2)
    if company.cycle:
        path = path * np.exp(company.cycle * _turning(len(path)))
    if company.ending is not None and company.ending.slide:
        begun = get_calendar("XNYS").shift(company.ending.last, -SLIDE_SESSIONS)
        slid = np.minimum(_since(begun, behind.sessions), SLIDE_SESSIONS)
        path = path * np.exp(company.ending.slide * slid)
    return StockMoves(path, sigma, news, part)


def _following(
    company: SampleCompany, pair: PlantedPair, part: dict[str, Floats], lead: StockMoves, behind: _Background
) -> StockMoves:
    """What moves the leg of a pair that follows: the other leg, its news with it, and the spread."""
    spread, a_session = _reverting(part["residual"], pair.deviation, pair.half_life)
    if pair.broken_on is not None:
        gone = _since(pair.broken_on, behind.sessions)
        own = np.where(gone > 0, part["residual"] * np.sqrt(1.0 - _left(pair.half_life) ** 2), 0.0)
        off = BREAK_DEVIATIONS * np.minimum(gone / BREAK_SESSIONS, 1.0)
        at = np.minimum(np.cumsum(gone == 0), len(gone)) - 1
        spread = np.where(gone > 0, spread[at] + pair.deviation * (np.cumsum(own) + off), spread)
    grown = pair.beta * (np.log(lead.path) - np.log(lead.path[0])) + spread - spread[0]
    sigma = np.sqrt((pair.beta * lead.sigma) ** 2 + a_session**2)
    return StockMoves(company.traits.start * np.exp(grown), sigma, lead.news, part)


def _reverting(normal: Floats, deviation: float, half_life: float) -> tuple[Floats, float]:
    """An Ornstein-Uhlenbeck process by the session around 0, and the standard deviation of its steps."""
    from scipy.signal import lfilter

    left = _left(half_life)
    path: Floats = deviation * lfilter([np.sqrt(1.0 - left**2)], [1.0, -left], normal)
    return path, float(deviation * np.sqrt(2.0 * (1.0 - left)))


def _left(half_life: float) -> float:
    """What a session leaves of a distance that is halved within so many."""
    return float(0.5 ** (1.0 / half_life))


def _since(day: date, sessions: Sessions) -> Floats:
    """Of each session how many there were from a day on, itself included; 0 before."""
    return np.cumsum(sessions >= np.datetime64(day)).astype(np.float64)


def _turning(sessions: int) -> Floats:
    """Sessions up less sessions down of a trend that turns each `CYCLE_SESSIONS`."""
    at = np.arange(sessions) % (2 * CYCLE_SESSIONS)
    return np.where(at < CYCLE_SESSIONS, at, 2 * CYCLE_SESSIONS - at).astype(np.float64)


def _listed(company: SampleCompany, sessions: Sessions) -> NDArray[np.bool_]:
    """The sessions on which a company is traded under this symbol."""
    there = np.ones(len(sessions), dtype=bool)
    if company.first is not None:
        there &= sessions >= np.datetime64(company.first)
    if company.ending is not None:
        there &= sessions <= np.datetime64(company.ending.last)
    return there


@dataclass(frozen=True)
class _Background:
    """What all stocks stand on; arrays of shape (n_sessions,).

    `benchmark` is the log of its value with dividends, 0 at first; `storm` the factor on volatilities.
    """

    sessions: Sessions
    benchmark: Floats
    storm: Floats


def storm_of(last: date) -> Floats:
    """The factor on volatilities of each session up to a day, of shape (n_sessions,)."""
    return _background(last).storm


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
    return _fat(draws_of(name, sessions, 1)[:, 0])


def draws_of(name: str, sessions: int, width: int) -> Floats:
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


def splits_of(company: SampleCompany, sessions: Sessions) -> tuple[Floats, Floats]:
    """Shares after for one before, per session; and what one of the shares after all splits was then."""
    split, scale = np.ones(len(sessions)), np.ones(len(sessions))
    for day, shares in company.splits:
        at = int(np.searchsorted(sessions, np.datetime64(day)))
        scale[:at] *= shares
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


def _pay(company: SampleCompany, level: Floats, sessions: Sessions) -> tuple[Floats, Floats]:
    """Raw closes in whole cents, and cash dividends: each quarter, on a day of the month of its own."""
    dividend = np.zeros_like(level)
    a_year = company.traits.dividend_yield
    if not a_year:
        return np.round(level, 2), dividend
    level, day = level.copy(), 5 + zlib.crc32(company.drawn.encode()) % 20
    for year in range(as_date(sessions[0]).year, as_date(sessions[-1]).year + 1):
        for month in DIVIDEND_MONTHS:
            t = int(np.searchsorted(sessions, np.datetime64(date(year, month, day))))
            if t < len(sessions):
                dividend[t] = round(float(level[t - 1]) * a_year / 4.0, 3)
                level[t:] *= 1.0 - dividend[t] / level[t - 1]
    return np.round(level, 2), dividend


def _bars(
    stock: MeasuredStock,
    made: StockMoves,
    close: Floats,
    dividend: Floats,
    split: Floats,
    behind: _Background,
) -> dict[str, Floats]:
    """Open, high, low and volume around the closes; volume in the shares after all splits."""
    from scipy.signal import lfilter

    part, sigma = made.part, made.sigma
    share, reach = np.where(made.news, NEWS_OVERNIGHT, stock.overnight), stock.reach / np.sqrt(2.0 / np.pi)
    base = np.concatenate([close[:1], close[:-1]]) / split - dividend
    move = np.log(close / base)
    # the gap and the day's move as two parts of a Brownian path whose end is known
    opened = np.round(
        base * np.exp(share * move + np.sqrt(share * (1.0 - share)) * sigma * part["overnight"]), 2
    )
    answer = VOLUME_ANSWER * (np.log(np.abs(move) / sigma + 0.3) + 0.14) + NEWS_VOLUME * made.news
    busy = lfilter([1.0], [1.0, -VOLUME_MEMORY], answer + VOLUME_NOISE * part["volume"])
    return {
        "open": opened,
        "high": np.round(np.maximum(opened, close) * np.exp(np.abs(part["top"]) * reach * sigma), 2),
        "low": np.round(np.minimum(opened, close) * np.exp(-np.abs(part["bottom"]) * reach * sigma), 2),
        "close": close,
        "volume": stock.volume * behind.storm * np.exp(busy),
    }
