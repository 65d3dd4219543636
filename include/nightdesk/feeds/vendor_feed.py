"""What vendors' feeds share that are asked symbol by symbol: spans, days, hours, answers that are refused."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from nightdesk.core.calendar import Calendar
from nightdesk.feeds.feed import (
    ACTION_COLUMNS,
    PRICES,
    WITHOUT_PRICE,
    Fault,
    Feed,
    Fetched,
    Missing,
    action_frame,
    add_up,
    bar_frame,
    hour_frame,
    without_infinite_volume,
)
from nightdesk.feeds.hour_tables import OUTSIDE, WITHOUT_TRADE
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.feeds.vendor_answers import refuse_amount
from nightdesk.retry_after import later_words

if TYPE_CHECKING:
    import pandas as pd

#: The longest bars that every exchange's hours are made of whole.
HALF_HOUR = 30

#: Actions whose amounts of one day add up.
PAYMENTS = ("dividend", "capital_gain", "return_of_capital")

TOLD_TWICE = "told twice"
NOT_ASKED_FOR = "outside the days that were asked for"

#: A bar as a vendor gives it: its start in milliseconds since 1970 (UTC), open, high, low, close, volume.
RawBar = tuple[Any, Any, Any, Any, Any, Any]


class VendorAction(NamedTuple):
    """A corporate action as a vendor states it; `day` is its ex-date."""

    day: np.datetime64
    kind: str
    value: float
    other: str = ""
    cash: float = 0.0


@dataclass
class _Collected:
    """What came of the symbols so far."""

    source: str
    bars: list[pd.DataFrame] = field(default_factory=list)
    actions: list[tuple[Any, ...]] = field(default_factory=list)
    missing: dict[str, Missing] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

    def count(self, more: Mapping[str, int]) -> None:
        """Add rows that were left out."""
        self.dropped = add_up(self.dropped, more)

    def state(self, symbol: str, found: Sequence[VendorAction]) -> None:
        """Take a symbol's actions; amounts of one kind and day are one."""
        amounts: dict[tuple[np.datetime64, str], float] = {}
        for one in found:
            if one.kind in PAYMENTS:
                amounts[one.day, one.kind] = amounts.get((one.day, one.kind), 0.0) + one.value
            else:
                self.actions.append(
                    (symbol, one.day, one.kind, one.value, self.source, one.other, one.cash, "")
                )
        self.actions += [
            (symbol, day, kind, value, self.source, "", 0.0, "")
            for (day, kind), value in amounts.items()
            if value > 0  # nothing is no payment
        ]

    def answer(self, frame: Callable[[Any], pd.DataFrame]) -> Fetched:
        """All of it, its bars laid out by `frame`."""
        import pandas as pd

        bars = frame(pd.concat(self.bars)) if self.bars else frame({})
        actions = pd.DataFrame(self.actions, columns=list(ACTION_COLUMNS)) if self.actions else ()
        return Fetched(bars, action_frame(actions), self.missing, self.dropped)


