"""The pool of a screen: what the sources of a book list, or a file, read strictly."""

from pathlib import Path

import pytest
import yaml
from tests.screened_market import SYMBOLS, ScreenedMarket, screened_market

from nightdesk.core.book import Book, load_book
from nightdesk.core.errors import Refused
from nightdesk.core.pool_book import book_of_pool
from nightdesk.feeds.stock_pool import read_pool


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> ScreenedMarket:
    return screened_market(tmp_path_factory.mktemp("pools"))


def book_of(market: ScreenedMarket, folder: Path, pool: str, **feeds: object) -> Book:
    tree = yaml.safe_load(market.book.read_text())
    tree["universe"]["screen"]["pool"] = pool
    tree["feeds"] |= feeds
    path = folder / "screened.yaml"
    path.write_text(yaml.safe_dump(tree))
    return load_book(path)


def test_all_listings_of_a_source_are_the_pool_also_what_is_delisted(
    market: ScreenedMarket, tmp_path: Path
) -> None:
    pool = read_pool(book_of(market, tmp_path, "listings"))
    assert pool == tuple(one for one in SYMBOLS if one != "S07"), "S07 has no listing"


def test_a_source_that_cannot_say_what_it_lists_is_refused_with_what_to_name(
    market: ScreenedMarket, tmp_path: Path
) -> None:
    (tmp_path / "facts").mkdir()
    (tmp_path / "facts" / "quotes.csv").write_text("symbol,session,bid,ask\nA,2022-01-03,1,2\n")
    book = book_of(market, tmp_path, "listings", listings=[f"files:{tmp_path / 'facts'}"])
    with pytest.raises(Refused, match=r"universe\.screen\.pool: found listings"):
        read_pool(book)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "found no such file, expected a CSV file with a column symbol"),
        ("", "pool.csv:1: found an empty file, expected one column symbol"),
        ("ticker\nA\n", "pool.csv:1: found ticker"),
        ("symbol\n", "it names no symbol"),
        ("symbol\nA\nB\nA\n", "pool.csv:4: A stands in line 2 already"),
        ("symbol\nA\nb\n", "pool.csv:3, column symbol: found 'b'"),
        ('"symbol\nA\n', "pool.csv:2: not a CSV: unexpected end of data"),
        ('"' + "A" * 200_000 + '"\nA\n', "pool.csv:1: not a CSV: field larger than field limit"),
        ("symbol\n^VIX\n", "pool.csv:2: ^VIX is the volatility index of the book"),
    ],
)
def test_a_file_that_is_no_pool_is_refused_with_its_line(
    market: ScreenedMarket, tmp_path: Path, text: str | None, words: str
) -> None:
    path = tmp_path / "pool.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(Refused) as caught:
        read_pool(book_of(market, tmp_path, f"files:{path}"))
    assert words in str(caught.value)


def test_a_file_may_hold_more_columns_and_empty_lines(market: ScreenedMarket, tmp_path: Path) -> None:
    path = tmp_path / "pool.csv"
    path.write_text("name, symbol\nBeta, B\n\nAlpha, A\n")
    assert read_pool(book_of(market, tmp_path, f"files:{path}")) == ("A", "B")


def test_the_book_of_a_pool_has_all_of_it_and_nothing_else_and_reads_only_what_a_screen_does(
    market: ScreenedMarket,
) -> None:
    book = load_book(market.book)
    pool = book_of_pool(book, ["S03", "S00"])
    assert pool.symbols == ("S00", "S03")
    assert pool.panel_symbols == ("S00", "S03", "SPY", "^VIX")
    assert pool.feeds.listings == book.feeds.listings
    assert pool.feeds.news == ()
    with pytest.raises(Refused, match=r"\^VIX is the volatility index"):
        book_of_pool(book, ["^VIX"])
