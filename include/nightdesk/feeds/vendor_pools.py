"""Airflow's pools: how many tasks may ask a vendor at once.

A task stands in one pool, and an ingest asks every source of its book: it stands in that of the source that
bears least. Within a task a vendor is asked for one symbol after the other, and what it says of its limits is
waited for; pools keep tasks from meeting at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from nightdesk.core.book import Book
from nightdesk.core.book_facts import fact_sources
from nightdesk.core.facts import FACT_KINDS
from nightdesk.core.feed_order import named_feeds


class VendorPool(NamedTuple):
    """A pool: its name in Airflow, its slots, and what it is for."""

    name: str
    slots: int
    about: str


#: Of all sources without a pool of their own.
SHARED = VendorPool("feeds", 4, "tasks that ask a market data vendor")

#: By the name that a book gives the source, of those whose limits several tasks would meet together; of two
#: that bear as little the first counts. Alpha Vantage has none: each book asks it once a session.
OWN = {
    "newsapi": VendorPool("feeds_newsapi", 1, "tasks that ask NewsAPI: 100 requests a day on the free plan"),
    "gdelt": VendorPool("feeds_gdelt", 1, "tasks that ask GDELT: a request each 5 seconds"),
    "tiingo": VendorPool("feeds_tiingo", 1, "tasks that ask Tiingo: 50 requests an hour on the free plan"),
    "fred": VendorPool(
        "feeds_fred", 1, "tasks that ask FRED: 120 requests a minute, which one task keeps to"
    ),
    "ibkr": VendorPool("feeds_ibkr", 1, "tasks that ask TWS for bars: one at a time has the client id"),
    "binance": VendorPool("feeds_binance", 2, "tasks that ask Binance: one weight for all of an address"),
    "bybit": VendorPool("feeds_bybit", 2, "tasks that ask Bybit: one count for all of an address"),
    "polygon": VendorPool("feeds_polygon", 2, "tasks that ask Polygon: 5 requests a minute on the free plan"),
    "cftc": VendorPool("feeds_cftc", 2, "tasks that ask the CFTC: few requests an hour without a token"),
}
#: Other names of the same vendor.
_ALSO = {"cftc_combined": "cftc"}

POOLS = (SHARED, *OWN.values())


def pool_of(book: Book) -> VendorPool:
    """The pool in which a book's ingest stands."""
    feeds = book.feeds
    second = feeds.compare_with or ""
    named = [*named_feeds(feeds.daily), *named_feeds(feeds.hourly), *feeds.news]
    named += second.values() if isinstance(second, Mapping) else (second,)
    named += [one.funding for one in book.universe.values() if one.funding]
    named += [name for kind in FACT_KINDS.values() for name in fact_sources(book, kind)]
    heads = {name.partition(":")[0] for name in named}
    asked = heads | {_ALSO[head] for head in heads & _ALSO.keys()}
    # The first of equal ones: `min` keeps the order, and the books of one vendor stand in one pool.
    return min(
        (pool for name, pool in OWN.items() if name in asked), key=lambda one: one.slots, default=SHARED
    )
