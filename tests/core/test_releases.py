"""When reports of the Commitments of Traders are known: the rule, holidays, and reports that came late."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nightdesk.core.releases import COT_WEEKLY_FROM, NEW_YORK, cot_late_releases, cot_release

#: (report, its publication, why) as the CFTC published them; times are 15:30 New York.
PUBLISHED = [
    ("2024-08-20", "2024-08-23", "a usual week: its data were last modified on that Friday, 19:30 UTC"),
    ("2023-01-17", "2023-01-20", "a holiday before the report"),
    ("2023-07-03", "2023-07-07", "a holiday on the Tuesday: the report is of Monday"),
    ("2023-11-07", "2023-11-13", "a holiday on the Friday"),
    ("2023-11-21", "2023-11-27", "Thanksgiving"),
    ("2024-12-24", "2024-12-30", "Christmas"),
    ("2024-12-31", "2025-01-06", "New Year"),
    ("2025-01-07", "2025-01-13", "a day of mourning"),
    ("2018-12-18", "2018-12-21", "the last one before a shutdown"),
    ("2018-12-24", "2019-02-01", "the first one after it"),
    ("2018-12-31", "2019-02-05", "the Tuesday after"),
    ("2019-01-08", "2019-02-08", "the Friday after"),
    ("2019-01-15", "2019-02-12", "the Tuesday after"),
    ("2019-02-26", "2019-03-05", "the last late one"),
    ("2019-03-05", "2019-03-08", "on time again"),
    ("2023-01-24", "2023-01-27", "before the outage"),
    ("2023-01-31", "2023-02-24", "the outage"),
    ("2025-09-23", "2025-09-26", "the last one before a shutdown"),
    ("2025-09-30", "2025-11-19", "the first one after it"),
    ("2025-11-10", "2025-12-12", "a report of Monday, late"),
    ("2025-11-11", "2025-12-12", "the same, dated on Tuesday by its source"),
    ("2026-01-13", "2026-01-20", "the last late one"),
    ("2026-01-20", "2026-01-23", "on time again"),
]


@pytest.mark.parametrize(("report", "day"), [one[:2] for one in PUBLISHED], ids=[one[2] for one in PUBLISHED])
def test_a_report_is_known_from_its_publication(report, day):
    known = cot_release(date.fromisoformat(report))
    assert known.tzinfo is UTC
    at = known.astimezone(NEW_YORK)
    assert (str(at.date()), at.hour, at.minute) == (day, 15, 30)


@pytest.mark.parametrize(
    ("last_late", "never_before"),
    [("2013-11-12", "2013-11-15"), ("2023-03-21", "2023-03-24")],
    ids=["the backlog of 2013", "the backlog of 2023"],
)
def test_where_the_day_of_a_late_report_is_not_known_it_is_no_earlier_than_it_can_have_been(
    last_late, never_before
):
    known = cot_release(date.fromisoformat(last_late))
    assert known >= datetime.fromisoformat(f"{never_before}T15:30").replace(tzinfo=NEW_YORK)


@pytest.mark.parametrize("first", [date(1990, 1, 2), COT_WEEKLY_FROM])
def test_no_report_is_known_before_three_business_days_and_they_never_pass_each_other(first):
    report, before = first, datetime(1990, 1, 1, tzinfo=UTC)
    while report < (COT_WEEKLY_FROM if first < COT_WEEKLY_FROM else date(2027, 1, 1)):
        known = cot_release(report)
        assert known >= before, report
        at = known.astimezone(ZoneInfo("America/New_York")).date()
        assert timedelta(days=3) <= at - report <= timedelta(days=60), report
        assert at.weekday() < 5, report
        report, before = report + timedelta(days=7), known


def test_reports_in_pairs_are_not_known_within_the_fortnight():
    assert cot_release(date(1, 1, 1)) > datetime(1, 1, 1, tzinfo=UTC)
    assert cot_release(date(1996, 5, 7)) == datetime(1996, 5, 28, 19, 30, tzinfo=UTC)


def test_business_days_after_a_day_without_business_are_counted_from_it():
    assert cot_release(date(2024, 8, 17)) == datetime(2024, 8, 21, 19, 30, tzinfo=UTC)


def test_every_late_report_is_later_than_the_rule_says():
    for report, day in cot_late_releases().items():
        assert day - report > timedelta(days=3), report
