"""When a server that cannot answer now is asked again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest

from nightdesk.retry_after import is_busy, later_words, seconds_until, waiting


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("-3", 0.0),
        ("soon", None),
        ("inf", None),
        ("nan", None),
    ],
)
def test_the_header_is_read_as_seconds_or_as_nothing(header, seconds):
    assert seconds_until(header) == seconds


def test_the_header_may_be_a_date():
    def ahead(minutes: int) -> float | None:
        return seconds_until(format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True))

    assert 50.0 < (ahead(1) or 0.0) <= 60.0
    assert ahead(-1) == 0.0


def test_a_wait_is_short_and_never_shorter_than_the_server_asked_for():
    wait = waiting(multiplier=0.25, most=3.0)

    def after(error: Exception | None) -> float:
        outcome = None if error is None else SimpleNamespace(exception=lambda: error)
        return wait(SimpleNamespace(outcome=outcome, attempt_number=2))

    asked = Exception()
    asked.retry_after = 20.0
    assert after(asked) == 20.0
    assert 0.0 <= after(Exception()) <= 3.0
    assert 0.0 <= after(None) <= 3.0


def test_only_a_status_that_passes_is_busy_and_a_wait_is_told_where_one_is_asked_for():
    assert [one for one in (200, 301, 400, 401, 404, 408, 409, 425, 429, 500, 503) if is_busy(one)] == [
        408,
        425,
        429,
        500,
        503,
    ]
    assert (later_words(None), later_words(2.4)) == ("", "; it wants to be asked again in 2 s")
