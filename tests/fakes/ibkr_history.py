"""Historical bars of the fake gateway: TRADES of stocks, adjusted for splits, within IBKR's limits."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from tests.fakes import ibkr_messages as messages
from tests.fakes.exchange_hours import NEW_YORK, is_open, next_close, next_open
from tests.fakes.ibkr_orders import Rejection, Wanted
from tests.fakes.ibkr_state import Stock, name_of
from tests.fakes.ibkr_wire import Fields, Reader, local, moment_of

DAY, HOUR, HALF_HOUR = "1 day", "1 hour", "30 mins"
_LENGTHS = {DAY: timedelta(days=1), HOUR: timedelta(hours=1), HALF_HOUR: timedelta(minutes=30)}
_PACING = "Historical Market Data Service error message:Historical data request pacing violation"


@dataclass(frozen=True)
class Bar:
    """A bar as it was traded: unadjusted dollars and shares; `start` is an instant, for a day its open."""

    start: datetime
    end: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass
class History:
    """The bars that the gateway has, by IBKR's symbol and bar size.

    Attributes
    ----------
    limit : (int, float)
        How many requests may come within how many seconds (of real time); more are answered with 162.
    repeat_after : float
        Seconds before the same request may come again; 0 for no such limit.
    """

    limit: tuple[int, float] = (60, 600.0)
    repeat_after: float = 0.0
    bars: dict[tuple[str, str], list[Bar]] = field(default_factory=dict)
    splits: dict[str, list[tuple[date, float]]] = field(default_factory=dict)
    _asked: deque[tuple[float, tuple[str, ...]]] = field(default_factory=deque)

    @property
    def symbols(self) -> set[str]:
        """What there are bars of."""
        return {symbol for symbol, _ in self.bars}

    def days(self, symbol: str, rows: Iterable[tuple[date, float, float, float, float, float]]) -> None:
        """Give daily bars as they were traded: session, open, high, low, close, shares."""
        self.bars[name_of(symbol), DAY] = [
            Bar(next_open(_midnight(day)), next_close(_midnight(day)), *prices) for day, *prices in rows
        ]

    def half_hours(
        self, symbol: str, rows: Iterable[tuple[datetime, float, float, float, float, float]]
    ) -> None:
        """Give bars of 30 minutes by their start; bars of hours are summed from them."""
        self.bars[name_of(symbol), HALF_HOUR] = [
            Bar(start.astimezone(UTC), start.astimezone(UTC) + _LENGTHS[HALF_HOUR], *prices)
            for start, *prices in rows
        ]

    def hours(self, symbol: str, rows: Iterable[tuple[datetime, float, float, float, float, float]]) -> None:
        """Give bars of the clock's hours by their start: 9:30, 10:00, 11:00, ... in New York."""
        self.bars[name_of(symbol), HOUR] = [
            Bar(start.astimezone(UTC), _end_of_hour(start.astimezone(UTC)), *prices)
            for start, *prices in rows
        ]

    def split(self, symbol: str, day: date, ratio: float) -> None:
        """Split a stock: from that day on all bars before it are told in new shares."""
        self.splits.setdefault(name_of(symbol), []).append((day, ratio))

    def pace(self, request: tuple[str, ...]) -> None:
        """Count a request.

        Raises
        ------
        Rejection
            162 where it comes too soon.
        """
        now, (most, seconds) = time.monotonic(), self.limit
        while self._asked and now - self._asked[0][0] > max(seconds, self.repeat_after):
            self._asked.popleft()
        recent = [one for at, one in self._asked if now - at <= seconds]
        again = any(one == request for at, one in self._asked if now - at <= self.repeat_after)
        if len(recent) >= most or again:
            raise Rejection(162, _PACING)
        self._asked.append((now, request))

    def of_size(self, symbol: str, size: str) -> Sequence[Bar]:
        """All bars of a size."""
        known = self.bars.get((symbol, size))
        if known is None and size == HOUR:
            return _summed(self.bars.get((symbol, HALF_HOUR), []))
        return known or []

    def adjusted(self, symbol: str, bar: Bar, today: date) -> Bar:
        """A bar in the shares of today."""
        ratio = 1.0
        for day, by in self.splits.get(symbol, []):
            if bar.start.astimezone(NEW_YORK).date() < day <= today:
                ratio *= by
        prices = (bar.open / ratio, bar.high / ratio, bar.low / ratio, bar.close / ratio)
        return Bar(bar.start, bar.end, *prices, bar.volume * ratio)


