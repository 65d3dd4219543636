"""The pairs of stocks of the sample market whose prices belong together: what a search for pairs should find.

Of each, log A = alpha + beta log B + s, with prices A and B that hold their dividends, and a spread s that
is an Ornstein-Uhlenbeck process: it is pulled back by half within `half_life` sessions, around 0, and has the
standard deviation `deviation` (Elliott, van der Hoek and Malcolm 2005).

How often a test finds them rests on its window: of such a pair with a half-life of 5 sessions the
Engle-Granger test of 126 sessions finds every second one at 5 %, with 10 sessions one of five; of 252
sessions nearly all and every second one (simulated, 600 spreads each).
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple


class PlantedPair(NamedTuple):
    """A pair, and what rules it."""

    a: str  #: the leg that follows
    b: str
    sector: str  #: of B, and of A where that has none of its own
    beta: float
    half_life: float  #: sessions
    deviation: float  #: of the spread, log
    sector_of_a: str = ""
    #: From this session on A goes its own way: the spread is no longer pulled back.
    broken_on: date | None = None


PLANTED_PAIRS: tuple[PlantedPair, ...] = (
    PlantedPair("BALOT", "KERIS", "financials", 0.95, 5.0, 0.022),
    PlantedPair("DORAS", "MELIT", "financials", 1.05, 5.0, 0.024),
    PlantedPair("FANIS", "NOREG", "technology", 1.1, 5.0, 0.026),
    PlantedPair("GELOS", "PATIC", "technology", 0.9, 5.0, 0.024),
    PlantedPair("HARET", "RUMIS", "health", 1.0, 5.0, 0.022),
    PlantedPair("KIROT", "SANEH", "health", 1.2, 5.0, 0.024),
    PlantedPair("LUNIS", "TOBAS", "industrials", 0.85, 5.0, 0.022),
    PlantedPair("MORAT", "VELIS", "industrials", 1.15, 6.0, 0.026),
    PlantedPair("NARIG", "WOLET", "energy", 1.0, 5.0, 0.024),
    PlantedPair("PERUS", "ZAMOT", "energy", 0.8, 6.0, 0.024),
    PlantedPair("RILAT", "BONES", "materials", 1.25, 6.0, 0.026),
    PlantedPair("SOFIT", "DAREG", "real estate", 0.9, 7.0, 0.024),
    PlantedPair("TAVOS", "FELUT", "consumer discretionary", 1.1, 7.0, 0.026),
    PlantedPair("VINAS", "GOMET", "communication", 1.3, 8.0, 0.028),
    PlantedPair("WERUG", "HILAS", "staples", 1.0, 8.0, 0.024),
    PlantedPair("ZONIS", "KAFET", "utilities", 0.7, 10.0, 0.022),
    PlantedPair("BIMAS", "LORUT", "materials", 1.4, 12.0, 0.032, sector_of_a="industrials"),
    PlantedPair("DULET", "MAVIS", "technology", 0.95, 20.0, 0.034, sector_of_a="communication"),
    PlantedPair("FOSAT", "NEGIS", "financials", 1.0, 5.0, 0.024, broken_on=date(2021, 9, 13)),
    PlantedPair(
        "GURIS",
        "PONAT",
        "consumer discretionary",
        1.05,
        6.0,
        0.026,
        sector_of_a="staples",
        broken_on=date(2024, 4, 15),
    ),
)  # fmt: skip

#: The spread of a broken pair goes so many of its deviations off within so many sessions, and then wanders.
BREAK_DEVIATIONS, BREAK_SESSIONS = 10.0, 15

#: By the symbol of the leg that follows.
FOLLOWERS = {one.a: one for one in PLANTED_PAIRS}
