"""Headlines in an hourly decision: those up to its instant, as they were known, and the same in a rerun."""

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

GOOD, BAD = "{} wins praise for great growth {}", "{} sued for fraud and terrible losses {}"
NAMES = ("h:sentiment", "h:sentiment_3", "sentiment")
MINUTE = timedelta(minutes=1)


@register
class HearingByTheHour(LastTwoHours):
    """Asks for the sentiment of hours and of sessions beside what it decides by."""

    name = "hearing_by_the_hour"
    factors = (*LastTwoHours.factors, *NAMES)

    def signals(self, view: View) -> Signals:
        return LastTwoHours(self.params).signals(view)

    @property
    def words(self) -> Mapping[int, str]:
        return LastTwoHours(self.params).words


class HourlyNews:
    """An hourly desk whose book has news."""

    def __init__(self, desk: HourlyDesk) -> None:
        self.desk, self.file = desk, desk.folder / "headlines.csv"
        self.rows: list[list[str]] = []
        desk.write_book(
            strategies={HearingByTheHour.name: {"share": 1.0}}, feeds={"news": [f"files:{self.file}"]}
        )

    def tell(self, moment: datetime, symbol: str, words: str) -> None:
        self.rows.append([moment.isoformat(), symbol, words.format(symbol, len(self.rows)), "wire", ""])
        with self.file.open("w", newline="") as file:
            csv.writer(file).writerows([["published_at", "symbols", "headline", "source", "url"], *self.rows])

    def heard(self, number: int) -> dict[str, int]:
        """Headlines behind the sentiment of a decision, by symbol."""
        return dict(
            self.desk.rows("SELECT symbol, count FROM nightdesk.sentiments WHERE as_of = %s", at(number))
        )

    def factor(self, number: int, name: str) -> dict[str, float]:
        return dict(
            self.desk.rows(
                "SELECT symbol, factor_value FROM nightdesk.factors_tall WHERE as_of = %s AND factor = %s",
                at(number),
                name,
            )
        )


@pytest.fixture
def news(hourly_desk: HourlyDesk) -> HourlyNews:
    made = HourlyNews(hourly_desk)
    made.tell(at(-1) - MINUTE, "SPY", GOOD)  # of the Friday before
    made.tell(at(-1) + MINUTE, "SPY", BAD)  # of the weekend
    made.tell(at(1), "AAPL", GOOD)
    made.tell(at(1) + MINUTE, "AAPL", BAD)
    made.tell(at(2) - MINUTE, "BAC", GOOD)
    made.tell(at(6) - MINUTE, "BAC", BAD)
    return made


def test_a_headline_up_to_the_decision_s_instant_is_heard_and_one_after_it_is_not(news: HourlyNews) -> None:
    news.desk.run(0, 1, 2)
    assert [news.heard(number) for number in (0, 1, 2)] == [{"SPY": 1}, {"AAPL": 1}, {"AAPL": 1, "BAC": 1}]
    assert news.factor(0, "h:sentiment")["SPY"] < 0 < news.factor(1, "h:sentiment")["AAPL"]
    assert news.factor(2, "h:sentiment")["AAPL"] < 0
    mean = (news.factor(1, "h:sentiment")["AAPL"] + news.factor(2, "h:sentiment")["AAPL"]) / 2
    assert news.factor(2, "h:sentiment_3")["AAPL"] == mean
    # that of sessions is the last closed one's
    assert [news.factor(number, "sentiment")["SPY"] > 0 for number in (0, 1, 2)] == [True] * 3
    assert np.isnan(news.factor(2, "sentiment")["BAC"])


def test_a_rerun_hears_the_same_whatever_has_come_since(news: HourlyNews) -> None:
    news.desk.run(0, 1, 2)
    before = {name: news.factor(1, name) for name in NAMES}, news.heard(1)
    news.tell(at(1) - MINUTE, "AAPL", BAD)  # told late
    news.desk.run(3)
    done = news.desk.run(1)
    assert done["factors"]["differs"] == done["signals:hearing_by_the_hour"]["differs"] == 0
    assert repr(({name: news.factor(1, name) for name in NAMES}, news.heard(1))) == repr(before)
    with news.desk.at(1) as context:
        told = context.sentiment()
        assert told is not None
        assert told.count[-1].tolist()[:3] == [0, 1, 0]


def test_the_steps_and_the_backtest_hear_the_same_in_every_hour(news: HourlyNews) -> None:
    book = load_book(news.desk.book)
    assert book.origin is not None
    market = read_market(book, book.origin, SESSION)
    assert market.headlines == len(news.rows)
    values = compute(market.panel, NAMES, benchmark=book.benchmark, universe=len(book.symbols))
    for number in range(7):
        news.desk.run(number)
        for name in NAMES:
            found = news.factor(number, name)
            row = values[name][len(market.panel) - 7 + number]
            mine = [found[symbol] for symbol in market.panel.symbols]
            np.testing.assert_array_equal(mine, row, err_msg=f"{number} {name}")
    # the close is the first to know that of its session
    assert (
        news.factor(6, "sentiment")["BAC"]
        == (news.factor(2, "h:sentiment")["BAC"] + news.factor(6, "h:sentiment")["BAC"]) / 2
    )