def answer(history: History, found: list[Stock], now: datetime, fields: list[str]) -> list[Fields]:
    """The bars that a request asks for.

    Raises
    ------
    Rejection
        200, 162 or 321, as the gateway says them.
    """
    reader = Reader(fields)
    request_id, wanted = reader.whole(), Wanted.read(reader)
    reader.skip(1)
    until, size, duration = reader.text(), reader.text(), reader.text()
    regular, shown, date_format = reader.flag(), reader.text(), reader.whole()
    reader.skip(2)
    reader.end()
    if len(found) != 1:
        raise Rejection(200, "No security definition has been found for the request")
    if shown != "TRADES" or size not in _LENGTHS:
        raise Rejection(321, f"Error validating request.-'bN' : cause - {shown}, {size} are not served here")
    end = min(moment_of(until), now) if until else now
    start = _start(end, duration)
    history.pace((wanted.symbol or str(wanted.con_id), until, size, duration, shown))
    symbol = found[0].symbol
    told = [
        history.adjusted(symbol, _so_far(bar, now), now.astimezone(NEW_YORK).date())
        for bar in history.of_size(symbol, size)
        if start <= bar.start < end and (not regular or is_open(bar.start))
    ]
    if not told:
        venue = wanted.exchange or "SMART"
        why = f"HMDS query returned no data: {symbol}@{venue} Trades"
        raise Rejection(162, f"Historical Market Data Service error message:{why}")
    rows = [_row(bar, size, date_format) for bar in told]
    return [messages.historical_data(request_id, local(start), local(end), rows)]


def _row(bar: Bar, size: str, date_format: int) -> Fields:
    if size == DAY:
        stamp = f"{bar.start.astimezone(NEW_YORK):%Y%m%d}"
    else:
        stamp = str(int(bar.start.timestamp())) if date_format == 2 else local(bar.start)
    average = (bar.high + bar.low + bar.close) / 3
    return [stamp, bar.open, bar.high, bar.low, bar.close, bar.volume, average, int(bar.volume // 100)]


def _so_far(bar: Bar, now: datetime) -> Bar:
    """What is known of a bar: of one that is not over, its first trade."""
    if bar.end <= now:
        return bar
    return Bar(bar.start, bar.end, bar.open, bar.open, bar.open, bar.open, 100.0)


def _start(end: datetime, duration: str) -> datetime:
    """Where a duration begins: days are sessions, weeks to years are the calendar's."""
    number, _, unit = duration.partition(" ")
    if not number.isdigit() or unit not in ("S", "D", "W", "M", "Y"):
        raise Rejection(321, f"Error validating request.-'bN' : cause - Invalid duration {duration!r}")
    count = int(number)
    if unit == "D" and count > 365:
        raise Rejection(
            321,
            "Error validating request.-'bN' : cause - Historical data request for durations longer than "
            "365 days must be made in years.",
        )
    if unit == "S":
        return end - timedelta(seconds=count)
    if unit == "D":
        return _opens_before(end, count)
    return end - timedelta(days=count * {"W": 7, "M": 31, "Y": 366}[unit])


def _opens_before(end: datetime, count: int) -> datetime:
    """The open of the session that is so many back, the one that has begun last counted in."""
    day = _midnight(end.astimezone(NEW_YORK).date())
    opens: list[datetime] = []
    while len(opens) < count:
        opening = next_open(day)
        if opening < end and opening not in opens and opening < day + timedelta(days=1):
            opens.append(opening)
        day = _midnight(day.date() - timedelta(days=1))
    return opens[-1]


def _summed(halves: Sequence[Bar]) -> list[Bar]:
    """Bars of the clock's hours from those of half hours."""
    found: list[Bar] = []
    for bar in halves:
        end = _end_of_hour(bar.start)
        if found and found[-1].end == end:
            last = found[-1]
            found[-1] = Bar(
                last.start,
                end,
                last.open,
                max(last.high, bar.high),
                min(last.low, bar.low),
                bar.close,
                last.volume + bar.volume,
            )
        else:
            found.append(Bar(bar.start, end, bar.open, bar.high, bar.low, bar.close, bar.volume))
    return found


def _end_of_hour(start: datetime) -> datetime:
    return start.replace(minute=0, second=0, microsecond=0) + _LENGTHS[HOUR]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
