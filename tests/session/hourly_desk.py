"""An hourly desk for tests: three symbols, made-up hours and days in files that tests may change."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from tests.clock import set_clock
from tests.conftest import open_connection
from tests.hourly import HOURLY, XNYS
from tests.hourly_book import SYMBOLS, hourly_tree

from nightdesk.core.calendar import as_instant
from nightdesk.core.schedule import HOUR
from nightdesk.session.context import Context
from nightdesk.session.entry import open_context
from nightdesk.session.steps import run_session

ORIGIN, LAST = date(2019, 9, 3), date(2019, 12, 6)
#: A full session on a Monday; the Friday before it closes at 13:00.
SESSION = date(2019, 12, 2)
NEWEST = HOURLY.last_of(LAST)
HEADER = ["open", "high", "low", "close", "volume"]

#: Symbol and end of an hour: its prices and volume.
Hours = dict[tuple[str, datetime], list[float]]


def at(number: int) -> datetime:
    """A decision by its number: the first of `SESSION` is 0."""
    ends = HOURLY.ends
    return as_instant(ends[HOURLY.index(HOURLY.first_of(SESSION)) + number])


def made_up_hours(seed: int = 7) -> Hours:
    """Hours of all symbols from the session before the origin on: random walks without jumps."""
    rng = np.random.default_rng(seed)
    ends = HOURLY.instants(XNYS.shift(ORIGIN, -1), LAST)
    out: Hours = {}
    for n, symbol in enumerate(SYMBOLS):
        close = (80.0 + 40 * n) * np.exp(np.cumsum(rng.normal(0.0, 0.004, len(ends))))
        opened = np.append(close[0], close[:-1])
        for end, first, last in zip(ends, opened.round(2), close.round(2), strict=True):
            prices = [first, round(max(first, last) * 1.001, 2), round(min(first, last) * 0.999, 2), last]
            out[symbol, as_instant(end)] = [*map(float, prices), 100_000.0]
    return out


@dataclass
class HourlyDesk:
    """A book that decides by the hour, its bars and its database."""

    url: str
    folder: Path
    changed: dict[str, Any] = field(default_factory=dict)
    hours: Hours = field(default_factory=made_up_hours)
    #: Whether the files of days hold what the hours add up to; if not, they go on as the hours were made.
    days_follow: bool = True
    #: What ends later no vendor has yet.
    until: datetime = NEWEST

    def __post_init__(self) -> None:
        self.made = {key: list(bar) for key, bar in self.hours.items()}
        (self.folder / "days").mkdir(parents=True)
        (self.folder / "hours").mkdir()
        self.write()
        self.write_book()

    @property
    def book(self) -> Path:
        return self.folder / "hours_of_tests.yaml"

    @property
    def feeds(self) -> dict[str, list[str]]:
        """Its sources, by kind."""
        return {"daily": [f"files:{self.folder / 'days'}"], "hourly": [f"files:{self.folder / 'hours'}"]}

    def write_book(self, **changed: Any) -> None:
        """Write its file; keys at the top are replaced."""
        self.changed |= changed
        tree = {"feeds": self.feeds, "origin": ORIGIN, "inception": SESSION, **self.changed}
        tree["feeds"] = {**self.feeds, **tree["feeds"]}
        self.book.write_text(yaml.safe_dump(hourly_tree(**tree), sort_keys=False))

    def write(self) -> None:
        """Write what the vendors have."""
        there = {key: bar for key, bar in self.hours.items() if key[1] <= self.until}
        days = there if self.days_follow else self.made
        rows: list[list[object]] = []
        for (symbol, end), bar in there.items():
            start = np.datetime64(end.replace(tzinfo=None), "s") - HOUR
            rows.append([str(start).replace("T", " "), symbol, *bar])
        self._write("hours/hours.csv", "bar_start_utc", rows)
        self._write("days/days.csv", "date", self.daily(days))

    def daily(self, hours: Hours) -> list[list[object]]:
        """What hours add up to over the sessions that are over."""
        days: dict[tuple[str, date], list[float]] = {}
        for (symbol, end), (first, high, low, last, volume) in sorted(hours.items()):
            day = days.setdefault((symbol, HOURLY.session_of(end)), [first, high, low, last, 0.0])
            day[1:] = [max(day[1], high), min(day[2], low), last, day[4] + volume]
        rows: list[list[object]] = [[str(day), symbol, *bar] for (symbol, day), bar in days.items()]
        every = XNYS.between(XNYS.shift(ORIGIN, -1), LAST)
        rows += [[str(day), "^VIX", 18, 19, 17, 18 + n % 3, ""] for n, day in enumerate(every)]
        return [row for row in rows if XNYS.close_at(date.fromisoformat(str(row[0]))) <= self.until]

    def _write(self, name: str, time: str, rows: list[list[object]]) -> None:
        with (self.folder / name).open("w", newline="") as file:
            csv.writer(file).writerows([[time, "symbol", *HEADER], *rows])

    def change(
        self, symbol: str, change: Callable[[list[float]], list[float] | None], *decisions: int
    ) -> None:
        """Let the vendor have other hours of a symbol; None takes one away."""
        for number in decisions:
            bar = change(self.hours[symbol, at(number)])
            if bar is None:
                del self.hours[symbol, at(number)]
            else:
                self.hours[symbol, at(number)] = bar
        self.write()

    @contextmanager
    def at(self, number: int, inject: Path | None = None) -> Iterator[Context]:
        """The context of a decision by its number."""
        with (
            open_connection(self.url) as conn,
            open_context(self.book, at(number), conn=conn, turn_seconds=0, inject=inject) as context,
        ):
            yield context

    def run(
        self, *numbers: int, last: str = "close", inject: Path | None = None
    ) -> dict[str, dict[str, int | str]]:
        """The steps of decisions up to `last`, in order; the counts of the newest."""
        done: dict[str, dict[str, int | str]] = {}
        for number in numbers:
            with self.at(number, inject) as context:
                done = run_session(context, last=last)
        return done

    def watch(self, number: int) -> None:
        """Let the decision be the newest one on the database's clock, so that people are told of it."""
        set_clock(self.url, HOURLY.waited_until(at(number)))
        self.until = at(number)
        self.write()

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with open_connection(self.url) as conn, conn.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())


def scaled(factor: float) -> Callable[[list[float]], list[float]]:
    """All prices of an hour by a factor."""
    return lambda bar: [*(round(price * factor, 2) for price in bar[:4]), bar[4]]


def broken(bar: list[float]) -> list[float]:
    """An hour whose high lies below its low."""
    return [bar[0], 1.0, *bar[2:]]


def gone(bar: list[float]) -> None:
    """No bar at all."""
