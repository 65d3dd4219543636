"""The bad times that a book is tried on: spans of real markets, and shocks that are laid over some."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from nightdesk.core.errors import Refused
from nightdesk.research.stress.shocks import Fall, LostFeed, OneMarket, RejectingBroker, Shock, WilderMarket


@dataclass(frozen=True)
class Scenario:
    """A span that a book is driven over.

    Attributes
    ----------
    name, title : str
        For the command line, and in words.
    first, last : date
        Its days.
    drawdown_limit : float
        Largest drawdown that passes without levels, share.
    shock : Shock or None
        What is laid over it.
    counts : bool
        Whether its drawdown counts among those of which the worst and the average are judged.
    """

    name: str
    title: str
    first: date
    last: date
    drawdown_limit: float
    shock: Shock | None = None
    counts: bool = True


_YEAR_2018, _YEAR_2019 = (date(2018, 1, 1), date(2018, 12, 31)), (date(2019, 1, 1), date(2019, 12, 31))
_COVID = (date(2020, 2, 1), date(2020, 6, 30))
_HALF_A_YEAR = 126

#: The limit of the correction, and of the fall the year, its beginning and its ten sessions, are this desk's
#: choice. The fall begins after half a year, so that a book had the time to be invested.
SCENARIOS = (
    Scenario("crisis_2008", "2008 crisis", date(2008, 1, 1), date(2009, 12, 31), 0.25),
    Scenario("correction_2018", "2018 correction", date(2018, 10, 1), date(2018, 12, 31), 0.18),
    Scenario("covid_2020", "COVID crash", *_COVID, 0.18),
    Scenario("rates_2022", "2022 rates", date(2022, 1, 1), date(2022, 12, 31), 0.20),
    Scenario(
        "all_fall", "all assets fall 20 %", *_YEAR_2019, 0.22, Fall(0.20, sessions=10, after=_HALF_A_YEAR)
    ),
)

#: All of them, and their limits, are this desk's choice: that of all assets' fall where a year is made worse,
#: that of the COVID crash where feed or broker are lost on the tenth of March 2020, in the midst of it.
SHOCKS = (
    Scenario("one_market", "correlations are one", *_YEAR_2018, 0.22, OneMarket(_HALF_A_YEAR), counts=False),
    Scenario(
        "wilder", "volatility doubled", *_YEAR_2019, 0.22, WilderMarket(2.0, _HALF_A_YEAR), counts=False
    ),
    Scenario("gap", "10 % down overnight", *_YEAR_2019, 0.22, Fall(0.10, 1, _HALF_A_YEAR), counts=False),
    Scenario("feed_lost", "no bars for a week", *_COVID, 0.18, LostFeed(5, after=25), counts=False),
    Scenario(
        "broker_rejects", "no orders for a week", *_COVID, 0.18, RejectingBroker(5, after=25), counts=False
    ),
)


def scenario(name: str) -> Scenario:
    """The scenario of a name; `Refused` where there is none."""
    every = (*SCENARIOS, *SHOCKS)
    found = next((one for one in every if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in every)
        raise Refused(f"scenario {name!r} is not known; known are {known}")
    return found
