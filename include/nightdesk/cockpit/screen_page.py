"""The page of a book's screens: what each stock was measured at, who is a member, came, left or is off."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse

from nightdesk.alerts import figures
from nightdesk.cockpit.known_book import REPEATED, KnownBook, decision_of, instant_word, known_book
from nightdesk.cockpit.list_pages import ListPage, page_number
from nightdesk.cockpit.screen import ROWS_A_PAGE, AScreen, Screen
from nightdesk.core.errors import Refused
from nightdesk.core.screen_weeks import LONGEST_IN_FORCE
from nightdesk.store.ahead import reading_once
from nightdesk.store.cockpit_screen_rows import (
    MemberWeek,
    PairFound,
    ScreenedStock,
    member_weeks,
    newest_open_check,
    pairs_found,
    screen_of_instant,
    screened_stocks,
    screens_listed,
)
from nightdesk.store.db import now
from nightdesk.store.ledger_rows import positions_of
from nightdesk.store.member_rows import not_members
from nightdesk.store.screen_rows import OpenCheck, StoredScreen, newest_good

router = APIRouter()

#: Attempts, weeks of members, pairs a page, and names of those that came or went in a week.
ATTEMPTS_LISTED, WEEKS_LISTED, PAIRS_A_PAGE, NAMES_LISTED = 26, 12, 50, 20
#: What the list of stocks can be narrowed to.
WHICH: Mapping[str, str] = {
    "all": "all of the pool",
    "member": "among the largest",
    "leg": "legs of pairs",
    "came": "members that came",
    "went": "members that went",
    "passed": "passed all",
    "failed": "failed",
    "unknown": "passed unknown",
}


def _large(value: float) -> str:
    """Dollars in millions or billions."""
    for size, word in ((1e9, "bn"), (1e6, "m")):
        if abs(value) >= size:
            return f"${figures.number(value / size, 1)} {word}"
    return figures.money(value)


#: How the values of criteria are written; others with two places.
_WRITE: Mapping[str, Callable[[float], str]] = {
    "dollar_volume": _large,
    "market_cap": _large,
    "price": figures.price,
    "history": lambda value: f"{value:,.0f}",
    "spread": lambda value: figures.percent(value, places=3),
    "atr_share": figures.percent,
    "bb_width": figures.percent,
}


@dataclass(frozen=True)
class CriterionCell:
    """What a criterion says of a stock: the value in words, and passed, failed or passed_unknown."""

    words: str
    outcome: str


@dataclass(frozen=True)
class StockLine:
    """A stock of the list, with a cell a criterion."""

    stock: ScreenedStock
    cells: tuple[CriterionCell, ...]


@dataclass(frozen=True)
class CriterionHead:
    """The head of a criterion's column: how many stocks fail it, where a click leads, how it is sorted."""

    label: str
    limit: str
    failures: int
    name: str
    href: str
    sorted_as: str


@dataclass(frozen=True)
class Names:
    """Symbols that came or went: the first of them, how many more, and where the whole list is."""

    shown: tuple[str, ...]
    more: int
    href: str


@dataclass(frozen=True)
class WeekLine:
    """Members of a week, and who came and went against the screen before; None where there is none before."""

    week: MemberWeek
    came: Names | None
    went: Names | None


@dataclass(frozen=True)
class StocksAsked:
    """What an address asks of the lists: `of` narrows failed and unknown stocks, `criterion` sorts."""

    which: str = "all"
    of: str = ""
    criterion: str = ""
    falling: bool = False
    symbol: str = ""
    page: int = 1
    pairs: int = 1


