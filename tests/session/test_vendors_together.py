"""A book whose shares come from one vendor and its coin from another decides what bars in a file do."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import pytest
import yaml
from tests.fakes.binance import SPOT, FakeBinance
from tests.fakes.tiingo import DAILY, USED_UP, FakeTiingo, Listed
from tests.fakes.yahoo import SERVER_ERROR, too_many
from tests.session.small_desk import SmallDesk
from tests.session.test_polygon_day import DECIDED, SOURCES


@pytest.fixture
def tiingo(walks: list[list[str]]) -> Iterator[FakeTiingo]:
    """The small desk's shares."""
    rows = defaultdict(list)
    for day, symbol, *cells in walks:
        if symbol[0] != "^" and not symbol.endswith("-USD"):
            rows[symbol].append((date.fromisoformat(day), *(float(one or 0) for one in cells)))
    with FakeTiingo() as fake:
        fake.tickers = {name: Listed(bars) for name, bars in rows.items()}
        yield fake


@pytest.fixture
def binance(walks: list[list[str]]) -> Iterator[FakeBinance]:
    """Its coin, against USDT."""
    with FakeBinance() as fake:
        candles = [
            (datetime.fromisoformat(day).replace(tzinfo=UTC), *map(float, prices), float(volume or 1))
            for day, symbol, *prices, volume in walks
            if symbol == "BTC-USD"
        ]
        fake.trade("BTCUSDT", candles)
        yield fake


def from_vendors(desk: SmallDesk) -> None:
    tree = yaml.safe_load(desk.book.read_text())
    tree["feeds"] = {"daily": ["tiingo", "binance", desk.feed]}
    desk.book.write_text(yaml.safe_dump(tree))


def test_shares_of_tiingo_and_a_coin_of_binance_decide_as_a_file(
    make_desk: Callable[[], SmallDesk], tiingo: FakeTiingo, binance: FakeBinance
) -> None:
    filed, asked = make_desk(), make_desk()
    from_vendors(asked)
    environ = {**os.environ, **tiingo.environ, **binance.environ}
    for number in range(2):
        filed.run(number)
        asked.run(number, feed=None, environ=environ)
    orders = asked.rows(DECIDED)
    assert orders
    assert orders == filed.rows(DECIDED)
    sources = dict(asked.rows(SOURCES))
    assert sources["BTC-USD"] == "binance"
    assert {sources[one] for one in ("SPY", "QQQ", "GLD", "TLT")} == {"tiingo"}
    assert sources["^VIX"] not in ("tiingo", "binance")


def test_what_a_vendor_does_not_give_comes_from_the_next_and_is_told(
    desk: SmallDesk, tiingo: FakeTiingo, binance: FakeBinance
) -> None:
    from_vendors(desk)
    tiingo.always(f"{DAILY}GLD", too_many("600"))
    tiingo.always(f"{DAILY}TLT", SERVER_ERROR)
    binance.always(SPOT, SERVER_ERROR)
    environ = {**os.environ, **tiingo.environ, **binance.environ}
    desk.run(0, feed=None, environ=environ)
    sources = dict(desk.rows(SOURCES))
    assert sources.pop("SPY") == sources.pop("QQQ") == "tiingo"
    assert not {"tiingo", "binance"} & set(sources.values())
    told = [str(body) for (body,) in desk.rows("SELECT body FROM nightdesk.alerts")]
    assert any("binance is degraded" in one for one in told)
    assert any("tiingo is degraded" in one for one in told)
    assert not [one for one in told if "a-key-of-tiingo" in one or USED_UP in one]
