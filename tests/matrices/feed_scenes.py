"""The desks of the feed matrix: a small book whose first source is a vendor's fake, at one decision."""

from __future__ import annotations

import csv
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import yaml
from tests.clock import set_clock
from tests.hourly import HOURLY
from tests.matrices.feed_faults import MOST_PAGES, READ_SECONDS, WHOLE_SECONDS
from tests.matrices.kept_rows import KeptRows
from tests.matrices.vendor_entries import Fed, MarketBar, Vendor, VendorMarket
from tests.session import hourly_desk, small_desk
from tests.session.hourly_desk import HourlyDesk
from tests.session.new_desk import new_desk

from nightdesk import feeds
from nightdesk.core.calendar import get_calendar
from nightdesk.feeds import asking, news_sources
from nightdesk.session import market_facts, steps
from nightdesk.session.entry import open_context
from nightdesk.store.connection import connect
from nightdesk.store.db import Connection

#: A row of the store: symbol, stamp (a day, or the end of an hour), source, open, high, low, close, volume.
StoredBar = tuple[str, Any, str, float, float, float, float, float]
Values = tuple[float, float, float, float, float]


class FeedScene(ABC):
    """A desk that has decided once, and the vendor as it stands some decisions later.

    Parameters
    ----------
    vendor : Vendor
    second : bool
        Whether a good source comes after it; without, only what the vendor does not cover has another.
    folder : Path
        Its files.
    url : str
        An empty database.
    walks : list
        Rows of the market's file.
    """

    #: The symbol whose answers are bad where one is, and rows of a short page.
    symbol: str
    short_page: ClassVar[int]
    #: Whether it comes beside the bars, and costs no session; and whether one answer is of all symbols.
    beside: ClassVar[bool] = False
    together: ClassVar[bool] = False

    book: Path
    #: The decision before, and the one at which the vendor is met.
    first: datetime
    then: datetime
    #: What the clocks show at each.
    before: datetime
    at: datetime

    def __init__(self, vendor: Vendor, second: bool, folder: Path, url: str, walks: list[list[str]]) -> None:
        self.vendor, self.second, self.url = vendor, second, url
        self.symbol = vendor.symbol or type(self).symbol
        self.waits: list[float] = []
        self.server = vendor.fake().__enter__()
        self.feed = vendor.feed.format(url=self.server.url)
        self.long_page = getattr(self.server, "rows_a_page", 0)
        self.make(folder, walks)
        self.publish(self.first)
        self.clock = self.before
        self.serve()
        set_clock(url, self.clock)
        self.conn: Connection = connect(url)
        with self.world(self.server.environ):
            self.step("ingest", self.first)
            self.step("quality", self.first)
        self.publish(self.then)
        self.clock = self.at
        set_clock(url, self.clock)
        self.rows = KeptRows(self.conn)
        self._clock_set = datetime.now(UTC)

    def leave(self) -> None:
        """Close what it has open."""
        self.conn.close()
        self.server.__exit__(None, None, None)

    @abstractmethod
    def make(self, folder: Path, walks: list[list[str]]) -> None:
        """Write book and files, and say when it decides."""

    @abstractmethod
    def publish(self, as_of: datetime) -> None:
        """Let files have what there is at a decision: a bar of the future is refused."""

    @abstractmethod
    def market(self, until: datetime) -> VendorMarket:
        """What there is by an instant."""

    @abstractmethod
    def awaited(self) -> tuple[str, ...]:
        """What the vendor is asked for."""

    @abstractmethod
    def found(self) -> Mapping[str, str]:
        """From which source the newest of each of them is; without those of which there is none."""

    @abstractmethod
    def invented(self, changed: bool) -> list[str]:
        """What is stored that no source gave, in words; of one that has `changed` its rows, one of both."""

    @abstractmethod
    def halved(self) -> list[str]:
        """What is stored of an answer that is not whole, in words."""

    def serve(self, *, without: str | None = None, ahead: bool = False, other: bool = False) -> None:
        """Let the vendor have what there is by now.

        Parameters
        ----------
        without : str, optional
            A symbol of which it has nothing.
        ahead : bool
            It has some days to come, too.
        other : bool
            All prices of the faulty symbol are other ones, and its bars begin one earlier.
        """
        market = self.market(self.clock + timedelta(days=5) if ahead else self.clock)
        bars = {name: list(rows) for name, rows in market.bars.items() if name != without}
        if other:
            rows = bars[self.symbol]
            bars[self.symbol] = [_dearer(one) for one in (_before(rows[0]), *rows)]
        self.vendor.fill(self.server, VendorMarket(bars, market.dividends, market.headlines))

    def restore(self) -> None:
        """Let everything be as it was, and the vendor well."""
        self.rows.restore(self.conn)
        if datetime.now(UTC) - self._clock_set > timedelta(minutes=1):
            set_clock(self.url, self.at)
            self._clock_set = datetime.now(UTC)
        self.server.heal()
        if self.long_page:
            self.server.rows_a_page = self.long_page
        self.serve()
        self.server.asked.clear()
        self.server.queries.clear()
        self.waits.clear()

    def step(self, name: str, as_of: datetime) -> dict[str, int | str]:
        """One step of a decision."""
        work: Callable[..., dict[str, int | str]] = getattr(steps, name)
        environ = dict(os.environ)
        with open_context(self.book, as_of, conn=self.conn, turn_seconds=0.0, environ=environ) as context:
            return work(context)

    @contextmanager
    def world(self, environ: Mapping[str, str], *, late: bool = False) -> Iterator[None]:
        """The environment and the clock of the desk, in which nobody really waits to ask again.

        Parameters
        ----------
        environ : mapping of str to str
            What leads the desk to the vendor.
        late : bool
            Whether answers come late, and are waited for for a shorter time than usual.
        """
        with pytest.MonkeyPatch.context() as patch:
            for name in self.server.environ:
                patch.delenv(name, raising=False)
            for name, value in environ.items():
                patch.setenv(name, value)
            patch.setattr(asking, "make", partial(self._made, asking.make, late))
            made_facts = partial(self._made, market_facts.make_facts, late)
            patch.setattr(market_facts, "make_facts", made_facts)
            patch.setattr(news_sources, "make_news", partial(self._made, news_sources.make_news, late))
            bounds = {"MOST_PAGES": MOST_PAGES, **({"WHOLE_SECONDS": WHOLE_SECONDS} if late else {})}
            for module in [one for key, one in sys.modules.items() if key.startswith("nightdesk.feeds.")]:
                for bound, value in bounds.items():
                    if hasattr(module, bound):
                        patch.setattr(module, bound, value)
            yield

    def _made(self, make: Callable[..., Any], late: bool, name: str, **options: Any) -> Any:
        """A feed with the clock of the scene, which notes how long it would wait to ask again."""
        feed = make(name, **{**options, "now": lambda: self.clock})
        line = feed.__dict__.get("line")
        for part in (feed, line) if line is not None else (feed,):
            for attribute in ("sleep", "_sleep"):
                if hasattr(part, attribute):
                    setattr(part, attribute, self.waits.append)
            for attribute in ("timeout", "_timeout") if late else ():
                if hasattr(part, attribute):
                    setattr(part, attribute, READ_SECONDS)
        return feed

    def all_of(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        with self.conn.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())


