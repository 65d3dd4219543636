"""A book is refused, before it trades, when its broker cannot take its orders."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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


@pytest.mark.parametrize("terms", [{"stop": 0.02}, {"stop": 0.02, "target": 0.1}])
def test_stops_are_refused_for_crypto_at_alpaca_which_lets_none_rest(
    write: Write, terms: dict[str, float]
) -> None:
    path = write(protective=terms, broker={"kind": "alpaca", "account": "one"})
    with pytest.raises(Refused, match=r"of kind alpaca lets no (stop|oco) order rest for BTC-USD \(crypto\)"):
        read_book(path)
    tree = yaml.safe_load(path.read_text())
    tree["universe"].pop("BTC-USD")
    tree["levels"]["first_out"] = []
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    assert read_book(path).protective is not None


def test_the_rate_of_a_day_that_has_not_come_is_refused(write: Write) -> None:
    day = (datetime.now(UTC) + timedelta(days=3)).date()
    path = write(targets={"profit_daily": {"above": 50, "eur_rate": 1.08, "eur_rate_of": day}})
    with pytest.raises(Refused, match=rf"profit_daily\.eur_rate_of: found {day}, a day that has not come"):
        read_book(path)


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
            {"daily": ["yahoo"]},
            r"multi_asset\.yaml: feeds\.daily: found yahoo; hourly bars are asked for, "
            r"and the feeds that have them are alpaca, binance, files:PATH, ibkr, polygon, sample",
        ),
        (
            {"daily": ["sample", "yahoo"]},
            r"universe\.BTC-USD: no feed of this book knows its hours \(feeds\.daily: sample\)",
        ),
        ({"daily": ["sample"], "hourly": ["yahoo"]}, r"multi_asset\.yaml: feeds\.hourly: found yahoo;"),
    ],
)
def test_an_hourly_book_on_feeds_without_hours_is_refused_with_those_that_have_them(
    write: Write, feeds: dict[str, object], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        read_book(write(schedule="hourly", feeds=feeds))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"feeds": {"daily": ["sample"], "news": ["polygon"]}},
            r"multi_asset\.yaml: feeds\.news: there is no source of headlines 'polygon'",
        ),
        (
            {"feeds": {"daily": ["sample"], "news": ["rss:ftp://paper.example/feed"]}},
            r"multi_asset\.yaml: feeds\.news: rss:ftp://paper\.example/feed: expected the address of a feed",
        ),
        (
            {"feeds": {"daily": ["sample"], "news": ["files:/nowhere/at/all"]}},
            r"multi_asset\.yaml: feeds\.news: .*/nowhere/at/all",
        ),
        (
            {"feeds": {"daily": {"crypto": ["yahoo"], "default": ["sample"]}, "listings": ["sample"]}},
            r"multi_asset\.yaml: feeds\.listings: found sample, whose facts are made up as its bars are, and "
            r"the bars of this book come from yahoo too",
        ),
        (
            {"feeds": {"daily": ["sample"], "macro": ["sample"]}, "macro": {"series": ["DFF"]}},
            r"multi_asset\.yaml: feeds\.macro: sample has no macro; it has listings, quotes, earnings",
        ),
        (
            {"quality": {"expectations": "nowhere.yaml"}},
            r"multi_asset\.yaml: quality\.expectations: found 'nowhere\.yaml', and there is no file ",
        ),
    ],
)
def test_a_source_or_file_that_is_not_there_is_refused_with_the_key_that_names_it(
    write: Write, changed: dict[str, object], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        read_book(write(**changed))


def test_facts_of_the_sample_market_go_with_its_bars(write: Write) -> None:
    feeds = {"daily": ["sample"]} | {"listings": ["sample"], "quotes": ["sample"]}
    assert read_book(write(feeds=feeds)).feeds.listings == ("sample",)


def _of(daily: list[str], **classes: str) -> dict[str, object]:
    tree = yaml.safe_load((PROJECT / "books" / "multi_asset.yaml").read_text())["universe"]
    named = {symbol: {"asset_class": kind, "max_weight": 0.01} for symbol, kind in classes.items()}
    return {"feeds": {"daily": daily}, "universe": tree | named}


@pytest.mark.parametrize(
    ("daily", "symbol", "kind", "message"),
    [
        (["yahoo"], "BTC", "crypto", "found 'crypto', and at yahoo BTC is no pair against dollars"),
        (["polygon", "alpaca"], "BTC", "crypto", "at polygon, alpaca BTC is no pair"),
        (["yahoo"], "ETH-EUR", "crypto", "at yahoo ETH-EUR is no pair against dollars"),
        (["yahoo"], "ETH-USD", "etf", "found 'etf', and ETH-USD is a pair of a coin at yahoo"),
        (["binance", "yahoo"], "ETHUSDT", "equity", "is a pair of a coin at binance, yahoo"),
    ],
)
def test_a_symbol_that_means_something_else_at_a_vendor_is_refused(
    write: Write, daily: list[str], symbol: str, kind: str, message: str
) -> None:
    with pytest.raises(Refused, match=rf"universe\.{symbol}\.asset_class: .*{message}"):
        read_book(write(**_of(daily, **{symbol: kind})))


def test_pairs_of_a_vendor_and_names_of_files_of_ones_own_are_taken(write: Write, tmp_path: Path) -> None:
    for symbol in ("ETH-USD", "ETH/USDC", "ETHUSDT"):
        assert symbol in read_book(write(**_of(["binance", "yahoo"], **{symbol: "crypto"}))).symbols
    bars = tmp_path / "bars.csv"
    bars.write_text("date,symbol,open,high,low,close,volume\n2026-11-02,BTC,1,1,1,1,1\n")
    assert "BTC" in read_book(write(**_of([f"files:{bars}", "sample"], BTC="crypto"))).symbols
