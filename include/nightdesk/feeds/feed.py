"""The interface of every feed and the one form in which all of them answer."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nightdesk.core.calendar import Calendar, get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.names import NameChange
from nightdesk.core.schedule import Schedule, hourly

if TYPE_CHECKING:
    import pandas as pd

BAR_COLUMNS = ("symbol", "session", "open", "high", "low", "close", "volume", "source")
#: Of hourly bars: the end of each, UTC, is what tells it apart.
HOUR_COLUMNS = ("symbol", "end", "session", "open", "high", "low", "close", "volume", "source")
ACTION_COLUMNS = ("symbol", "session", "kind", "value", "source", "other", "cash", "note")
#: What an action has that does not say it.
ACTION_DEFAULTS: dict[str, str | float] = {"other": "", "cash": 0.0, "note": ""}
PRICES = ("open", "high", "low", "close")

ON_NO_SESSION = "on no session of the calendar"
WITHOUT_PRICE = "without open, high, low or close"


class Fault(StrEnum):
    """Why a source gave nothing for a symbol."""

    PASSING = "passing"  #: the source failed and may heal (429, 5xx, a time-out, an answer that is no data)
    FINAL = "final"  #: the source refuses us (401): asking again gives the same
    ABSENT = "absent"  #: the source answers well and has no such bars


@dataclass(frozen=True)
class KnownSplits:
    """The splits of a symbol that are known from elsewhere: all those since a day.

    Attributes
    ----------
    first : date
        From which day on they are known.
    ratios : mapping of date to float
        Shares after for one before, by ex-date.
    """

    first: date
    ratios: Mapping[date, float]


@dataclass(frozen=True)
class Missing:
    """A symbol for which no bar came, and why."""

    reason: str
    fault: Fault = Fault.ABSENT

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class Fetched:
    """What a feed gave.

    Attributes
    ----------
    bars : DataFrame
        Columns symbol, session, open, high, low, close, volume, source; one row a symbol and calendar day,
        sorted by both. `session` is datetime64[s] at midnight (for crypto the UTC day), prices are raw
        dollars of their own day, volume is in units and NaN where the source has none. Of hours, one row a
        symbol and hour with a column `end` (datetime64[s], UTC) after the symbol; `session` is that in which
        the hour counts.
    actions : DataFrame
        Columns symbol, session (the ex-date), kind, value, source, other, cash, note; see
        `nightdesk.core.panel.Action`.
    missing : mapping of str to Missing
        The symbols of which there is no bar at all.
    dropped : mapping of str to int
        How many rows were left out, by reason: a vendor's habits, which are no errors.
    passed_over : mapping of str to str
        Files that may hold data and were not read: the header of each, and why.
    """

    bars: pd.DataFrame
    actions: pd.DataFrame
    missing: Mapping[str, Missing] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    passed_over: Mapping[str, str] = field(default_factory=dict)


class Feed(ABC):
    """A source of daily bars, and of hourly ones where it is `hourly`.

    Parameters
    ----------
    calendar : Calendar or str
        The exchange's, or its name, which is looked up when it is first needed. Bars that fall on none of
        its sessions are dropped and counted, but for continuous markets.
    continuous : collection of str, optional
        Symbols of markets that never close, beside those whose name ends in ``-USD``.
    now : callable, optional
        The clock, timezone-aware.
    """

    #: The name under which a book lists the feed.
    name: ClassVar[str]
    #: How many symbols one request carries; None for any number.
    batch: ClassVar[int | None] = None
    #: Whether it has hourly bars too.
    hourly: ClassVar[bool] = False
    #: The splits of a symbol, for a source that divides its prices by them and does not state them; None of a
    #: symbol, or where nobody knows.
    splits: Callable[[str], KnownSplits | None] | None = None
    #: Where the key of its vendor is: this process's environment, in tasks with Airflow's connections.
    environ: Mapping[str, str] = os.environ

    def __init__(
        self,
        calendar: Calendar | str,
        *,
        continuous: Collection[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._calendar = calendar
        self.now = now
        self._continuous = frozenset(continuous)

    @cached_property
    def calendar(self) -> Calendar:
        """The exchange calendar on whose sessions bars must fall."""
        return get_calendar(self._calendar) if isinstance(self._calendar, str) else self._calendar

    @cached_property
    def hours(self) -> Schedule:
        """Where the exchange's hours begin and end."""
        return hourly(self.calendar)

    @abstractmethod
    def fetch(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        """Daily bars and corporate actions of `symbols` from `first` to `last`, both included.

        A symbol for which nothing came is named in `Fetched.missing`; its fault never loses the others.

        Raises
        ------
        Refused
            When what the source holds is malformed or from the future.
        """

    def fetch_hours(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        """Hourly bars of the sessions from `first` to `last`, both included, that are over by now.

        Corporate actions are those that stand beside the hours, and those that the first hour of a session
        shows. A bar that is still filled is none yet, an hour without a trade has none.

        Raises
        ------
        Refused
            When the feed has no hours, or what it holds is malformed or from the future.
        """
        raise Refused(f"feed {self.name} has no hourly bars: name one that has them")

    @abstractmethod
    def covers(self, symbol: str) -> bool:
        """Whether the feed may know `symbol`, told without a network."""

    def covers_hours(self, symbol: str) -> bool:
        """Whether the feed may know hours of `symbol`, told without a network."""
        return self.hourly and self.covers(symbol)

    def former_names(self, symbol: str) -> tuple[NameChange, ...]:
        """The changes by which what is called `symbol` now got its name, as far as the feed knows them.

        Raises
        ------
        SourceFault
            When the source does not say.
        """
        return ()

    def last_session(self) -> date:
        """The newest session that the feed can have: the last one whose bars are complete."""
        return self.calendar.latest_completed(self.now())

    def newest_day(self, symbol: str) -> date:
        """The newest day of which it can have a bar of `symbol`; one that never closes may still run."""
        return self.last_session()

    def is_continuous(self, symbol: str) -> bool:
        """Whether the market of `symbol` never closes."""
        return symbol in self._continuous or symbol.endswith("-USD")

    def on_sessions(self, bars: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
        """The rows that are whole and fall on a session, and how many were dropped for which reason."""
        whole = np.isfinite(bars[list(PRICES)].to_numpy(dtype=np.float64)).all(axis=1)
        day = bars["session"].to_numpy().astype("datetime64[D]")
        continuous = bars["symbol"].isin([one for one in bars["symbol"].unique() if self.is_continuous(one)])
        known = continuous | np.isin(day, self.calendar.sessions)
        counts = {WITHOUT_PRICE: int((~whole).sum()), ON_NO_SESSION: int((whole & ~known).sum())}
        return without_infinite_volume(bars[whole & known]), {why: n for why, n in counts.items() if n}


def without_infinite_volume(bars: pd.DataFrame) -> pd.DataFrame:
    """The bars, of which a volume that is no number is unknown: it would let any order fill."""
    volume = bars["volume"].to_numpy(dtype=np.float64)
    return bars.assign(volume=np.where(np.isinf(volume), np.nan, volume)) if np.isinf(volume).any() else bars


def bar_frame(rows: Mapping[str, object] | pd.DataFrame) -> pd.DataFrame:
    """Bars in the canonical columns, types and order."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(BAR_COLUMNS))
    types: dict[str, Any] = {"symbol": object, "session": "datetime64[s]", "source": object}
    types |= dict.fromkeys((*PRICES, "volume"), "float64")
    return frame.astype(types).sort_values(["symbol", "session"], ignore_index=True)


def hour_frame(rows: Mapping[str, object] | pd.DataFrame) -> pd.DataFrame:
    """Hourly bars in the canonical columns, types and order."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(HOUR_COLUMNS))
    types: dict[str, Any] = {"symbol": object, "source": object}
    types |= dict.fromkeys(("end", "session"), "datetime64[s]")
    types |= dict.fromkeys((*PRICES, "volume"), "float64")
    return frame.astype(types).sort_values(["symbol", "end"], ignore_index=True)


def action_frame(
    rows: Mapping[str, object] | Sequence[tuple[object, ...]] | pd.DataFrame = (),
) -> pd.DataFrame:
    """Corporate actions in the canonical columns, types and order; without rows an empty frame.

    The columns of `ACTION_DEFAULTS` may be left out.
    """
    import pandas as pd

    given = ACTION_COLUMNS[: len(ACTION_COLUMNS) - len(ACTION_DEFAULTS)]
    named = isinstance(rows, pd.DataFrame | Mapping)
    frame = pd.DataFrame(rows, columns=None if named and len(rows) else list(given))
    for name, value in ACTION_DEFAULTS.items():
        if name not in frame:
            frame[name] = value
    frame = frame[list(ACTION_COLUMNS)]
    types: dict[str, Any] = {
        "symbol": object,
        "session": "datetime64[s]",
        "kind": object,
        "value": "float64",
        "source": object,
        "other": object,
        "cash": "float64",
        "note": object,
    }
    return frame.astype(types).sort_values(["symbol", "session", "kind"], ignore_index=True)


def add_up(*counts: Mapping[str, int]) -> dict[str, int]:
    """The sum of several tallies of dropped rows."""
    total: dict[str, int] = {}
    for one in counts:
        for reason, count in one.items():
            total[reason] = total.get(reason, 0) + count
    return total
