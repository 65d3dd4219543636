"""A symbol: its bars with what books did in it and why, who holds it, and what was found of its data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse

from nightdesk.alerts import figures
from nightdesk.cockpit.charts import Candle, CandleChart, ChartMark, Series
from nightdesk.cockpit.held_positions import StopPrice, stop_price, stops_by, symbol_averages
from nightdesk.cockpit.screen import AScreen, Screen, how_many
from nightdesk.cockpit.trade_reasons import what_it_did, why_it_was_wanted
from nightdesk.core.book import Book
from nightdesk.core.calendar import USUAL_CALENDAR
from nightdesk.core.schedule import schedule_of
from nightdesk.risk import Override
from nightdesk.store.cockpit_rows import newest_decision
from nightdesk.store.cockpit_symbol_rows import (
    CandleRow,
    HolderRow,
    ShownFigures,
    StopRow,
    StoredSymbol,
    TradePart,
    actions_of,
    candles_of,
    headlines_of,
    holders_of,
    newest_factors,
    newest_figures,
    quarantines_of,
    stops_in,
    stored_symbol,
    trades_in,
)
from nightdesk.store.override_rows import standing_overrides

router = APIRouter()

#: Rows of the table of trades; the picture has the marks of all of them.
TRADES_SHOWN = 100
#: Stays in a position whose stops are drawn, the newest of each strategy.
STAYS_SHOWN = 20
#: Actions that change what a share is, drawn on the picture.
_DRAWN = ("split", "symbol_change", "merger", "spin_off", "delisting")


@dataclass(frozen=True)
class TradeLine:
    """A strategy's part in a fill: what it did to the position, why, the address of its trace, and when.

    `filled` is the session, of an hourly book with the hour that it was booked in.
    """

    part: TradePart
    did: str
    why: str
    trace: str
    filled: str


@dataclass(frozen=True)
class FactorColumn:
    """The factors of the symbol at the newest decision of a book, by name."""

    book: str
    as_of: datetime
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SourceSpan:
    """Bars of the picture from one source: how many, and of which sessions."""

    source: str
    bars: int
    first: date
    last: date
    corrected: int


@dataclass(frozen=True)
class SymbolView:
    """What the page of a symbol shows.

    Attributes
    ----------
    stored : StoredSymbol
    book : str
        The one whose trades are shown; empty for all that the visitor may see.
    books : tuple of str
        Those that have the symbol in their universe, or traded or held it.
    chart : CandleChart
        Raw prices of their own day, with fills, stops and actions.
    sources : tuple of SourceSpan
    trades : tuple of TradeLine
        The newest first; `more` counts those that the table leaves out.
    holders : tuple of HolderRow
        Positions at each book's newest mark, open ones first.
    stops : mapping of (str, str) to StopPrice
        The nearest stop of each open one, by book and strategy, as on the page of its book.
    figures : tuple of ShownFigures
        What strategies and their sizing show of it at the newest decision of each book.
    factors : tuple of FactorColumn
    limited : tuple of (str, Override)
        What people limit in it by hand, by book, with what they limit in the whole book.
    quarantines, actions, headlines : list of dict
        The newest first.
    """

    stored: StoredSymbol
    book: str
    books: tuple[str, ...]
    sessions: int
    chart: CandleChart
    sources: tuple[SourceSpan, ...]
    trades: tuple[TradeLine, ...]
    more: int
    holders: tuple[HolderRow, ...]
    stops: Mapping[tuple[str, str], StopPrice]
    figures: tuple[ShownFigures, ...]
    factors: tuple[FactorColumn, ...]
    limited: tuple[tuple[str, Override], ...]
    quarantines: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    headlines: list[dict[str, Any]]


def symbol_view(screen: Screen, symbol: str, book: str = "", *, sessions: int) -> SymbolView:
    """What the desk knows of a symbol.

    Raises
    ------
    HTTPException
        404 where nothing was ever stored of it.
    """
    stored = stored_symbol(screen.conn, symbol)
    if stored is None:
        raise HTTPException(
            404, f"Nothing is stored of {symbol[:80]!r}: no feed has given a bar or an action of it."
        )
    chosen = (book,) if book else screen.started
    candles = candles_of(screen.conn, symbol, sessions)
    first = candles[0].session if candles else date.min
    since = datetime.combine(max(first, date(1900, 1, 2)) - timedelta(days=1), time(), UTC)
    parts = trades_in(screen.conn, symbol, chosen, first, since)
    stops = stops_in(screen.conn, symbol, chosen, since)
    holders = holders_of(screen.conn, symbol, chosen)
    actions = actions_of(screen.conn, symbol)
    trades = tuple(_line(screen, one) for one in parts)
    return SymbolView(
        stored=stored,
        book=book,
        books=_books(screen, symbol, parts, holders),
        sessions=sessions,
        chart=_chart(symbol, candles, trades, stops, actions),
        sources=_sources(candles),
        trades=trades[:TRADES_SHOWN],
        more=max(0, len(trades) - TRADES_SHOWN),
        holders=tuple(sorted(holders, key=lambda one: (not one.quantity, one.book, one.strategy))),
        stops=_stops(screen, symbol, holders),
        figures=newest_figures(screen.conn, symbol, chosen),
        factors=_factors(newest_factors(screen.conn, symbol, chosen)),
        limited=tuple(_limited(screen, symbol, chosen)),
        quarantines=quarantines_of(screen.conn, symbol, chosen),
        actions=actions,
        headlines=headlines_of(screen.conn, symbol),
    )


@router.get("/symbols/{symbol:path}")
def symbol_page(screen: AScreen, symbol: str, book: str = "", sessions: str = "") -> HTMLResponse:
    """The page of a symbol, of one book's trades or of all."""
    if book:
        screen.must_be_started(book)
    view = symbol_view(screen, symbol, book, sessions=how_many(sessions))
    return screen.render("symbol.html.j2", view, title=symbol, book=book, tab="symbol")


