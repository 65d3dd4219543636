"""FRED over the wire: vintages of macro series, closes of the VIX, and what is made of every bad answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from tests.fakes.fred import KEY, OBSERVATIONS, FakeFred, refused
from tests.fakes.loopback import Bad
from tests.fakes.yahoo import SERVER_ERROR
from tests.feeds.vendor_facts_contract import ANYTHING, DAYS, NUMBERS, Make, VendorFactsContract, utc

from nightdesk.core.calendar import get_calendar
from nightdesk.core.facts import MACRO
from nightdesk.feeds import Fault, covers, covers_hours, make
from nightdesk.feeds.fact_feed import make_facts
from nightdesk.feeds.feed import Feed
from nightdesk.feeds.fred import FredFacts
from nightdesk.feeds.fred_bars import FredFeed
from nightdesk.testing.feed_contract import FeedContract

TODAY = date(2024, 6, 20)
NOW = utc(2024, 6, 20, 22)
FIRST, LAST = date(2024, 6, 3), date(2024, 6, 20)
RELEASE = date(2024, 6, 12)


def weekdays(first: date, last: date) -> list[date]:
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in days if day.weekday() < 5]


def fill(server: FakeFred) -> None:
    """A rate that is told on the next weekday, a holiday in it, and an index that is corrected."""
    days = weekdays(date(2024, 5, 20), TODAY)
    for day, told in pairwise(days):
        server.tell("DGS10", day, "." if day == date(2024, 6, 19) else f"4.{day.day:02}", told)
    server.tell("CPIAUCSL", date(2024, 4, 1), "313.207", date(2024, 5, 15))
    server.tell("CPIAUCSL", date(2024, 4, 1), "313.300", RELEASE)
    server.tell("CPIAUCSL", date(2024, 5, 1), "313.225", RELEASE)


def page(*rows: dict[str, Any], **more: Any) -> Bad:
    answer = {"units": "lin", "output_type": 1, "count": len(rows), "offset": 0, "limit": 20_000}
    return Bad(200, json.dumps(answer | {"observations": list(rows)} | more))


def row(period: str = "2024-06-05", since: str = "2024-06-06", value: Any = "4.29") -> dict[str, Any]:
    return {"realtime_start": since, "realtime_end": "9999-12-31", "date": period, "value": value}


class TestFredFacts(VendorFactsContract):
    source, of_kind, where, secret, needed = FredFacts, MACRO, OBSERVATIONS, KEY, "NIGHTDESK_ACCOUNT_FRED_KEY"
    known, unknown, within, now = ("DGS10", "CPIAUCSL"), "NOSUCH", (FIRST, LAST), NOW

    @pytest.fixture
    def server(self) -> Iterator[FakeFred]:
        with FakeFred(TODAY) as fake:
            fill(fake)
            yield fake

    @pytest.fixture
    def payloads(self) -> st.SearchStrategy[str]:
        good = st.builds(
            lambda day, lag, value: row(str(day), str(day + timedelta(days=lag)), value),
            st.dates(date(2024, 6, 3), date(2024, 6, 14)),
            st.integers(1, 8),
            st.floats(0, 500).map(str) | st.just("."),
        )
        bad = st.builds(row, DAYS, DAYS, NUMBERS)
        rows = st.lists(good, min_size=1, max_size=4) | st.lists(good | bad, max_size=4)
        whole = rows.map(lambda some: page(*some).body)
        odd = st.builds(
            lambda some, more: page(*some, **more).body,
            rows,
            st.fixed_dictionaries(
                {},
                optional={
                    "count": ANYTHING,
                    "offset": ANYTHING,
                    "units": ANYTHING,
                    "observations": ANYTHING,
                    "output_type": ANYTHING,
                },
            ),
        )
        return st.one_of(whole, whole, odd, ANYTHING.map(json.dumps), st.text())

    def versions(
        self, feed: FredFacts, series: str, first: date = FIRST, last: date = LAST
    ) -> list[tuple[str, str, float]]:
        rows = feed.fetch(MACRO, [series], first, last).rows
        return [
            (str(period.date()), str(known), value)
            for period, known, value in rows[["period", "known_at", "value"]].itertuples(index=False)
        ]

    def test_each_vintage_is_a_row_that_is_known_from_the_end_of_its_day_in_st_louis(
        self, make: Make
    ) -> None:
        assert self.versions(make(), "CPIAUCSL") == [
            ("2024-04-01", "2024-06-13 05:00:00", 313.300),
            ("2024-05-01", "2024-06-13 05:00:00", 313.225),
        ]

    def test_a_month_that_is_asked_for_comes_with_all_its_versions(self, make: Make) -> None:
        assert self.versions(make(), "CPIAUCSL", date(2024, 4, 1), date(2024, 4, 30)) == [
            ("2024-04-01", "2024-05-16 05:00:00", 313.207),
            ("2024-04-01", "2024-06-13 05:00:00", 313.300),
        ]

    def test_a_vintage_of_today_is_given_tomorrow(self, server: FakeFred, make: Make) -> None:
        server.tell("DFF", date(2024, 6, 18), "5.33", date(2024, 6, 19))
        server.tell("DFF", date(2024, 6, 19), "5.34", TODAY)
        assert self.versions(make(), "DFF")[-1] == ("2024-06-18", "2024-06-20 05:00:00", 5.33)
        server.today = TODAY + timedelta(days=1)
        later = make(now=lambda: utc(2024, 6, 21, 5))
        assert self.versions(later, "DFF", last=server.today)[-1] == (
            "2024-06-19",
            "2024-06-21 05:00:00",
            5.34,
        )

    def test_no_value_is_counted_and_a_value_that_is_taken_back_is_none_from_then_on(
        self, server: FakeFred, make: Make
    ) -> None:
        later = make(now=lambda: utc(2024, 6, 21, 22))
        server.today = date(2024, 6, 21)
        server.tell("DGS10", date(2024, 6, 19), ".", date(2024, 6, 20))
        assert later.fetch(MACRO, ["DGS10"], FIRST, server.today).dropped == {"without a value": 1}
        server.tell("DGS10", date(2024, 6, 5), ".", date(2024, 6, 14))
        of_day = [one for one in self.versions(later, "DGS10") if one[0] == "2024-06-05"]
        assert of_day[0] == ("2024-06-05", "2024-06-07 05:00:00", 4.05)
        assert of_day[1][1] == "2024-06-15 05:00:00"
        assert np.isnan(of_day[1][2])

    def test_a_value_that_a_later_vintage_repeats_is_no_new_fact(self, server: FakeFred, make: Make) -> None:
        server.tell("DGS10", date(2024, 6, 5), "4.05", date(2024, 6, 14))
        assert [one for one in self.versions(make(), "DGS10") if one[0] == "2024-06-05"] == [
            ("2024-06-05", "2024-06-07 05:00:00", 4.05)
        ]

    def test_an_observation_that_a_later_vintage_leaves_out_is_none_from_then_on(
        self, server: FakeFred, make: Make
    ) -> None:
        server.leave_out("DGS10", date(2024, 6, 5), date(2024, 6, 14))
        of_day = [one for one in self.versions(make(), "DGS10") if one[0] == "2024-06-05"]
        assert of_day[0] == ("2024-06-05", "2024-06-07 05:00:00", 4.05)
        assert of_day[1][1] == "2024-06-15 05:00:00"
        assert np.isnan(of_day[1][2])

    def test_what_was_told_before_the_span_is_not_dated_by_its_first_day(self, make: Make) -> None:
        found = self.versions(make(), "DGS10", date(2024, 6, 10), LAST)
        assert found[0] == ("2024-06-07", "2024-06-11 05:00:00", 4.07)

    @pytest.mark.parametrize("first", [date(2024, 5, 21) + timedelta(days=n) for n in range(0, 28, 3)])
    def test_every_span_tells_the_same_of_what_it_holds(self, make: Make, first: date) -> None:
        whole, part = self.versions(make(), "DGS10", date(2024, 5, 20)), self.versions(make(), "DGS10", first)
        assert set(part) <= set(whole)
        assert {one for one in whole if one[0] >= str(first)} <= set(part)

    def test_a_projection_is_left_out_and_counted(self, server: FakeFred, make: Make) -> None:
        server.tell("FEDTARMD", date(2025, 1, 1), "4.1", RELEASE)
        facts = make().fetch(MACRO, ["FEDTARMD"], FIRST, date(2025, 1, 1))
        assert len(facts.rows) == 0
        assert facts.dropped == {"told before the period that it is of: a projection": 1}

    def test_rates_from_before_the_archive_are_known_two_weekdays_later_and_other_series_from_its_beginning(
        self, server: FakeFred, make: Make
    ) -> None:
        begins = date(2023, 3, 1)
        for series in ("VIXCLS", "UNRATE"):
            for day in weekdays(date(2022, 12, 29), date(2023, 2, 28)):
                server.tell(series, day, "20.5", begins)
        vix = self.versions(make(), "VIXCLS", date(2022, 12, 30), date(2023, 1, 4))
        assert vix == [
            ("2022-12-29", "2023-01-03 06:00:00", 20.5),
            ("2022-12-30", "2023-01-04 06:00:00", 20.5),
            ("2023-01-02", "2023-01-05 06:00:00", 20.5),
            ("2023-01-03", "2023-01-06 06:00:00", 20.5),
            ("2023-01-04", "2023-01-07 06:00:00", 20.5),
        ]
        rate = self.versions(make(), "UNRATE", date(2022, 12, 30), date(2023, 1, 4))
        assert {known for _, known, _ in rate} == {"2023-03-02 06:00:00"}

    def test_more_vintages_than_one_question_has_are_asked_for_in_several(
        self, server: FakeFred, make: Make
    ) -> None:
        days = weekdays(date(2012, 1, 2), date(2024, 6, 19))
        for n, (day, told) in enumerate(pairwise(days)):
            server.tell("VIXCLS", day, f"{n % 50 + 10}.5", told)
        found = self.versions(make(timeout=10.0), "VIXCLS", date(2012, 1, 2), LAST)
        assert [one[0] for one in found] == [str(day) for day in days[:-1]]
        assert [one[1][:10] for one in found] == [str(day + timedelta(days=1)) for day in days[1:]]
        assert len(server.asked) == 3

    def test_pages_are_followed_to_the_end(
        self, server: FakeFred, make: Make, waits: list[float], monkeypatch: Any
    ) -> None:
        whole = self.versions(make(), "DGS10")
        monkeypatch.setattr("nightdesk.feeds.fred_http.ROWS_A_PAGE", 5)
        server.asked.clear()
        assert self.versions(make(), "DGS10") == whole
        assert len(server.asked) == 5
        # 120 requests a minute are allowed.
        assert waits.count(0.5) == 4

    def test_a_page_that_fails_in_the_middle_is_asked_for_again_alone(
        self, server: FakeFred, make: Make, monkeypatch: Any
    ) -> None:
        whole = self.versions(make(), "DGS10")
        monkeypatch.setattr("nightdesk.feeds.fred_http.ROWS_A_PAGE", 5)
        server.asked.clear()
        server.script(OBSERVATIONS, None, None, SERVER_ERROR)
        assert self.versions(make(), "DGS10") == whole
        assert len(server.asked) == 6

    def test_a_page_that_fails_for_good_loses_the_series_and_no_other(
        self, server: FakeFred, make: Make, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("nightdesk.feeds.fred_http.ROWS_A_PAGE", 5)
        server.script(OBSERVATIONS, None, refused("Internal."))
        facts = self.answer(make())
        assert set(facts.missing) == {"DGS10"}
        assert "refuses the request (400)" in str(facts.missing["DGS10"])
        assert set(facts.rows["series"]) == {"CPIAUCSL"}

    @pytest.mark.parametrize(
        ("second", "words"),
        [
            (
                page(*[row(f"2024-06-0{n}") for n in range(3, 8)], count=23, offset=0),
                "a page of 5 observations where 5",
            ),
            (
                page(*[row(f"2024-05-2{n}", "2024-06-02") for n in range(5)], count=23, offset=5),
                "an observation twice",
            ),
            (page(*[row(f"2024-07-0{n}") for n in range(3, 8)], count=24, offset=5), "ever another count"),
            (page(row(), count=23, offset=5), "a page of 1 observations where 5 were due"),
            (page(count=23, offset=5), "a page of 0 observations where 5 were due"),
            (page(*[row()] * 7, count=23, offset=5), "a page of 7 observations where 5 were due"),
        ],
        ids=["the same page again", "rows again", "another count", "cut short", "empty", "too long"],
    )
    def test_pages_that_do_not_agree_are_no_answer(
        self, server: FakeFred, make: Make, monkeypatch: Any, second: Bad, words: str
    ) -> None:
        monkeypatch.setattr("nightdesk.feeds.fred_http.ROWS_A_PAGE", 5)
        server.script(OBSERVATIONS, None, second)
        why = self.answer(make(), "DGS10").missing["DGS10"]
        assert (why.fault, words in str(why)) == (Fault.PASSING, True), str(why)

    @pytest.mark.parametrize(
        ("answer", "fault", "words"),
        [
            (page(row(value="x")), Fault.PASSING, "a value of 2024-06-05 that is no number"),
            (page(row(value=None)), Fault.PASSING, "that is no number"),
            (page(row(value="1_0")), Fault.PASSING, "that is no number"),
            (page(row(period="soon")), Fault.PASSING, "'soon' where the day of an observation"),
            (page(row(since=None)), Fault.PASSING, "None where the day of a vintage"),
            (
                page(row() | {"realtime_end": None}),
                Fault.PASSING,
                "None where the day of the end of a vintage",
            ),
            (
                page(row() | {"realtime_end": "2024-06-05"}),
                Fault.PASSING,
                "a vintage from 2024-06-06 to 2024-06-05",
            ),
            (page(row(since="2024-06-22")), Fault.FINAL, "one of the two clocks is wrong"),
            (page({"a": 1}), Fault.PASSING, "where the day of an observation"),
            (
                Bad(200, json.dumps({"count": 1, "observations": [7]})),
                Fault.PASSING,
                "an observation that is none",
            ),
            (Bad(200, '{"observations": []}'), Fault.PASSING, "no list of observations with their count"),
            (page(row(), count=10**9), Fault.FINAL, "that it has 1000000000 observations"),
            (page(row(), output_type=2), Fault.FINAL, "whose output_type is not 1"),
            (page(row(), units="pch"), Fault.FINAL, "whose units is not 'lin'"),
            (page(row(), row()), Fault.PASSING, "an observation twice"),
        ],
    )
    def test_what_it_answers_badly_is_named(
        self, server: FakeFred, make: Make, answer: Bad, fault: Fault, words: str
    ) -> None:
        server.always(OBSERVATIONS, answer)
        why = self.answer(make(), "DGS10").missing["DGS10"]
        assert (why.fault, words in str(why)) == (fault, True), str(why)

    def test_a_name_that_no_series_has_is_not_asked_for(self, server: FakeFred, make: Make) -> None:
        assert self.answer(make(), "no/such&x=1").missing["no/such&x=1"].fault is Fault.ABSENT
        assert server.asked == []

    def test_it_is_found_by_its_name(self, server: FakeFred) -> None:
        assert make_facts("fred", environ=server.environ, now=lambda: NOW).kinds == (MACRO,)


@pytest.fixture
def closes() -> Iterator[FakeFred]:
    with FakeFred(TODAY) as fake:
        for day in weekdays(date(2024, 5, 20), date(2024, 6, 19)):
            holiday = day in (date(2024, 5, 27), date(2024, 6, 19))
            fake.tell("VIXCLS", day, "." if holiday else f"13.{day.day:02}", day + timedelta(days=1))
        yield fake


def bars_at(server: FakeFred, **more: Any) -> FredFeed:
    feed = FredFeed(get_calendar(), now=lambda: NOW, timeout=0.5, sleep=lambda _: None, **more)
    feed.environ = server.environ
    return feed


class TestFredFeed(FeedContract):
    @pytest.fixture
    def feed(self, closes: FakeFred) -> Feed:
        return bars_at(closes)

    @pytest.fixture
    def symbols(self) -> tuple[str, ...]:
        return ("^VIX",)

    @pytest.fixture
    def span(self) -> tuple[date, date]:
        return date(2024, 5, 22), date(2024, 6, 20)

    def test_only_continuous_markets_have_bars_off_the_sessions(self, feed, fetched) -> None:
        day = fetched.bars["session"].to_numpy().astype("datetime64[D]")
        assert np.isin(day, feed.calendar.sessions).all()


def test_a_bar_of_the_vix_is_its_close_alone(closes):
    fetched = bars_at(closes).fetch(["^VIX"], date(2024, 5, 24), date(2024, 5, 29))
    bars = fetched.bars
    assert bars["close"].tolist() == [13.24, 13.28, 13.29]
    assert all(bars[name].equals(bars["close"]) for name in ("open", "high", "low"))
    assert bars["volume"].isna().all()
    assert set(bars["source"]) == {"fred"}
    assert fetched.dropped == {"without open, high, low or close": 1}


def test_the_newest_session_comes_on_the_next_morning(closes):
    last = bars_at(closes).fetch(["^VIX"], date(2024, 6, 3), TODAY).bars["session"].max()
    assert last.date() == date(2024, 6, 18)


def test_it_has_daily_bars_of_the_vix_alone(closes):
    assert covers("fred", "^VIX")
    assert not covers("fred", "SPY")
    assert not covers_hours("fred", "^VIX")
    missing = bars_at(closes).fetch(["SPY"], FIRST, LAST).missing["SPY"]
    assert (missing.fault, str(missing)) == (Fault.ABSENT, "it has daily closes of ^VIX alone")
    assert closes.asked == []


def test_without_a_key_the_vix_is_missing_and_says_what_to_set(monkeypatch):
    monkeypatch.delenv("NIGHTDESK_ACCOUNT_FRED_KEY", raising=False)
    missing = make("fred", now=lambda: NOW).fetch(["^VIX"], FIRST, LAST).missing["^VIX"]
    assert missing.fault is Fault.FINAL
    assert "set NIGHTDESK_ACCOUNT_FRED_KEY in the environment" in str(missing)


def test_a_fault_of_the_line_is_told_and_shows_no_key(closes):
    closes.always(OBSERVATIONS, Bad(500, "Internal Server Error"))
    missing = bars_at(closes).fetch(["^VIX"], FIRST, LAST).missing["^VIX"]
    assert (missing.fault, KEY in str(missing)) == (Fault.PASSING, False)
