"""The CFTC over the wire: reports by contract, when they are known, and what is made of every bad answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from tests.fakes.cftc import COMBINED, FUTURES, TOKEN, FakeCftc, refused
from tests.fakes.loopback import Bad
from tests.fakes.yahoo import SERVER_ERROR
from tests.feeds.vendor_facts_contract import ANYTHING, DAYS, NUMBERS, Make, VendorFactsContract, utc

from nightdesk.core.facts import POSITIONING
from nightdesk.feeds import Fault
from nightdesk.feeds.cftc import CftcFacts, CombinedCftcFacts
from nightdesk.feeds.fact_feed import make_facts

GOLD, SILVER = "088691", "084691"
#: Saturday.
NOW = utc(2024, 6, 15, 12)
FIRST, LAST = date(2024, 5, 20), date(2024, 6, 14)
WITHOUT = "without positions, or with more of them than there is open interest"


def row(
    code: Any = GOLD, day: Any = "2024-06-04", long: Any = "300", short: Any = "100", interest: Any = "500"
):
    return {
        "cftc_contract_market_code": code,
        "report_date_as_yyyy_mm_dd": day,
        "noncomm_positions_long_all": long,
        "noncomm_positions_short_all": short,
        "open_interest_all": interest,
    }


def page(*rows: Any) -> Bad:
    return Bad(200, json.dumps(rows))


def reports(facts: Any) -> list[tuple[Any, ...]]:
    columns = ["code", "report_date", "known_at", "long", "short", "open_interest"]
    return [
        (code, str(day.date()), str(known), *rest)
        for code, day, known, *rest in facts.rows[columns].itertuples(index=False)
    ]


class TestCftcFacts(VendorFactsContract):
    source, of_kind, where, secret, needed = CftcFacts, POSITIONING, FUTURES, TOKEN, ""
    known, unknown, within, now = (GOLD, SILVER), "999999", (FIRST, LAST), NOW

    @pytest.fixture
    def server(self) -> Iterator[FakeCftc]:
        with FakeCftc() as fake:
            for n in range(8):
                day = date(2024, 4, 23) + timedelta(days=7 * n)
                for code in (GOLD, SILVER):
                    fake.report(code, day, 300_000 + n, 100_000, 500_000)
                    fake.report(code, day, 310_000 + n, 110_000, 600_000, COMBINED)
            yield fake

    @pytest.fixture
    def payloads(self) -> st.SearchStrategy[str]:
        days = st.sampled_from(["2024-05-21", "2024-05-28T00:00:00.000", "2024-06-04T00:00:00.000"])
        some = st.integers(0, 10**6).map(str)
        good = st.builds(row, st.just(GOLD), days, some, some, st.integers(10**5, 10**7).map(str))
        bad = st.builds(row, st.just(GOLD) | ANYTHING, DAYS, NUMBERS, NUMBERS, NUMBERS)
        bare = st.builds(
            lambda one, lost: {k: v for k, v in one.items() if k != lost}, good, st.sampled_from([*row()])
        )
        rows = st.lists(good, min_size=1, max_size=4) | st.lists(good | bad | bare, max_size=4)
        return st.one_of(rows.map(json.dumps), rows.map(json.dumps), ANYTHING.map(json.dumps), st.text())

    def test_a_report_is_known_from_its_publication_and_its_numbers_are_told_as_text(
        self, make: Make
    ) -> None:
        facts = self.answer(make(), GOLD)
        assert reports(facts) == [
            (GOLD, "2024-05-21", "2024-05-24 19:30:00", 300_004.0, 100_000.0, 500_000.0),
            (GOLD, "2024-05-28", "2024-05-31 19:30:00", 300_005.0, 100_000.0, 500_000.0),
            (GOLD, "2024-06-04", "2024-06-07 19:30:00", 300_006.0, 100_000.0, 500_000.0),
            (GOLD, "2024-06-11", "2024-06-14 19:30:00", 300_007.0, 100_000.0, 500_000.0),
        ]
        assert facts.dropped == {}

    def test_a_report_that_is_published_in_the_span_counts_though_its_day_lies_before(
        self, make: Make
    ) -> None:
        facts = make().fetch(POSITIONING, [GOLD], date(2024, 6, 6), date(2024, 6, 10))
        assert [one[1] for one in reports(facts)] == ["2024-06-04"]

    def test_before_its_publication_a_report_is_not_given(self, make: Make) -> None:
        early = make(now=lambda: utc(2024, 6, 14, 19, 29)).fetch(POSITIONING, [GOLD], *self.within)
        assert [one[1] for one in reports(early)][-1] == "2024-06-04"
        then = make(now=lambda: utc(2024, 6, 14, 19, 30)).fetch(POSITIONING, [GOLD], *self.within)
        assert [one[1] for one in reports(then)][-1] == "2024-06-11"

    def test_a_report_that_came_late_is_found_by_the_day_on_which_it_came(
        self, server: FakeCftc, make: Make
    ) -> None:
        server.report(GOLD, date(2025, 10, 7), 1, 2, 9)
        later = make(now=lambda: utc(2026, 6, 1))
        facts = later.fetch(POSITIONING, [GOLD], date(2025, 11, 21), date(2025, 11, 21))
        assert reports(facts) == [(GOLD, "2025-10-07", "2025-11-21 20:30:00", 1.0, 2.0, 9.0)]

    def test_futures_and_options_are_a_source_of_their_own(self, server: FakeCftc) -> None:
        feed = make_facts("cftc_combined", environ=server.environ, now=lambda: NOW)
        assert isinstance(feed, CombinedCftcFacts)
        rows = feed.fetch(POSITIONING, [GOLD], *self.within).rows
        assert rows["long"].iloc[-1] == 310_007.0
        assert set(rows["source"]) == {"cftc_combined"}
        assert set(server.asked) == {COMBINED}

    def test_pages_are_followed_to_the_end(self, server: FakeCftc, make: Make, monkeypatch: Any) -> None:
        whole = reports(self.answer(make()))
        monkeypatch.setattr("nightdesk.feeds.cftc.ROWS_A_PAGE", 3)
        server.asked.clear()
        assert reports(self.answer(make())) == whole
        # Fourteen reports from sixty days before the span on: four whole pages and one that is not.
        assert len(server.asked) == 6

    def test_a_page_that_fails_in_the_middle_is_asked_for_again_alone(
        self, server: FakeCftc, make: Make, waits: list[float], monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("nightdesk.feeds.cftc.ROWS_A_PAGE", 3)
        server.script(FUTURES, None, None, SERVER_ERROR)
        assert len(self.answer(make()).rows) == 8
        assert (len(server.asked), len(waits)) == (7, 1)

    def test_a_page_that_fails_for_good_loses_the_whole_answer(
        self, server: FakeCftc, make: Make, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr("nightdesk.feeds.cftc.ROWS_A_PAGE", 3)
        server.script(FUTURES, None, None, refused(400, "query.execution", "no"))
        facts = self.answer(make())
        assert len(facts.rows) == 0
        assert "refuses the request (400)" in str(facts.missing[GOLD])

    def test_the_same_page_again_is_no_end(self, server: FakeCftc, make: Make, monkeypatch: Any) -> None:
        monkeypatch.setattr("nightdesk.feeds.cftc.ROWS_A_PAGE", 2)
        server.always(FUTURES, page(row(day="2024-05-28"), row()))
        why = self.answer(make(), GOLD).missing[GOLD]
        assert (why.fault, str(why)) == (Fault.PASSING, "the server gives the same page again of reports")
        assert len(server.asked) == 2

    def test_pages_without_end_are_given_up(self, server: FakeCftc, make: Make, monkeypatch: Any) -> None:
        monkeypatch.setattr("nightdesk.feeds.cftc.ROWS_A_PAGE", 1)
        monkeypatch.setattr("nightdesk.feeds.cftc.MOST_PAGES", 5)
        server.script(FUTURES, *[page(row(long=str(n))) for n in range(9)])
        why = self.answer(make(), GOLD).missing[GOLD]
        assert (why.fault, str(why)) == (Fault.FINAL, "the server gives more than 5 pages of reports")
        assert len(server.asked) == 5

    def test_a_report_that_is_told_twice_counts_once(self, server: FakeCftc, make: Make) -> None:
        server.always(FUTURES, page(row(), row()))
        facts = self.answer(make(), GOLD)
        assert (len(facts.rows), facts.dropped) == (1, {"told twice": 1})

    def test_two_reports_of_a_day_that_differ_lose_the_contract_and_no_other(
        self, server: FakeCftc, make: Make
    ) -> None:
        server.always(FUTURES, page(row(), row(long="301"), row(SILVER)))
        facts = self.answer(make())
        assert [one[0] for one in reports(facts)] == [SILVER]
        why = facts.missing[GOLD]
        assert (why.fault, str(why)) == (
            Fault.PASSING,
            "the server answered two reports of 2024-06-04 that differ",
        )

    @pytest.mark.parametrize(
        "bad",
        [
            {"long": None},
            {"long": "x"},
            {"short": "-1"},
            {"long": "501"},
            {"interest": "nan"},
            {"interest": "1,000"},
            {"short": True},
        ],
    )
    def test_a_report_without_sound_figures_is_left_out_and_counted(
        self, server: FakeCftc, make: Make, bad: dict[str, Any]
    ) -> None:
        server.always(FUTURES, page(row(day="2024-05-28"), row(**bad)))
        facts = self.answer(make(), GOLD)
        assert [one[1] for one in reports(facts)] == ["2024-05-28"]
        assert facts.dropped == {WITHOUT: 1}

    def test_a_figure_that_is_not_told_is_left_out_of_its_row(self, server: FakeCftc, make: Make) -> None:
        for one in server.rows[FUTURES]:
            if one["report_date_as_yyyy_mm_dd"].startswith("2024-06-04"):
                del one["noncomm_positions_long_all"]
        assert self.answer(make()).dropped == {WITHOUT: 2}

    @pytest.mark.parametrize(
        ("answer", "fault", "words"),
        [
            (page(row("099741")), Fault.FINAL, "reports of '099741', which was not asked for"),
            (page(row(None)), Fault.FINAL, "reports of None, which was not asked for"),
            (page(row(day="soon")), Fault.PASSING, "'soon' where the day of a report was expected"),
            (page(row(day="0001-01-01")), Fault.PASSING, "'0001-01-01' where the day of a report"),
            (page(row(day="9999-12-31")), Fault.PASSING, "'9999-12-31' where the day of a report"),
            (page(row(day=None)), Fault.PASSING, "None where the day of a report was expected"),
            (page(row(day="2024-06-18")), Fault.FINAL, "one of the two clocks is wrong"),
            (Bad(202, ""), Fault.PASSING, "still at work on its answer (202)"),
            (page(7), Fault.PASSING, "no list where reports were asked for"),
            (Bad(200, "{}"), Fault.PASSING, "no list where reports were asked for"),
        ],
    )
    def test_what_it_answers_badly_is_named(
        self, server: FakeCftc, make: Make, answer: Bad, fault: Fault, words: str
    ) -> None:
        server.always(FUTURES, answer)
        why = self.answer(make(), GOLD).missing[GOLD]
        assert (why.fault, words in str(why)) == (fault, True), str(why)

    def test_a_code_that_no_contract_has_is_not_asked_for(self, server: FakeCftc, make: Make) -> None:
        facts = self.answer(make(), GOLD, "') OR 1=1 --", "GLD")
        assert set(facts.missing) == {"') OR 1=1 --", "GLD"}
        assert "no contract of such a code, as 088691 is one" in str(facts.missing["GLD"])
        assert server.queries[0]["$where"].startswith("cftc_contract_market_code in('088691') AND")

    def test_many_contracts_are_asked_for_in_several_questions(self, server: FakeCftc, make: Make) -> None:
        codes = [f"{n:06}" for n in range(1, 121)]
        server.report("000120", date(2024, 6, 4), 1, 2, 9)
        facts = make().fetch(POSITIONING, codes, *self.within)
        assert (len(server.asked), set(facts.rows["code"])) == (3, {"000120"})
