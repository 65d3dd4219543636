"""Alpha Vantage over the wire: the calendar of earnings, and what is made of every bad answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from tests.fakes.alpha_vantage import (
    DAILY_LIMIT,
    HEADER,
    INVALID,
    KEY,
    NOTE,
    PREMIUM,
    QUERY,
    FakeAlphaVantage,
    as_csv,
)
from tests.fakes.loopback import Bad
from tests.feeds.vendor_facts_contract import ANYTHING, Make, VendorFactsContract, utc

from nightdesk.core.facts import EARNINGS
from nightdesk.feeds import Fault
from nightdesk.feeds.alpha_vantage import AlphaVantageFacts

TODAY = date(2024, 6, 20)
NOW = utc(2024, 6, 20, 22)
WITHOUT_DAY = "without a day, or on a day on which no company reports that quarter"


def calendar(facts: Any) -> list[tuple[Any, ...]]:
    columns = ["symbol", "fiscal_end", "report_date", "timing"]
    return [
        (symbol, str(ends.date()), str(day.date()), timing)
        for symbol, ends, day, timing in facts.rows[columns].itertuples(index=False)
    ]


def line(*cells: str) -> Bad:
    """A calendar of one row."""
    return as_csv([cells])


class TestAlphaVantageFacts(VendorFactsContract):
    source, of_kind, where, secret = AlphaVantageFacts, EARNINGS, QUERY, KEY
    needed = "NIGHTDESK_ACCOUNT_ALPHA_VANTAGE_KEY"
    known, unknown, within, now = ("AAPL", "BRK-B"), "NOSUCH", (date(2024, 6, 6), TODAY), NOW

    @pytest.fixture
    def server(self) -> Iterator[FakeAlphaVantage]:
        with FakeAlphaVantage(TODAY) as fake:
            fake.expect("AAPL", date(2024, 8, 1), date(2024, 6, 30), "post-market", 'APPLE "INC", THE')
            fake.expect("BRK.B", date(2024, 8, 3), date(2024, 6, 30))
            fake.expect("HD", date(2024, 8, 13), date(2024, 7, 31), "pre-market")
            yield fake

    @pytest.fixture
    def payloads(self) -> st.SearchStrategy[str]:
        days = st.dates(date(2024, 5, 1), date(2024, 9, 30)).map(str)
        words = st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=12)
        odd = st.sampled_from(["", "soon", "2024-02-30", "99999-01-01", "0000-00-00"]) | words
        good = st.tuples(
            st.just("AAPL"),
            words,
            days,
            days,
            st.just("1.2"),
            st.just("USD"),
            st.sampled_from(["", "pre-market"]),
        )
        bad = st.tuples(st.just("AAPL") | words, words, odd | days, odd | days, words, words, words)
        rows = st.lists(good, max_size=3) | st.lists(good | bad, max_size=4)
        whole = rows.map(lambda some: as_csv(some).body)
        cut = st.builds(lambda body, share: body[: int(len(body) * share)], whole, st.floats(0, 1))
        return st.one_of(whole, whole, cut, ANYTHING.map(json.dumps), st.text())

    def test_a_report_is_known_from_when_it_was_fetched(self, server: FakeAlphaVantage, make: Make) -> None:
        facts = self.answer(make(), "AAPL", "BRK-B", "HD")
        assert calendar(facts) == [
            ("AAPL", "2024-06-30", "2024-08-01", "after"),
            ("BRK-B", "2024-06-30", "2024-08-03", ""),
            ("HD", "2024-07-31", "2024-08-13", "before"),
        ]
        assert {str(known) for known in facts.rows["known_at"]} == {"2024-06-20 22:00:00"}

    def test_all_symbols_are_one_request(self, server: FakeAlphaVantage, make: Make) -> None:
        self.answer(make(), "AAPL", "BRK-B", "HD", *(f"S{n}" for n in range(500)))
        assert server.queries == [{"function": "EARNINGS_CALENDAR", "horizon": "3month", "apikey": KEY}]

    @pytest.mark.parametrize(
        ("last", "horizon"),
        [(date(2024, 9, 30), "6month"), (date(2025, 3, 1), "12month"), (date(2030, 1, 1), "12month")],
    )
    def test_a_longer_span_is_asked_for_by_a_longer_horizon(
        self, server: FakeAlphaVantage, make: Make, last: date, horizon: str
    ) -> None:
        make().fetch(EARNINGS, self.known, TODAY, last)
        assert [one["horizon"] for one in server.queries] == [horizon]

    def test_the_older_form_without_a_time_of_the_day_is_read(
        self, server: FakeAlphaVantage, make: Make
    ) -> None:
        server.short = True
        assert [one[3] for one in calendar(self.answer(make()))] == ["", ""]

    @pytest.mark.parametrize(
        ("first", "last"), [(date(2024, 6, 3), date(2024, 6, 12)), (date(2024, 6, 21), date(2024, 6, 24))]
    )
    def test_of_a_span_of_the_past_or_to_come_nothing_is_asked(
        self, server: FakeAlphaVantage, make: Make, first: date, last: date
    ) -> None:
        why = make().fetch(EARNINGS, self.known, first, last).missing["AAPL"]
        assert why.fault is Fault.ABSENT
        assert str(why) == f"its calendar tells what is expected now: it is not asked from {first} to {last}"
        assert server.asked == []

    def test_a_run_some_days_late_has_the_calendar_of_its_day(self, make: Make) -> None:
        facts = make().fetch(EARNINGS, self.known, date(2024, 6, 3), date(2024, 6, 13))
        assert {str(known) for known in facts.rows["known_at"]} == {"2024-06-20 22:00:00"}

    @pytest.mark.parametrize(
        ("answer", "fault", "words"),
        [
            (DAILY_LIMIT, Fault.PASSING, "asks for fewer requests: We have detected your API key as ***"),
            (NOTE, Fault.PASSING, "asks for fewer requests: Thank you"),
            (PREMIUM, Fault.FINAL, "refuses access: Thank you! This is a premium endpoint."),
            (INVALID, Fault.FINAL, "refuses the request: the parameter apikey is invalid or missing: ***"),
            (Bad(200, "{}"), Fault.PASSING, "no CSV where the earnings calendar was asked for"),
            (Bad(200, '{"Note"'), Fault.PASSING, "no CSV where the earnings calendar was asked for"),
            (Bad(200, "[1]"), Fault.PASSING, "no CSV where the earnings calendar was asked for"),
            (
                Bad(200, "symbol,date\nA,2024-01-01\n"),
                Fault.PASSING,
                "'symbol,date' where the earnings calendar",
            ),
            (
                Bad(200, ",".join(HEADER) + "\nAAPL,APPLE,2024-08-01,2024-06-"),
                Fault.PASSING,
                "line 2 is cut off",
            ),
            (Bad(200, ",".join(HEADER) + '\nAAPL,"APPLE,2024-08-01,2024-06'), Fault.PASSING, "is cut off"),
            (
                Bad(200, ",".join(HEADER) + "\nAAPL,A,2024-08-01,2024-06-30,1,USD,,more\n"),
                Fault.PASSING,
                "too many cells",
            ),
        ],
    )
    def test_what_it_answers_in_place_of_a_calendar_is_named(
        self, server: FakeAlphaVantage, make: Make, answer: Bad, fault: Fault, words: str
    ) -> None:
        server.always(QUERY, answer)
        why = self.answer(make(), "AAPL").missing["AAPL"]
        assert (why.fault, words in str(why)) == (fault, True), str(why)
        assert KEY not in str(why)

    @pytest.mark.parametrize(
        ("day", "ends"),
        [("", "2024-06-30"), ("soon", "2024-06-30"), ("2024-08-01", ""), ("2024-02-30", "2024-06-30"),
         ("2022-08-01", "2024-06-30"), ("2026-08-01", "2026-06-30"), ("2025-12-31", "2024-06-30")],
        ids=["no day", "a word", "no quarter", "no such day", "years before", "years ahead", "a year late"],
    )  # fmt: skip
    def test_a_day_that_cannot_be_is_left_out_and_counted(
        self, server: FakeAlphaVantage, make: Make, day: str, ends: str
    ) -> None:
        server.always(QUERY, line("AAPL", "APPLE", day, ends, "1.2", "USD", ""))
        facts = self.answer(make(), "AAPL")
        assert (len(facts.rows), facts.dropped) == (0, {WITHOUT_DAY: 1})

    def test_a_time_of_the_day_that_is_not_known_costs_the_time_alone(
        self, server: FakeAlphaVantage, make: Make
    ) -> None:
        server.always(QUERY, line("AAPL", "APPLE", "2024-08-01", "2024-06-30", "", "USD", "at lunch"))
        facts = self.answer(make(), "AAPL")
        assert calendar(facts) == [("AAPL", "2024-06-30", "2024-08-01", "")]
        assert facts.dropped == {"its time of the day is not known, its day is kept": 1}

    def test_a_report_that_is_told_twice_counts_once_and_two_that_differ_lose_the_symbol(
        self, server: FakeAlphaVantage, make: Make
    ) -> None:
        server.expect("AAPL", date(2024, 8, 1), date(2024, 6, 30), "post-market")
        server.expect("BRK-B", date(2024, 8, 5), date(2024, 6, 30))
        facts = self.answer(make())
        assert calendar(facts) == [("AAPL", "2024-06-30", "2024-08-01", "after")]
        assert facts.dropped == {"told twice": 1}
        assert (
            str(facts.missing["BRK-B"])
            == "the server answered two reports of the quarter to 2024-06-30 that differ"
        )

    def test_a_name_may_hold_what_other_texts_take_for_the_end_of_a_line(
        self, server: FakeAlphaVantage, make: Make
    ) -> None:
        server.rows[0] = (server.rows[0][0], "AP\x0bP\x85L\u2028E", *server.rows[0][2:])
        assert ("AAPL", "2024-06-30", "2024-08-01", "after") in calendar(self.answer(make()))

    def test_a_recorded_answer_is_read_whole(
        self, server: FakeAlphaVantage, make: Make, market: Path
    ) -> None:
        text = (market / "earnings_calendar_alphavantage_sample.csv").read_text()
        server.always(QUERY, Bad(200, text))
        then = make(now=lambda: utc(2026, 5, 15))
        symbols = [one.partition(",")[0] for one in text.splitlines()[1:]]
        facts = then.fetch(EARNINGS, symbols, date(2026, 5, 1), date(2026, 5, 15))
        assert (len(facts.rows), facts.missing, facts.dropped) == (len(symbols), {}, {})
        assert ("COST", "2026-05-31", "2026-05-28", "after") in calendar(facts)
