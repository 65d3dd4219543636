"""What the books decide on real bars, as hashes of their order lists: it moves only where that is meant.

`python -m tests.research.backtest.test_golden_orders` prints what the code decides now, in the form of the
file.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest
from tests.leveraged import DAILY

from nightdesk.core.book import load_book
from nightdesk.orders import Order
from nightdesk.research.backtest.data import origin_of, read_market
from nightdesk.research.backtest.run import Result, backtest

PROJECT = Path(__file__).parents[3]
GOLDEN = PROJECT / "tests" / "golden" / "order_hashes.json"
BOOKS = ("multi_asset", "equity_swing")
#: Those whose configuration is on record; the last is decided on the sample alone, which has listings.
CONFIGURED = (*BOOKS, "reversion_pairs")
#: What is set over a book's file: real hours of five stocks are not there, so theirs decides by sessions.
HISTORIES: dict[str, dict[str, str]] = {"multi_asset": {}, "equity_swing": {}, "leveraged_five": DAILY}
SHORT = (date(2015, 1, 2), date(2016, 12, 30))
WHOLE = (date(2007, 1, 3), date(2022, 12, 30))


def decided(name: str, span: tuple[date, date], market: Path) -> Result:
    book = load_book(PROJECT / "books" / f"{name}.yaml", HISTORIES[name])
    panel = read_market(book, origin_of(book, span[0]), span[1], [f"files:{market}"]).panel
    return backtest(book, panel, *span)


def orders_of(result: Result) -> dict[str, str | int]:
    """How many orders a backtest decided, and their hash."""
    return orders_hash(one for decision in result.decided for one in decision.orders)


def orders_hash(orders: Iterable[Order]) -> dict[str, str | int]:
    """How many orders there are, and a hash of session, symbol, side and quantity of each."""
    lines = [f"{one.session} {one.symbol} {one.side} {one.quantity.normalize():f}" for one in orders]
    return {"orders": len(lines), "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest()}


@pytest.mark.parametrize("name", CONFIGURED)
def test_the_hash_of_a_books_configuration_is_the_one_that_databases_hold(name: str) -> None:
    book = load_book(PROJECT / "books" / f"{name}.yaml")
    assert book.config_hash == json.loads(GOLDEN.read_text())[name]["configuration"]


@pytest.mark.parametrize("name", HISTORIES)
def test_the_orders_of_two_years_are_those_on_record(name: str, market: Path) -> None:
    assert orders_of(decided(name, SHORT, market)) == json.loads(GOLDEN.read_text())[name]["short"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", HISTORIES)
def test_the_orders_of_sixteen_years_are_those_on_record(name: str, market: Path) -> None:
    assert orders_of(decided(name, WHOLE, market)) == json.loads(GOLDEN.read_text())[name]["whole"]


if __name__ == "__main__":
    folder = Path(os.environ.get("NIGHTDESK_MARKET") or PROJECT / ".." / "shared" / "market").resolve()
    spans = {"short": SHORT, "whole": WHOLE}
    found = {
        name: {word: orders_of(decided(name, span, folder)) for word, span in spans.items()}
        for name in HISTORIES
    }
    print(json.dumps(found, indent=2))
