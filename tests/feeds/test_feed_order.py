"""One order of feeds for all symbols of a book, or one a symbol or asset class."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import PROJECT
from tests.feeds.test_chain import MONDAY, NOW, WEDNESDAY, Source, days

from nightdesk.core.book import Book, load_book, parse_book
from nightdesk.core.errors import Refused, Transient
from nightdesk.feeds.asking import compared_feeds, feeds_asked
from nightdesk.feeds.chain import MemoryHealth, fetch_with_fallback
from nightdesk.feeds.feed import Fault, Missing
from nightdesk.session.books import read_book

FILE = PROJECT / "books" / "multi_asset.yaml"


def with_feeds(**said: Any) -> Book:
    tree = yaml.safe_load(FILE.read_text())
    return parse_book({**tree, "feeds": said}, "book")


@pytest.fixture
def read(tmp_path: Path):
    def reading(schedule: str = "daily", **said: Any) -> Book:
        tree = yaml.safe_load(FILE.read_text()) | {"feeds": said, "schedule": schedule}
        path = tmp_path / "multi_asset.yaml"
        path.write_text(yaml.safe_dump(tree, sort_keys=False))
        return read_book(path)

    return reading


def names_of(book: Book, symbol: str, **options: Any) -> list[str]:
    return [feed.name for feed in feeds_asked(book, [symbol], **options)[symbol]]


def test_a_symbols_own_order_comes_before_its_classs_and_that_before_the_default():
    book = with_feeds(
        daily={
            "GLD": ["yahoo"],
            "etf": ["polygon", "alpaca"],
            "index": ["yahoo", "polygon"],
            "default": ["sample"],
        }
    )
    assert names_of(book, "GLD") == ["yahoo"]
    assert names_of(book, "TLT") == ["polygon", "alpaca"]
    assert names_of(book, "^VIX") == ["yahoo", "polygon"]
    assert names_of(book, "BTC-USD") == ["sample"]
    assert names_of(book, "GLD", instead=["sample"]) == ["sample"]


def test_hours_are_asked_of_the_symbols_feeds_that_have_them():
    book = with_feeds(daily={"crypto": ["yahoo", "alpaca"], "default": ["polygon", "yahoo"]})
    assert names_of(book, "BTC-USD", hours=True) == ["alpaca"]
    assert names_of(book, "GLD", hours=True) == ["polygon"]
    own = with_feeds(daily=["yahoo"], hourly={"crypto": ["polygon"]})
    assert names_of(own, "BTC-USD", hours=True) == ["polygon"]
    assert names_of(own, "GLD", hours=True) == []


def test_a_plain_list_keeps_the_configuration_of_a_book():
    book = load_book(FILE)
    assert '"feeds":{"daily":["sample"],"compare_with":null,"news":[]}' in book.configuration
    by_class = with_feeds(daily={"crypto": ["yahoo"], "default": ["sample"]})
    assert by_class.config_hash != book.config_hash
    assert parse_book(yaml.safe_load(by_class.document), "again") == by_class


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"daily": []}, r"feeds\.daily: found nothing; name at least one source"),
        ({"daily": {}}, r"feeds\.daily: found nothing"),
        ({"hourly": {}}, r"feeds\.hourly: found nothing; name a list by a symbol"),
        ({"daily": {"crypto": [], "default": ["sample"]}}, r"feeds\.daily\.crypto: found \[\]"),
        ({"daily": {"crypto": "yahoo"}}, r"feeds\.daily\.crypto: found 'yahoo'"),
        (
            {"daily": {"crypto": ["yahoo"]}},
            r"feeds\.daily: .*GLD \(etf\).* and \d+ more would be asked of no source; name one by symbol",
        ),
        (
            {"daily": {"stocks": ["yahoo"], "default": ["sample"]}},
            r"feeds\.daily\.stocks: a key is a symbol of the book, an asset class \(equity, etf, crypto, "
            r"option, perpetual\), index",
        ),
        ({"compare_with": {"coins": "yahoo"}}, r"feeds\.compare_with\.coins: a key is a symbol"),
        ({"compare_with": 3}, r"feeds\.compare_with: found 3"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused_with_its_key(said: dict[str, Any], message: str):
    with pytest.raises(Refused, match=message):
        with_feeds(**said)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"daily": {"index": ["alpaca", "yahoo"], "default": ["sample"]}},
            r"multi_asset\.yaml: feeds\.daily\.index: found alpaca, which has nothing of \^VIX: name a feed",
        ),
        (
            {"daily": {"index": ["alpaca"], "default": ["sample"]}},
            r"universe\.\^VIX: no feed of this book knows it \(feeds\.daily: alpaca\)",
        ),
        ({"daily": {"perpetual": ["binanse"], "default": ["sample"]}}, r"there is no feed 'binanse'"),
        (
            {"daily": ["sample"], "compare_with": {"index": "alpaca"}},
            r"feeds\.compare_with\.index: found alpaca, which has nothing of \^VIX",
        ),
        (
            {"schedule": "hourly", "daily": ["yahoo"], "hourly": {"crypto": ["polygon"]}},
            r"no feed of this book knows its hours \(feeds\.hourly: none of its own has hours\)",
        ),
        (
            {
                "schedule": "hourly",
                "daily": ["sample"],
                "hourly": {"crypto": ["yahoo"], "default": ["polygon"]},
            },
            r"feeds\.hourly\.crypto: found yahoo, which has nothing of BTC-USD",
        ),
    ],
)
def test_a_feed_is_refused_for_what_it_does_not_serve(read, said: dict[str, Any], message: str):
    with pytest.raises(Refused, match=message):
        read(**said)


def test_a_class_that_the_book_has_nothing_of_may_be_named(read):
    assert read(daily={"perpetual": ["yahoo"], "default": ["sample"]}).feeds_of("GLD") == ("sample",)


def test_closes_are_compared_with_the_source_of_each_class():
    book = with_feeds(daily=["sample"], compare_with={"crypto": "alpaca", "GLD": "polygon"})
    compared = {feed.name: symbols for feed, symbols in compared_feeds(book)}
    assert compared == {"polygon": ["GLD"], "alpaca": ["BTC-USD"]}
    ((feed, symbols),) = compared_feeds(with_feeds(daily=["sample"], compare_with="yahoo"))
    assert (feed.name, tuple(symbols)) == ("yahoo", book.panel_symbols)
    assert compared_feeds(with_feeds(daily=["sample"])) == []


def test_each_symbol_falls_back_along_its_own_order():
    busy = Missing("busy", Fault.PASSING)
    a = Source("a", {"SPY": days(1, 2, 3), "TLT": busy, "GLD": days(1, 2)})
    b = Source("b", {"TLT": days(4, 5, 6), "SPY": days(9, 9, 9), "GLD": days(7, 7, 7)})
    orders = {"SPY": (b, a), "TLT": (a, b), "GLD": (a,), "BIL": ()}
    given = fetch_with_fallback(
        orders, ("SPY", "TLT", "GLD", "BIL"), MONDAY, WEDNESDAY, MemoryHealth(), lambda: NOW
    )
    newest = given.fetched.bars.groupby("symbol")[["close", "source"]].last()
    assert newest.loc["SPY"].tolist() == [9.0, "b"]
    assert newest.loc["TLT"].tolist() == [6.0, "b"]
    assert newest.loc["GLD"].tolist() == [2.0, "a"]  # the next feed is none of its own
    assert str(given.fetched.missing["BIL"]) == "no source: the book names none for it that has such bars"
    assert a.asked == [("TLT", "GLD")]
    assert b.asked == [("SPY",), ("TLT",)]


def test_nothing_from_any_order_names_each_of_them():
    a = Source("a", {"SPY": Missing("busy", Fault.PASSING)})
    with pytest.raises(Transient, match=r"SPY: a: busy; BIL: no source: the book names none"):
        fetch_with_fallback(
            {"SPY": (a,), "BIL": ()}, ("SPY", "BIL"), MONDAY, WEDNESDAY, MemoryHealth(), lambda: NOW
        )
