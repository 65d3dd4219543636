"""The `ibkr` feed: daily and hourly bars of Interactive Brokers, over a TWS or Gateway that somebody runs.

IBKR divides its prices by the splits that came after them, and states no splits. Those that the desk knows
from elsewhere are taken out again; a day from before anybody told them is not given. A bar of today needs
none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from nightdesk.core.masking import one_line
from nightdesk.feeds.feed import PRICES, Fault, Fetched
from nightdesk.feeds.ibkr_pacing import Pacing
from nightdesk.feeds.source_fault import SourceFault, retrying
from nightdesk.feeds.vendor_feed import HALF_HOUR, RawBar, VendorAction, VendorFeed

if TYPE_CHECKING:
    from ib_async.contract import Contract

    from nightdesk.tws_line import TwsLine
    from nightdesk.tws_terms import TwsError

#: The account whose address the environment has.
ACCOUNT = "IBKR_DATA"

#: The longest span of half hours, and of days, that one request asks for, in calendar days.
DAYS_OF_HALF_HOURS, DAYS_OF_DAYS = 28, 365

#: Seconds for the answer to one request, which may be long.
ANSWER_SECONDS = 60.0

UNKNOWN_SPLITS = "of a day since which IBKR may have divided its prices by a split that nobody has told"

_NEW_YORK = ZoneInfo("America/New_York")
_QUOTED = 160

#: A pause that asking again within a task does not outlast.
_PACED_SECONDS = 600.0


class IbkrFeed(VendorFeed):
    """Bars of shares and funds from IBKR, of regular hours; it has no index here, and no coin.

    All symbols of a question are asked for over one connection, which ends with it. Of 60 requests in ten
    minutes no more are sent: what they did not reach is missing for a passing reason.
    """

    name = "ibkr"
    hourly = True
    batch = None

    @cached_property
    def line(self) -> TwsLine:
        """The line to TWS; `SourceFault` without an address."""
        from nightdesk.tws_line import TwsLine
        from nightdesk.tws_terms import TwsPatience, tws_address

        name = f"NIGHTDESK_ACCOUNT_{ACCOUNT}_URL"
        address = self.environ.get(name)
        if not address:
            raise SourceFault(
                Fault.FINAL,
                f"it has no address: set {name}=ib://host:port/clientId in the environment, with a client id "
                f"that nothing else uses, or make the Airflow connection nightdesk_account_{ACCOUNT.lower()} "
                "with it as the host, which only tasks of Airflow read",
            )
        patience = TwsPatience(connect=self.timeout, answer=ANSWER_SECONDS)
        return TwsLine(tws_address(address, "the bars of ibkr"), "the bars of ibkr", patience)

    @cached_property
    def pacing(self) -> Pacing:
        """How many requests may still be sent to its address."""
        at = self.line.address
        return Pacing.of(f"{at.host}:{at.port}")

    def covers(self, symbol: str) -> bool:
        return not symbol.startswith("^") and not self.is_continuous(symbol)

    def fetch(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        return self._hanging_up(lambda: super(IbkrFeed, self).fetch(symbols, first, last))

    def fetch_hours(self, symbols: Sequence[str], first: date, last: date) -> Fetched:
        return self._hanging_up(lambda: super(IbkrFeed, self).fetch_hours(symbols, first, last))

    def ask(
        self, symbol: str, minutes: int, first: date, last: date
    ) -> tuple[Sequence[RawBar], Sequence[VendorAction], Mapping[str, int]]:
        if not self.covers(symbol):
            raise SourceFault(Fault.ABSENT, "it has shares and funds alone, no index and no coin")
        rows: list[RawBar] = []
        for begin, end in _spans(first, last, DAYS_OF_HALF_HOURS if minutes else DAYS_OF_DAYS):
            told = self._told(symbol, minutes, begin, end)
            if rows and not told:
                break  # there is nothing before its first day
            rows = told + rows
        raw = self._undivided(symbol, rows)
        left_out = len(rows) - len(raw)
        return raw, (), {UNKNOWN_SPLITS: left_out} if left_out else {}

    def _told(self, symbol: str, minutes: int, first: date, last: date) -> list[RawBar]:
        """The bars of a span, divided by later splits; none where IBKR has none."""
        answered = retrying(self.sleep)(self._request, symbol, minutes, first, last)
        found = [_row(one, minutes) for one in answered]
        # A length in days counts back as many sessions: what is before them is no fault.
        begins = _midnight(first)
        return [one for one in found if one[0] >= begins]

    def _request(self, symbol: str, minutes: int, first: date, last: date) -> list[Any]:
        from nightdesk.tws_terms import TwsError, TwsSilent, TwsUnreadable

        size = f"{HALF_HOUR} mins" if minutes else "1 day"
        days = (last - first).days + 1
        fault: SourceFault
        try:
            line = self.line
            line.open()
            self.pacing.take()
            answer = line.ask(
                f"bars of {symbol}",
                lambda client, number: client.reqHistoricalData(
                    number,
                    _contract(symbol),
                    self._until(last),
                    f"{days} D",
                    size,
                    "TRADES",
                    True,
                    2,
                    False,
                    [],
                ),
                takes=("historicalData",),
                ends="historicalDataEnd",
            )
            return [one for _, one in answer]
        except TwsError as error:
            found = _fault_of(error)
            if found is None:
                return []
            fault = found
        except (TwsSilent, TwsUnreadable) as error:
            fault = SourceFault(Fault.PASSING, str(error))
        raise fault

    def _until(self, last: date) -> str:
        """The end of a span as IBKR reads it: the end of its last day in New York, UTC; empty for now."""
        ends = datetime(last.year, last.month, last.day, 23, 59, 59, tzinfo=_NEW_YORK)
        return "" if ends >= self.now() else f"{ends.astimezone(UTC):%Y%m%d-%H:%M:%S}"

    def _undivided(self, symbol: str, rows: list[RawBar]) -> list[RawBar]:
        """The bars in the dollars of their own day, without those of which nobody knows them."""
        today = self.now().astimezone(_NEW_YORK).date()
        known = None if self.splits is None else self.splits(symbol)
        first = today if known is None else known.first
        days = [_day_of(one) for one in rows]
        kept = [place for place, day in enumerate(days) if day >= min(first, today)]
        ratios = {} if known is None else {day: one for day, one in known.ratios.items() if day <= today}
        return _divided_no_more([rows[place] for place in kept], [days[place] for place in kept], ratios)

    def _hanging_up(self, ask: Callable[[], Fetched]) -> Fetched:
        """An answer, after which the client id is free for others."""
        try:
            return ask()
        finally:
            if "line" in self.__dict__:
                self.line.close()


def _spans(first: date, last: date, longest: int) -> Iterator[tuple[date, date]]:
    """The days from the first to the last in parts of at most so many, the newest first."""
    while first <= last:
        begin = max(first, last - timedelta(days=longest - 1))
        yield begin, last
        last = begin - timedelta(days=1)


def _contract(symbol: str) -> Contract:
    from ib_async.contract import Contract

    # It writes a class of shares behind a space.
    name = re.sub(r"[-./](?=[A-Z]$)", " ", symbol)
    return Contract(secType="STK", symbol=name, exchange="SMART", currency="USD")


def _row(bar: Any, minutes: int) -> RawBar:
    """A bar by the milliseconds of its start; a day is called by its midnight in New York."""
    text = str(bar.date)
    try:
        start = float(text) * 1000.0 if minutes else _midnight(_written_day(text))
    except ValueError as error:
        raise SourceFault(
            Fault.PASSING, f"it answered a bar of {one_line(text)[:_QUOTED]!r}, which is no instant"
        ) from error
    # A volume below nothing stands for one that is not known.
    volume = bar.volume if bar.volume >= 0 else float("nan")
    return (start, bar.open, bar.high, bar.low, bar.close, volume)


def _written_day(text: str) -> date:
    return date.fromisoformat(text if len(text) == 8 else "")


def _midnight(day: date) -> float:
    """When a day begins in New York, in milliseconds since 1970."""
    return datetime(day.year, day.month, day.day, tzinfo=_NEW_YORK).timestamp() * 1000.0


def _day_of(row: RawBar) -> date:
    return datetime.fromtimestamp(row[0] / 1000.0, _NEW_YORK).date()


def _divided_no_more(rows: list[RawBar], days: Sequence[date], ratios: Mapping[date, float]) -> list[RawBar]:
    """Bars in the dollars and units of their own day; `ratios` are the splits by their ex-date."""
    if not rows or not ratios:
        return rows
    import pandas as pd

    from nightdesk.feeds.unadjusting import unadjust

    columns = ["start", *PRICES, "volume"]
    bars = pd.DataFrame(rows, columns=columns).astype("float64")
    bars = bars.assign(symbol="", session=pd.to_datetime(list(days)), split_adjusted=True)
    splits = pd.DataFrame(
        {
            "symbol": "",
            "session": pd.to_datetime(list(ratios)),
            "kind": "split",
            "value": list(ratios.values()),
            "split_adjusted": False,
        }
    )
    raw, _ = unadjust(bars, splits)
    return list(raw[columns].itertuples(index=False, name=None))


def _fault_of(error: TwsError) -> SourceFault | None:
    """What an error means for the feed; None where IBKR has no bars in the span."""
    said = one_line(error.text)[:_QUOTED]
    words = f"IBKR says: {said} ({error.code})"
    lower = said.lower()
    if error.code == 162 and "no data" in lower:
        return None
    if error.code == 420 or "pacing" in lower:
        return SourceFault(
            Fault.PASSING, f"it asks for fewer requests: {said} ({error.code})", _PACED_SECONDS
        )
    if error.code == 200:
        return SourceFault(
            Fault.ABSENT, f"it knows no such stock or fund in dollars, or several: {said} (200)"
        )
    if error.code == 162 and "permission" not in lower:
        return SourceFault(Fault.PASSING, words)
    return SourceFault(Fault.FINAL, words)