class BarScene(FeedScene):
    """Bars of days or hours, compared with what the vendor and the second source have."""

    stored: ClassVar[str]

    #: The stamps of the bars of the two decisions, and of the oldest that are looked at.
    stamp_before: Any
    stamp: Any
    oldest: Any

    @cached_property
    def true_bars(self) -> Mapping[tuple[str, Any], Values]:
        """What a bar of a symbol and stamp is, up to the decision."""
        return dict(self.all_true())

    @abstractmethod
    def all_true(self) -> Iterator[tuple[tuple[str, Any], Values]]:
        """The same."""

    @abstractmethod
    def symbols(self) -> tuple[str, ...]:
        """All of which there are bars."""

    def awaited(self) -> tuple[str, ...]:
        return tuple(one for one in self.symbols() if feeds.covers(self.vendor.feed, one))

    def bars(self) -> list[StoredBar]:
        """The newest bars of the store, of all versions."""
        return [tuple(row) for row in self.all_of(self.stored, self.oldest)]  # type: ignore[misc]

    def found(self) -> Mapping[str, str]:
        return {symbol: source for symbol, at, source, *_ in self.bars() if at == self.stamp}

    def invented(self, changed: bool) -> list[str]:
        kinds: dict[tuple[str, str], set[str]] = {}
        wrong = []
        for symbol, at, source, *values in self.bars():
            kind = self._kind(symbol, at, values)
            if kind == "none" or (kind == "changed" and not (changed and symbol == self.symbol)):
                wrong.append(f"a bar that no source gave: {symbol} {at} from {source}: {values}")
            if at > self.stamp_before:
                kinds.setdefault((symbol, source), set()).add(kind)
        mixed = [
            f"bars of {symbol} before and after a change" for (symbol, _), k in kinds.items() if len(k) > 1
        ]
        return wrong or mixed

    def _kind(self, symbol: str, at: Any, values: list[float]) -> str:
        """Whether a bar is the true one, that of a vendor that has changed it, or none of them."""
        true = self.true_bars.get((symbol, at))
        if true is None:
            return "none"
        if _same(true, values):
            return "true"
        return "changed" if _same(_dearer((at, *true))[1:], values) else "none"

    def halved(self) -> list[str]:
        # The bars since the decision before: of each symbol and source all of them, or none.
        there: dict[tuple[str, str], set[Any]] = {}
        for symbol, at, source, *_ in self.bars():
            if at > self.stamp_before:
                there.setdefault((symbol, source), set()).add(at)
        true: dict[str, set[Any]] = {}
        for symbol, at in self.true_bars:
            if at > self.stamp_before:
                true.setdefault(symbol, set()).add(at)
        return [
            f"{len(ats)} of {len(true[symbol])} new bars of {symbol} from {source}"
            for (symbol, source), ats in there.items()
            if symbol in true and ats != true[symbol]
        ]