@dataclass(frozen=True)
class ScreenView:
    """What the page of a book's screens shows.

    Attributes
    ----------
    known : KnownBook
    attempts : tuple of StoredScreen
        The newest first.
    newest_good : StoredScreen or None
        The one in force, or that comes into force next.
    age_days : int
        Whole days since it was of.
    shown : StoredScreen or None
        The one that the lists are of.
    heads : tuple of CriterionHead
    stocks : tuple of StockLine
    stocks_page, pairs_page : ListPage or None
        Which pages of the two lists these are.
    weeks : tuple of WeekLine
    pairs : tuple of PairFound
    leaving : tuple of str
        Held at the newest closed decision, and no member of it.
    check : OpenCheck or None
        The newest check before an open.
    off : tuple of (symbol, reason)
        What it found.
    asked : StocksAsked
    """

    known: KnownBook
    attempts: tuple[StoredScreen, ...] = ()
    newest_good: StoredScreen | None = None
    age_days: int = 0
    shown: StoredScreen | None = None
    heads: tuple[CriterionHead, ...] = ()
    stocks: tuple[StockLine, ...] = ()
    stocks_page: ListPage | None = None
    pairs_page: ListPage | None = None
    weeks: tuple[WeekLine, ...] = ()
    pairs: tuple[PairFound, ...] = ()
    leaving: tuple[str, ...] = ()
    check: OpenCheck | None = None
    off: tuple[tuple[str, str], ...] = ()
    asked: StocksAsked = StocksAsked()

    @property
    def words(self) -> Mapping[str, str]:
        """What the list can be narrowed to, with its words."""
        return WHICH

    @property
    def is_overdue(self) -> bool:
        """Whether the newest good one is older than one may be in force."""
        return self.age_days > LONGEST_IN_FORCE.days

    @property
    def failed_since(self) -> tuple[StoredScreen, ...]:
        """Attempts that failed after the newest good one, the newest first."""
        good = self.newest_good
        return tuple(
            one
            for one in self.attempts
            if not one.good and (good is None or one.screened_at > good.screened_at)
        )


@router.get("/books/{book}/screen")
def screen_page(
    screen: AScreen,
    book: str,
    at: str = "",
    which: str = "all",
    of: str = "",
    by: str = "",
    falling: str = "",
    symbol: str = "",
    page: str = "1",
    pairs: str = "1",
) -> HTMLResponse:
    """The screens of a book; of one of them every stock."""
    if which not in WHICH:
        raise Refused(f"which: found {which[:40]!r}; expected one of {', '.join(WHICH)}")
    asked = StocksAsked(
        which,
        of,
        by,
        falling == "yes",
        symbol.strip().upper(),
        page_number("page", page),
        page_number("pairs", pairs),
    )
    view = screen_view(screen, book, at, asked)
    return screen.render("screen.html.j2", view, title=f"Screen of {book}", book=book, tab="screen")


def screen_view(screen: Screen, name: str, at: str = "", asked: StocksAsked = StocksAsked()) -> ScreenView:
    """What the page of a book's screens shows.

    Parameters
    ----------
    screen : Screen
    name : str
        Of the book.
    at : str
        The instant that a screen is of, or its day; empty: the newest good one.
    asked : StocksAsked
        Which stocks of it.

    Raises
    ------
    HTTPException
        404 where the book has no screen of that instant.
    Refused
        When the screen has no such criterion.
    """
    conn, known = screen.conn, known_book(screen, name)
    with reading_once(conn):
        attempts = screens_listed(conn, name, ATTEMPTS_LISTED)
        if not attempts:
            return ScreenView(known)
        good = newest_good(conn, name)
        shown = screen_of_instant(conn, name, _instant(at, attempts)) if at else good or attempts[0]
        if shown is None:
            raise HTTPException(404, f"Book {name} has no screen of {at[:REPEATED]!r}: {_known(attempts)}.")
        weeks = member_weeks(conn, name, shown.screened_at, WEEKS_LISTED + 1)
        together, stocks = screened_stocks(
            conn,
            name,
            shown,
            which=asked.which,
            narrowed=_place(shown, "of", asked.of),
            place=_place(shown, "by", asked.criterion),
            falling=asked.falling,
            symbol=asked.symbol,
            before=weeks[1].symbols if len(weeks) > 1 else (),
            rows=ROWS_A_PAGE,
            skipped=(asked.page - 1) * ROWS_A_PAGE,
        )
        address = _address_of(screen, name, shown, asked)
        decision = None if known.record is None else decision_of(conn, known)
        check = newest_open_check(conn, name)
        return ScreenView(
            known=known,
            attempts=attempts,
            newest_good=good,
            age_days=0 if good is None else (now(conn) - good.screened_at).days,
            shown=shown,
            heads=tuple(_heads(shown, asked, address)),
            stocks=tuple(_line(shown, one) for one in stocks),
            stocks_page=ListPage(asked.page, together, ROWS_A_PAGE, lambda number: address(page=number)),
            pairs_page=ListPage(
                asked.pairs, shown.pairs, PAIRS_A_PAGE, lambda number: address("pairs", pairs=number)
            ),
            weeks=tuple(_weeks(weeks, address)),
            pairs=pairs_found(conn, name, shown, PAIRS_A_PAGE, (asked.pairs - 1) * PAIRS_A_PAGE),
            leaving=() if decision is None else _leaving(conn, name, decision.as_of),
            check=None if check is None else check[0],
            off=() if check is None else check[1],
            asked=asked,
        )


