"""The `polygon` feed: daily and hourly bars, splits and dividends of Polygon, through its own client."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nightdesk.core.calendar import Calendar
from nightdesk.feeds.feed import (
    PRICES,
    Fault,
    Feed,
    Fetched,
    Missing,
    action_frame,
    add_up,
    bar_frame,
    hour_frame,
)
from nightdesk.feeds.hour_tables import OUTSIDE, WITHOUT_TRADE
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.spellings import to_polygon
from nightdesk.feeds.stated_actions import GAINS, OTHER_CURRENCY
from nightdesk.retry_after import later_words

if TYPE_CHECKING:
    import pandas as pd

    from nightdesk.feeds.polygon_http import PolygonLine

#: Its key, and scheme and host in place of Polygon's own; an Airflow connection ``nightdesk_account_polygon``
#: serves as well.
KEY, URL = "NIGHTDESK_ACCOUNT_POLYGON_KEY", "NIGHTDESK_ACCOUNT_POLYGON_URL"

#: The longest bars that every exchange's hours are made of whole.
HALF_HOUR = 30

TOLD_TWICE = "told twice"


@dataclass
class _Collected:
    """What came of the symbols so far."""

    bars: list[pd.DataFrame] = field(default_factory=list)
    actions: list[tuple[Any, ...]] = field(default_factory=list)
    missing: dict[str, Missing] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

    def count(self, more: Mapping[str, int]) -> None:
        """Add rows that were left out."""
        self.dropped = add_up(self.dropped, more)

    def answer(self, frame: Callable[[Any], pd.DataFrame]) -> Fetched:
        """All of it, its bars laid out by `frame`."""
        import pandas as pd

        bars = frame(pd.concat(self.bars)) if self.bars else frame({})
        return Fetched(bars, action_frame(self.actions), self.missing, self.dropped)


class PolygonFeed(Feed):
    """Raw bars from Polygon.

    Bars of a session that is not complete are left out; of a market that never closes the day that is still
    running is given. Hours are made of half hours, so that the hour in which a session opens holds regular
    trading alone. A symbol whose splits or dividends are refused has no bars either: nobody would know what
    its prices are of. Without a key every symbol is missing, with the name of what to set.

    Parameters
    ----------
    timeout : float
        Seconds for the connection, and for each next byte.
    sleep : callable
        Waits some seconds between attempts.
    """

    name = "polygon"
    batch = 1
    hourly = True

    def __init__(
        self,
        calendar: Calendar | str,
        *,
        continuous: Collection[str] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        timeout: float = 15.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(calendar, continuous=continuous, now=now)
        self._timeout, self._sleep = timeout, sleep

    @cached_property
    def line(self) -> PolygonLine:
        """The line to the service; `SourceFault` without a key."""
        from nightdesk.feeds.polygon_http import PolygonLine

        key = self.environ.get(KEY)
        if not key:
            raise SourceFault(
                Fault.FINAL,
                f"it has no key: set {KEY} in the environment, or make the Airflow connection "
                "nightdesk_account_polygon, which only tasks of Airflow read",
            )
        return PolygonLine(key, self.environ.get(URL), timeout=self._timeout, sleep=self._sleep)

    def covers(self, symbol: str) -> bool:
        return True

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        found = _Collected()
        for symbol in symbols:
            end = min(last, self.now().date() if self.is_continuous(symbol) else self.last_session())
            self._one(found, symbol, first, end)
        return found.answer(bar_frame)

    def fetch_hours(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        found = _Collected()
        for symbol in symbols:
            self._one(found, symbol, first, last, HALF_HOUR)
        return found.answer(hour_frame)

    def _one(self, found: _Collected, symbol: str, first: date, last: date, minutes: int = 0) -> None:
        """Ask for one symbol; what is wrong with it loses no other."""
        ticker = to_polygon(symbol)
        try:
            raw, twice = _bars(self.line.bars(ticker, minutes, first, last))
            self._refuse_future(raw, symbol)
            moves: list[tuple[Any, ...]] = []
            if ":" not in ticker and len(raw):
                moves = list(self._actions(symbol, ticker, first, last, found))
        except SourceFault as error:
            found.missing[symbol] = Missing(f"{error.reason}{later_words(error.retry_after)}", error.fault)
            return
        bars, left_out = self._hours(raw, symbol, first, last) if minutes else self._days(raw, symbol)
        found.count(twice)
        found.count(left_out)
        if bars.empty:
            found.missing[symbol] = Missing(f"no bar from {first} to {last}")
            return
        found.bars.append(bars)
        found.actions += moves

    def _refuse_future(self, raw: pd.DataFrame, symbol: str) -> None:
        """A bar that begins after now is of a clock that is wrong, here or there."""
        now = np.datetime64(self.now().astimezone(UTC).replace(tzinfo=None), "s")
        ahead = raw["start"].to_numpy() > now
        if ahead.any():
            raise SourceFault(
                Fault.FINAL,
                f"it has a bar of {symbol} that begins at {raw['start'].to_numpy()[ahead][0]} UTC, and here "
                f"it is {now} UTC: one of the two clocks is wrong",
            )

    def _days(self, raw: pd.DataFrame, symbol: str) -> tuple[pd.DataFrame, dict[str, int]]:
        """Daily bars: each is called by the midnight of its day, in New York or, without a close, of UTC."""
        import pandas as pd

        zone = "UTC" if self.is_continuous(symbol) else "America/New_York"
        start = pd.DatetimeIndex(raw["start"]).tz_localize("UTC").tz_convert(zone)
        day = start.normalize().tz_localize(None).to_numpy().astype("datetime64[s]")
        return self.on_sessions(raw.assign(symbol=symbol, session=day, source=self.name))

    def _hours(
        self, raw: pd.DataFrame, symbol: str, first: date, last: date
    ) -> tuple[pd.DataFrame, dict[str, int]]:
        """Hours of the exchange's clock that are over, made of their half hours."""
        start = raw["start"].to_numpy().astype("datetime64[s]")
        if self.is_continuous(symbol):
            end = start.astype("datetime64[h]").astype("datetime64[s]") + np.timedelta64(1, "h")
            inside = np.ones(len(start), dtype=bool)
        else:
            at = np.minimum(np.searchsorted(self.hours.ends, start, side="right"), len(self.hours.ends) - 1)
            end, inside = self.hours.ends[at], start >= self.hours.starts[at]
        over = end <= np.datetime64(self.now().astimezone(UTC).replace(tzinfo=None), "s")
        silent = inside & over & (raw["volume"].to_numpy() == 0)
        kept = inside & over & ~silent
        rows = raw[kept].assign(end=end[kept]).groupby("end", sort=True)
        hours = rows.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
        hours = hours.reset_index().assign(symbol=symbol, source=self.name)
        session = self.hours.sessions_of(hours["end"].to_numpy().astype("datetime64[s]"))
        hours["session"] = session.astype("datetime64[s]")
        span = (session >= np.datetime64(first, "D")) & (session <= np.datetime64(last, "D"))
        counts = {OUTSIDE: int((~inside).sum()), WITHOUT_TRADE: int(silent.sum())}
        return hours[span], {reason: count for reason, count in counts.items() if count}

    def _actions(
        self, symbol: str, ticker: str, first: date, last: date, found: _Collected
    ) -> Iterator[tuple[Any, ...]]:
        """Splits and payments of a span; payments of one kind and day are one."""
        for split in self.line.splits(ticker, first, last):
            yield symbol, _day(split.execution_date), "split", split.split_to / split.split_from, self.name
        payments: dict[tuple[np.datetime64, str], float] = {}
        for paid in self.line.dividends(ticker, first, last):
            if (paid.currency or "USD") != "USD":
                found.count({OTHER_CURRENCY: 1})
                continue
            kind = "capital_gain" if paid.dividend_type in GAINS else "dividend"
            key = _day(paid.ex_dividend_date), kind
            payments[key] = payments.get(key, 0.0) + float(paid.cash_amount)
        for (day, kind), cash in payments.items():
            yield symbol, day, kind, cash, self.name


