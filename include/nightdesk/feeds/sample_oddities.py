"""Companies of the sample market that are like no other: one for each way to fail a screen, and each end.

Each is drawn as all that are made up, and then has what is said here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple


class SampleEnding(NamedTuple):
    """Why a symbol has no more bars.

    `kind` is that of the action of the session after the last one, empty where none states it; `pays` is
    what it pays a share, as a share of the last close.
    """

    last: date
    kind: str = ""
    other: str = ""
    pays: float = 0.0
    #: Log return a session of the 120 before the end.
    slide: float = 0.0


class SampleRenaming(NamedTuple):
    """A change of symbol: `last` is the last session under the old one, `day` the first under the new one."""

    old: str
    new: str
    last: date
    day: date


@dataclass(frozen=True)
class SampleOddity:
    """What sets a company apart: why it is there, and what of it is different."""

    about: str
    sector: str
    traits: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)


RENAMED = SampleRenaming("SARUG", "TERIG", date(2025, 9, 12), date(2025, 9, 15))

_CALM = {"beta": 0.9, "residual": 0.22, "drift": 0.04}

ODDITIES: Mapping[str, SampleOddity] = {
    # one for each criterion of a screen that it fails
    "PENOC": SampleOddity(
        "costs less than 5 dollars",
        "technology",
        _CALM | {"start": 1.9, "volume": 6e6, "drift": 0.02, "dividend_yield": 0.0},
    ),
    "HODEC": SampleOddity(
        "costs more than 500 dollars", "health", _CALM | {"start": 1400.0, "volume": 90000.0}
    ),
    "TINUC": SampleOddity(
        "hardly trades",
        "utilities",
        _CALM | {"start": 21.0, "volume": 9000.0},
        {"shares": 4e7, "quoted_spread": 0.0006},
    ),
    "WIDAC": SampleOddity(
        "is quoted with a wide spread", "materials", _CALM | {"start": 34.0}, {"quoted_spread": 0.006}
    ),
    "SMOLC": SampleOddity(
        "is worth less than 100 million dollars",
        "industrials",
        _CALM | {"start": 18.0, "volume": 160000.0},
        {"shares": 1.6e6, "quoted_spread": 0.0006},
    ),
    "OTICS": SampleOddity(
        "is traded over the counter", "communication", _CALM | {"start": 30.0}, {"exchange": "OTC"}
    ),
    "FUNDC": SampleOddity(
        "is a closed-end fund", "financials", _CALM | {"start": 27.0, "volume": 1e6}, {"security": "fund"}
    ),
    "TRENC": SampleOddity(
        "trends for half a year at a time",
        "energy",
        {"start": 22.0, "volume": 1e6, "beta": 0.15, "residual": 0.14, "shared": 0.2, "drift": 0.0127},
        {"cycle": 0.006, "swing": 0.0},
    ),
    "QUIEC": SampleOddity(
        "hardly moves",
        "utilities",
        {
            "start": 40.0,
            "beta": 0.1,
            "residual": 0.03,
            "shared": 0.1,
            "drift": 0.0085,
            "dividend_yield": 0.03,
        },
        {"swing": 0.0},
    ),
    "WILDC": SampleOddity(
        "moves too much",
        "health",
        {"start": 60.0, "beta": 1.5, "residual": 1.1, "shared": 0.2, "drift": 0.12, "dividend_yield": 0.0},
    ),
    # what a source does not know
    "NOCAC": SampleOddity(
        "has a listing that does not say what it is worth", "staples", _CALM, {"cap_known": False}
    ),
    "NOBIC": SampleOddity("has no quotes", "real estate", _CALM, {"quoted_spread": math.nan}),
    # too short a history, for a while
    "NEWAS": SampleOddity(
        "is listed since 2018",
        "technology",
        {"start": 31.0},
        {"listed_from": date(2018, 6, 14), "first": date(2018, 6, 14)},
    ),
    "NEWES": SampleOddity(
        "is listed since 2021",
        "health",
        {"start": 26.0},
        {"listed_from": date(2021, 3, 11), "first": date(2021, 3, 11)},
    ),
    "NEWIS": SampleOddity(
        "is listed since 2024",
        "consumer discretionary",
        {"start": 24.0},
        {"listed_from": date(2024, 2, 8), "first": date(2024, 2, 8)},
    ),
    "NEWOS": SampleOddity(
        "is listed since June 2026",
        "industrials",
        {"start": 29.0},
        {"listed_from": date(2026, 6, 4), "first": date(2026, 6, 4)},
    ),
    # splits
    "SPLAS": SampleOddity(
        "is split two for one, and three for two",
        "technology",
        {"start": 30.0, "drift": 0.12, "dividend_yield": 0.0},
        {"splits": ((date(2018, 5, 21), 2.0), (date(2022, 8, 15), 1.5))},
    ),
    "SPLES": SampleOddity(
        "is split three for one and pays dividends",
        "financials",
        {"start": 40.0, "volume": 900000.0, "dividend_yield": 0.022},
        {"splits": ((date(2020, 3, 9), 3.0),)},
    ),
    "REVES": SampleOddity(
        "puts ten shares together into one",
        "materials",
        {"start": 22.0, "dividend_yield": 0.0},
        {"splits": ((date(2019, 4, 22), 0.1),)},
    ),
    # ends
    "GONAT": SampleOddity(
        "is bought for cash in 2017",
        "industrials",
        {"start": 33.0},
        {"ending": SampleEnding(date(2017, 6, 30), "merger", pays=1.01)},
    ),
    "GONET": SampleOddity(
        "is bankrupt in 2019",
        "energy",
        {"start": 38.0, "dividend_yield": 0.0},
        {"ending": SampleEnding(date(2019, 11, 15), "delisting", slide=-0.016)},
    ),
    "GONIT": SampleOddity(
        "is bought for cash in 2021",
        "technology",
        {"start": 36.0, "volume": 8e5},
        {"ending": SampleEnding(date(2021, 5, 28), "merger", pays=1.02)},
    ),
    "GONOT": SampleOddity(
        "is bankrupt in 2023",
        "financials",
        {"start": 44.0, "dividend_yield": 0.0},
        {"ending": SampleEnding(date(2023, 3, 10), "delisting", slide=-0.016)},
    ),
    "GONUT": SampleOddity(
        "leaves the exchange in 2024, and no action states it",
        "real estate",
        {"start": 28.0},
        {"ending": SampleEnding(date(2024, 9, 27))},
    ),
    "GONAS": SampleOddity(
        "leaves the exchange in 2026 at its last price",
        "communication",
        {"start": 32.0},
        {"ending": SampleEnding(date(2026, 11, 20), "delisting", pays=1.0)},
    ),
    RENAMED.new: SampleOddity(f"was called {RENAMED.old} before {RENAMED.day}", "staples", {"start": 35.0}),
}