def _leaving(conn: Any, book: str, as_of: datetime) -> tuple[str, ...]:
    """What is held at a decision and no member of it, sorted."""
    held = {row["symbol"] for row in positions_of(conn, book, as_of) if row["quantity"]}
    return tuple(sorted(held & set(not_members(conn, book, as_of)))) if held else ()


def _instant(text: str, attempts: Sequence[StoredScreen]) -> datetime:
    """The instant of an address: as it stands, or that of the screen of a day."""
    try:
        if len(text) == len("2026-11-29"):
            day = date.fromisoformat(text)
            found = [one.screened_at for one in attempts if one.screened_at.date() == day]
            return found[0] if found else datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = datetime.fromisoformat(text[:REPEATED])
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        expected = "an instant such as 2026-11-29T23:00Z, or a day such as 2026-11-29"
        raise HTTPException(400, f"at: found {text[:REPEATED]!r}; expected {expected}.") from None


def _known(attempts: Sequence[StoredScreen]) -> str:
    return f"its newest is of {instant_word(attempts[0].screened_at)}"


def _place(shown: StoredScreen, key: str, criterion: str) -> int:
    """The place of a criterion in the lists of a screen, from 1; 0 for none."""
    if not criterion:
        return 0
    if criterion not in shown.criteria:
        raise Refused(f"{key}: found {criterion[:40]!r}; the screen asked {', '.join(shown.criteria)}")
    return list(shown.criteria).index(criterion) + 1


def _address_of(screen: Screen, book: str, attempt: StoredScreen, asked: StocksAsked) -> Callable[..., str]:
    """Makes addresses of the same lists with something asked otherwise, at the one that is named."""

    def address(place: str = "stocks", **changed: object) -> str:
        given: dict[str, object] = {
            "at": instant_word(attempt.screened_at),
            "which": asked.which if asked.which != "all" else "",
            "of": asked.of,
            "by": asked.criterion,
            "falling": "yes" if asked.falling else "",
            "symbol": asked.symbol,
            "page": asked.page if asked.page > 1 else "",
            "pairs": asked.pairs if asked.pairs > 1 else "",
        }
        return screen.address("books", book, "screen", **{**given, **changed}) + f"#{place}"

    return address


def _heads(shown: StoredScreen, asked: StocksAsked, address: Callable[..., str]) -> Iterator[CriterionHead]:
    for name, limit, failures in zip(shown.criteria, shown.limits, shown.failures, strict=True):
        own = asked.criterion == name
        turned = "" if own and asked.falling else "yes"
        sorted_as = "" if not own else "descending" if asked.falling else "ascending"
        href = address(by=name, falling=turned, page="")
        yield CriterionHead(name.replace("_", " "), limit, failures, name, href, sorted_as)


def _line(shown: StoredScreen, stock: ScreenedStock) -> StockLine:
    cells = zip(shown.criteria, stock.measured, stock.words, stock.outcomes, strict=True)
    return StockLine(
        stock, tuple(CriterionCell(_shown(name, value, word), said) for name, value, word, said in cells)
    )


def _shown(name: str, value: float, word: str) -> str:
    """What a criterion has found, as people read it."""
    if math.isnan(value):
        return word or "not known"
    return _WRITE.get(name, figures.number)(value)


def _weeks(weeks: Sequence[MemberWeek], address: Callable[..., str]) -> Iterator[WeekLine]:
    """The weeks that are listed; the one behind them tells who came and went in the oldest."""
    for number, one in enumerate(weeks[:WEEKS_LISTED]):
        if number + 1 == len(weeks):
            yield WeekLine(one, None, None)
            return
        own, earlier = set(one.symbols), set(weeks[number + 1].symbols)
        yield WeekLine(
            one,
            _names(own - earlier, "came", one, address),
            _names(earlier - own, "went", one, address),
        )


def _names(symbols: set[str], which: str, week: MemberWeek, address: Callable[..., str]) -> Names:
    listed = sorted(symbols)
    at = instant_word(week.screened_at)
    href = address(at=at, which=which, of="", by="", falling="", symbol="", page="", pairs="")
    return Names(tuple(listed[:NAMES_LISTED]), max(0, len(listed) - NAMES_LISTED), href)