class DayScene(BarScene):
    """A small book that decides by the day; three sessions later."""

    symbol, short_page = "GLD", 5
    stored = (
        "SELECT symbol, session, source, open, high, low, close, volume "
        "FROM nightdesk.bars JOIN nightdesk.symbols USING (symbol_id) WHERE session >= %s"
    )

    def make(self, folder: Path, walks: list[list[str]]) -> None:
        desk = new_desk(folder, self.url, walks)
        self.book, self.walks, self.files = desk.book, walks, [desk.bars]
        self.first, self.then = small_desk.instant(0), small_desk.instant(3)
        self.oldest, self.stamp_before, self.stamp = map(small_desk.session, (-15, 0, 3))
        # Noon of the session after, whose bar is not complete.
        self.before, self.at = (
            get_calendar().open_at(small_desk.session(n)) + timedelta(hours=3) for n in (1, 4)
        )
        self.covered = () if self.second else self.awaited()
        sources = [self.vendor.feed]
        if set(self.covered) < set(self.symbols()):
            (folder / "second").mkdir()
            self.files = [folder / "second" / "bars.csv"]
            sources.append(f"files:{folder / 'second'}")
        tree = yaml.safe_load(desk.book.read_text()) | {"feeds": {"daily": sources}}
        desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))

    def publish(self, as_of: datetime) -> None:
        until = str(get_calendar().session_of(as_of))
        head = ["date", "symbol", "open", "high", "low", "close", "volume"]
        rows = [row for row in self.walks if row[0] <= until and row[1] not in self.covered]
        for path in self.files:
            with path.open("w", newline="") as file:
                csv.writer(file).writerows([head, *rows])

    @cached_property
    def all_bars(self) -> list[tuple[datetime, str, MarketBar]]:
        """All rows of the market with the instants at which their sessions open."""
        opens: dict[str, datetime] = {}
        found: list[tuple[datetime, str, MarketBar]] = []
        for day, symbol, *cells in self.walks:
            if day not in opens:
                opens[day] = get_calendar().open_at(date.fromisoformat(day))
            numbers = [float(one or 0) for one in cells]
            found.append((opens[day], symbol, (date.fromisoformat(day), *numbers)))  # type: ignore[arg-type]
        return found

    def market(self, until: datetime) -> VendorMarket:
        bars: dict[str, list[MarketBar]] = {}
        for opens, symbol, bar in self.all_bars:
            if opens <= until:
                bars.setdefault(symbol, []).append(bar)
        return VendorMarket(bars, {self.symbol: (small_desk.session(2), 0.25)})

    def symbols(self) -> tuple[str, ...]:
        return (*small_desk.UNIVERSE, "^VIX")

    def all_true(self) -> Iterator[tuple[tuple[str, Any], Values]]:
        for opens, symbol, bar in self.all_bars:
            if opens <= self.then:
                yield (symbol, bar[0]), bar[1:]


