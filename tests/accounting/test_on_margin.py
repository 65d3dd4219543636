"""A perpetual in the ledger: only profit, commission and funding move the cash."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nightdesk.accounting.booking import on_margin
from nightdesk.accounting.ledger import Entry, Ledger, capital, fold, mark, value
from nightdesk.accounting.tax.tax_trades import trades_of
from nightdesk.core.contracts import Contract
from nightdesk.performance.round_trips import all_trips

DAY, SYMBOL = date(2022, 3, 1), "BTC-PERP"
CONTRACT = Contract(Decimal("0.1"), on_margin=True, collateral=Decimal("0.5"))
CONTRACTS = {SYMBOL: CONTRACT}


def traded(quantity: str, price: str, number: int, commission: str = "1.00") -> Entry:
    """As if it was paid in full."""
    units, fee = Decimal(quantity), Decimal(commission)
    cash = -(units * Decimal(price) * CONTRACT.multiplier).quantize(Decimal("0.01")) - fee
    return Entry(DAY, "fill", "carry", SYMBOL, units, Decimal(price), cash, fee, f"order-{number}")


def booked(*entries: Entry) -> tuple[Entry, ...]:
    ledger, out = fold([capital(DAY, Decimal(10_000))]), list[Entry]()
    for one in entries:
        made = on_margin((one,), ledger, CONTRACTS)
        ledger, out = ledger.apply(made), [*out, *made]
    return tuple(out)


def book(entries: Sequence[Entry]) -> Ledger:
    return fold([capital(DAY, Decimal(10_000)), *entries])


def test_a_short_is_opened_closed_in_part_and_turned() -> None:
    # Sold 3 at 20,000 × 0.1 = 6,000 of notional: the cash pays 1.00 alone.
    # 1 bought back at 18,000: 2,000 - 1,800 = +200. Then 4 at 21,000: 2 close at 4,200 - 4,000 = -200, and 2
    # are long from 4,200.
    entries = booked(traded("-3", "20000", 1), traded("1", "18000", 2), traded("4", "21000", 3))
    assert [one.cash for one in entries] == [Decimal("-1.00"), Decimal("199.00"), Decimal("-201.00")]
    ledger = book(entries)
    position = ledger.positions["carry", SYMBOL]
    assert (position.quantity, position.cost, position.realised) == (2, Decimal(4_200), 0)
    assert ledger.cash == Decimal("9997.00")
    # at 22,000 the two are worth their profit of 400 - 200 = 2 × 0.1 × 1,000
    marked = mark(ledger, DAY, {SYMBOL: 22_000.0}, contracts=CONTRACTS)
    assert (marked.positions_value, marked.nav) == (Decimal("200.00"), Decimal("10197.00"))
    assert marked.gross == float(Decimal(4_400) / marked.nav)  # what it stands for, not what it is worth


TRADES = st.lists(
    st.tuples(st.integers(-500, 500).filter(bool), st.integers(1, 90_000)), min_size=1, max_size=12
)


@given(trades=TRADES, price=st.integers(1, 90_000))
def test_whatever_is_traded_it_is_worth_what_one_paid_in_full_is(
    trades: list[tuple[int, int]], price: int
) -> None:
    plain = [
        traded(str(Decimal(units) / 1000), str(paid), number, "0.10")
        for number, (units, paid) in enumerate(trades)
    ]
    entries = booked(*plain)
    full, margined = book(plain), book(entries)
    there, here = full.positions["carry", SYMBOL], margined.positions["carry", SYMBOL]
    assert here == there  # the same quantity, cost and realised profit
    paid_in_full = replace(CONTRACT, on_margin=False)
    worth = mark(full, DAY, {SYMBOL: float(price)}, contracts={SYMBOL: paid_in_full})
    marked = mark(margined, DAY, {SYMBOL: float(price)}, contracts=CONTRACTS)
    assert (marked.nav, marked.gross, marked.net) == (worth.nav, worth.gross, worth.net)
    assert marked.nav == marked.cash + value(here, float(price), CONTRACT)
    assert margined.cash == 10_000 + here.realised - here.commission
    assert trades_of("book", entries) == trades_of("book", plain)
    assert [one.profit for one in all_trips(entries)[0]] == [one.profit for one in all_trips(plain)[0]]
