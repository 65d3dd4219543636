"""Defects of market data, each planted in the bars of one symbol of a quiet market.

The market is `SYMBOLS`, shares whose closes move by about 1 % a day, over the sessions from `FIRST` to
`LAST`; what is wrong is wrong with `SPOILT`, from session `PLANTED` on, or on it alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np
from tests.matrices.vendors import NEW_YORK, PlantedBar, PlantedMarket

from nightdesk.core.calendar import get_calendar

FIRST, LAST = date(2024, 1, 2), date(2024, 8, 15)
#: The day before which a bar lies in the future.
NOW = datetime(2024, 8, 15, 22, tzinfo=NEW_YORK)
PLANTED = date(2024, 8, 1)
SYMBOLS = ("QQQ", "AAPL", "JPM", "XOM", "KO", "SPY")
SPOILT = "AAPL"

#: Sessions of which hours are told.
HOURS_FIRST, HOURS_LAST = date(2024, 10, 28), date(2024, 11, 8)
HOURS_PLANTED = date(2024, 11, 4)
HOURS_NOW = datetime(2024, 11, 8, 22, tzinfo=NEW_YORK)

Change = Callable[[list[PlantedBar]], list[PlantedBar]]


@dataclass(frozen=True)
class Defect:
    """What is wrong: a change of the bars of the spoilt symbol; `split` is one that its vendor states, and
    `compared` says whether a second source is there, which is right.
    """

    name: str
    change: Change
    split: float | None = None
    compared: bool = False
    of_hours: bool = False


def sessions(first: date = FIRST, last: date = LAST) -> list[date]:
    return [one.astype(object) for one in get_calendar().between(first, last)]


def quiet_market() -> PlantedMarket:
    """Bars without a fault, the same each time."""
    days, random = sessions(), np.random.default_rng(7)
    bars = {}
    for symbol in SYMBOLS:
        close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, len(days))))
        opened = close * np.exp(random.normal(0, 0.003, len(days)))
        high, low = np.maximum(opened, close) * 1.002, np.minimum(opened, close) * 0.998
        volume = random.integers(1_000_000, 3_000_000, len(days))
        rows = zip(days, opened, high, low, close, volume, strict=True)
        bars[symbol] = [
            PlantedBar(day, (*(round(float(price), 4) for price in prices), int(units)))  # type: ignore[arg-type]
            for day, *prices, units in rows
        ]
    return PlantedMarket(bars)


def quiet_hours(minutes: int) -> PlantedMarket:
    """Hours, or their halves, without a fault over a change of the clocks."""
    random, bars = np.random.default_rng(8), {}
    for symbol in SYMBOLS:
        price, rows = 100.0, []
        for day in sessions(HOURS_FIRST, HOURS_LAST):
            for start in _starts(day, minutes):
                after = price * float(np.exp(random.normal(0, 0.002)))
                high, low = max(price, after) * 1.001, min(price, after) * 0.999
                told = [round(one, 4) for one in (price, high, low, after)]
                rows.append(PlantedBar(day, (*told, 10_000), start))  # type: ignore[arg-type]
                price = after
        bars[symbol] = rows
    return PlantedMarket(bars)


def _starts(day: date, minutes: int) -> list[datetime]:
    """When the bars of a session begin: at its open, then with the clock."""
    opens = datetime(day.year, day.month, day.day, 9, 30, tzinfo=NEW_YORK)
    if minutes == 30:
        return [opens + timedelta(minutes=30 * n) for n in range(13)]
    return [opens, *(opens.replace(hour=hour, minute=0) for hour in range(10, 16))]


def on_day(change: Callable[[PlantedBar], PlantedBar]) -> Change:
    return lambda bars: [change(one) if one.day == PLANTED else one for one in bars]


def from_day(change: Callable[[PlantedBar], PlantedBar]) -> Change:
    return lambda bars: [change(one) if one.day >= PLANTED else one for one in bars]


def cells(**changed: object) -> Change:
    return on_day(lambda one: one.with_cells(**changed))


def beside(day: date, factor: float = 1.0) -> Change:
    """One bar more, of another day."""

    def change(bars: list[PlantedBar]) -> list[PlantedBar]:
        model = next(one for one in bars if one.day == PLANTED).times(factor)
        return sorted([*bars, replace(model, day=day)], key=lambda one: one.day)

    return change


def shifted(days: Sequence[date]) -> Change:
    """From the day on each bar is told as one of the day after it among `days`."""

    def change(bars: list[PlantedBar]) -> list[PlantedBar]:
        place = {day: n for n, day in enumerate(days)}
        later = [replace(one, day=days[place[one.day] + 1]) if one.day >= PLANTED else one for one in bars]
        return [one for one in later if one.day <= LAST]

    return change


def without(count: int, step: int) -> Change:
    """So many bars are missing from the day on backwards, one in `step` sessions."""

    def change(bars: list[PlantedBar]) -> list[PlantedBar]:
        at = next(n for n, one in enumerate(bars) if one.day == PLANTED)
        gone = {at - step * n for n in range(count)}
        return [one for n, one in enumerate(bars) if n not in gone]

    return change


def held(count: int) -> Change:
    """The bar of the day before is told again for so many sessions."""

    def change(bars: list[PlantedBar]) -> list[PlantedBar]:
        at = next(n for n, one in enumerate(bars) if one.day == PLANTED)
        return [
            replace(bars[at - 1], day=one.day) if at <= n < at + count else one for n, one in enumerate(bars)
        ]

    return change


def twice(factor: float) -> Change:
    def change(bars: list[PlantedBar]) -> list[PlantedBar]:
        return [
            again for one in bars for again in ((one, one.times(factor)) if one.day == PLANTED else (one,))
        ]

    return change


def spiked(name: str, factor: float) -> Change:
    place = ("open", "high", "low", "close").index(name)
    return on_day(lambda one: one.with_cells(**{name: round(one.cells[place] * factor, 4)}))


def swapped(one: PlantedBar) -> PlantedBar:
    return one.with_cells(high=one.cells[2], low=one.cells[1])


def flat(one: PlantedBar) -> PlantedBar:
    return one.with_cells(open=one.cells[3], high=one.cells[3], low=one.cells[3])


def hours(kind: str) -> Change:
    """What is wrong with the hours of a day."""

    def change(bars: list[PlantedBar]) -> list[PlantedBar]:
        mine = [one for one in bars if one.day == HOURS_PLANTED]
        first = mine[0]
        assert first.start is not None
        if kind == "before the open":
            early = replace(first.times(1.4), start=first.start.replace(hour=8, minute=0))
            return sorted([*bars, early], key=_start)
        if kind == "told twice":
            return sorted([*bars, first.times(1.02)], key=_start)
        later = [
            replace(one, start=one.start - timedelta(hours=1))
            if one.start and one.day >= HOURS_PLANTED
            else one
            for one in bars
        ]
        return sorted(later, key=_start)

    return change


def _start(one: PlantedBar) -> datetime:
    assert one.start is not None
    return one.start


NEXT_SESSIONS = [*sessions(), date(2024, 8, 16)]
CALENDAR_DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 8)]

DEFECTS: tuple[Defect, ...] = (
    Defect("text for a price", cells(close="n/a")),
    Defect("no price (NaN)", cells(close=math.nan)),
    Defect("no price (null)", cells(close=None)),
    Defect("an infinite price", cells(high=math.inf)),
    Defect("a price of 0", cells(low=0.0)),
    Defect("a negative price", cells(low=-5.0)),
    Defect("a negative volume", cells(volume=-100)),
    Defect("a volume of 0", cells(volume=0)),
    Defect("high and low swapped", on_day(swapped)),
    Defect("a close above the high", spiked("close", 1.03)),
    Defect("a flat bar (open = high = low = close)", on_day(flat)),
    Defect("a spike of the high (× 3)", spiked("high", 3.0)),
    Defect("decimal slip of a day (× 100)", on_day(lambda one: one.times(100))),
    Defect("decimal slip of a day (× 0.01)", on_day(lambda one: one.times(0.01))),
    Defect("pence for pounds from a day on (× 100)", from_day(lambda one: one.times(100))),
    Defect("another currency from a day on (× 0.79)", from_day(lambda one: one.times(0.79))),
    Defect("a split that nobody states (4:1)", from_day(lambda one: one.split_by(4))),
    Defect("a split that the prices do not follow (4:1)", lambda bars: bars, split=4.0),
    Defect("a wrong close of a day (5 % off)", on_day(lambda one: one.times(1.05))),
    Defect("2 % off from a day on", from_day(lambda one: one.times(1.02))),
    Defect("2 % off, a second source is right", from_day(lambda one: one.times(1.02)), compared=True),
    Defect("the same bar twice", twice(1.0)),
    Defect("two bars of a day that differ", twice(1.02)),
    Defect("a bar of a Saturday", beside(date(2024, 8, 3))),
    Defect("a bar of a holiday", beside(date(2024, 7, 4))),
    Defect("a bar of the future", beside(date(2024, 8, 19))),
    Defect("days shifted by a calendar day", shifted(CALENDAR_DAYS)),
    Defect("days shifted by a session", shifted(NEXT_SESSIONS)),
    Defect("days shifted by a session, a second source is right", shifted(NEXT_SESSIONS), compared=True),
    Defect("an old bar told again for 6 sessions", held(6)),
    Defect("one session missing", without(1, 1)),
    Defect("three sessions missing in a row", without(3, 1)),
    Defect("one session in ten missing", without(12, 10)),
    Defect("an hour before the open", hours("before the open"), of_hours=True),
    Defect("an hour told twice, differing", hours("told twice"), of_hours=True),
    Defect("an hour too early after the clocks change", hours("shifted"), of_hours=True),
)  # fmt: skip
