"""Sources of funding rates by name: `binance`, `bybit` or `files:PATH`; and asking those of a book.

Importing this module is light: what a source needs is imported when it is made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from nightdesk.core.book import Book
from nightdesk.core.errors import Refused, Transient
from nightdesk.core.funding import NO_HISTORY, FundingHistory, FundingRate
from nightdesk.core.registry import Registry
from nightdesk.feeds.breaker import Circuit, SourceHealth
from nightdesk.feeds.chain import HealthStore, MemoryHealth, in_words
from nightdesk.feeds.feed import Fault, Missing, add_up
from nightdesk.feeds.funding_source import Clock, Funded, FundingSource
from nightdesk.feeds.source_fault import SourceFault
from nightdesk.retry_after import later_words

#: How each is made, of the argument of its name, the environment and the clock.
FUNDING_SOURCES: Registry[Callable[[str, Mapping[str, str], Clock], FundingSource]] = Registry(
    "source of funding rates"
)


class FundingWanted(NamedTuple):
    """A perpetual, its source's name in the book, and from when on its rates are wanted."""

    symbol: str
    name: str
    first: datetime


@dataclass(frozen=True)
class FundingAnswers:
    """What came of the perpetuals that were asked for.

    Attributes
    ----------
    history : FundingHistory
        Its symbols are all that were asked for.
    failures : mapping of str to Missing
        Of which perpetual nothing came, and why.
    dropped : mapping of str to int
        How many rates were left out, by reason.
    """

    history: FundingHistory = NO_HISTORY
    failures: Mapping[str, Missing] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)


def make_funding(
    name: str, *, environ: Mapping[str, str] | None = None, now: Clock = lambda: datetime.now(UTC)
) -> FundingSource:
    """The source of funding rates of that name.

    Parameters
    ----------
    name : str
        ``binance``, ``bybit``, or ``files:`` and the path of a CSV.
    environ : mapping of str to str, optional
        Where the addresses of exchanges are (default: this process's environment).
    now : callable
        The clock, timezone-aware.

    Raises
    ------
    Refused
        When there is no such source.
    """
    made, argument = FUNDING_SOURCES.find_with_argument(name)
    return made(argument, os.environ if environ is None else environ, now)


def check_funding(book: Book) -> None:
    """Refuse a book that names a source of funding rates which is not known, or cannot have its perpetual.

    No network is needed; whether a file is there is seen when it is read.
    """
    for symbol, one in book.universe.items():
        if one.funding is None:
            continue
        where = f"universe.{symbol}.funding"
        made, argument = FUNDING_SOURCES.find_with_argument(one.funding, where)
        if not made(argument, {}, lambda: datetime.now(UTC)).covers(symbol):
            raise Refused(
                f"{where}: {one.funding} has no perpetual {symbol}: call it by its pair, as BTCUSDT-PERP, or "
                "name another source"
            )


def gather_funding(
    wanted: Iterable[FundingWanted],
    until: datetime,
    health: HealthStore,
    *,
    environ: Mapping[str, str] | None = None,
    now: Clock = lambda: datetime.now(UTC),
) -> FundingAnswers:
    """Ask for the rates of some perpetuals; what an exchange does not give is told in `failures`.

    Parameters
    ----------
    wanted : iterable of FundingWanted
    until : datetime
        The instant up to which they are wanted.
    health : HealthStore
        Keeps the circuit breakers.
    environ, now
        As `make_funding`.

    Raises
    ------
    Refused
        When a file is not there, has no rate of its perpetual, or a line is wrong: with file, line and what
        is expected.
    """
    rates: list[FundingRate] = []
    failures: dict[str, Missing] = {}
    dropped: dict[str, int] = {}
    asked, sources = tuple(wanted), {}
    for symbol, name, first in asked:
        if name not in sources:
            sources[name] = make_funding(name, environ=environ, now=now)
        found = _answer(sources[name], symbol, first, until, health, now)
        if isinstance(found, Missing):
            failures[symbol] = found
            continue
        rates += found.rates
        dropped = add_up(dropped, found.dropped)
    history = FundingHistory(tuple(rates), frozenset(one.symbol for one in asked))
    return FundingAnswers(history, failures, dropped)


def _answer(
    source: FundingSource, symbol: str, first: datetime, until: datetime, health: HealthStore, now: Clock
) -> Funded | Missing:
    if source.own:
        return source.fetch(symbol, first, until)
    state = SourceHealth.from_row(health.load(source.source))
    if state.circuit(now()) is Circuit.OPEN:
        words = f"not asked, its circuit is open since {state.opened_at:%H:%M:%S} UTC ({state.last_error})"
        return Missing(words, Fault.PASSING)
    began = monotonic()
    found = _fetched(source, symbol, first, until)
    took = monotonic() - began
    if isinstance(found, Missing) and found.fault is not Fault.ABSENT:
        state = state.failed(now(), found.reason)
    else:
        state = state.succeeded(now(), took)
    health.save(source.source, state.as_row())
    return found


def _fetched(source: FundingSource, symbol: str, first: datetime, until: datetime) -> Funded | Missing:
    try:
        found = source.fetch(symbol, first, until)
    except SourceFault as error:
        return Missing(f"{error.reason}{later_words(error.retry_after)}", error.fault)
    except Refused as error:
        return Missing(str(error), Fault.FINAL)
    if not found.rates:
        return Missing(f"no funding rate from {first:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC")
    return found


def funding_history(
    book: Book,
    first: date,
    last: date,
    *,
    environ: Mapping[str, str] | None = None,
    now: Clock = lambda: datetime.now(UTC),
) -> FundingHistory:
    """The funding rates of a book's perpetuals that have a history: of files all, else those of a span.

    Parameters
    ----------
    book : Book
    first, last : date
        Days of UTC, both included.
    environ, now
        As `make_funding`.

    Raises
    ------
    Refused
        As `gather_funding`; also when an exchange refuses, or has no rate of the span.
    Transient
        When an exchange fails for a passing reason: half of the funding is no result.
    """
    begin = datetime.combine(first, time(), UTC)
    end = now() if last >= now().date() else datetime.combine(last, time(), UTC) + timedelta(days=1)
    named = [FundingWanted(name, one.funding, begin) for name, one in book.universe.items() if one.funding]
    answers = gather_funding(named, end, MemoryHealth(), environ=environ, now=now)
    if not answers.failures:
        return answers.history
    told = f"funding rates did not come: {in_words(answers.failures)}"
    if any(one.fault is Fault.PASSING for one in answers.failures.values()):
        raise Transient(f"{told}; try again")
    raise Refused(f"{told}; correct universe.*.funding, or the span")


def _files(argument: str, environ: Mapping[str, str], now: Clock) -> FundingSource:
    from nightdesk.feeds.funding_files import FilesFunding

    return FilesFunding(Path(argument), environ=environ, now=now)


def _binance(argument: str, environ: Mapping[str, str], now: Clock) -> FundingSource:
    from nightdesk.feeds.exchange_funding import BinanceFunding

    return BinanceFunding(environ=environ, now=now)


def _bybit(argument: str, environ: Mapping[str, str], now: Clock) -> FundingSource:
    from nightdesk.feeds.exchange_funding import BybitFunding

    return BybitFunding(environ=environ, now=now)


FUNDING_SOURCES.add("binance", _binance)
FUNDING_SOURCES.add("bybit", _bybit)
FUNDING_SOURCES.add("files:PATH", _files, "a CSV of rates")
