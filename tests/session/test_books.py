"""A book is refused, before it trades, when its broker cannot take its orders."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from tests.conftest import PROJECT

from nightdesk.brokers import capabilities
from nightdesk.brokers.paper import PaperBroker
from nightdesk.core.errors import Refused
from nightdesk.session.books import read_book

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the multi-asset book with some keys changed."""

    def written(**changed: object) -> Path:
        tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text()) | changed
        path = tmp_path / "multi_asset.yaml"
        path.write_text(yaml.safe_dump(tree, sort_keys=False))
        return path

    return written


@pytest.mark.parametrize("kind", ["paper", "alpaca"])
@pytest.mark.parametrize("orders", [{"type": "market"}, {"type": "limit", "limit_offset_bps": -5}])
def test_market_and_limit_orders_are_taken_by_every_kind_of_broker(
    write: Write, kind: str, orders: dict[str, object]
) -> None:
    book = read_book(write(orders=orders, broker={"kind": kind, "account": "one"}))
    assert book.orders.type == orders["type"]


def test_an_unknown_kind_of_broker_is_refused(write: Write) -> None:
    with pytest.raises(Refused, match=r"multi_asset\.yaml: broker\.kind: there is no broker 'papper'"):
        read_book(write(broker={"kind": "papper", "account": "one"}))


@pytest.mark.parametrize(
    ("unable", "message"),
    [
        (
            {"order_types": frozenset({"market"})},
            r"multi_asset\.yaml: orders\.type: found 'limit'; a broker of kind paper takes market orders",
        ),
        (
            {"times_in_force": {"etf": {"day": "next open"}}},
            r"multi_asset\.yaml: universe\.BTC-USD\.asset_class: found 'crypto'; a broker of kind paper",
        ),
        ({"times_in_force": {"etf": {"gtc": "gtc"}}}, r"universe\.GLD\.asset_class: found 'etf'"),
    ],
)
def test_orders_that_the_books_broker_does_not_take_are_refused_with_the_key(
    write: Write, monkeypatch: pytest.MonkeyPatch, unable: dict[str, object], message: str
) -> None:
    path = write(orders={"type": "limit"})
    monkeypatch.setattr(PaperBroker, "capabilities", replace(capabilities("paper"), **unable))  # type: ignore[arg-type]
    with pytest.raises(Refused, match=message):
        read_book(path)


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        (
            {"daily": ["sample", "yahoo"]},
            r"multi_asset\.yaml: feeds\.daily: found sample, yahoo; hourly bars are asked for, "
            r"and the feeds that have them are alpaca, binance, files:PATH, polygon",
        ),
        ({"daily": ["sample"], "hourly": ["yahoo"]}, r"multi_asset\.yaml: feeds\.hourly: found yahoo;"),
    ],
)
def test_an_hourly_book_on_feeds_without_hours_is_refused_with_those_that_have_them(
    write: Write, feeds: dict[str, object], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        read_book(write(schedule="hourly", feeds=feeds))
