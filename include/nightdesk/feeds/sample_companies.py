"""The companies of the sample market: 36 whose stocks were measured, and 264 that are made up.

No symbol of a company that is made up is that of a share: each has five letters and ends in one that no
ordinary share of five letters ends in. What it is like is drawn from its symbol, so that none touches
another; a few were given what makes a screen take or leave them (`nightdesk.feeds.sample_oddities`), and the
legs of the pairs of `nightdesk.feeds.sample_pairs` what makes them belong together.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from nightdesk.feeds.sample_oddities import ODDITIES, RENAMED, SampleEnding, SampleRenaming
from nightdesk.feeds.sample_pairs import FOLLOWERS, PLANTED_PAIRS, PlantedPair
from nightdesk.feeds.sample_stock_parameters import STOCKS, MeasuredStock

SEED = 83
MADE_UP = 264
SECTORS = (
    "technology", "communication", "consumer discretionary", "staples", "financials", "health",
    "industrials", "energy", "utilities", "materials", "real estate",
)  # fmt: skip

#: Splits of the measured ones: the ex-date, and shares after for one before.
MEASURED_SPLITS = {"AAPL": (date(2020, 8, 31), 4.0)}
#: Those of the measured ones that are listed at NASDAQ; the others are at the NYSE.
AT_NASDAQ = frozenset(
    ("AAPL", "MSFT", "NVDA", "AMD", "GOOGL", "AMZN", "BKNG", "PEP", "COST", "AMGN", "HON")
)  # fmt: skip
#: Shares outstanding of the measured ones, in median volumes of a day.
SHARES_OF_VOLUME = 100.0
#: Since when the measured ones are listed, as far as the sample market says.
LISTED_FROM = date(1990, 1, 2)

#: The quoted spread of a stock of a million dollars a day, a share; it falls with the root of the dollars.
SPREAD_OF_A_MILLION, LEAST_SPREAD = 0.002, 0.0001

_CONSONANTS, _VOWELS, _ENDS = "BDFGHKLMNPRSTVZ", "AEIOU", "CHST"
_TRAITS = 16


@dataclass(frozen=True)
class SampleCompany:
    """A company of the sample market under one symbol.

    Attributes
    ----------
    symbol, title, exchange, security : str
        As `nightdesk.core.facts.LISTINGS` says.
    traits : MeasuredStock
        What its stock is like.
    shares : float
        Outstanding, after all splits.
    quoted_spread : float
        The usual (ask - bid) / mid, a share; NaN where nobody quotes it.
    listed_from : date
    drawn : str
        The name of its random numbers: its symbol, or that which it has later.
    first : date, optional
        The first session with a bar under this symbol (default: that of the market).
    ending : SampleEnding, optional
        Why there are no more bars under this symbol.
    renamed : SampleRenaming, optional
        The change of name by which it got this symbol.
    splits : tuple of (date, float)
        Ex-dates, and shares after for one before.
    swing : float
        Standard deviation of the swings of its log price around its path, which last some sessions.
    cycle : float
        Log return a session of a trend that turns each half year.
    pair : PlantedPair, optional
        Where its price follows another's.
    cap_known : bool
        Whether its listing says how many shares there are, and what they are worth.
    """

    symbol: str
    title: str
    exchange: str
    traits: MeasuredStock
    shares: float
    quoted_spread: float
    listed_from: date
    drawn: str
    security: str = "common"
    first: date | None = None
    ending: SampleEnding | None = None
    renamed: SampleRenaming | None = None
    splits: tuple[tuple[date, float], ...] = ()
    swing: float = 0.0
    cycle: float = 0.0
    pair: PlantedPair | None = None
    cap_known: bool = True


@lru_cache(maxsize=1)
def companies() -> Mapping[str, SampleCompany]:
    """All of them by symbol: those that were measured, those made up, and one under its former symbol."""
    found = {one.symbol: one for one in (*_measured(), *_made_up())}
    now = found[RENAMED.new]
    found[RENAMED.new] = replace(now, first=RENAMED.day, renamed=RENAMED)
    ending = SampleEnding(RENAMED.last, "symbol_change", RENAMED.new)
    found[RENAMED.old] = replace(now, symbol=RENAMED.old, title=_title(RENAMED.old), ending=ending)
    return MappingProxyType(found)


def _measured() -> Iterator[SampleCompany]:
    for symbol, one in STOCKS.items():
        yield SampleCompany(
            symbol=symbol,
            title=f"{symbol} of the sample market",
            exchange="NASDAQ" if symbol in AT_NASDAQ else "NYSE",
            traits=one,
            shares=one.volume * SHARES_OF_VOLUME,
            quoted_spread=spread_of(one.start * one.volume),
            listed_from=LISTED_FROM,
            drawn=symbol,
            splits=(MEASURED_SPLITS[symbol],) if symbol in MEASURED_SPLITS else (),
        )


def _made_up() -> Iterator[SampleCompany]:
    for pair in PLANTED_PAIRS:
        lead = _lead(pair)
        yield lead
        yield _follower(pair, lead)
    for symbol, odd in ODDITIES.items():
        usual = _usual(symbol, odd.sector)
        traits = usual.traits._replace(**odd.traits)
        kept = {
            "shares": usual.shares * traits.volume / usual.traits.volume,
            "quoted_spread": spread_of(traits.start * traits.volume),
        }
        yield replace(usual, traits=traits, **(kept | dict(odd.changes)))
    named = {*FOLLOWERS, *(one.b for one in PLANTED_PAIRS), *ODDITIES}
    for n, symbol in enumerate(_symbols(MADE_UP - len(named), named | {RENAMED.old})):
        yield _usual(symbol, SECTORS[n % len(SECTORS)])


def _usual(symbol: str, sector: str) -> SampleCompany:
    """A company as most are; all of it is drawn from its symbol."""
    u = _uniform(symbol)
    start, dollars = 12.0 * 10.0 ** u[0], 2e6 * 100.0 ** u[8]
    volume = round(dollars / start, -2)
    traits = MeasuredStock(
        sector=sector,
        start=round(start, 2),
        beta=round(0.6 + 0.8 * u[1], 2),
        residual=round(0.2 + 0.2 * u[2], 2),
        shared=round(0.25 + 0.6 * u[3], 2),
        drift=round(0.03 + 0.07 * u[4], 3),
        dividend_yield=round(0.01 + 0.035 * (u[5] - 0.4) / 0.6, 3) if u[5] > 0.4 else 0.0,
        overnight=round(0.3 + 0.1 * u[6], 2),
        reach=round(0.26 + 0.06 * u[7], 2),
        volume=volume,
    )
    return SampleCompany(
        symbol=symbol,
        title=_title(symbol),
        exchange="NYSE" if u[9] < 0.5 else "NASDAQ",
        traits=traits,
        shares=round(volume / (0.003 + 0.009 * u[10]), -3),
        quoted_spread=spread_of(dollars),
        listed_from=date(1972 + int(42 * u[11]), 1 + int(12 * u[12]), 1 + int(28 * u[13])),
        drawn=symbol,
        swing=round(0.012 + 0.02 * u[14], 3) if u[15] < 0.5 else 0.0,
    )


def _lead(pair: PlantedPair) -> SampleCompany:
    """The leg B of a pair: liquid, and volatile enough for the spread to show beside it."""
    usual, u = _usual(pair.b, pair.sector), _uniform(pair.b)
    start = round(25.0 + 35.0 * float(u[0]), 2)
    volume = round(3e7 / start, -2)
    traits = usual.traits._replace(
        start=start,
        beta=1.1,
        residual=0.29,
        shared=0.5,
        drift=round(0.05 + 0.03 * float(u[4]), 3),
        volume=volume,
    )
    return replace(
        usual, traits=traits, shares=round(volume / 0.006, -3), quoted_spread=spread_of(3e7), swing=0.0
    )


def _follower(pair: PlantedPair, lead: SampleCompany) -> SampleCompany:
    """The leg A of a pair; what it is worth is 0.8 to 1.2 times its lead at first."""
    usual, u = _usual(pair.a, pair.sector_of_a or pair.sector), _uniform(pair.a)
    start = round(25.0 + 35.0 * float(u[0]), 2)
    worth = lead.shares * lead.traits.start * (0.8 + 0.4 * float(u[10]))
    volume = round(2.5e7 / start, -2)
    traits = usual.traits._replace(start=start, volume=volume)
    return replace(
        usual,
        traits=traits,
        shares=round(worth / start, -3),
        quoted_spread=spread_of(2.5e7),
        swing=0.0,
        pair=pair,
    )


def spread_of(dollars: float) -> float:
    """The usual quoted spread of a stock that trades so many dollars a day, a share."""
    return max(LEAST_SPREAD, SPREAD_OF_A_MILLION * math.sqrt(1e6 / dollars))


def _title(symbol: str) -> str:
    return f"{symbol.capitalize()}, made up for the sample market"


def _symbols(count: int, taken: set[str]) -> list[str]:
    """So many symbols that are not taken."""
    places = (_CONSONANTS, _VOWELS, _CONSONANTS, _VOWELS, _ENDS)
    bits = np.random.Philox(key=[SEED, 0]).random_raw(4 * count * len(places)).reshape(-1, len(places))
    drawn = (bits >> np.uint64(33)).astype(np.int64) % [len(one) for one in places]
    words = ("".join(one[n] for one, n in zip(places, row, strict=True)) for row in drawn.tolist())
    free = [one for one in dict.fromkeys(words) if one not in taken]
    return free[:count]


def _uniform(symbol: str) -> NDArray[np.float64]:
    bits = np.random.Philox(key=[SEED, zlib.crc32(symbol.encode())]).random_raw(_TRAITS)
    uniform: NDArray[np.float64] = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    return uniform
