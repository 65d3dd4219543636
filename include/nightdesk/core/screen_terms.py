"""What a screened universe asks of a stock, and of two stocks that are to be traded as a pair.

`null` switches a criterion off.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from nightdesk.core.fields import Frozen, Positive, Share


def _in_order(value: tuple[float, float]) -> tuple[float, float]:
    low, high = value
    if low >= high:
        raise ValueError(f"found [{low:g}, {high:g}]: the smaller one comes first, and they differ")
    return value


#: Exchanges as the desk's sources of listings spell them; a file may have others.
EXCHANGES = ("NYSE", "NASDAQ", "NYSE ARCA", "NYSE AMERICAN", "CBOE")

#: So alike are an exchange and a slip in writing it, by `difflib`: NYSEE and NYSE by 0.89.
_ALIKE = 0.85


def _spelled(value: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Refuse an exchange that is nearly one that is known: no stock would be listed there."""
    from difflib import get_close_matches

    for one in value or ():
        near = get_close_matches(one.upper(), EXCHANGES, 1, _ALIKE)
        if near and one not in EXCHANGES:
            raise ValueError(f"found {one}, where nothing is listed: listings spell it {near[0]}")
    return value


#: The smallest and the largest value that pass.
Span = Annotated[tuple[Positive, Positive], AfterValidator(_in_order)]

#: A word as listings spell it, such as NYSE or common.
ListingWord = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9 _-]{0,39}$")]


class CriteriaTerms(Frozen):
    """What is asked of each stock of the pool."""

    dollar_volume: Positive | None = Field(
        1.0e6, description="mean of close × volume over 20 sessions is above it, dollars"
    )
    spread: Positive | None = Field(
        0.001, lt=2, description="median of (ask - bid) / mid over the last 5 quotes is below it"
    )
    spread_required: bool = Field(
        False, description="whether a stock without quotes fails; else it passes, marked"
    )
    price: Span | None = Field((5.0, 500.0), description="raw close of the newest session, dollars")
    market_cap: Positive | None = Field(1.0e8, description="market capitalisation is above it, dollars")
    market_cap_known_only: bool = Field(
        False, description="whether it is asked only where it is known: unknown passes, marked; else it fails"
    )
    exchanges: Annotated[tuple[ListingWord, ...] | None, AfterValidator(_spelled)] = Field(
        ("NYSE", "NASDAQ"), min_length=1, description="where it is listed, one of these"
    )
    securities: tuple[ListingWord, ...] | None = Field(
        ("common",), min_length=1, description="what its listing says it is, one of these: common is no fund"
    )
    history: int | None = Field(252, ge=1, le=2520, description="bars that it has at least")
    atr_share: Span | None = Field((0.01, 0.05), description="ATR20 / close, for mean reversion")
    adx: Positive | None = Field(25.0, le=100, description="ADX14 is below it, for mean reversion")
    bb_width: Positive | None = Field(
        0.02,
        description="width of the Bollinger bands (20, 2) / their mid is above it, for mean reversion",
    )


class PairSearchTerms(Frozen):
    """What is asked of two stocks that pass all criteria but those for mean reversion."""

    correlation: float = Field(
        0.7, ge=-1, lt=1, description="of their daily log returns over the window, above it"
    )
    window: int = Field(126, ge=60, le=1260, description="sessions of the correlation, the fit and the test")
    p_value: Positive = Field(
        0.05, le=1, description="of the Engle-Granger test, the better direction of two, below it"
    )
    q_limit: Positive | None = Field(
        None, le=1, description="p corrected for the number of tests (Benjamini-Hochberg) is at most it"
    )
    spread_volatility: Positive | None = Field(
        0.01, description="deviation of the log spread over its last 60 sessions is above it"
    )
    hedge_ratio: Span | None = Field(
        (0.67, 1.5), description="beta of log A on log B; a negative one is never admitted"
    )
    market_caps_within: Share | None = Field(
        0.5,
        description="by which share of the larger market capitalisation the two differ at most",
    )
    same_sector: Literal["prefer", "require", "ignore"] = Field(
        "prefer", description="prefer: a bonus in the ranking; require: others are not admitted"
    )
    among: int | None = Field(
        500, ge=2, description="so many stocks are searched, largest dollar volume first; null: all"
    )
    size: int | None = Field(None, ge=1, description="pairs, best ranked first; null: all that pass")


class ScreenTerms(Frozen):
    """Who may be traded is found by a screen of a pool of stocks."""

    pool: Annotated[str, Field(pattern=r"^(listings|files:.+)$")] = Field(
        "listings", description="listings: all that the book's sources list; or files: and a CSV of symbol"
    )
    size: int | None = Field(
        100, ge=1, description="members, largest mean dollar volume first; null: all that pass"
    )
    criteria: CriteriaTerms = Field(CriteriaTerms(), description="what is asked of each stock")
    pairs: PairSearchTerms | None = Field(None, description="what is asked of pairs; none: no search")
