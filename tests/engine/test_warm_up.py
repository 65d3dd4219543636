"""From which session on a book's factors are computed: two years before its inception, or what they need."""

from datetime import date

import pytest
from tests.engine.desks import book
from tests.hourly_book import hourly_book

from nightdesk.core.book import Book
from nightdesk.core.calendar import get_calendar
from nightdesk.engine import resolve
from nightdesk.engine.warm_up import origin_before, warm_up_sessions

XNYS = get_calendar()
INCEPTION = date(2020, 3, 16)


def looking_back(window: int, **changed: object) -> Book:
    """A book whose longest factor needs the closes of `window` sessions."""
    return book(portfolio={"entry_condition": f"close > sma_{window}"}, **changed)


@pytest.mark.parametrize(("window", "sessions"), [(200, 504), (483, 504), (484, 505), (523, 544)])
def test_it_is_two_years_or_a_month_more_than_the_longest_look_back(window: int, sessions: int) -> None:
    made = looking_back(window)
    assert resolve(made).look_back == window
    assert warm_up_sessions(made) == sessions
    assert origin_before(made, INCEPTION) == XNYS.shift(INCEPTION, -sessions)


def test_hours_count_as_the_sessions_that_hold_them() -> None:
    portfolio = {"volatility_target": None, "entry_condition": "h:sma_3600 > 0"}
    made = hourly_book(portfolio=portfolio)
    assert warm_up_sessions(made) == -(-3600 // 7) + 21
    assert warm_up_sessions(hourly_book()) == 504


def test_the_books_own_origin_stands() -> None:
    origin = date(2015, 1, 2)
    assert origin_before(looking_back(523, origin=origin), INCEPTION) == origin