def _line(screen: Screen, part: TradePart) -> TradeLine:
    known = screen.books.get(part.book)
    return TradeLine(
        part=part,
        did=what_it_did(part),
        why=why_it_was_wanted(part, USUAL_CALENDAR if known is None else known.calendar),
        trace=screen.address("books", part.book, "trace", part.symbol, as_of=part.decided.isoformat()),
        filled=f"{part.session}" if known is None else schedule_of(known).name_of(part.as_of),
    )


def _books(
    screen: Screen, symbol: str, parts: Sequence[TradePart], holders: Sequence[HolderRow]
) -> tuple[str, ...]:
    """Started books that have to do with the symbol."""
    traded = {one.book for one in parts} | {one.book for one in holders}
    return tuple(name for name in screen.started if name in traded or _lists(screen.books.get(name), symbol))


def _limited(screen: Screen, symbol: str, books: Sequence[str]) -> Iterator[tuple[str, Override]]:
    """What people limit in the symbol from the newest decision of each book on."""
    for name in books:
        newest = newest_decision(screen.conn, name)
        first = date.min if newest is None else newest["session"]
        for one in standing_overrides(screen.conn, name, first):
            if one.symbol in (None, symbol):
                yield name, one


def _lists(book: Book | None, symbol: str) -> bool:
    return book is not None and symbol in book.panel_symbols


def _chart(
    symbol: str,
    candles: Sequence[CandleRow],
    trades: Sequence[TradeLine],
    stops: Sequence[StopRow],
    actions: Sequence[Mapping[str, Any]],
) -> CandleChart:
    begins = candles[0].session if candles else date.max
    marks = [*map(_mark, reversed(trades))]
    marks += [
        ChartMark(
            one["session"],
            "event",
            f"{one['kind'].replace('_', ' ')} {one['value']:g} {one['other']}".rstrip(),
        )
        for one in actions
        if one["kind"] in _DRAWN and one["session"] >= begins
    ]
    return CandleChart(
        name="candles",
        title=f"{symbol}: daily bars, raw prices of their own day (not adjusted for splits or dividends)",
        candles=[
            Candle(
                one.session,
                one.open,
                one.high,
                one.low,
                one.close,
                math.nan if one.volume is None else one.volume,
            )
            for one in candles
        ],
        marks=tuple(marks),
        lines=_stop_lines([one.session for one in candles], stops),
    )


