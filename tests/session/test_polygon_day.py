"""A session from a vendor over the wire decides what the same bars from a file decide, and falls back."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date

import pytest
import yaml
from tests.fakes.polygon import ANOTHER_PLAN, FakePolygon, Ticker, at_midnight
from tests.session.small_desk import SmallDesk

from nightdesk.feeds.spellings import to_polygon

DECIDED = """
    SELECT symbol, side, quantity::text FROM nightdesk.orders ORDER BY symbol, side
"""
SOURCES = """
    SELECT DISTINCT symbol, source FROM nightdesk.bars JOIN nightdesk.symbols USING (symbol_id)
"""


@pytest.fixture
def polygon(walks: list[list[str]]) -> Iterator[FakePolygon]:
    """The small desk's bars, as the vendor gives them."""
    with FakePolygon() as fake:
        bars = defaultdict(list)
        for day, symbol, *cells in walks:
            ticker = to_polygon(symbol)
            zone = "UTC" if ticker.startswith("X:") else "America/New_York"
            bars[ticker].append(
                (at_midnight(date.fromisoformat(day), zone), *(float(one or 0) for one in cells))
            )
        fake.tickers = {name: Ticker(rows) for name, rows in bars.items()}
        yield fake


def test_a_session_fed_by_polygon_decides_what_the_same_bars_in_a_file_decide(
    make_desk: Callable[[], SmallDesk], polygon: FakePolygon
) -> None:
    from_file, from_vendor = make_desk(), make_desk()
    for number in range(2):
        from_file.run(number)
        from_vendor.run(number, feed="polygon", environ={**os.environ, **polygon.environ})
    orders = from_vendor.rows(DECIDED)
    assert orders
    assert orders == from_file.rows(DECIDED)
    assert {source for _, source in from_vendor.rows(SOURCES)} == {"polygon"}


def test_a_symbol_that_the_plan_refuses_comes_from_the_next_source(
    desk: SmallDesk, polygon: FakePolygon
) -> None:
    tree = yaml.safe_load(desk.book.read_text()) | {"feeds": {"daily": ["polygon", desk.feed]}}
    desk.book.write_text(yaml.safe_dump(tree))
    polygon.always("/v2/aggs/ticker/GLD", ANOTHER_PLAN)
    desk.run(0, feed=None, environ={**os.environ, **polygon.environ})
    sources = dict(desk.rows(SOURCES))
    assert sources.pop("GLD") != "polygon"
    assert set(sources.values()) == {"polygon"}
