"""The bad times that a book is tried on: spans of real markets, and a fall of everything at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.errors import Refused
from nightdesk.core.panel import Panel


@dataclass(frozen=True)
class Fall:
    """A fall of all symbols of a book's universe at once, laid over real bars.

    Parameters
    ----------
    depth : float
        Share of its price that every symbol loses.
    sessions : int
        Over how many sessions, by the same factor in each; the prices stay down afterwards.
    after : int
        Sessions of the span before it begins, so that positions are there to fall.
    """

    depth: float
    sessions: int
    after: int


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
    fall : Fall or None
        What is laid over the real bars.
    """

    name: str
    title: str
    first: date
    last: date
    drawdown_limit: float
    fall: Fall | None = None


#: The limit of the correction, and of the fall the year, its beginning and its ten sessions, are this desk's
#: choice. The fall begins after half a year, so that a book had the time to be invested.
SCENARIOS = (
    Scenario("crisis_2008", "2008 crisis", date(2008, 1, 1), date(2009, 12, 31), 0.25),
    Scenario("correction_2018", "2018 correction", date(2018, 10, 1), date(2018, 12, 31), 0.18),
    Scenario("covid_2020", "COVID crash", date(2020, 2, 1), date(2020, 6, 30), 0.18),
    Scenario("rates_2022", "2022 rates", date(2022, 1, 1), date(2022, 12, 31), 0.20),
    Scenario(
        "all_fall",
        "all assets fall 20 %",
        date(2019, 1, 1),
        date(2019, 12, 31),
        0.22,
        Fall(depth=0.20, sessions=10, after=126),
    ),
)


def scenario(name: str) -> Scenario:
    """The scenario of a name; `Refused` where there is none."""
    found = next((one for one in SCENARIOS if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in SCENARIOS)
        raise Refused(f"scenario {name!r} is not known; known are {known}")
    return found


def fallen(panel: Panel, book: Book, fall: Fall, first: date) -> Panel:
    """The panel with a fall laid over it.

    Whole bars are moved, so a session's part of the fall comes overnight and no order escapes it; cash
    dividends shrink with the price. The volatility index stays as it was: no regime warns of this fall. Fill
    prices move with the session in which the order is filled.

    Parameters
    ----------
    panel : Panel
    book : Book
    fall : Fall
    first : date
        From which its `after` sessions are counted.
    """
    days = panel.days.sessions
    begins = int(np.searchsorted(days, np.datetime64(first, "D"))) + fall.after
    session = np.searchsorted(days, panel.sessions)
    done = np.clip((session - begins + 1) / fall.sessions, 0.0, 1.0)
    falls = [panel.column(symbol) for symbol in dict.fromkeys((*book.symbols, book.benchmark))]
    path = np.ones((len(panel), len(panel.symbols)))
    path[:, falls] = ((1.0 - fall.depth) ** done)[:, None]
    moved = ("open", "high", "low", "close", "fill_open", "fill_low", "fill_high", "dividend")
    after = replace(panel, **{name: getattr(panel, name) * path for name in moved})
    if panel.hours is None:
        return after
    days_after = fallen(panel.hours.days, book, fall, first)
    return replace(after, hours=replace(panel.hours, mean=panel.hours.mean * path, days=days_after))
