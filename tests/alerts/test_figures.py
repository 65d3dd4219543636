"""Numbers as people read them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from nightdesk.alerts import figures


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (figures.money(Decimal("1234567.8")), "$1,234,567.80"),
        (figures.money(Decimal("-0.5")), "−$0.50"),
        (figures.money(Decimal("12"), signed=True), "+$12.00"),
        (figures.money(Decimal("0"), signed=True), "$0.00"),
        (figures.money(Decimal("-0.001")), "$0.00"),
        (figures.money(None), "–"),
        (figures.money(float("nan")), "–"),
        (figures.price(Decimal("101.230050")), "$101.23005"),
        (figures.price(Decimal("101")), "$101.00"),
        (figures.percent(0.01234), "1.23 %"),
        (figures.percent(-0.2, signed=True, places=0), "−20 %"),
        (figures.percent(0.2, signed=True, places=1), "+20.0 %"),
        (figures.quantity(Decimal("1200.00000000")), "1,200"),
        (figures.quantity(Decimal("0.0315")), "0.0315"),
        (figures.quantity(Decimal("-100")), "−100"),
        (figures.quantity(Decimal("0")), "0"),
        (figures.number(23.456), "23.46"),
    ],
)
def test_a_figure_is_written_with_its_unit(written, expected):
    assert written == expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 1, 15, 21, 0, tzinfo=UTC), "16:00 ET on 2026-01-15 (21:00 UTC)"),
        (datetime(2026, 7, 15, 20, 0, tzinfo=UTC), "16:00 ET on 2026-07-15 (20:00 UTC)"),
        (datetime(2026, 7, 16, 1, 30, tzinfo=UTC), "21:30 ET on 2026-07-15 (01:30 UTC)"),
    ],
)
def test_an_instant_is_shown_in_exchange_time_with_utc_beside_it(moment, expected):
    assert figures.instant(moment) == expected


def test_a_date_is_written_in_words_without_a_leading_zero():
    assert figures.long_date(date(2026, 11, 6)) == "Friday, 6 November 2026"


@pytest.mark.parametrize(
    ("value", "word"),
    [(Decimal("0.01"), "gain"), (Decimal("-0.01"), "loss"), (Decimal(0), "flat"), (None, "flat")],
)
def test_the_colour_of_a_figure_follows_its_sign(value, word):
    assert figures.tone(value) == word
