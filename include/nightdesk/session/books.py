"""The books of a folder, each checked as far as that needs neither a network nor a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nightdesk import feeds
from nightdesk.core.book import Book, load_book
from nightdesk.core.book_facts import fact_sources
from nightdesk.core.calendar import USUAL_CALENDAR
from nightdesk.core.errors import Refused
from nightdesk.core.facts import FACT_KINDS, FactKind
from nightdesk.core.feed_order import key_of, named_feeds
from nightdesk.engine import Desk, resolve
from nightdesk.feeds.fact_sources import check_fact_source
from nightdesk.orders.order import OrderType
from nightdesk.strategies import SignalSide

#: The made-up market, as a source of bars and of facts.
SAMPLE = "sample"
#: Feeds that know a coin by its pair; files and plug-ins of a person's own call it as they like.
_VENDORS = frozenset({"alpaca", "binance", "ibkr", "polygon", "tiingo", "yahoo"})


@dataclass(frozen=True)
class BookFolder:
    """The books of a folder by file, and the reason for each file that holds none that may trade."""

    books: Mapping[Path, Book]
    refused: Mapping[Path, str]


def read_books(folder: Path, wanted: Callable[[str], bool] = lambda name: True) -> BookFolder:
    """Every ``*.yaml`` of a folder; one that is wrong, or whose plug-in breaks, does not hide the others.

    Parameters
    ----------
    folder : Path
    wanted : callable
        Whether a file of that name, without its ending, is read; by default all are.
    """
    books: dict[Path, Book] = {}
    refused: dict[Path, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        if not wanted(path.stem):
            continue
        try:
            books[path] = read_book(path)
        except Refused as error:
            refused[path] = str(error)
        except Exception as error:  # noqa: BLE001 (whatever a plug-in does, the other books stay)
            refused[path] = f"{path}: {type(error).__name__}: {error}"
    return BookFolder(books, refused)


def shared_accounts(books: Mapping[Path, Book]) -> dict[Path, str]:
    """The books that name an account of another one, each with the reason why it may not trade.

    Files do not tell which of them had it first. Whoever was started first keeps trading: the store refuses
    the other.
    """
    shared = {}
    for path, book in books.items():
        for other, theirs in books.items():
            taken = _accounts(theirs) if other != path else {}
            for named, key in _accounts(book).items():
                if named in taken:
                    shared[path] = (
                        f"{path}: {key}: {named[1]!r} is the account of {other} already; "
                        "one account serves one book, so name another"
                    )
    return shared


def _accounts(book: Book) -> dict[tuple[str, str], str]:
    """The path of the key that names it, by kind of broker and account there."""
    found = {}
    for name in book.account_names:
        entry = book.entry_of(name)
        key = "broker" if book.broker is not None else f"accounts.{name}"
        found[entry.kind, entry.account] = f"{key}.account"
    return found


def read_book(path: Path, overrides: Mapping[str, str] | None = None) -> Book:
    """Load one book and check all that it names: plug-ins with their parameters, feeds, symbols, orders.

    Parameters
    ----------
    path : Path
        A YAML file, called like the book in it.
    overrides : mapping of dotted key to YAML text, optional
        Values over the file's.

    Raises
    ------
    Refused
        With the file, the path of the key, what was found and what is allowed.
    """
    book = load_book(path, overrides)
    if book.name != path.stem:
        raise Refused(f"{path}: name: found {book.name!r}; a book is named like its file, {path.stem!r}")
    try:
        desk = resolve(book)
        _refuse_unsendable(book)
        _refuse_shorts_at(book, desk)
        _refuse_unprotected(book, desk)
        if book.calendar != USUAL_CALENDAR:
            # Calendars bring pandas along: a book of the usual exchange does not pay for it.
            from nightdesk.core.calendar import get_calendar

            get_calendar(book.calendar)
        _refuse_unknown_to_feeds(book)
        _refuse_without_hours(book)
        _refuse_unheard(book)
        _refuse_without_facts(book)
        _refuse_rates_of_tomorrow(book)
        if any(one.funding for one in book.universe.values()):
            from nightdesk.feeds.funding_sources import check_funding

            check_funding(book)
    except Refused as error:
        raise Refused("\n".join(_located(line, path) for line in str(error).splitlines())) from error
    return book


def _refuse_unknown_to_feeds(book: Book) -> None:
    """Refuse a symbol that none of its sources knows, and a source named for what it has nothing of."""
    for symbol in book.panel_symbols:
        asked = book.feeds_of(symbol)
        if not any(feeds.covers(name, symbol) for name in asked):
            raise Refused(
                f"universe.{symbol}: no feed of this book knows it (feeds.daily: {', '.join(asked)})"
            )
        _refuse_another_meaning(book, symbol, asked)
    _refuse_misplaced(book, "daily", book.feeds.daily, feeds.covers)
    _refuse_misplaced(book, "hourly", book.feeds.hourly, feeds.covers_hours)
    compared = book.feeds.compare_with
    if isinstance(compared, Mapping):
        named = {key: (name,) for key, name in compared.items()}
        _refuse_misplaced(book, "compare_with", named, feeds.covers)


def _refuse_another_meaning(book: Book, symbol: str, asked: Sequence[str]) -> None:
    """Refuse a symbol that a vendor would take for something else: BTC is a fund at Yahoo, and no coin."""
    from nightdesk.feeds.spellings import pair_in_dollars

    vendors = [name for name in asked if name in _VENDORS]
    said, is_pair = book.class_of(symbol), pair_in_dollars(symbol) is not None
    if not vendors or symbol not in book.universe or is_pair == (said in ("crypto", "perpetual")):
        return
    where, named = f"universe.{symbol}.asset_class: found {said!r}", ", ".join(vendors)
    if is_pair:
        raise Refused(f"{where}, and {symbol} is a pair of a coin at {named}: say asset_class: crypto")
    raise Refused(
        f"{where}, and at {named} {symbol} is no pair against dollars, but a share or fund of that name, or "
        f"nothing: call a coin by its pair, such as BTC-USD, or take its bars from files:PATH"
    )


def _refuse_misplaced(
    book: Book,
    key: str,
    said: tuple[str, ...] | Mapping[str, tuple[str, ...]],
    knows: Callable[[str, str], bool],
) -> None:
    """Refuse a source that stands in the list of a symbol or a class and knows none of that."""
    if not isinstance(said, Mapping):
        return
    meant: dict[str, list[str]] = {}
    for symbol in book.panel_symbols:
        of = key_of(said, symbol, book.class_of(symbol))
        if of is not None:
            meant.setdefault(of, []).append(symbol)
    for of, names in said.items():
        for name in names:
            feeds.check(name)
            symbols = meant.get(of, [])
            if symbols and not any(knows(name, symbol) for symbol in symbols):
                raise Refused(
                    f"feeds.{key}.{of}: found {name}, which has nothing of {', '.join(symbols[:5])}: "
                    "name a feed that serves them"
                )


def _refuse_without_hours(book: Book) -> None:
    """Refuse an hourly book whose feeds have no hours of its symbols, and a source of hours that has none."""
    hourly = named_feeds(book.feeds.hourly)
    key, asked = ("hourly", hourly) if hourly else ("daily", named_feeds(book.feeds.daily))
    able = [name for name in asked if feeds.has_hours(name)]
    if len(able) < len(hourly) or (book.schedule.rhythm == "hourly" and not able):
        raise Refused(
            f"feeds.{key}: found {', '.join(asked)}; hourly bars are asked for, "
            f"and the feeds that have them are {', '.join(feeds.hourly_names())}"
        )
    for symbol in book.symbols if book.schedule.rhythm == "hourly" else book.hour_closes:
        its = [name for name in book.hour_feeds_of(symbol) if feeds.has_hours(name)]
        if not any(feeds.covers_hours(name, symbol) for name in its):
            raise Refused(
                f"universe.{symbol}: no feed of this book knows its hours (feeds.{key}: "
                f"{', '.join(its) or 'none of its own has hours'})"
            )


def _refuse_unheard(book: Book) -> None:
    """Refuse a source of headlines that is not known, or a scorer that is not on this machine."""
    if not book.feeds.news:
        return
    from nightdesk.feeds.news_sources import check_news
    from nightdesk.scorers import check

    for name in book.feeds.news:
        check_news(name, book.sentiment.known_words)
    check(book.sentiment.scorer)


def _refuse_without_facts(book: Book) -> None:
    """Refuse a source of facts that is not known, or that has none of the kind it is named for."""
    for kind in FACT_KINDS.values():
        for name in fact_sources(book, kind):
            check_fact_source(name, kind)
            _refuse_made_up_of_real(book, kind, name)


def _refuse_rates_of_tomorrow(book: Book) -> None:
    """Refuse the rate of a day that has not come, of which nobody knows it. It has come where the day is."""
    newest = (datetime.now(UTC) + timedelta(hours=14)).date()
    for figure, target in book.targets.items():
        if target.eur_rate_of is not None and target.eur_rate_of > newest:
            raise Refused(
                f"targets.{figure}.eur_rate_of: found {target.eur_rate_of}, a day that has not come: "
                "state the day whose rate it is"
            )


def _refuse_made_up_of_real(book: Book, kind: FactKind, name: str) -> None:
    """Refuse facts of the sample market beside bars of another one: they would be told of real companies."""
    bars = [one for one in named_feeds(book.feeds.daily) if one != SAMPLE]
    if name == SAMPLE and bars:
        raise Refused(
            f"feeds.{kind.name}: found {SAMPLE}, whose facts are made up as its bars are, and the bars of "
            f"this book come from {', '.join(bars)} too (feeds.daily): name a vendor, or a file of your own"
        )


def _refuse_unsendable(book: Book) -> None:
    """Refuse orders that a broker of the book does not take."""
    for name in book.account_names:
        try:
            _refuse_unsendable_in(book.in_account(name), name if book.accounts else "")
        except Refused as error:
            key = f"accounts.{name}.kind" if book.accounts else "broker.kind"
            raise Refused(str(error).replace("broker.kind", key, 1)) from error


def _refuse_unsendable_in(book: Book, account: str) -> None:
    """The same of one account, named where the book has them by name."""
    if (book.own_entry.kind, book.orders.type) == ("paper", "market"):
        # Brokers bring the database's client along: the usual book does not pay for it.
        return
    from nightdesk.brokers import capabilities

    kind, able = book.own_entry.kind, capabilities(book.own_entry.kind)
    where = f" (accounts.{account})" if account else ""
    if book.orders.type not in able.order_types:
        known = ", ".join(sorted(able.order_types))
        raise Refused(
            f"orders.type: found {book.orders.type!r}; a broker of kind {kind}{where} takes {known} orders"
        )
    for symbol, instrument in book.universe.items():
        if "day" not in able.times_in_force.get(instrument.asset_class, {}):
            raise Refused(
                f"universe.{symbol}.asset_class: found {instrument.asset_class!r}; a broker of kind "
                f"{kind}{where} takes orders for the next open of {', '.join(sorted(able.times_in_force))}"
            )


def _refuse_unprotected(book: Book, desk: Desk) -> None:
    """Refuse protective orders of a kind that a broker does not let rest for the book's symbols."""
    # On paper every one rests, and brokers bring the database's client along.
    real = [own for own in map(book.in_account, book.account_names) if own.own_entry.kind != "paper"]
    if not desk.protective or not real:
        return
    from nightdesk.brokers import capabilities

    kinds: set[OrderType] = {"stop" if one.target is None else "oco" for one in desk.protective.values()}
    if desk.brackets:
        kinds.add("bracket")
    for own in real:
        able = capabilities(own.own_entry.kind)
        for symbol, instrument in own.universe.items():
            if able.lets_rest(kinds, instrument.asset_class):
                continue
            what = f"no {' or '.join(sorted(kinds))} order rest for {symbol} ({instrument.asset_class})"
            raise Refused(
                f"protective: a broker of kind {own.own_entry.kind} lets {what}: leave protective out, or "
                "take another broker"
            )


def _refuse_shorts_at(book: Book, desk: Desk) -> None:
    """Refuse strategies that sell short at a kind of broker that does not."""
    shorts = [name for name, one in desk.strategies.items() if SignalSide.SHORT in one.sides]
    kinds = {book.in_account(name).own_entry.kind for name in book.account_names} - {"paper"}
    if not shorts or not kinds:
        return
    from nightdesk.brokers import capabilities

    unable = sorted(kind for kind in kinds if not capabilities(kind).shorts)
    if unable:
        legs = ", and a bundle without its short legs is none" if desk.strategies[shorts[0]].bundles else ""
        raise Refused(
            f"strategies.{shorts[0]}: it sells short, which the desk does at no broker of kind "
            f"{unable[0]}{legs}: take kind paper, or a strategy that opens longs alone"
        )


def _located(line: str, path: Path) -> str:
    return line if line.startswith(str(path)) else f"{path}: {line}"
