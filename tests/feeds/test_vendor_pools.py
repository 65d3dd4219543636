"""In which of Airflow's pools a book's ingest stands."""

from typing import Any

import pytest
from tests.engine.desks import book
from tests.feeds.test_funding_files import perpetual

from nightdesk.feeds import FEEDS
from nightdesk.feeds.fact_feed import FACT_SOURCES
from nightdesk.feeds.funding_sources import FUNDING_SOURCES
from nightdesk.feeds.news_sources import NEWS_SOURCES
from nightdesk.feeds.vendor_pools import OWN, POOLS, SHARED, pool_of

GOLD_OF_CFTC = {"codes": {"SPY": "13874A"}}


@pytest.mark.parametrize(
    ("changed", "pool"),
    [
        ({}, "feeds"),
        ({"feeds": {"daily": ["sample", "yahoo"]}}, "feeds"),
        ({"feeds": {"daily": ["polygon", "yahoo"]}}, "feeds_polygon"),
        ({"feeds": {"daily": ["files:bars"], "hourly": ["polygon"]}}, "feeds_polygon"),
        ({"feeds": {"daily": ["polygon", "tiingo"]}}, "feeds_tiingo"),
        ({"feeds": {"daily": ["polygon", "ibkr"]}}, "feeds_ibkr"),
        ({"feeds": {"daily": ["files:bars"], "compare_with": "tiingo"}}, "feeds_tiingo"),
        ({"feeds": {"daily": ["binance", "polygon"]}}, "feeds_binance"),
        ({"universe": perpetual(funding="bybit")}, "feeds_bybit"),
        ({"feeds": {"daily": ["polygon"], "news": ["gdelt"]}}, "feeds_gdelt"),
        (
            {"feeds": {"daily": ["polygon"], "news": ["rss:https://p.example/feed", "newsapi"]}},
            "feeds_newsapi",
        ),
        ({"feeds": {"daily": ["yahoo"], "news": ["rss:https://p.example/feed"]}}, "feeds"),
        ({"universe": perpetual(funding="files:rates.csv")}, "feeds"),
        ({"feeds": {"daily": ["files:bars"], "quotes": ["polygon"]}}, "feeds_polygon"),
        (
            {"feeds": {"daily": ["yahoo"], "macro": ["files:facts", "fred"]}, "macro": {"series": ["DFF"]}},
            "feeds_fred",
        ),
        ({"feeds": {"daily": ["yahoo", "fred"]}}, "feeds_fred"),
        (
            {"feeds": {"daily": ["yahoo"], "positioning": ["cftc_combined"]}, "positioning": GOLD_OF_CFTC},
            "feeds_cftc",
        ),
        (
            {
                "feeds": {"daily": ["tiingo"], "news": ["gdelt"], "macro": ["fred"]},
                "macro": {"series": ["DFF"]},
            },
            "feeds_gdelt",
        ),
        ({"feeds": {"daily": ["yahoo"], "quotes": ["alpaca"]}}, "feeds"),
    ],
)
def test_an_ingest_stands_in_the_pool_of_the_source_that_bears_least(
    changed: dict[str, Any], pool: str
) -> None:
    assert pool_of(book(**changed)).name == pool


def test_pools_are_of_sources_that_there_are_and_are_called_after_them() -> None:
    known = (FEEDS, FUNDING_SOURCES, NEWS_SOURCES, FACT_SOURCES)
    assert all(any(name in one for one in known) for name in OWN)
    assert {name: f"feeds_{name}" for name in OWN} == {name: one.name for name, one in OWN.items()}
    assert len({one.name for one in POOLS}) == len(POOLS)
    assert all(1 <= one.slots <= SHARED.slots and "|" not in one.about for one in POOLS)
