"""Cash by account in the settlement: what holds of every night, whichever account each symbol goes to."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.accounting.periods import FILLS, FRIDAY, SYMBOLS, Night, nights

from nightdesk.accounting import Entry, Ledger, Opening, Transfer, at_the_open, fold, settle
from nightdesk.accounting.account_marks import account_marks
from nightdesk.accounting.placing import placed
from nightdesk.core.errors import Refused
from nightdesk.core.money import ZERO

NAMES = ("main", "coins", "third")


@st.composite
def several(draw: st.DrawFn) -> Night:
    """A night of a book whose symbols go to any of three accounts, with money on its way between them."""
    night = draw(nights())
    account_of = {symbol: draw(st.sampled_from(NAMES)) for symbol in SYMBOLS}
    amount = st.integers(-5_000_000, 5_000_000).map(lambda cents: Decimal(cents) / 100)
    other = {name: draw(amount) for name in NAMES[1:]}
    moved = tuple(
        Transfer(number, night.period.as_of, source, target, Decimal(draw(st.integers(1, 999_999))) / 100)
        for number, (source, target) in enumerate(
            draw(st.lists(st.permutations(NAMES).map(lambda names: tuple(names[:2])), max_size=2))
        )
    )
    terms = replace(night.period.terms, account_of=account_of, ours=NAMES)
    ledger = replace(night.opening.ledger, other_cash=other)
    return replace(
        night,
        opening=replace(night.opening, ledger=ledger),
        period=replace(night.period, terms=terms, transfers=moved),
    )


def cash_by_account(ledger: Ledger) -> dict[str, Decimal]:
    return {name: ledger.cash_in(name) for name in NAMES}


def the_accounts_add_up_to_the_book(night: Night) -> None:
    settled, terms = night.settled, night.period.terms
    assert sum(cash_by_account(settled.ledger).values()) == settled.ledger.cash == settled.mark.cash
    marks = account_marks(settled.ledger, night.period.prices, NAMES, terms.account_of)
    assert sum(one.cash for one in marks) == settled.mark.nav - settled.mark.positions_value
    assert sum(one.positions_value for one in marks) == settled.mark.positions_value
    assert sum(one.nav for one in marks) == settled.mark.nav


def every_entry_moves_the_account_of_its_symbol(night: Night) -> None:
    account_of = night.period.terms.account_of
    before, after = cash_by_account(night.opening.ledger), cash_by_account(night.settled.ledger)
    for name in NAMES:
        mine = [one.cash for one in night.settled.entries if one.account == name]
        assert after[name] == before[name] + sum(mine, ZERO)
    for one in night.settled.entries:
        if one.symbol:
            assert one.account == account_of[one.symbol]


def interest_is_on_each_accounts_own_balance(night: Night) -> None:
    rates, days = night.period.terms.rates, (night.period.session - FRIDAY).days
    paid = {one.account: one.cash for one in night.settled.entries if one.kind == "interest"}
    for name, cash in cash_by_account(night.opening.ledger).items():
        rate = rates.credit if cash > 0 else rates.debit
        expected = (cash * rate * days / 360).quantize(Decimal("0.01"))
        assert paid.get(name, ZERO) == expected


def transfers_sum_to_nothing(night: Night) -> None:
    moved = [one for one in night.settled.entries if one.kind == "transfer"]
    assert len(moved) == 2 * len(night.period.transfers)
    assert sum((one.cash for one in moved), ZERO) == 0
    for one in night.period.transfers:
        told = {at.account: at.cash for at in moved if at.reference == f"transfer-{one.number}"}
        assert told == {one.source: -one.amount, one.target: one.amount}


def the_book_and_its_accounts_live_through_the_same(night: Night) -> None:
    book, terms = night.settled, night.period.terms
    for name in NAMES:
        period = night.period.within(name)
        crosses = tuple(one for one in period.crosses if terms.account_of[one.symbol] == name)
        period = replace(period, crosses=crosses)
        opening = Opening(night.opening.ledger.in_account(name, terms.account_of), None, night.opening.as_of)
        orders = tuple(one for one in night.orders if terms.account_of[one.symbol] == name)
        alone = settle(opening, orders, period, at_the_open(period, FILLS))
        assert alone.ledger.cash == book.ledger.cash_in(name)
        mine = {one: units for one, units in book.ledger.net().items() if terms.account_of[one] == name}
        assert alone.ledger.net() == mine


def what_the_book_is_worth_does_not_depend_on_where_it_lies(night: Night) -> None:
    """But for interest, which is of the sign of each balance."""
    free = replace(night.period.terms.rates, debit=ZERO, credit=ZERO)
    apart = replace(night, period=replace(night.period, terms=replace(night.period.terms, rates=free)))
    terms = replace(apart.period.terms, account_of={}, ours=("main",))
    one = replace(
        apart,
        opening=replace(apart.opening, ledger=replace(apart.opening.ledger, other_cash={})),
        period=replace(apart.period, terms=terms, transfers=()),
    )
    assert one.settled.mark == apart.settled.mark
    assert one.settled.fills == apart.settled.fills


def a_fact_is_booked_once(night: Night) -> None:
    keys = [one.key for one in night.settled.entries]
    assert len(set(keys)) == len(keys)
    assert night.settle().entries == night.settled.entries


@settings(max_examples=150, deadline=None)
@given(several())
def test_what_holds_of_every_night_of_a_book_of_several_accounts(night: Night) -> None:
    the_accounts_add_up_to_the_book(night)
    every_entry_moves_the_account_of_its_symbol(night)
    interest_is_on_each_accounts_own_balance(night)
    transfers_sum_to_nothing(night)
    the_book_and_its_accounts_live_through_the_same(night)
    what_the_book_is_worth_does_not_depend_on_where_it_lies(night)
    a_fact_is_booked_once(night)


def test_a_book_that_has_all_in_one_account_pays_nothing_for_the_others() -> None:
    ledger = fold([Entry(FRIDAY, "capital", "", "", ZERO, ZERO, Decimal(5), ZERO, "initial capital")])
    assert not ledger.other_cash
    assert ledger.cash_in("main") == 5
    entries = (Entry(FRIDAY, "fill", "a", "GLD", Decimal(1), Decimal(2), Decimal(-2), ZERO, "x"),)
    assert placed(entries, {}) is entries


def test_units_that_become_others_of_another_account_are_refused_with_the_route_to_write() -> None:
    day = date(2020, 3, 16)
    legs = tuple(
        Entry(day, "exchange", "a", symbol, Decimal(n), ZERO, ZERO, ZERO, "symbol_change-FB-2020-03-16")
        for symbol, n in (("FB", -1), ("META", 1))
    )
    assert {one.account for one in placed(legs, {"FB": "coins", "META": "coins"})} == {"coins"}
    with pytest.raises(Refused, match=r"routes\.META: coins"):
        placed(legs, {"FB": "coins", "META": "main"})
