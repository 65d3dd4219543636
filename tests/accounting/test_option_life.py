"""How options end, by hand."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from nightdesk.accounting.ledger import Entry, Ledger, Mark, capital, fold, mark
from nightdesk.accounting.period import AccrualTerms, Period
from nightdesk.accounting.settlement import Opening, at_the_open, settle
from nightdesk.core.contracts import Contract, OptionTerms
from nightdesk.core.errors import Refused
from nightdesk.orders.fills import FillBars, FillTerms

DAY = date(2022, 3, 18)
CALL, PUT = "SPY220318C00400000", "SPY220318P00400000"
CONTRACTS = {one: Contract(Decimal(100), underlying="SPY", option=OptionTerms.of(one)) for one in (CALL, PUT)}


def bought(symbol: str, quantity: int, price: str, multiplier: int = 100) -> Entry:
    cash = -quantity * Decimal(price) * multiplier
    args = (Decimal(quantity), Decimal(price), cash, Decimal(0))
    return Entry(date(2022, 3, 1), "fill", "one", symbol, *args, f"{symbol}-{quantity}")


def closed(
    *entries: Entry, close: float | None = 410.0, **changed: object
) -> tuple[Ledger, Mark, list[Entry]]:
    """The book after the session of the expiry, its mark, and what that booked."""
    prices = {CALL: 10.0, PUT: 0.01} | ({} if close is None else {"SPY": close})
    period = Period(
        as_of=datetime(2022, 3, 18, 20, tzinfo=UTC),
        session=changed.pop("session", DAY),  # type: ignore[arg-type]
        since=date(2022, 3, 17),
        bars=FillBars(DAY, {}, {}),
        terms=AccrualTerms({"SPY": Decimal(1)}, contracts=CONTRACTS),
        prices=prices,
        expiring=changed.pop("expiring", frozenset(CONTRACTS)),  # type: ignore[arg-type]
        **changed,  # type: ignore[arg-type]
    )
    ledger = fold([capital(DAY, Decimal(100_000)), *entries])
    settled = settle(Opening(ledger), (), period, at_the_open(period, FillTerms({}, None)))
    return settled.ledger, settled.mark, list(settled.entries)


def test_a_long_call_in_the_money_becomes_shares_at_strike_and_premium() -> None:
    # 2 calls at 7.50: 2 × 100 × 7.50 = 1,500. Exercised: 200 shares for 200 × 400 = 80,000, cost 81,500.
    ledger, marked, entries = closed(bought(CALL, 2, "7.50"))
    shares = ledger.positions["one", "SPY"]
    assert (shares.quantity, shares.cost) == (200, Decimal(81_500))
    assert ledger.cash == 100_000 - 1_500 - 80_000
    assert ledger.positions["one", CALL].realised == 0
    assert [one.kind for one in entries] == ["exercise", "exercise"]
    assert marked.nav == ledger.cash + 200 * 410  # 100,500: 200 × 10 of intrinsic value less 1,500


def test_a_short_put_is_assigned_and_its_premium_makes_the_shares_cheaper() -> None:
    # 1 put sold at 6.00: +600. Assigned at 400 with SPY at 390: 100 shares for 40,000, cost 39,400.
    ledger, marked, entries = closed(bought(PUT, -1, "6.00"), close=390.0)
    shares = ledger.positions["one", "SPY"]
    assert (shares.quantity, shares.cost) == (100, Decimal(39_400))
    assert ledger.cash == 100_000 + 600 - 40_000
    assert marked.nav == 100_000 + 600 - 1_000
    assert {one.kind for one in entries} == {"assignment"}


def test_a_covered_call_that_is_assigned_sells_its_shares_for_strike_and_premium() -> None:
    # 100 shares at 380 = 38,000; 1 call sold at 5.00 = 500. Assigned: 40,000 + 500 - 38,000 = 2,500.
    ledger, marked, _ = closed(bought("SPY", 100, "380", 1), bought(CALL, -1, "5.00"))
    shares = ledger.positions["one", "SPY"]
    assert (shares.quantity, shares.cost, shares.realised) == (0, 0, Decimal(2_500))
    assert marked.nav == ledger.cash == Decimal(102_500)


def test_a_spread_ends_in_part_exercised_and_in_part_for_nothing() -> None:
    # A long call at 7.50 and a short put at 6.00, SPY at 410: exercised, and +600 kept as profit.
    ledger, marked, entries = closed(bought(CALL, 1, "7.50"), bought(PUT, -1, "6.00"))
    assert ledger.positions["one", PUT].realised == Decimal(600)
    assert ledger.positions["one", "SPY"].cost == Decimal(40_750)
    assert [one.kind for one in entries] == ["exercise", "exercise", "expiry"]
    assert marked.nav == 100_000 - 750 + 600 + 1_000


def test_at_the_strike_nothing_is_exercised() -> None:
    ledger, marked, entries = closed(bought(CALL, 1, "7.50"), bought(PUT, 1, "6.00"), close=400.0)
    assert {one.kind for one in entries} == {"expiry"}
    assert ledger.held() == ()
    assert marked.nav == 100_000 - 1_350


def test_without_a_price_of_the_underlying_nothing_is_guessed() -> None:
    with pytest.raises(Refused, match=r"SPY has no price at that close.*store the bars of SPY"):
        closed(bought(CALL, 1, "7.50"), close=None)


def test_a_contract_that_was_to_be_gone_is_refused() -> None:
    with pytest.raises(Refused, match="expired on 2022-03-18"):
        closed(bought(CALL, 1, "7.50"), session=date(2022, 3, 21), expiring=frozenset())


def test_a_split_is_refused_while_a_contract_is_held_whose_successor_nobody_names() -> None:
    words = r"is held while SPY splits \(2 for one\), and one becomes 2 SPY220318C00200000: put SPY"
    with pytest.raises(Refused, match=words):
        closed(bought(CALL, 1, "7.50"), splits={"SPY": 2.0}, restated={"SPY": 205.0})


def test_a_contract_is_marked_at_price_times_multiplier() -> None:
    ledger = fold([capital(DAY, Decimal(100_000)), bought(CALL, 3, "7.50"), bought(PUT, -1, "6.00")])
    marked = mark(ledger, DAY, {CALL: 9.005, PUT: 5.0}, contracts=CONTRACTS)
    # 3 × 9.005 × 100 = 2,701.50, less 500 for the put that is owed
    assert marked.positions_value == Decimal("2201.50")
    assert marked.nav == 100_000 - 2_250 + 600 + Decimal("2201.50")
    assert marked.gross == float(Decimal("3201.50") / marked.nav)