def _mark(line: TradeLine) -> ChartMark:
    part = line.part
    opening = line.did in ("opens", "adds")
    kind: Literal["entry", "exit", "stop"]
    kind = "entry" if opening else "stop" if line.why.startswith("stop:") else "exit"
    who = f"{part.strategy} ({part.book})" if part.strategy else part.book
    units = figures.quantity(part.quantity)
    words = f"{part.side} {units} at {figures.price(part.price)}, {line.did}: {who}: {line.why}"
    # A sale that opens, and a purchase that closes, are those of a short position.
    return ChartMark(part.session, kind, words, short=opening == (part.side == "sell"))


def _stops(screen: Screen, symbol: str, holders: Sequence[HolderRow]) -> dict[tuple[str, str], StopPrice]:
    """Where each open position is left whole; a book without a file has only the stops that were stored."""
    found = {}
    for name in {one.book for one in holders if one.quantity}:
        plans, rules = ({}, {}) if name not in screen.books else stops_by(screen.books[name])
        held = [one for one in holders if one.book == name and one.quantity]
        averages = symbol_averages([asdict(one) | {"symbol": symbol} for one in held])
        for one in held:
            average = float(one.cost / one.quantity / one.multiplier)
            stop = stop_price(
                average, one.quantity > 0, asdict(one), plans.get(one.strategy), rules.get(symbol),
                averages.get(symbol),
            )  # fmt: skip
            if stop is not None:
                found[name, one.strategy] = stop
    return found


def _stop_lines(sessions: Sequence[date], stops: Sequence[StopRow]) -> tuple[Series, ...]:
    """Where stops stood, session by session: a line a stay in the position, since a line has no gaps.

    Only those that stand in the newest session are named on the picture.
    """
    place = {day: n for n, day in enumerate(sessions)}
    stays: dict[tuple[str, str], list[dict[int, float]]] = {}
    for one in stops:
        at = place.get(one.session)
        if at is None:
            continue
        runs = stays.setdefault((one.book, one.strategy), [])
        if not runs or at - max(runs[-1]) > 1:
            runs.append({})
        runs[-1][at] = one.price
    return tuple(
        Series(
            f"stop of {strategy} ({book})" if len(sessions) - 1 in run else "",
            [run.get(n) for n in range(len(sessions))],
            tone="loss",
            steps=True,
        )
        for (book, strategy), runs in sorted(stays.items())
        for run in runs[-STAYS_SHOWN:]
    )


def _sources(candles: Sequence[CandleRow]) -> tuple[SourceSpan, ...]:
    found: dict[str, list[CandleRow]] = {}
    for one in candles:
        found.setdefault(one.source, []).append(one)
    return tuple(
        SourceSpan(
            source, len(bars), bars[0].session, bars[-1].session, sum(one.corrections > 0 for one in bars)
        )
        for source, bars in sorted(found.items(), key=lambda item: -len(item[1]))
    )


def _factors(found: Mapping[str, tuple[datetime, Mapping[str, float]]]) -> tuple[FactorColumn, ...]:
    return tuple(
        FactorColumn(book, as_of, tuple((name, _shown(value)) for name, value in values.items()))
        for book, (as_of, values) in sorted(found.items())
    )


def _shown(value: float) -> str:
    """A factor as a person reads it: four places, two from a thousand on; then millions and billions."""
    for size, word in ((1e9, "bn"), (1e6, "m")):
        if abs(value) >= size:
            return f"{figures.number(value / size, 1)} {word}"
    return figures.number(value, 2 if abs(value) >= 1_000 else 4)
