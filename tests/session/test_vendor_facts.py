"""Facts of vendors in the day's run: fetched over the wire, and decided by as a backtest decides by them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from tests.fakes.cftc import FUTURES, FakeCftc
from tests.fakes.fred import OBSERVATIONS, FakeFred
from tests.fakes.yahoo import SERVER_ERROR
from tests.session.facts_desk import GOLD, FactsDesk
from tests.session.small_desk import SmallDesk, session

from nightdesk.core.book import load_book
from nightdesk.core.calendar import as_date, get_calendar
from nightdesk.feeds.fred_http import ST_LOUIS
from nightdesk.research.backtest.data import read_market

NAMES = ("macro_DGS10", "positioning_ratio", "positioning_percentile")


@dataclass
class Vendors:
    """The servers, and the desk whose book asks them."""

    facts: FactsDesk
    fred: FakeFred
    cftc: FakeCftc


@pytest.fixture
def vendors(desk: SmallDesk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendors]:
    facts = FactsDesk(desk)
    with ExitStack() as stack:
        fred = stack.enter_context(FakeFred(datetime.now(UTC).astimezone(ST_LOUIS).date()))
        cftc = stack.enter_context(FakeCftc())
        days = [as_date(one) for one in get_calendar().between(date(2020, 1, 2), session(20))]
        for n, (day, told) in enumerate(pairwise(days)):
            fred.tell("DGS10", day, f"{2 + n % 37 / 10:.2f}", told)
        for n in range(220):
            cftc.report(GOLD, date(2018, 1, 2) + timedelta(weeks=n), 100 + n * 37 % 700, 400, 1_000)
        for name, value in {**fred.environ, **cftc.environ}.items():
            monkeypatch.setenv(name, value)
        facts.change_book(
            feeds={"daily": [desk.feed], "macro": ["fred"], "positioning": ["cftc"]},
            macro={"series": ["DGS10"]},
            strategies={
                "by_facts": {
                    "kind": "rules",
                    "share": 1.0,
                    "params": {
                        "enter": ["macro_DGS10 > macro_DGS10@1", "positioning_percentile < 0.9"],
                        "leave": ["positioning_ratio > 0.3"],
                    },
                }
            },
        )
        yield Vendors(facts, fred, cftc)


def test_the_steps_decide_by_the_same_facts_of_vendors_as_the_backtest(vendors: Vendors) -> None:
    facts = vendors.facts
    for number in range(5):
        counts = facts.desk.run(number)["ingest"]
        assert not {"facts_failed", "missing_facts", "dropped_facts"} & set(counts), counts
    book = load_book(facts.desk.book)
    with facts.desk.at(4) as context:
        market = read_market(book, context.record.origin, session(4))
        stored = context.panel().facts
    for name in NAMES:
        np.testing.assert_array_equal(stored[name], market.panel.facts[name], err_msg=name)
        assert np.isfinite(stored[name][-5:]).any(), name


def test_a_vintage_is_not_read_before_its_day_is_over(vendors: Vendors) -> None:
    facts = vendors.facts
    facts.desk.run(0)
    days = [as_date(one) for one in get_calendar().between(date(2020, 1, 2), session(20))]
    at = days.index(session(0))
    # The value of two sessions before was told on the session before; that of the one before only today.
    assert facts.factor(0, "macro_DGS10")["SPY"] == pytest.approx(float(f"{2 + (at - 2) % 37 / 10:.2f}"))


def test_a_vendor_that_fails_costs_its_facts_and_not_the_session_and_shows_no_key(vendors: Vendors) -> None:
    vendors.fred.always(OBSERVATIONS, SERVER_ERROR)
    counts = vendors.facts.desk.run(0)["ingest"]
    assert "macro DGS10" in str(counts["missing_facts"])
    assert "macro:fred: " in str(counts["facts_failed"])
    assert "has an error of its own (500" in str(counts["facts_failed"])
    assert vendors.fred.environ["NIGHTDESK_ACCOUNT_FRED_KEY"] not in str(counts)
    assert vendors.facts.factor(0, "macro_DGS10") == {}
    assert vendors.facts.factor(0, "positioning_ratio") != {}
    vendors.fred.heal()
    assert "missing_facts" not in vendors.facts.desk.run(1)["ingest"]
    assert vendors.facts.factor(1, "macro_DGS10") != {}


def test_what_a_vendor_corrects_later_changes_no_session_that_was_decided(vendors: Vendors) -> None:
    facts = vendors.facts
    for number in range(4):
        facts.desk.run(number)
    before = facts.factor(3, "positioning_ratio")
    for row in vendors.cftc.rows[FUTURES]:
        if row["report_date_as_yyyy_mm_dd"].startswith("2022-03-01"):
            row["noncomm_positions_long_all"] = "999"
    counts = facts.desk.run(4)["ingest"]
    assert counts["corrected_facts"] == 1
    assert facts.factor(3, "positioning_ratio") == before
    assert facts.factor(4, "positioning_ratio") == {"GLD": 0.599}