class HourScene(BarScene):
    """A small book that decides by the hour; two hours later."""

    symbol, short_page = "AAPL", 50
    stored = (
        "SELECT symbol, bar_end, source, open, high, low, close, volume "
        "FROM nightdesk.bars_hourly JOIN nightdesk.symbols USING (symbol_id) WHERE bar_end >= %s"
    )

    def make(self, folder: Path, walks: list[list[str]]) -> None:
        self.desk = HourlyDesk(self.url, folder)
        sources = [self.vendor.feed, *([f"files:{folder / 'hours'}"] if self.second else [])]
        self.desk.write_book(feeds={"hourly": sources})
        self.book = self.desk.book
        self.first, self.then = hourly_desk.at(0), hourly_desk.at(2)
        self.oldest, self.stamp_before, self.stamp = hourly_desk.at(-60), self.first, self.then
        # A quarter of the next half hour is over.
        self.before, self.at = (
            HOURLY.waited_until(one) + timedelta(minutes=8) for one in (self.first, self.then)
        )

    def publish(self, as_of: datetime) -> None:
        self.desk.until = as_of
        self.desk.write()

    @cached_property
    def all_halves(self) -> list[tuple[str, MarketBar]]:
        """All half hours of the market."""
        hours = sorted(self.desk.hours.items())
        return [(symbol, half) for (symbol, end), bar in hours for half in halves(end, bar)]

    def market(self, until: datetime) -> VendorMarket:
        bars: dict[str, list[MarketBar]] = {}
        for symbol, half in self.all_halves:
            if half[0] <= until:
                bars.setdefault(symbol, []).append(half)
        session = HOURLY.session_of(self.then)
        return VendorMarket(bars, {self.symbol: (get_calendar().shift(session, -1), 0.25)})

    def symbols(self) -> tuple[str, ...]:
        return hourly_desk.SYMBOLS

    def all_true(self) -> Iterator[tuple[tuple[str, Any], Values]]:
        for key, bar in self.desk.hours.items():
            if key[1] <= self.then:
                yield key, tuple(bar)  # type: ignore[misc]


#: The symbols of which there is news, and by which word.
KNOWN_BY = {"GLD": "bullion", "SPY": "composite", "QQQ": "technology"}


