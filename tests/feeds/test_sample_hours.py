"""Hours of the sample market: they add up to the bars of their sessions, and come when they are over."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from nightdesk.core.calendar import get_calendar
from nightdesk.core.schedule import hourly
from nightdesk.feeds import Feed, make
from nightdesk.feeds.feed import HOUR_COLUMNS, PRICES
from nightdesk.feeds.sample_companies import MEASURED_SPLITS
from nightdesk.feeds.sample_hours import SampleHours, divide_sessions
from nightdesk.feeds.sample_market import generate
from nightdesk.feeds.sample_stock_parameters import STOCKS
from nightdesk.feeds.sample_stocks import generate_stock

NOW = datetime(2026, 6, 30, 23, tzinfo=UTC)
FIRST, LAST, MADE = date(2015, 1, 2), date(2026, 6, 30), date(2026, 12, 31)
SYMBOLS = ("AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "SPY", "QQQ")
HOURS = hourly(get_calendar("XNYS"))
HOURS_OF = pd.Series(np.bincount(HOURS.row), HOURS.calendar.sessions.astype("datetime64[s]"))
#: 13:00 on the day after Thanksgiving.
EARLY_CLOSE = date(2025, 11, 28)


@pytest.fixture(scope="module")
def feed() -> Feed:
    return make("sample", now=lambda: NOW)


@pytest.fixture(scope="module")
def hours(feed: Feed) -> pd.DataFrame:
    return feed.fetch_hours(SYMBOLS, FIRST, LAST).bars


@pytest.fixture(scope="module")
def days(feed: Feed) -> pd.DataFrame:
    return feed.fetch(SYMBOLS, FIRST, LAST).bars.set_index(["symbol", "session"])


@pytest.fixture(scope="module")
def whole(hours: pd.DataFrame) -> pd.DataFrame:
    """The hours of sessions of which none is lost."""
    count = hours.groupby(["symbol", "session"])["end"].transform("count")
    return hours[count == hours["session"].map(HOURS_OF)]


def at(*moment: int) -> Feed:
    return make("sample", now=lambda: datetime(*moment, tzinfo=UTC))


def test_the_hours_of_a_session_add_up_to_its_bar(whole, days):
    of_session = whole.groupby(["symbol", "session"])
    assert len(of_session) > 0.97 * len(days)
    summed = of_session.agg(
        open=("open", "first"),
        high=("high", "max"),
        low=("low", "min"),
        close=("close", "last"),
        volume=("volume", "sum"),
    )
    pd.testing.assert_frame_equal(summed, days.loc[summed.index, [*PRICES, "volume"]], check_exact=True)


def test_no_hour_leaves_the_range_of_its_session(hours, days):
    beside = hours.join(days, on=["symbol", "session"], rsuffix="_of_day")
    assert len(beside) == len(hours)
    assert (beside["high"] <= beside["high_of_day"]).all()
    assert (beside["low"] >= beside["low_of_day"]).all()


def test_hours_are_whole_in_cents_and_of_some_volume(hours):
    assert tuple(hours.columns) == HOUR_COLUMNS
    prices = hours[list(PRICES)]
    assert (prices == prices.round(2)).all(axis=None)
    assert (hours["high"] >= prices.max(axis=1)).all()
    assert (hours["low"] <= prices.min(axis=1)).all()
    assert (hours["volume"] > 0).all()
    assert (hours["volume"] == hours["volume"].round()).all()
    assert set(hours["source"]) == {"sample"}


def test_each_hour_opens_where_the_one_before_it_closed(whole):
    before = whole.groupby(["symbol", "session"])["close"].shift()
    assert (whole["open"] == before)[before.notna()].all()


def test_a_full_session_has_seven_hours_and_an_early_close_four_on_both_sides_of_both_clock_changes(hours):
    spy = hours[hours["symbol"] == "SPY"]
    assert spy["end"].to_numpy().astype("datetime64[s]").tolist() == HOURS.instants(FIRST, LAST).tolist()
    clock = spy.set_index("session")["end"].dt.tz_localize("UTC").dt.tz_convert("America/New_York")
    full = [f"{hour}:00" for hour in range(10, 17)]
    for day in ("2025-03-07", "2025-03-10", "2025-10-31", "2025-11-03"):
        assert clock.loc[day].dt.strftime("%H:%M").tolist() == full, day
    assert clock.loc[f"{EARLY_CLOSE}"].dt.strftime("%H:%M").tolist() == full[:4]


@pytest.mark.parametrize("last", [date(2015, 3, 2), date(2020, 8, 31), date(2025, 11, 28)])
@pytest.mark.parametrize("symbol", ["AAPL", "SPY"])
def test_a_longer_span_never_changes_earlier_hours(symbol, last):
    made = generate if symbol == "SPY" else lambda until: generate_stock(symbol, until)
    part, longer = (divide_sessions(made(until), symbol) for until in (last, MADE))
    length = len(part.end)
    assert 0 < length < len(longer.end)
    for name, values in vars(part).items():
        assert np.array_equal(values, getattr(longer, name)[:length]), name


def test_a_span_holds_what_a_longer_one_holds_of_it(feed, hours):
    first, last = date(2024, 11, 1), date(2024, 12, 2)
    part = feed.fetch_hours(SYMBOLS, first, last).bars
    same = hours[hours["session"].between(f"{first}", f"{last}")].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, same)


def test_a_symbol_has_the_same_hours_whoever_is_asked_for_beside_it(feed, hours):
    alone = feed.fetch_hours(["NVDA"], FIRST, LAST).bars
    same = hours[hours["symbol"] == "NVDA"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same)


def test_an_hour_that_is_not_over_is_not_a_bar():
    """On 30 June 2026, a summer's day in New York, 11:00 is 15:00 UTC."""
    day = date(2026, 6, 30)
    ends = [
        at(2026, 6, 30, *clock).fetch_hours(["SPY"], day, day).bars["end"].dt.hour.tolist()
        for clock in ((13, 59, 59), (14, 0), (15, 59, 59), (16, 0), (21, 0))
    ]
    assert ends == [[], [14], [14, 15], [14, 15, 16], [14, 15, 16, 17, 18, 19, 20]]


