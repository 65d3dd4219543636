"""Closing quotes of Alpaca, over its own client, and what is made of every bad answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import strategies as st
from tests.fakes.alpaca_quotes import QUOTES, SECRET, FakeAlpacaQuotes, quote
from tests.fakes.loopback import Bad
from tests.feeds.vendor_facts_contract import ANYTHING, NUMBERS, Make, VendorFactsContract, utc

from nightdesk.core.facts import QUOTES as QUOTES_KIND
from nightdesk.feeds import Fault
from nightdesk.feeds.alpaca_facts import AlpacaFacts

NOW = utc(2024, 6, 20, 22)
FIRST, LAST = date(2024, 6, 17), date(2024, 6, 20)


def answered(*rows: Any, name: str = "SPY") -> Bad:
    return Bad(200, json.dumps({"quotes": {name: list(rows)}, "next_page_token": None}))


class TestAlpacaFacts(VendorFactsContract):
    source, of_kind, where, secret = AlpacaFacts, QUOTES_KIND, QUOTES, SECRET
    needed = "NIGHTDESK_ACCOUNT_ALPACA_DATA_SECRET"
    known, unknown, within, now = ("SPY", "BRK-B"), "NOSUCH", (FIRST, LAST), NOW

    @pytest.fixture
    def server(self) -> Iterator[FakeAlpacaQuotes]:
        with FakeAlpacaQuotes() as fake:
            for name, price in (("SPY", 540.0), ("BRK.B", 410.0)):
                fake.quotes[name] = [
                    one
                    for n, day in enumerate((17, 18, 20))
                    for one in (
                        quote(f"2024-06-{day}T19:59:51.000000001Z", price, price + 5),
                        quote(f"2024-06-{day}T19:59:59.946977536Z", price + n, price + n + 0.02),
                        quote(f"2024-06-{day}T20:00:01Z", price, price + 9),
                    )
                ]
            yield fake

    @pytest.fixture
    def payloads(self) -> st.SearchStrategy[str]:
        price = st.floats(0, 600)
        good = st.builds(
            lambda n, bid, ask: quote(f"2024-06-20T19:{n % 60:02}:59.5Z", bid, ask),
            st.integers(0, 59),
            price,
            price,
        )
        bad = st.builds(quote, ANYTHING | st.text(), NUMBERS, NUMBERS, st.tuples(NUMBERS, NUMBERS))
        rows = st.lists(good, min_size=1, max_size=4) | st.lists(good | bad, max_size=4)
        whole = rows.map(lambda some: answered(*some).body)
        return st.one_of(whole, whole, ANYTHING.map(json.dumps), st.text())

    def _survives(self, server: Any, make: Make, payloads: st.SearchStrategy[str], count: int) -> None:
        # One answer serves one session: quotes of it are of no other.
        self.within = (LAST, LAST)  # type: ignore[misc]
        super()._survives(server, make, payloads, count)

    def test_the_quote_is_the_last_one_at_the_close_of_each_session(self, make: Make) -> None:
        rows = self.answer(make(), "SPY").rows
        assert [str(known) for known in rows["known_at"]] == [
            f"2024-06-{day} 20:00:00" for day in (17, 18, 20)
        ]
        assert rows["bid"].tolist() == [540.0, 541.0, 542.0]
        assert rows["ask"].tolist() == [540.02, 541.02, 542.02]
        assert (set(rows["bid_size"]), set(rows["ask_size"])) == ({300.0}, {400.0})

    def test_sizes_are_shares_since_november_2025(self, server: FakeAlpacaQuotes, make: Make) -> None:
        day = date(2025, 11, 3)
        server.quotes["SPY"] = [quote("2025-11-03T20:59:59Z", 1.0, 1.5)]
        rows = make(now=lambda: utc(2025, 11, 4)).fetch(QUOTES_KIND, ["SPY"], day, day).rows
        assert (rows["bid_size"].tolist(), rows["ask_size"].tolist()) == ([3.0], [4.0])

    def test_one_page_is_asked_for_a_session_whatever_follows(
        self, server: FakeAlpacaQuotes, make: Make
    ) -> None:
        server.quotes["SPY"] = [quote(f"2024-06-20T19:58:59.{n:09}Z", 540.0, 540.02) for n in range(200)]
        make().fetch(QUOTES_KIND, ["SPY"], LAST, LAST)
        assert len(server.asked) == 1
        asked = {name: server.queries[0].get(name) for name in ("symbols", "limit", "sort", "start", "end")}
        assert asked == {
            "symbols": "SPY",
            "limit": "20",
            "sort": "desc",
            "start": "2024-06-20T13:30:00+00:00",
            "end": "2024-06-20T20:00:00+00:00",
        }

    def test_of_quotes_of_one_instant_the_first_is_the_newest(
        self, server: FakeAlpacaQuotes, make: Make
    ) -> None:
        at = "2024-06-20T19:59:59.1Z"
        server.always(QUOTES, answered(quote(at, 2.0, 3.0), quote(at, 1.0, 2.0)))
        assert make().fetch(QUOTES_KIND, ["SPY"], LAST, LAST).rows["bid"].tolist() == [2.0]

    @pytest.mark.parametrize(
        ("answer", "fault", "words"),
        [
            (answered(quote("soon", 1, 2)), Fault.PASSING, "lack a number or their instant"),
            (answered(quote("2024-06-20T19:59:59", 1, 2)), Fault.PASSING, "lack a number or their instant"),
            (answered(quote("2024-02-31T19:59:59Z", 1, 2)), Fault.PASSING, "lack a number or their instant"),
            (
                answered({"t": "2024-06-20T19:59:59Z", "bp": 1}),
                Fault.PASSING,
                "lack a number or their instant",
            ),
            (answered(quote("2024-06-20T20:00:00.000000001Z", 1, 2)), Fault.FINAL, "where those from"),
            (answered(quote("2024-06-21T19:59:59Z", 1, 2)), Fault.FINAL, "a quote of 2024-06-21 19:59:59"),
            (
                answered(quote("2024-06-20T19:59:59Z", 1, 2), name="QQQ"),
                Fault.FINAL,
                "quotes of QQQ, and SPY was",
            ),
            (answered(7), Fault.PASSING, "no list where quotes were asked for"),
            (Bad(200, '{"quotes": null}'), Fault.PASSING, "where quotes were asked for"),
        ],
    )
    def test_what_it_answers_badly_is_named(
        self, server: FakeAlpacaQuotes, make: Make, answer: Bad, fault: Fault, words: str
    ) -> None:
        server.always(QUOTES, answer)
        why = make().fetch(QUOTES_KIND, ["SPY"], LAST, LAST).missing["SPY"]
        assert (why.fault, words in str(why)) == (fault, True), str(why)

    def test_both_parts_of_the_key_are_named_where_both_are_lacking(self, make: Make) -> None:
        why = self.answer(make({})).missing["SPY"]
        assert "NIGHTDESK_ACCOUNT_ALPACA_DATA_KEY and NIGHTDESK_ACCOUNT_ALPACA_DATA_SECRET" in str(why)

    @pytest.mark.parametrize("symbol", ["^VIX", "BTC-USD"])
    def test_it_has_quotes_of_shares_alone(self, server: FakeAlpacaQuotes, make: Make, symbol: str) -> None:
        why = self.answer(make(), symbol).missing[symbol]
        assert (why.fault, str(why), server.asked) == (Fault.ABSENT, "it has quotes of shares alone", [])
