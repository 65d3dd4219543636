"""What every accrual of a book's own must keep."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from nightdesk.accounting import Accrual, AccrualTerms, Ledger, Opening, Period, Position, at_the_open, settle
from nightdesk.accounting.period import ACCRUAL_KINDS, due
from nightdesk.core.calendar import get_calendar
from nightdesk.core.money import ZERO, to_cents
from nightdesk.core.registry import validated
from nightdesk.orders import FillBars, FillTerms

FRIDAY = date(2020, 3, 13)
UNITS = {"GLD": Decimal(1), "SPY": Decimal(1)}
CLOSES = {"GLD": 150.0, "SPY": 270.0}


def night(accrual: Accrual, days: int = 3) -> Period:
    """From a Friday's close over so many days to the next decision; of 0 days to one of the same session."""
    session = FRIDAY + timedelta(days)
    return Period(
        as_of=get_calendar().close_at(session),
        session=session,
        since=FRIDAY,
        bars=FillBars(session, {}, {}),
        terms=AccrualTerms(UNITS, own=(accrual,)),
        prices=CLOSES,
        closes=CLOSES,
        restated=CLOSES,
    )


def ledger_of(owners: tuple[str, str] = ("trend", "carry")) -> Ledger:
    """A book of 40,000 dollars that is long gold and short stocks."""
    long, short = owners
    positions = (
        Position(long, "GLD", Decimal(200), Decimal("28000.00")),
        Position(short, "SPY", Decimal(-50), Decimal("-14000.00")),
    )
    return Ledger(Decimal("40000.00"), {(one.strategy, one.symbol): one for one in positions})


class AccrualContract:
    """Inherited by the test class of each accrual, which says its `name` and `params`."""

    name: ClassVar[str]
    params: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def accrual(self) -> Accrual:
        cls = ACCRUAL_KINDS.find(self.name)
        return cls(validated(cls.Params, self.params, owner=self.name, where=f"accruals.{self.name}"))

    def test_a_night_brings_something_and_it_is_cash_in_cents(self, accrual: Accrual) -> None:
        entries = due(accrual, ledger_of(), night(accrual))
        assert entries
        for one in entries:
            assert one.cash == to_cents(one.cash) != ZERO

    def test_asked_again_it_says_the_same(self, accrual: Accrual) -> None:
        ledger, period = ledger_of(), night(accrual)
        assert due(accrual, ledger, period) == due(accrual, ledger, period)

    def test_two_decisions_of_one_session_have_no_night_between_them(self, accrual: Accrual) -> None:
        assert due(accrual, ledger_of(), night(accrual, days=0)) == ()

    def test_it_is_the_same_for_the_book_and_for_its_account(self, accrual: Accrual) -> None:
        period = night(accrual)
        of_book = due(accrual, ledger_of(), period)
        of_account = due(accrual, ledger_of(("account", "account")), period.of_account("account"))
        assert [one.cash for one in of_account] == [one.cash for one in of_book]

    def test_a_settlement_books_it_once(self, accrual: Accrual) -> None:
        ledger, period = ledger_of(), night(accrual)
        settled = settle(Opening(ledger), (), period, at_the_open(period, FillTerms({}, None)))
        assert settled.ledger.cash == ledger.cash + sum(one.cash for one in due(accrual, ledger, period))
        assert settled.ledger.net() == ledger.net()

    def test_it_changes_nothing_that_it_is_told(self, accrual: Accrual) -> None:
        ledger, period = ledger_of(), night(accrual)
        due(accrual, ledger, period)
        assert ledger == ledger_of()
        assert replace(period) == night(accrual)