def _bars(found: Sequence[Any]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Bars by their start (UTC), each once; `SourceFault` for two that differ, and for no numbers."""
    import pandas as pd

    try:
        numbers = np.array(
            [[one.timestamp, *(getattr(one, name) for name in (*PRICES, "volume"))] for one in found],
            dtype=np.float64,
        ).reshape(-1, 6)
        if not np.isfinite(numbers[:, 0]).all():
            raise ValueError("a bar has no instant")
        start = numbers[:, 0].astype("int64").astype("datetime64[ms]").astype("datetime64[s]")
    except (TypeError, ValueError, OverflowError) as error:
        raise SourceFault(Fault.PASSING, "the server answered bars that are no numbers") from error
    frame = pd.DataFrame(numbers[:, 1:], columns=[*PRICES, "volume"]).assign(start=start)
    whole = frame.drop_duplicates()
    again = whole["start"].duplicated()
    if again.any():
        raise SourceFault(
            Fault.PASSING,
            f"the server answered two bars of {whole['start'][again].iloc[0]} UTC that differ, as pages do "
            "that change while they are read",
        )
    twice = len(frame) - len(whole)
    return whole.sort_values("start", ignore_index=True), {TOLD_TWICE: twice} if twice else {}


def _day(text: str) -> np.datetime64:
    """A day as the vendor writes it."""
    try:
        return np.datetime64(date.fromisoformat(text), "s")
    except (TypeError, ValueError) as error:
        raise SourceFault(Fault.PASSING, f"the server answered {text!r} where a day was expected") from error