class NewsScene(DayScene):
    """A small book with bars of a file and headlines of the vendor; three sessions later."""

    symbol, short_page = "GLD", 3
    beside = together = True

    def make(self, folder: Path, walks: list[list[str]]) -> None:
        desk = new_desk(folder, self.url, walks)
        self.book, self.walks, self.files, self.covered = desk.book, walks, [desk.bars], ()
        self.first, self.then = small_desk.instant(0), small_desk.instant(3)
        self.oldest, self.stamp_before, self.stamp = map(small_desk.session, (-15, 0, 3))
        self.before, self.at = (
            get_calendar().open_at(small_desk.session(n)) + timedelta(hours=3) for n in (1, 4)
        )
        self.stories_file = folder / "headlines.csv" if self.second else None
        sources = [self.feed, *([f"files:{self.stories_file}"] if self.second else [])]
        tree = yaml.safe_load(desk.book.read_text()) | {"feeds": {"daily": [desk.feed], "news": sources}}
        tree["sentiment"] = {"keywords": {symbol: [word] for symbol, word in KNOWN_BY.items()}}
        desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))

    def publish(self, as_of: datetime) -> None:
        super().publish(as_of)
        if self.stories_file is not None:
            head = ["published_at", "symbols", "headline", "source", "url"]
            rows = [
                [at.isoformat(), name, words, "wire", ""] for at, name, words in self.told() if at <= as_of
            ]
            with self.stories_file.open("w", newline="") as file:
                csv.writer(file).writerows([head, *rows])

    def told(self) -> list[tuple[datetime, str, str]]:
        """Headlines of some sessions, three a session."""
        return [
            (small_desk.instant(number) - timedelta(hours=hours), symbol, f"{word} gains {number} {hours}")
            for number in range(-3, 8)
            for hours, (symbol, word) in enumerate(KNOWN_BY.items(), 1)
        ]

    def market(self, until: datetime) -> VendorMarket:
        return VendorMarket({}, {}, [one for one in self.told() if one[0] <= until])

    def serve(self, *, without: str | None = None, ahead: bool = False, other: bool = False) -> None:
        market = self.market(self.clock + timedelta(days=5) if ahead else self.clock)
        told = [one for one in market.headlines if one[1] != without]
        if other:
            told = [(told[0][0], told[0][1], "one more"), *told]
        self.vendor.fill(self.server, VendorMarket({}, {}, told))

    def awaited(self) -> tuple[str, ...]:
        return tuple(KNOWN_BY)

    def stories(self) -> list[tuple[str, datetime, str, str]]:
        """All headlines of the store: symbol, instant, words, feed."""
        return self.all_of(
            "SELECT symbol, published_at, headline, feed "
            "FROM nightdesk.headlines JOIN nightdesk.symbols USING (symbol_id)"
        )

    def found(self) -> Mapping[str, str]:
        # Of those of the decision's own session; the second source's are not the vendor's.
        since = small_desk.instant(2)
        newest = [
            (
                symbol,
                self.vendor.feed if feed.partition("#")[0] == self.vendor.feed.partition(":")[0] else feed,
            )
            for symbol, at, _, feed in self.stories()
            if since < at <= self.then
        ]
        return dict(sorted(newest, key=lambda one: one[1] == self.vendor.feed))

    def invented(self, changed: bool) -> list[str]:
        # A vendor may tell a headline by the end of its quarter of an hour.
        true = {(symbol, words): at for at, symbol, words in self.told() if at <= self.then}
        return [
            f"a headline that no source gave: {(symbol, at, words, feed)}"
            for symbol, at, words, feed in self.stories()
            if words != "one more"
            and not timedelta() <= at - true.get((symbol, words), at + timedelta(1)) <= timedelta(minutes=15)
        ]

    def halved(self) -> list[str]:
        return []


#: Of each kind the subjects, with the numbers of a fact, and the head of a file of it.
_OF_FACTS: Mapping[Fed, tuple[tuple[str, ...], tuple[float, ...], list[str]]] = {
    Fed.MACRO: (("DGS10", "DFF"), (2.0,), ["series", "period", "value", "known_at"]),
    Fed.POSITIONING: (
        ("088691", "13874A"),
        (300.0, 100.0, 900.0),
        ["code", "report_date", "long", "short", "open_interest"],
    ),
}
_ROWS_OF = {
    Fed.MACRO: "SELECT series, period, source, value FROM nightdesk.macro",
    Fed.POSITIONING: "SELECT code, report_date, source, long, short, open_interest "
    "FROM nightdesk.positioning",
}