class VendorFeed(Feed):
    """Raw bars of a vendor that is asked over the wire, a symbol at a time.

    Bars of a session that is not complete are left out; of a market that never closes the day that is still
    running is given. Hours are made of half hours, so that the hour in which a session opens holds regular
    trading alone. A symbol whose actions are refused has no bars either: nobody would know what its prices
    are of. Without a key every symbol is missing, with the name of what to set.

    Parameters
    ----------
    timeout : float
        Seconds for the connection, and for each next byte.
    sleep : callable
        Waits some seconds between attempts.
    """

    batch: ClassVar[int | None] = 1

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
        self.timeout, self.sleep = timeout, sleep

    @abstractmethod
    def ask(
        self, symbol: str, minutes: int, first: date, last: date
    ) -> tuple[Sequence[RawBar], Sequence[VendorAction], Mapping[str, int]]:
        """Bars of so many minutes (of a day where that is 0), actions, and what was left out, by reason.

        Without bars no actions are needed.

        Raises
        ------
        SourceFault
            When the vendor does not give them.
        """

    def covers(self, symbol: str) -> bool:
        return True

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        found = _Collected(self.name)
        for symbol in symbols:
            end = min(last, self.now().date() if self.is_continuous(symbol) else self.last_session())
            self._one(found, symbol, first, end)
        return found.answer(bar_frame)

    def fetch_hours(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        found = _Collected(self.name)
        for symbol in symbols:
            self._one(found, symbol, first, last, HALF_HOUR)
        return found.answer(hour_frame)

    def _one(self, found: _Collected, symbol: str, first: date, last: date, minutes: int = 0) -> None:
        """Ask for one symbol; what is wrong with it loses no other."""
        try:
            rows, moves, left_out = self.ask(symbol, minutes, first, last)
            raw, twice = _bars(rows)
            self._refuse_future(raw, symbol)
            for one in moves:
                for amount in (one.value, one.cash):
                    refuse_amount(one.kind if amount is one.value else "cash", one.day, amount)
        except SourceFault as error:
            found.missing[symbol] = Missing(f"{error.reason}{later_words(error.retry_after)}", error.fault)
            return
        bars, dropped = (self._hours if minutes else self._days)(raw, symbol, first, last)
        found.count(add_up(left_out, twice, dropped))
        if bars.empty:
            found.missing[symbol] = Missing(f"no bar from {first} to {last}")
            return
        found.bars.append(bars)
        found.state(symbol, moves)

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

    def _days(
        self, raw: pd.DataFrame, symbol: str, first: date, last: date
    ) -> tuple[pd.DataFrame, dict[str, int]]:
        """Daily bars: each is called by the midnight of its day, in New York or, without a close, of UTC.

        A service that gives more than it was asked for gives a day that is not over, too.
        """
        import pandas as pd

        zone = "UTC" if self.is_continuous(symbol) else "America/New_York"
        start = pd.DatetimeIndex(raw["start"]).tz_localize("UTC").tz_convert(zone)
        day = start.normalize().tz_localize(None).to_numpy().astype("datetime64[s]")
        within = (day >= np.datetime64(first, "s")) & (day <= np.datetime64(last, "s"))
        bars = raw.assign(symbol=symbol, session=day, source=self.name)[within]
        kept, dropped = self.on_sessions(bars)
        beyond = int((~within).sum())
        return kept, dropped | ({NOT_ASKED_FOR: beyond} if beyond else {})

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
        whole = np.isfinite(raw[list(PRICES)].to_numpy()).all(axis=1)
        # What is left of an hour is no hour.
        kept &= ~np.isin(end, end[kept & ~whole])
        rows = without_infinite_volume(raw[kept]).assign(end=end[kept]).groupby("end", sort=True)
        hours = rows.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
        hours = hours.reset_index().assign(symbol=symbol, source=self.name)
        session = self.hours.sessions_of(hours["end"].to_numpy().astype("datetime64[s]"))
        hours["session"] = session.astype("datetime64[s]")
        span = (session >= np.datetime64(first, "D")) & (session <= np.datetime64(last, "D"))
        partly = int((inside & over & ~silent & ~kept).sum())
        counts = {OUTSIDE: int((~inside).sum()), WITHOUT_TRADE: int(silent.sum()), WITHOUT_PRICE: partly}
        return hours[span], {reason: count for reason, count in counts.items() if count}


def _bars(found: Sequence[RawBar]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Bars by their start (UTC), each once; `SourceFault` for two that differ, and for no numbers."""
    import pandas as pd

    try:
        numbers = np.array(
            [list(one) for one in found],
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


def day_of(text: str) -> np.datetime64:
    """A day as the vendor writes it."""
    try:
        return np.datetime64(date.fromisoformat(text), "s")
    except (TypeError, ValueError) as error:
        raise SourceFault(Fault.PASSING, f"the server answered {text!r} where a day was expected") from error
