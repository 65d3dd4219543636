"""Options on Form 8949: what expired, and premiums that became part of shares."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from tests.accounting.tax.stories import form_of, lots_of
from tests.accounting.test_option_life import CALL, PUT, bought, closed

from nightdesk.accounting import Entry
from nightdesk.accounting.tax import TaxLedger, TaxTerms, trades_of


def taxed(entries: Sequence[Entry], close: float = 410.0) -> TaxLedger:
    _, _, ended = closed(*entries, close=close)
    return TaxLedger({"one": TaxTerms("Ann")}).apply(trades_of("one", [*entries, *ended]))


def test_what_expired_was_sold_for_nothing() -> None:
    # 2 puts at 6.00 = 1,200, gone with SPY at 410
    ledger = taxed([bought(PUT, 2, "6.00")])
    assert form_of(ledger) == [f"I 2 {PUT} 2022-03-01 2022-03-18 0.00 1200.00 - 0.00 -1200.00"]


def test_the_premium_of_what_was_written_and_expired_is_a_gain() -> None:
    (line,) = form_of(taxed([bought(PUT, -1, "6.00")]))
    assert line.startswith(f"I 1 {PUT} short")
    assert line.endswith(" 600.00")


def test_shares_from_an_assigned_put_cost_the_strike_less_its_premium() -> None:
    ledger = taxed([bought(PUT, -1, "6.00")], close=390.0)
    assert lots_of(ledger) == ["100 2022-03-18 2022-03-18 39400.00"]
    assert sum(one.gain for one in ledger.disposals) == 0


def test_shares_from_an_exercised_call_cost_the_strike_and_its_premium() -> None:
    ledger = taxed([bought(CALL, 1, "7.50")])
    assert lots_of(ledger) == ["100 2022-03-18 2022-03-18 40750.00"]
    sold = replace(bought("SPY", -100, "412", 1), session=date(2022, 3, 21), reference="sale")
    entries = [bought(CALL, 1, "7.50")]
    after = TaxLedger({"one": TaxTerms("Ann")}).apply(
        trades_of("one", [*entries, *closed(*entries)[2], sold])
    )
    assert form_of(after)[-1] == "I 100 SPY 2022-03-18 2022-03-21 41200.00 40750.00 - 0.00 450.00"
    assert sum(one.gain for one in after.disposals) == Decimal(450)
