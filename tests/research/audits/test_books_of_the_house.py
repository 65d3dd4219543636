"""The house's own books pass both audits, each on bars of a market or on the sample where it needs hours."""

from datetime import date
from pathlib import Path

import pytest
from tests.conftest import PROJECT
from tests.leveraged import daily_book

from nightdesk.core.book import load_book
from nightdesk.research.audits.book_audit import OF_SCREENS, BookAudit, audit_book
from nightdesk.research.backtest.decided_span import begin_span

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

BOOKS = PROJECT / "books"


def passed(found: BookAudit) -> BookAudit:
    """An audit that has shown something, and nothing bad."""
    assert found.look_ahead is not None
    assert found.warm_up is not None
    assert found.look_ahead.orders > 5
    first = found.look_ahead.first
    assert first is None, first.words
    assert found.read_differences == ()
    assert found.warm_up.judged
    assert [one for one in found.warm_up.factors if not one.passed] == []
    assert all(one.enough for one in found.warm_up.starts)
    assert found.passed
    return found


@pytest.mark.parametrize("name", ["multi_asset", "equity_swing"])
def test_a_book_on_real_bars(name: str, market: Path) -> None:
    book = load_book(BOOKS / f"{name}.yaml")
    start = begin_span(book, date(2018, 1, 2), date(2019, 12, 31))
    passed(audit_book(book, start, f"files:{market}", cuts=3))


def test_the_leveraged_book_by_sessions_on_real_bars(market: Path) -> None:
    book = daily_book()
    start = begin_span(book, date(2018, 1, 2), date(2019, 12, 31))
    passed(audit_book(book, start, f"files:{market}", cuts=3))


def test_the_leveraged_book_by_hours_on_the_sample() -> None:
    book = load_book(BOOKS / "leveraged_five.yaml")
    passed(audit_book(book, begin_span(book, date(2018, 3, 1), date(2018, 5, 31)), cuts=3))


def test_the_screened_book_on_the_sample_with_its_screens_made_again() -> None:
    book = load_book(BOOKS / "reversion_pairs.yaml")
    found = passed(audit_book(book, begin_span(book, date(2022, 1, 3), date(2022, 3, 31)), cuts=3))
    assert OF_SCREENS in found.notes