class FactScene(DayScene):
    """A small book with bars of a file and facts of the vendor; three sessions later."""

    beside = True

    @property
    def kind(self) -> Fed:
        """The kind of the facts."""
        return self.vendor.gives

    def make(self, folder: Path, walks: list[list[str]]) -> None:
        desk = new_desk(folder, self.url, walks)
        self.book, self.walks, self.files, self.covered = desk.book, walks, [desk.bars], ()
        self.first, self.then = small_desk.instant(0), small_desk.instant(3)
        self.oldest, self.stamp_before, self.stamp = map(small_desk.session, (-15, 0, 3))
        self.before, self.at = (
            get_calendar().open_at(small_desk.session(n)) + timedelta(hours=3) for n in (1, 4)
        )
        self.symbol, self.together = self.awaited()[0], self.kind is Fed.POSITIONING  # type: ignore[misc]
        self.facts_file = folder / "facts" / f"{self.kind}.csv" if self.second else None
        sources = [self.feed, *([f"files:{self.facts_file.parent}"] if self.facts_file else [])]
        tree = yaml.safe_load(desk.book.read_text())
        tree["feeds"] = {"daily": [desk.feed], f"{self.kind}": sources}
        if self.kind is Fed.MACRO:
            tree["macro"] = {"series": list(self.awaited())}
        else:
            tree["positioning"] = {"codes": dict(zip(("GLD", "SPY"), self.awaited(), strict=True))}
        desk.book.write_text(yaml.safe_dump(tree, sort_keys=False))

    def publish(self, as_of: datetime) -> None:
        super().publish(as_of)
        if self.facts_file is None:
            return
        self.facts_file.parent.mkdir(exist_ok=True)
        day, head = get_calendar().session_of(as_of), _OF_FACTS[self.kind][2]
        rows = [
            [name, at, *numbers, *([""] if "known_at" in head else [])]
            for name, at, numbers, since in self.told()
            if since <= day
        ]
        with self.facts_file.open("w", newline="") as file:
            csv.writer(file).writerows([head, *rows])

    def told(self) -> list[tuple[str, date, tuple[float, ...], date]]:
        """Facts of the sessions, or of their Tuesdays, each known from the next session, or Friday, on."""
        subjects, numbers, _ = _OF_FACTS[self.kind]
        found = []
        for n in range(-20, 8):
            day = small_desk.session(n)
            of_week = self.kind is Fed.POSITIONING
            if of_week and day.weekday() != 1:
                continue
            since = day + timedelta(days=3) if of_week else small_desk.session(n + 1)
            for at, subject in enumerate(subjects):
                found.append((subject, day, tuple(one + (n + 30 + at) / 10 for one in numbers), since))
        return found

    def serve(self, *, without: str | None = None, ahead: bool = False, other: bool = False) -> None:
        today = (self.clock + timedelta(days=5) if ahead else self.clock).date()
        told = [one for one in self.told() if one[3] <= today and one[0] != without]
        self.vendor.fill(self.server, VendorMarket({}, {}, facts=told, today=today))

    def awaited(self) -> tuple[str, ...]:
        return _OF_FACTS[self.kind][0]

    def rows_of(self) -> list[tuple[Any, ...]]:
        """All facts of the store: subject, day, source, numbers."""
        return self.all_of(_ROWS_OF[self.kind])

    def found(self) -> Mapping[str, str]:
        newest = max(day for _, day, _, since in self.told() if since <= self.stamp)
        kind = self.vendor.feed
        rows = sorted(self.rows_of(), key=lambda one: one[2] == kind)
        return {subject: source for subject, day, source, *_ in rows if day >= newest}

    def invented(self, changed: bool) -> list[str]:
        true = {(subject, day): numbers for subject, day, numbers, _ in self.told()}
        return [
            f"a fact that no source gave: {(subject, day, source, numbers)}"
            for subject, day, source, *numbers in self.rows_of()
            if any(
                abs(a - b) > 0.006
                for a, b in zip(true.get((subject, day), (1e9,) * 3), numbers, strict=False)
            )
        ]

    def halved(self) -> list[str]:
        return []


SCENES: Mapping[Fed, type[FeedScene]] = {
    Fed.DAYS: DayScene,
    Fed.HOURS: HourScene,
    Fed.NEWS: NewsScene,
    Fed.MACRO: FactScene,
    Fed.POSITIONING: FactScene,
}


def _before(bar: MarketBar) -> MarketBar:
    """One more bar before a first one."""
    return (bar[0] - timedelta(days=1), *bar[1:])


def _dearer(bar: MarketBar) -> MarketBar:
    when, *prices, volume = bar
    return (when, *(round(1.01 * one, 2) for one in prices), volume)  # type: ignore[return-value]


def _same(true: Values, values: list[float]) -> bool:
    # A volume that is not there is none.
    pairs = zip(true, np.nan_to_num(values), strict=True)
    return all(abs(one - other) < 1e-6 * max(1.0, abs(one)) for one, other in pairs)


def halves(end: datetime, bar: list[float]) -> Iterator[MarketBar]:
    """The half hours that an hour is made of."""
    opened, high, low, close, volume = bar
    start = HOURLY.starts[HOURLY.index(end)].item().replace(tzinfo=UTC)
    count = int((end - start) / timedelta(minutes=30))
    for n in range(count):
        yield (
            start + n * timedelta(minutes=30),
            opened,
            high,
            low,
            close if n == count - 1 else opened,
            volume / count,
        )