def test_hours_of_today_are_those_that_the_bar_of_today_will_be_made_of():
    day = date(2026, 6, 30)
    so_far = at(2026, 6, 30, 17).fetch_hours(["AAPL"], day, day).bars
    then = at(2026, 7, 1, 9).fetch_hours(["AAPL"], day, day).bars
    pd.testing.assert_frame_equal(so_far, then.iloc[: len(so_far)])
    assert len(so_far) == 4


def test_today_has_hours_on_the_first_session_of_a_year():
    day = date(2025, 1, 2)
    assert len(at(2025, 1, 2, 16, 30).fetch_hours(["AAPL"], day, day).bars) == 2


def test_a_few_hours_never_come_and_a_few_come_an_hour_late_but_none_of_the_benchmark():
    made: dict[str, SampleHours] = {one: divide_sessions(generate_stock(one, MADE), one) for one in STOCKS}
    late = np.concatenate([one.late for one in made.values()])
    expected = sum(HOURS_OF[np.unique(one.session)].sum() for one in made.values())
    assert 0.002 < late.mean() < 0.004
    assert 0.0002 < 1 - len(late) / expected < 0.0008
    assert not divide_sessions(generate(MADE), "SPY").late.any()


def test_a_late_hour_is_there_an_hour_after_it_is_over():
    hours = divide_sessions(generate_stock("AAPL", MADE), "AAPL")
    inside = hours.late & (hours.session <= np.datetime64("2026-06-30"))
    end = hours.end[inside][-1].item().replace(tzinfo=UTC)
    day = hours.session[inside][-1].item()
    for waited, there in ((timedelta(minutes=59), False), (timedelta(hours=1), True)):
        feed = make("sample", now=lambda: end + waited)  # noqa: B023
        ends = feed.fetch_hours(["AAPL"], day, day).bars["end"].dt.tz_localize("UTC")
        assert (end in set(ends)) is there


def test_a_split_and_a_dividend_come_with_the_first_hour_of_their_session():
    day, shares = MEASURED_SPLITS["AAPL"]
    begun = at(day.year, day.month, day.day, 14, 0).fetch_hours(["AAPL"], day, day)
    assert begun.actions[["symbol", "kind", "value"]].to_numpy().tolist() == [["AAPL", "split", shares]]
    before = at(day.year, day.month, day.day, 13, 45).fetch_hours(["AAPL"], day - timedelta(days=7), day)
    assert before.actions.empty
    paid = make("sample", now=lambda: NOW).fetch(["AAPL"], FIRST, LAST).actions
    with_hours = make("sample", now=lambda: NOW).fetch_hours(["AAPL"], FIRST, LAST).actions
    pd.testing.assert_frame_equal(paid, with_hours)


def test_the_index_and_bitcoin_have_no_hours_and_lose_nothing_else(feed):
    answer = feed.fetch_hours(["SPY", "^VIX", "BTC-USD", "NOSUCH"], date(2025, 6, 2), date(2025, 6, 3))
    assert set(answer.missing) == {"^VIX", "BTC-USD", "NOSUCH"}
    assert len(answer.bars) == 14
    assert [feed.covers_hours(one) for one in ("SPY", "AAPL", "^VIX", "BTC-USD")] == [
        True,
        True,
        False,
        False,
    ]


def test_before_its_first_day_there_is_nothing():
    for when in (NOW, datetime(2014, 12, 30, 20, tzinfo=UTC)):
        answer = make("sample", now=lambda: when).fetch_hours(["SPY"], date(2014, 12, 1), date(2014, 12, 31))  # noqa: B023
        assert answer.bars.empty
        assert str(answer.missing["SPY"]).startswith("no hour from 2014-12-01 to 2014-12-31")


def test_volume_and_moves_are_spread_over_the_hours_as_measured(whole):
    stock = whole[(whole["symbol"] == "AAPL")].copy()
    stock = stock[stock.groupby("session")["end"].transform("count") == 7]
    stock["hour"] = stock.groupby("session").cumcount()
    share = stock["volume"] / stock.groupby("session")["volume"].transform("sum")
    usual = share.groupby(stock["hour"]).median()
    assert usual[6] == pytest.approx(0.24, abs=0.02)
    assert usual[4] == pytest.approx(0.09, abs=0.015)
    move = np.log(stock["close"] / stock["open"])
    spread = move.groupby(stock["hour"]).std()
    assert spread[0] > 1.2 * spread[3]
    assert spread[6] > 1.1 * spread[3]
    assert abs(move.groupby(stock["hour"]).mean()).max() < 0.0005
