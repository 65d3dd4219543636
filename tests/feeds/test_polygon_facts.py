"""Listings and closing quotes of Polygon, over its own client, and what is made of every bad answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from tests.fakes.loopback import Bad
from tests.fakes.polygon import ANOTHER_PLAN, KEY
from tests.fakes.polygon_reference import APPLE, DETAILS, QUOTES, TICKERS, FakePolygonReference, quote
from tests.fakes.yahoo import SERVER_ERROR
from tests.feeds.vendor_facts_contract import ANYTHING, DAYS, NUMBERS, Make, VendorFactsContract, utc

from nightdesk.core.calendar import get_calendar
from nightdesk.core.errors import Refused, Transient
from nightdesk.core.facts import LISTINGS
from nightdesk.core.facts import QUOTES as QUOTES_KIND
from nightdesk.feeds import Fault
from nightdesk.feeds.polygon_facts import PolygonFacts

NOW = utc(2024, 6, 20, 22)
FIRST, LAST = date(2024, 6, 17), date(2024, 6, 20)
NEEDED = "NIGHTDESK_ACCOUNT_POLYGON_KEY"


def ns(moment: datetime) -> int:
    return round(moment.timestamp()) * 1_000_000_000


def close(day: date) -> int:
    return ns(get_calendar().close_at(day))


def ended(ticker: str, day: str, **more: Any) -> dict[str, Any]:
    """A listing that has ended."""
    base = {"ticker": ticker, "name": "LEHMAN BROTHERS", "market": "stocks", "locale": "us", "active": False}
    rest = {
        "primary_exchange": "XNYS",
        "type": "CS",
        "currency_name": "usd",
        "delisted_utc": f"{day}T00:00:00Z",
    }
    return base | rest | {"last_updated_utc": "2024-05-01T00:00:00Z"} | more


def details(**more: Any) -> Bad:
    return Bad(200, json.dumps({"status": "OK", "request_id": "1", "results": {**APPLE, **more}}))


class TestListings(VendorFactsContract):
    source, of_kind, where, secret, needed = PolygonFacts, LISTINGS, DETAILS, KEY, NEEDED
    known, unknown, within, now = ("AAPL", "BRK-B"), "NOSUCH", (FIRST, LAST), NOW

    @pytest.fixture
    def server(self) -> Iterator[FakePolygonReference]:
        with FakePolygonReference() as fake:
            fake.details["AAPL"] = dict(APPLE)
            fake.details["BRK.B"] = {
                "ticker": "BRK.B", "name": "Berkshire Hathaway Inc.", "market": "stocks", "locale": "us",
                "primary_exchange": "XNYS", "type": "CS", "active": True,
            }  # fmt: skip
            yield fake

    @pytest.fixture
    def payloads(self) -> st.SearchStrategy[str]:
        def lot(
            ticker: Any, market_cap: Any, shares: Any, listed: Any, delisted: Any, words: Any, sic: Any
        ) -> str:
            found = {
                "ticker": ticker,
                "name": words,
                "primary_exchange": words,
                "type": words,
                "sic_code": sic,
            }
            found |= {"market_cap": market_cap, "share_class_shares_outstanding": shares}
            found |= {"list_date": listed, "delisted_utc": delisted, "sic_description": words}
            return json.dumps({"status": "OK", "results": {k: v for k, v in found.items() if v is not None}})

        number, days = (
            st.floats(1, 1e13) | st.none(),
            st.dates(date(1980, 1, 1), date(2024, 6, 1)).map(str) | st.none(),
        )
        good = st.builds(
            lot,
            st.just("AAPL"),
            number,
            number,
            days,
            days,
            st.text() | st.none(),
            st.sampled_from(["", "3571"]),
        )
        odd = st.builds(
            lot,
            st.just("AAPL") | ANYTHING,
            NUMBERS,
            NUMBERS,
            DAYS,
            DAYS,
            ANYTHING | st.just("CS"),
            ANYTHING | st.just("1"),
        )
        wrapped = st.builds(lambda one: json.dumps({"status": "OK", "results": one}), ANYTHING)
        return st.one_of(good, good, odd, wrapped, ANYTHING.map(json.dumps), st.text())

    def listing(self, make: Make, symbol: str, **more: Any) -> dict[str, Any]:
        rows = self.answer(make(**more), symbol).rows
        assert len(rows) == 1
        return rows.iloc[0].to_dict()

    def test_a_listing_is_what_is_said_of_the_last_day_and_known_from_when_it_was_fetched(
        self, server: FakePolygonReference, make: Make
    ) -> None:
        found = self.listing(make, "AAPL")
        days = {name: str(found.pop(name))[:10] for name in ("day", "listed_from", "delisted_on")}
        assert days == {"day": "2024-06-20", "listed_from": "1980-12-12", "delisted_on": "NaT"}
        assert str(found.pop("known_at")) == "2024-06-20 22:00:00"
        assert found == {
            "symbol": "AAPL",
            "title": "Apple Inc.",
            "exchange": "NASDAQ",
            "security": "common",
            "sector": "business equipment",
            "industry": "ELECTRONIC COMPUTERS",
            "market_cap": 2771126040150.0,
            "shares": 16406400000.0,
            "source": "polygon",
        }
        assert server.queries == [{"ticker": "AAPL", "date": "2024-06-20"}]

    def test_what_is_not_said_is_empty_or_no_number(self, make: Make) -> None:
        found = self.listing(make, "BRK-B")
        assert (found["title"], found["exchange"], found["sector"], found["industry"]) == (
            "Berkshire Hathaway Inc.", "NYSE", "", "",
        )  # fmt: skip
        assert np.isnan(found["market_cap"])
        assert np.isnan(found["shares"])
        assert str(found["listed_from"]) == "NaT"

    @pytest.mark.parametrize(
        ("told", "security", "exchange"),
        [
            ({"type": "ETF", "primary_exchange": "ARCX"}, "fund", "NYSE ARCA"),
            ({"type": "ADRC"}, "adrc", "NASDAQ"),
            ({"type": "ETN", "primary_exchange": "XCBO"}, "fund", "XCBO"),
        ],
    )
    def test_kinds_and_exchanges_have_the_desks_words(
        self, server: FakePolygonReference, make: Make, told: dict[str, str], security: str, exchange: str
    ) -> None:
        server.details["AAPL"] |= told
        found = self.listing(make, "AAPL")
        assert (found["security"], found["exchange"]) == (security, exchange)

    def test_a_symbol_that_is_delisted_has_its_last_day(
        self, server: FakePolygonReference, make: Make
    ) -> None:
        server.ended += [ended("LEH", "1999-03-01", name="SOMEBODY ELSE"), ended("LEH", "2008-09-17")]
        server.ended.append(ended("LEH", "2030-01-01", name="LATER"))
        server.rows_a_page = 1
        found = self.listing(make, "LEH")
        assert (found["title"], found["exchange"], str(found["delisted_on"])[:10]) == (
            "LEHMAN BROTHERS", "NYSE", "2008-09-17",
        )  # fmt: skip
        assert np.isnan(found["market_cap"])
        assert [one.get("active") for one in server.queries] == [None, "false", "false", "false"]

    def test_a_symbol_that_ends_only_later_is_listed(self, server: FakePolygonReference, make: Make) -> None:
        server.details["AAPL"]["delisted_utc"] = "2024-09-01T00:00:00Z"
        assert str(self.listing(make, "AAPL")["delisted_on"]) == "NaT"

    def test_a_symbol_that_was_listed_later_is_absent(self, server: FakePolygonReference, make: Make) -> None:
        server.details["NEW"] = APPLE | {"ticker": "NEW", "list_date": "2024-06-21"}
        why = self.answer(make(), "NEW").missing["NEW"]
        assert (why.fault, str(why)) == (
            Fault.ABSENT,
            "Polygon lists nothing of that name on 2024-06-20, nor before it",
        )

    def test_of_a_span_that_has_not_begun_nothing_is_asked(
        self, server: FakePolygonReference, make: Make
    ) -> None:
        facts = make().fetch(LISTINGS, ["AAPL"], date(2024, 6, 21), date(2024, 6, 24))
        assert (len(facts.rows), server.asked) == (0, [])

    @pytest.mark.parametrize(
        ("answer", "fault", "words"),
        [
            (ANOTHER_PLAN, Fault.FINAL, "You are not entitled to this data"),
            (details(ticker="MSFT"), Fault.FINAL, "details of 'MSFT', and AAPL was asked for"),
            (details(market_cap="much"), Fault.PASSING, "no number above 0"),
            (details(market_cap=-1), Fault.PASSING, "no number above 0"),
            (details(share_class_shares_outstanding=0), Fault.PASSING, "no number above 0"),
            (
                details(list_date="soon"),
                Fault.PASSING,
                "'soon' where the day of a first listing was expected",
            ),
            (details(list_date="2024-07-01"), Fault.FINAL, "one of the two clocks is wrong"),
            (details(name=["Apple"]), Fault.PASSING, "a name that is no text"),
            (details(sic_code=3571), Fault.PASSING, "a SIC code that is no text"),
            (details(address="here"), Fault.PASSING, "details that cannot be read"),
            (Bad(200, '{"status":"OK"}'), Fault.PASSING, "no details where they were asked for"),
            (Bad(200, '{"status":"OK","results":[]}'), Fault.PASSING, "no details where they were asked for"),
            (Bad(200, '{"status":"OK","results":7}'), Fault.PASSING, "no list of details"),
            (Bad(200, '{"status":"ERROR","error":"no"}'), Fault.PASSING, "has the status 'ERROR': no"),
        ],
    )
    def test_what_it_answers_badly_is_named(
        self, server: FakePolygonReference, make: Make, answer: Bad, fault: Fault, words: str
    ) -> None:
        server.always(f"{DETAILS}AAPL", answer)
        facts = self.answer(make())
        why = facts.missing["AAPL"]
        assert (why.fault, words in str(why)) == (fault, True), str(why)
        assert set(facts.rows["symbol"]) == {"BRK-B"}

    def test_a_list_of_delisted_ones_that_fails_is_told(
        self, server: FakePolygonReference, make: Make
    ) -> None:
        server.always(f"{TICKERS}", SERVER_ERROR)
        server.script(f"{DETAILS}LEH", Bad(404, '{"status":"NOT_FOUND"}'))
        why = self.answer(make(), "LEH").missing["LEH"]
        assert why.fault is Fault.PASSING

    def test_pages_of_delisted_ones_without_end_are_given_up(
        self, server: FakePolygonReference, make: Make
    ) -> None:
        server.ended.append(ended("LEH", "2008-09-17"))
        server.endless = True
        why = self.answer(make(), "LEH").missing["LEH"]
        assert "gives the same page again of listings: they have no end" in str(why)

    def test_the_pool_is_all_that_is_listed_and_all_that_has_ended_by_pages(
        self, server: FakePolygonReference, make: Make
    ) -> None:
        server.ended += [ended("LEH", "2008-09-17"), ended("LEH", "1999-03-01"), ended("AAPL", "1979-01-02")]
        server.details |= {one: dict(APPLE) | {"ticker": one} for one in ("BACpK", "ABC.WS")}
        server.ended.append(ended("X:BTCUSD", "2020-01-02", market="crypto"))
        server.rows_a_page = 2
        assert make().pool() == ("AAPL", "BRK-B", "ABC.WS", "LEH")
        assert {one["market"] for one in server.queries if "market" in one} == {"stocks"}
        assert len(server.queries) == 4

    def test_a_pool_that_does_not_come_says_what_to_do(
        self, server: FakePolygonReference, make: Make
    ) -> None:
        server.always(TICKERS, SERVER_ERROR)
        with pytest.raises(Transient, match=r"polygon does not say which symbols there are: .*; try again"):
            make().pool()
        server.always(TICKERS, ANOTHER_PLAN)
        with pytest.raises(Refused, match=r"not entitled to this data.*name a file as the pool, files:PATH"):
            make().pool()
        with pytest.raises(Refused, match=f"set {NEEDED} in the environment") as told:
            make({}).pool()
        assert KEY not in str(told.value)


class TestPolygonQuotes(VendorFactsContract):
    source, of_kind, where, secret, needed = PolygonFacts, QUOTES_KIND, QUOTES, KEY, NEEDED
    known, unknown, within, now = ("AAPL", "BRK-B"), "NOSUCH", (FIRST, LAST), NOW

    @pytest.fixture
    def server(self) -> Iterator[FakePolygonReference]:
        with FakePolygonReference() as fake:
            for name, price in (("AAPL", 210.0), ("BRK.B", 410.0)):
                fake.quotes[name] = []
                for n, day in enumerate((date(2024, 6, 17), date(2024, 6, 18), date(2024, 6, 20))):
                    at = close(day)
                    fake.quotes[name] += [
                        quote(at - 9_000_000_000, price, price + 5),
                        quote(at - 1_000, price + n, price + n + 0.02),
                        quote(at + 1_000_000_000, price, price + 9),  # after the close
                    ]
            yield fake

    @pytest.fixture
    def payloads(self) -> st.SearchStrategy[str]:
        at = close(date(2024, 6, 20))
        price = st.floats(0, 500)
        good = st.builds(quote, st.integers(at - 10**12, at), price, price, st.integers(1, 9))
        bad = st.builds(
            lambda at, bid, ask, number: quote(0, bid, ask, number) | {"sip_timestamp": at},
            st.integers() | ANYTHING, NUMBERS, NUMBERS, ANYTHING,
        )  # fmt: skip
        rows = st.lists(good, min_size=1, max_size=4) | st.lists(good | bad, max_size=4)
        whole = rows.map(lambda some: json.dumps({"status": "OK", "results": some}))
        return st.one_of(whole, whole, ANYTHING.map(json.dumps), st.text())

    def _survives(self, server: Any, make: Make, payloads: st.SearchStrategy[str], count: int) -> None:
        # One answer serves one session: quotes of it are of no other.
        self.within = (LAST, LAST)  # type: ignore[misc]
        super()._survives(server, make, payloads, count)

    def test_the_quote_is_the_last_one_at_the_close_of_each_session(
        self, server: FakePolygonReference, make: Make
    ) -> None:
        rows = self.answer(make(), "AAPL").rows
        assert [str(day.date()) for day in rows["session"]] == ["2024-06-17", "2024-06-18", "2024-06-20"]
        assert [str(known) for known in rows["known_at"]] == [
            f"2024-06-{day} 20:00:00" for day in (17, 18, 20)
        ]
        assert rows["bid"].tolist() == [210.0, 211.0, 212.0]
        assert rows["ask"].tolist() == [210.02, 211.02, 212.02]
        # Of round lots, units of 100 shares.
        assert (set(rows["bid_size"]), set(rows["ask_size"])) == ({300.0}, {400.0})

    def test_one_page_is_asked_for_a_session_whatever_follows(
        self, server: FakePolygonReference, make: Make
    ) -> None:
        at = close(LAST)
        server.quotes["AAPL"] = [quote(at - n * 1_000_000, 210.0, 210.02) for n in range(200)]
        make().fetch(QUOTES_KIND, ["AAPL"], LAST, LAST)
        assert len(server.asked) == 1
        assert server.queries[0] == {
            "timestamp.gte": str(ns(get_calendar().open_at(LAST))),
            "timestamp.lte": str(at),
            "limit": "20",
            "sort": "timestamp",
            "order": "desc",
        }

    def test_of_a_long_span_the_newest_sessions_are_asked_for_and_the_others_counted(
        self, server: FakePolygonReference, make: Make
    ) -> None:
        facts = make().fetch(QUOTES_KIND, ["AAPL"], date(2024, 1, 2), LAST)
        assert len(server.asked) == 15
        assert facts.dropped == {"sessions before the newest 15, which are not asked for": 103}
        assert len(facts.rows) == 3

    def test_an_early_close_is_the_close(self, server: FakePolygonReference, make: Make) -> None:
        day = date(2024, 7, 3)
        server.quotes["AAPL"] = [
            quote(ns(utc(2024, 7, 3, 17)), 1.0, 1.5),
            quote(ns(utc(2024, 7, 3, 18)), 1.0, 9.0),
        ]
        rows = make(now=lambda: utc(2024, 7, 4)).fetch(QUOTES_KIND, ["AAPL"], day, day).rows
        assert rows["ask"].tolist() == [1.5]

    def test_a_session_that_is_not_over_has_none(self, server: FakePolygonReference, make: Make) -> None:
        noon = make(now=lambda: utc(2024, 6, 20, 16))
        assert [str(day.date()) for day in self.answer(noon, "AAPL").rows["session"]] == [
            "2024-06-17",
            "2024-06-18",
        ]

    def test_a_quote_with_one_side_or_crossed_is_passed_over_for_the_one_before(
        self, server: FakePolygonReference, make: Make
    ) -> None:
        at = close(LAST)
        server.quotes["AAPL"] = [
            quote(at - 4, 210.0, 210.02),
            quote(at - 3, 0.0, 210.0),
            {name: value for name, value in quote(at - 2, 1, 2).items() if not name.startswith("ask")},
            quote(at - 1, 210.5, 210.0),
        ]
        facts = make().fetch(QUOTES_KIND, ["AAPL"], LAST, LAST)
        assert facts.rows["bid"].tolist() == [210.0]
        reason = "quotes after the last one with both sides: one side alone, or a bid above the ask"
        assert facts.dropped == {reason: 3}

    def test_the_order_of_quotes_of_one_instant_is_their_number(
        self, server: FakePolygonReference, make: Make
    ) -> None:
        at = close(LAST)
        server.quotes["AAPL"] = [
            quote(at - 4, 2.0, 3.0, 7),
            quote(at - 4, 1.0, 2.0, 9),
            quote(at - 4, 3.0, 4.0, 8),
        ]
        assert make().fetch(QUOTES_KIND, ["AAPL"], LAST, LAST).rows["bid"].tolist() == [1.0]

    def test_sizes_are_not_known_since_the_tape_counts_shares(
        self, server: FakePolygonReference, make: Make
    ) -> None:
        day = date(2025, 11, 3)
        server.quotes["AAPL"] = [quote(close(day) - 5, 1.0, 1.5)]
        rows = make(now=lambda: utc(2025, 11, 4)).fetch(QUOTES_KIND, ["AAPL"], day, day).rows
        assert rows["bid"].tolist() == [1.0]
        assert rows[["bid_size", "ask_size"]].isna().all(axis=None)

    @pytest.mark.parametrize("symbol", ["^VIX", "BTC-USD"])
    def test_it_has_quotes_of_shares_alone(
        self, server: FakePolygonReference, make: Make, symbol: str
    ) -> None:
        why = self.answer(make(), symbol).missing[symbol]
        assert (why.fault, str(why), server.asked) == (Fault.ABSENT, "it has quotes of shares alone", [])

    @pytest.mark.parametrize(
        ("row", "fault", "words"),
        [
            ({"sip_timestamp": None}, Fault.PASSING, "lack a number or their instant"),
            ({"sip_timestamp": "now"}, Fault.PASSING, "lack a number or their instant"),
            ({"bid_price": "x"}, Fault.PASSING, "lack a number or their instant"),
            ({"ask_size": True}, Fault.PASSING, "lack a number or their instant"),
            (
                {"sip_timestamp": close(LAST) + 1},
                Fault.FINAL,
                "a quote of 2024-06-20 20:00:00+00:00, where those",
            ),
            ({"sip_timestamp": 10**30}, Fault.FINAL, "where those from"),
        ],
    )
    def test_what_it_answers_badly_is_named(
        self, server: FakePolygonReference, make: Make, row: dict[str, Any], fault: Fault, words: str
    ) -> None:
        rows = [quote(close(LAST) - 7, 1.0, 2.0), quote(close(LAST) - 5, 1.0, 2.0) | row]
        server.always(QUOTES, Bad(200, json.dumps({"status": "OK", "results": rows})))
        why = make().fetch(QUOTES_KIND, ["AAPL"], LAST, LAST).missing["AAPL"]
        assert (why.fault, words in str(why)) == (fault, True), str(why)

    def test_a_fault_in_the_middle_of_a_span_loses_the_symbol_and_says_so(
        self, server: FakePolygonReference, make: Make
    ) -> None:
        server.script(f"{QUOTES}/AAPL", None, ANOTHER_PLAN)
        facts = self.answer(make())
        assert set(facts.missing) == {"AAPL"}
        assert set(facts.rows["symbol"]) == {"BRK-B"}
