"""Facts in an hourly decision: of sessions as the last closed one knew them, of hours as the hour did."""

import csv
from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
import pytest
from tests.hourly_book import LastTwoHours
from tests.session.hourly_desk import SESSION, HourlyDesk, at

from nightdesk.core.book import load_book
from nightdesk.factors import compute
from nightdesk.research.backtest.data import read_market
from nightdesk.strategies import Signals, View, register

NAMES = ("macro_DFF", "h:macro_DFF", "h:macro_DFF@1", "h:sessions_to_earnings", "sessions_since_earnings")


@register
class KnowingByTheHour(LastTwoHours):
    """Asks for facts of hours and of sessions beside what it decides by."""

    name = "knowing_by_the_hour"
    factors = (*LastTwoHours.factors, *NAMES)

    def signals(self, view: View) -> Signals:
        return LastTwoHours(self.params).signals(view)

    @property
    def words(self) -> Mapping[int, str]:
        return LastTwoHours(self.params).words


def write(desk: HourlyDesk, *values: tuple[datetime, float]) -> None:
    """A rate of each day, and when it was known."""
    rows = [
        ["DFF", f"2019-11-{n + 1:02d}", value, known.isoformat()] for n, (known, value) in enumerate(values)
    ]
    with (desk.folder / "macro.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["series", "period", "value", "known_at"], *rows])
    with (desk.folder / "earnings.csv").open("w", newline="") as file:
        header = ["symbol", "fiscal_end", "report_date", "timing", "known_at"]
        early = at(-30).isoformat()
        csv.writer(file).writerows(
            [
                header,
                ["AAPL", "2019-09-30", SESSION, "before", early],
                ["BAC", "2019-09-30", SESSION, "after", early],
            ]
        )


@pytest.fixture
def desk(hourly_desk: HourlyDesk) -> HourlyDesk:
    late = timedelta(hours=2)
    write(hourly_desk, (at(-20), 1.5), (at(0), 1.6), (at(2) + late, 1.7), (at(6), 1.8))
    hourly_desk.write_book(
        strategies={KnowingByTheHour.name: {"share": 1.0}},
        feeds={kind: [f"files:{hourly_desk.folder}"] for kind in ("macro", "earnings")},
        macro={"series": ["DFF"]},
    )
    return hourly_desk


def factor(desk: HourlyDesk, number: int, name: str, symbol: str = "SPY") -> float:
    [(value,)] = desk.rows(
        "SELECT factor_value FROM nightdesk.factors_tall WHERE as_of = %s AND factor = %s AND symbol = %s",
        at(number),
        name,
        symbol,
    )
    return float(value)


def test_an_hour_knows_what_was_known_at_its_instant_and_its_rerun_the_same(desk: HourlyDesk) -> None:
    desk.run(0, 1, 2, 3, 4, 5, 6)
    assert [factor(desk, n, "h:macro_DFF") for n in range(7)] == [1.6, 1.6, 1.6, 1.6, 1.7, 1.7, 1.8]
    # Of sessions it is the last closed one's: the close is the first that knows this session's.
    assert [factor(desk, n, "macro_DFF") for n in range(7)] == [1.5] * 6 + [1.8]
    assert [factor(desk, n, "h:sessions_to_earnings", "BAC") for n in (0, 6)] == [0, 0]
    assert factor(desk, 6, "sessions_since_earnings", "AAPL") == 0
    assert np.isnan(factor(desk, 5, "sessions_since_earnings", "AAPL"))
    write(desk, (at(-20), 1.5), (at(0), 1.6), (at(1), 9.9))
    assert desk.run(3)["factors"]["differs"] == 0


def test_the_steps_and_the_backtest_know_the_same_in_every_hour(desk: HourlyDesk) -> None:
    book = load_book(desk.book)
    assert book.origin is not None
    market = read_market(book, book.origin, SESSION)
    values = compute(market.panel, NAMES, benchmark=book.benchmark, universe=len(book.symbols))
    for number in range(7):
        desk.run(number)
        for name in NAMES:
            row = values[name][len(market.panel) - 7 + number]
            mine = [factor(desk, number, name, symbol) for symbol in market.panel.symbols]
            np.testing.assert_array_equal(mine, row, err_msg=f"{number} {name}")
