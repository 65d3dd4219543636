"""A panel straight from feeds, in memory: for research that needs no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from nightdesk.core.book import Book
from nightdesk.core.book_facts import fact_sources, fact_subjects, first_fact_day
from nightdesk.core.calendar import Sessions, as_date, get_calendar
from nightdesk.core.errors import Refused
from nightdesk.core.fact_arrays import with_facts
from nightdesk.core.fact_versions import FactVersions
from nightdesk.core.feed_order import named_feeds
from nightdesk.core.hours import HourlyBars, build_hourly_panel, session_hours
from nightdesk.core.names import NameChange, changes_in, former_names
from nightdesk.core.panel import Action, Bars, Panel, book_columns, build_panel
from nightdesk.core.schedule import schedule_of
from nightdesk.engine.warm_up import origin_before
from nightdesk.feeds import Fetched, Missing, hourly_names
from nightdesk.feeds.asking import feeds_asked
from nightdesk.feeds.bar_tables import OF_HOURS
from nightdesk.feeds.chain import MemoryHealth, fetch_with_fallback
from nightdesk.feeds.fact_chain import FactQuestion, gather_facts, refuse_missing, versions_of
from nightdesk.feeds.fact_feed import make_facts
from nightdesk.feeds.feed import add_up
from nightdesk.feeds.former import with_former_bars
from nightdesk.feeds.funding_sources import funding_history
from nightdesk.feeds.news import by_kind, failures_of, gather, one_frame, refuse_failures, refuse_gaps
from nightdesk.feeds.news_sources import make_news
from nightdesk.scorers import make as make_scorer
from nightdesk.sentiment import Headlines, labels_of, weights_of, with_sentiment

if TYPE_CHECKING:
    import pandas as pd


def read_headlines(book: Book, sessions: Sessions) -> Headlines | None:
    """Fetch and score the headlines of a book's symbols, as its run would know them.

    Parameters
    ----------
    book : Book
        Says the symbols, the sources and the scorer.
    sessions : ndarray of shape (n_sessions,), datetime64[D]
        Those of a panel, from the book's origin on.

    Returns
    -------
    Headlines or None
        Their columns are those of the book's symbols; None for a book without news.

    Raises
    ------
    Transient, Refused
        When a source fails: a result on half of the news would look like one on all of it.
    """
    if not book.feeds.news:
        return None
    calendar, scorer = get_calendar(book.calendar), make_scorer(book.sentiment.scorer)
    first, last = as_date(sessions[0]), as_date(sessions[-1])
    after = calendar.close_at(calendar.shift(first, -1))
    words = book.sentiment.known_words
    feeds = [make_news(name, calendar=book.calendar, keywords=words) for name in book.feeds.news]
    asked = [(feed, after) for feed in feeds]
    answers = gather(asked, book.symbols, calendar.close_at(last), MemoryHealth())
    refuse_failures(failures_of(book.feeds.news, answers))
    refuse_gaps(book.feeds.news, answers, after)
    told = one_frame(by_kind(feeds, answers))
    column = {symbol: at for at, symbol in enumerate(book.symbols)}
    texts = told["headline"].tolist()
    score = scorer.score(texts)
    return Headlines(
        column=np.array([column[one] for one in told["symbol"]], dtype=np.intp),
        published=told["published_at"].to_numpy("datetime64[us]"),
        story=told["story"].to_numpy(np.int64),
        score=labels_of(score) if book.sentiment.discrete else score,
        weight=weights_of(told["symbols"].to_numpy(np.int64)),
    )


@dataclass(frozen=True)
class FetchedBars:
    """Bars of a book over a span, and where they came from.

    Attributes
    ----------
    panel : Panel
        Columns are `Book.panel_symbols`; of hours for an hourly book.
    sources : mapping of str to int
        Bars by source, hours apart.
    missing : mapping of str to Missing
        Symbols of which there is no bar at all, and why.
    dropped : mapping of str to int
        Rows that were left out, by reason.
    headlines : int
        Headlines behind the panel's sentiment, repetitions left out.
    passed_over : mapping of str to str
        Files that may hold data and were not read: the header of each, and why.
    """

    panel: Panel
    sources: Mapping[str, int]
    missing: Mapping[str, Missing]
    dropped: Mapping[str, int]
    headlines: int = 0
    passed_over: Mapping[str, str] = field(default_factory=dict)


def read_market(
    book: Book,
    first: date,
    last: date,
    feeds: Sequence[str] | None = None,
    stated: Sequence[Action] = (),
) -> FetchedBars:
    """Fetch the bars of `book`, and its headlines where it has news, and lay them out on its schedule.

    Of an hourly book the hours are fetched too, over the same sessions as the days; of the corporate actions
    that come with them only those count on which no source of days has said anything.

    Parameters
    ----------
    book : Book
        Says the symbols, the calendar and, when `feeds` is None, the feeds.
    first, last : date
        Span of the panel; days that are no sessions are passed over.
    feeds : sequence of str, optional
        Names of feeds, in the order in which they are asked.
    stated : sequence of Action
        What a person states beside what the feeds have.

    Raises
    ------
    Refused
        When the span holds no session, a feed is not known, or what it holds is malformed.
    Transient
        When nothing came, for a passing reason.
    """
    calendar = get_calendar(book.calendar)
    sessions = calendar.between(first, last)
    if len(sessions) == 0:
        raise Refused(f"there is no session of {book.calendar} from {first} to {last}: widen the span")
    chain = feeds_asked(book, book.panel_symbols, feeds or ())
    # A market that never closes gathers its first bar from the days since the session before.
    before = calendar.shift(as_date(sessions[0]), -1)
    fetched = fetch_with_fallback(chain, book.panel_symbols, before, last, MemoryHealth()).fetched
    changes: tuple[NameChange, ...] = ()
    if book.schedule.rhythm == "daily":
        given = changes_in(stated)
        former = with_former_bars(
            chain, fetched, book.panel_symbols, before, last, MemoryHealth(), known=given
        )
        fetched, changes = former.fetched, former.changes
    hours = None
    if book.schedule.rhythm != "daily":
        hours = _hours_of(book, feeds or (), first, last)
    coins = _coin_hours(book, feeds or (), as_date(sessions[0]), last)
    columns, known = book_columns(book), _known_actions(fetched, stated, hours)
    panel = build_panel(
        sessions,
        columns,
        _bars(fetched.bars, (*book.panel_symbols, *former_names(book.panel_symbols, changes))),
        known,
        previous_session=np.datetime64(before, "D"),
        changes=changes,
        hours=None
        if coins is None
        else session_hours(
            schedule_of(book),
            before,
            as_date(sessions[-1]),
            _hourly_bars(coins.bars, book.panel_symbols),
        ),
    )
    market = FetchedBars(
        panel=panel,
        sources=_count_by_source(fetched.bars),
        missing=fetched.missing,
        dropped=fetched.dropped,
        passed_over=fetched.passed_over,
    )
    if coins is not None:
        market = _with_coin_hours(market, coins)
    if hours is not None:
        market = _with_hours(book, market, hours, known)
    market = replace(market, panel=replace(market.panel, funding=funding_history(book, before, last)))
    market = _with_facts(book, market)
    headlines = read_headlines(book, sessions)
    if headlines is None:
        return market
    panel, told = with_sentiment(market.panel, headlines, calendar)
    return replace(market, panel=panel, headlines=int(told.count.sum()))


def read_facts(book: Book, first: date, last: date) -> tuple[dict[str, FactVersions], dict[str, int]]:
    """Fetch the facts beside prices that a book reads, in all versions, and what was left out by reason.

    Parameters
    ----------
    book : Book
        Says the sources, and of whom.
    first, last : date
        Span of a panel; what its first factors look back on is fetched too.

    Raises
    ------
    Transient, Refused
        When a source fails and no other has its facts: a result on half of them would look like one on all.
    """
    found, dropped = {}, dict[str, int]()
    for kind, subjects in fact_subjects(book).items():
        feeds = {name: make_facts(name) for name in fact_sources(book, kind)}
        begins = first_fact_day(kind, first)
        gathered = gather_facts(kind, feeds, subjects, partial(_asked_from, begins), last, MemoryHealth())
        refuse_missing(kind, gathered)
        # What a feed knows only now is known now: no decision of the past reads it.
        found[kind.name] = versions_of(kind, gathered.rows, subjects, begins)
        dropped = add_up(dropped, {f"{kind.name}: {why}": count for why, count in gathered.dropped.items()})
    return found, dropped


def _asked_from(first: date, source: str, subjects: Sequence[str]) -> list[FactQuestion]:
    """What every source is asked."""
    return [FactQuestion(subjects, first)]


def _with_facts(book: Book, market: FetchedBars) -> FetchedBars:
    """A market with the facts that its book reads."""
    sessions = market.panel.days.sessions
    found, dropped = read_facts(book, as_date(sessions[0]), as_date(sessions[-1]))
    panel = with_facts(market.panel, book, found, schedule_of(book))
    return replace(market, panel=panel, dropped=add_up(market.dropped, dropped))


def _known_actions(days: Fetched, stated: Sequence[Action], hours: Fetched | None) -> list[Action]:
    """What the days and a person say, and what came with hours of symbols and days of which these say
    nothing.
    """
    known = [*_actions(days.actions), *stated]
    said = {(one.symbol, one.day) for one in known}
    of_hours = [] if hours is None else _actions(hours.actions)
    return [*known, *(one for one in of_hours if (one.symbol, one.day) not in said)]


def _with_hours(book: Book, days: FetchedBars, hours: Fetched, known: Sequence[Action]) -> FetchedBars:
    """A market of hours, with that of its days behind it."""
    bars = _hourly_bars(hours.bars, book.panel_symbols)
    panel = build_hourly_panel(schedule_of(book), days.panel, book_columns(book), bars, known)
    # a reference may have no hours: decisions read its days
    absent = {one: why for one, why in hours.missing.items() if one in book.universe}
    return replace(
        days,
        panel=panel,
        sources={**days.sources, **_count_by_source(hours.bars, " hours")},
        missing={**days.missing, **absent},
        dropped=add_up(days.dropped, hours.dropped),
        passed_over={name: why for name, why in days.passed_over.items() if not why.endswith(OF_HOURS)},
    )


def _coin_hours(book: Book, instead: Sequence[str], first: date, last: date) -> Fetched | None:
    """The hours of the symbols whose sessions are gathered from hours; None where there are none."""
    symbols = tuple(book.hour_closes)
    if not symbols:
        return None
    chain = feeds_asked(book, symbols, instead, hours=True)
    return fetch_with_fallback(
        chain, symbols, first, last, MemoryHealth(), hours=True, or_nothing=True
    ).fetched


def _with_coin_hours(days: FetchedBars, hours: Fetched) -> FetchedBars:
    return replace(
        days,
        sources={**days.sources, **_count_by_source(hours.bars, " hours")},
        missing={**days.missing, **{f"{one} (hours)": why for one, why in hours.missing.items()}},
        dropped=add_up(days.dropped, hours.dropped),
        passed_over={name: why for name, why in days.passed_over.items() if not why.endswith(OF_HOURS)},
    )


def origin_of(book: Book, inception: date) -> date:
    """The first session of a book's factors when its decisions begin at `inception`.

    Raises
    ------
    Refused
        When the book states an origin that does not lie before `inception`.
    """
    origin = origin_before(book, inception)
    if origin >= inception:
        raise Refused(
            f"{inception} does not lie after the origin {origin} of book {book.name}: "
            "begin later, or set another origin"
        )
    return origin


def _bars(frame: pd.DataFrame, symbols: Sequence[str]) -> Bars:
    column = {symbol: at for at, symbol in enumerate(symbols)}
    values = {name: frame[name].to_numpy(np.float64) for name in ("open", "high", "low", "close", "volume")}
    return Bars(
        column=np.asarray(frame["symbol"].map(column), dtype=np.intp),
        day=frame["session"].to_numpy().astype("datetime64[D]"),
        **values,
    )


def _hours_of(book: Book, instead: Sequence[str], first: date, last: date) -> Fetched:
    """The hours of a book's symbols from those of their feeds, or of others, that have hours."""
    chain = feeds_asked(book, book.hour_symbols, instead, hours=True)
    if not any(chain.values()):
        asked = instead or named_feeds(book.feeds.hourly) or named_feeds(book.feeds.daily)
        raise Refused(
            f"book {book.name} decides hourly, and no feed has hours (asked: {', '.join(asked)}): "
            f"name one of {', '.join(hourly_names())}"
        )
    return fetch_with_fallback(chain, book.hour_symbols, first, last, MemoryHealth(), hours=True).fetched


def _hourly_bars(frame: pd.DataFrame, symbols: Sequence[str]) -> HourlyBars:
    column = {symbol: at for at, symbol in enumerate(symbols)}
    values = {name: frame[name].to_numpy(np.float64) for name in ("open", "high", "low", "close", "volume")}
    return HourlyBars(
        column=np.asarray(frame["symbol"].map(column), dtype=np.intp),
        end=frame["end"].to_numpy().astype("datetime64[s]"),
        **values,
    )


def _actions(frame: pd.DataFrame) -> list[Action]:
    days = frame["session"].to_numpy().astype("datetime64[D]")
    names = ("kind", "value", "other", "cash", "note")
    rows = zip(frame["symbol"], days, *(frame[name] for name in names), strict=True)
    return [Action(*row) for row in rows]


def _count_by_source(bars: pd.DataFrame, suffix: str = "") -> dict[str, int]:
    counts = bars["source"].value_counts()
    return {f"{source}{suffix}": int(count) for source, count in sorted(counts.items())}
