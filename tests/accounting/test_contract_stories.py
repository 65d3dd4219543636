"""The lives of an option spread and of a perpetual from given prices, every number by hand.

The same ways through PostgreSQL: tests/session/test_exercise_notices.py, test_adjusted_contracts.py and
test_funding_history.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tests.accounting.tax.stories import form_of

from nightdesk.accounting.booking import on_margin
from nightdesk.accounting.exercise_notices import ExerciseNotice
from nightdesk.accounting.funding_rates import BelatedFunding
from nightdesk.accounting.ledger import Entry, Mark, fold
from nightdesk.accounting.period import AccrualTerms, Period
from nightdesk.accounting.settlement import Accrued, Executed, Opening, Settlement, settle
from nightdesk.accounting.tax import TaxLedger, TaxTerms, trades_of
from nightdesk.core.contract_adjustment import adjusted
from nightdesk.core.contracts import Contract, OptionTerms
from nightdesk.core.funding import FundingRate
from nightdesk.core.panel import Action
from nightdesk.orders.fills import FillBars

LONG, SHORT = "ABC220318C00400000", "ABC220318C00420000"
NEW_LONG, NEW_SHORT = "ABC220318C00200000", "ABC220318C00210000"
PERPETUAL = "BTC-PERP"
CONTRACTS = {
    one: Contract(Decimal(100), underlying="ABC", option=OptionTerms.of(one))
    for one in (LONG, SHORT, NEW_LONG, NEW_SHORT)
} | {PERPETUAL: Contract(on_margin=True, collateral=Decimal("0.5"), funding_history=True)}
UNITS = dict.fromkeys((*CONTRACTS, "ABC"), Decimal(1))


def traded(session: date, symbol: str, quantity: int, price: str) -> Entry:
    """As if it was paid in full, without commission."""
    multiplier = CONTRACTS[symbol].multiplier if symbol in CONTRACTS else Decimal(1)
    cash = -quantity * Decimal(price) * multiplier
    args = (Decimal(quantity), Decimal(price), cash, Decimal(0))
    return Entry(session, "fill", "one", symbol, *args, f"order-{session}-{symbol}")


@dataclass
class Story:
    """A book that is settled session by session; its entries add up."""

    capital: int
    opening: Opening = field(default_factory=Opening)
    entries: tuple[Entry, ...] = ()

    def day(
        self, session: date, prices: Mapping[str, float], *fills: Entry, **changed: Any
    ) -> Settlement[Executed]:
        """Settle a session that closes at 21:00 UTC."""
        before = self.opening.mark
        period = Period(
            as_of=datetime(session.year, session.month, session.day, 21, tzinfo=UTC),
            session=session,
            since=None if before is None else before.session,
            bars=FillBars(session, {}, {}),
            terms=AccrualTerms(UNITS, contracts=CONTRACTS),
            prices=prices,
            capital=Decimal(self.capital) if before is None else Decimal(0),
            **changed,
        )

        def execute(accrued: Accrued) -> Executed:
            return Executed(on_margin(fills, accrued.ledger, CONTRACTS))

        done = settle(self.opening, (), period, execute)
        self.opening, self.entries = done.closing, self.entries + done.entries
        return done

    @property
    def mark(self) -> Mark:
        assert self.opening.mark is not None
        return self.opening.mark

    def held(self) -> dict[str, tuple[int, Decimal]]:
        """Units and cost by symbol."""
        return {one.symbol: (int(one.quantity), one.cost) for one in self.opening.ledger.held()}


def day(number: int) -> date:
    return date(2022, 3, number)


def becomes(symbol: str) -> Action:
    """What a 2:1 split makes of a contract."""
    one = adjusted(symbol, CONTRACTS[symbol], 2.0)
    return Action(symbol, day(15), "symbol_change", float(one.contracts), other=one.symbol)  # type: ignore[arg-type]


def test_a_spread_through_a_split_an_assignment_an_exercise_and_its_expiry() -> None:
    story = Story(100_000)
    # Monday: 4 calls of 400 bought at 12.00 (4,800), 4 of 420 sold at 5.00 (2,000). Closes 11.00 and 5.50.
    # Cash 100,000 - 4,800 + 2,000 = 97,200; NAV + 4 × 1,100 - 4 × 550 = 99,400.
    first = {LONG: 11.0, SHORT: 5.5, "ABC": 408.0}
    story.day(day(14), first, traded(day(14), LONG, 4, "12.00"), traded(day(14), SHORT, -4, "5.00"))
    assert (story.mark.cash, story.mark.nav) == (97_200, 99_400)

    # Tuesday: ABC splits 2:1. Each becomes two of half the strike; the costs stay. Closes 9.00 and 3.50.
    # NAV 97,200 + 8 × 900 - 8 × 350 = 101,600.
    after = {NEW_LONG: 9.0, NEW_SHORT: 3.5, "ABC": 206.0}
    split = {"splits": {"ABC": 2.0}, "restated": {"ABC": 204.0, LONG: 11.0, SHORT: 5.5}}
    story.day(day(15), after, events=(becomes(LONG), becomes(SHORT)), **split)
    assert story.held() == {NEW_LONG: (8, Decimal(4_800)), NEW_SHORT: (-8, Decimal(-2_000))}
    assert (story.mark.cash, story.mark.nav) == (97_200, 101_600)

    # Wednesday, before the open: 3 of the 8 short ones are assigned. 300 shares go at 210 (+63,000), with 3/8
    # of the premium (750): short 300 that brought 63,750. 0.50 a share goes ex: 150 are owed on them.
    # Cash 97,200 + 63,000 - 150 = 160,050; closes 13.00, 5.00, 212:
    # NAV 160,050 + 10,400 - 2,500 - 63,600 = 104,350.
    assigned = ExerciseNotice(day(16), NEW_SHORT, "assignment", Decimal(3), "told", "me")
    prices = {NEW_LONG: 13.0, NEW_SHORT: 5.0, "ABC": 212.0}
    done = story.day(day(16), prices, notices=(assigned,), dividends={"ABC": 0.5})
    assert [one.kind for one in done.entries] == ["assignment", "assignment", "dividend"]
    assert story.held() == {
        NEW_LONG: (8, Decimal(4_800)),
        NEW_SHORT: (-5, Decimal(-1_250)),
        "ABC": (-300, Decimal(-63_750)),
    }
    assert (story.mark.cash, story.mark.nav) == (160_050, 104_350)

    # Thursday, before the open: 3 of the long ones are exercised to deliver. 300 shares at 200 (-60,000) and
    # 3/8 of what they cost (1,800): 63,750 - 61,800 = 1,950 earned. Closes 8.50, 1.00, 208:
    # cash 100,050; NAV 100,050 + 5 × 850 - 5 × 100 = 103,800.
    exercised = ExerciseNotice(day(17), NEW_LONG, "exercise", Decimal(3), "told", "me")
    story.day(day(17), {NEW_LONG: 8.5, NEW_SHORT: 1.0, "ABC": 208.0}, notices=(exercised,))
    assert story.held() == {NEW_LONG: (5, Decimal(3_000)), NEW_SHORT: (-5, Decimal(-1_250))}
    shares = story.opening.ledger.positions["one", "ABC"]
    assert (shares.realised, shares.dividends) == (1_950, -150)
    assert (story.mark.cash, story.mark.nav) == (100_050, 103_800)

    # Friday, the expiry, at 209: 5 of 200 are exercised (500 shares, -100,000, cost 103,000), 5 of 210 expire
    # and 1,250 are kept. Cash 50; NAV 50 + 500 × 209 = 104,550.
    ending = {NEW_LONG: 9.0, NEW_SHORT: 0.01, "ABC": 209.0}
    story.day(day(18), ending, expiring=frozenset({NEW_LONG, NEW_SHORT}))
    assert story.held() == {"ABC": (500, Decimal(103_000))}
    assert story.opening.ledger.positions["one", NEW_SHORT].realised == 1_250
    assert (story.mark.cash, story.mark.nav) == (50, 104_550)
    # 1,950 - 150 + 1,250 and 104,500 - 103,000 of the shares: all that was earned
    assert story.mark.nav - 100_000 == 1_950 - 150 + 1_250 + 1_500
    assert fold(story.entries) == story.opening.ledger

    taxes = TaxLedger({"one": TaxTerms("Ann")}).apply(trades_of("one", story.entries))
    # premiums that became part of shares are no gain by themselves; lots keep the day of their purchase
    assert form_of(taxes) == [
        f"I 3 {NEW_SHORT} short 2022-03-16 2022-03-16 750.00 750.00 - 0.00 0.00",
        f"I 3 {NEW_LONG} 2022-03-14 2022-03-17 1800.00 1800.00 - 0.00 0.00",
        "I 300 ABC short 2022-03-17 2022-03-17 63750.00 61800.00 - 0.00 1950.00",
        f"I 5 {NEW_LONG} 2022-03-14 2022-03-18 3000.00 3000.00 - 0.00 0.00",
        f"I 5 {NEW_SHORT} short 2022-03-18 2022-03-18 1250.00 0.00 - 0.00 1250.00",
    ]
    (lot,) = taxes.open_lots
    assert (lot.symbol, lot.quantity, lot.basis) == ("ABC", 500, 103_000)


def rate(number: int, hour: int, value: str) -> FundingRate:
    at = datetime(2022, 3, number, hour, tzinfo=UTC)
    return FundingRate(PERPETUAL, at, at, Decimal(value))


def test_a_perpetual_over_a_weekend_whose_rates_are_a_history_of_which_one_comes_late() -> None:
    story = Story(10_000)
    # Friday: 2 bought at 40,000, which moves no cash; close 41,000: 2,000 of profit.
    story.day(day(4), {PERPETUAL: 41_000.0}, traded(day(4), PERPETUAL, 2, "40000"))
    assert (story.mark.cash, story.mark.nav) == (10_000, 12_000)

    # Over the weekend 82,000 are long: 0.0001 is 8.20. Nine instants, that of Saturday 8:00 is not known:
    # -8.20 -16.40 +8.20 -8.20 -8.20 -24.60 -8.20 -8.20 = -73.80.
    # Monday: 1 is sold at 42,000: +2,000. Close 42,500: 2,500 of profit on the other.
    # Cash 10,000 - 73.80 + 2,000 = 11,926.20; NAV 14,426.20.
    rates = (
        rate(5, 0, "0.0001"), rate(5, 16, "0.0002"),
        rate(6, 0, "-0.0001"), rate(6, 8, "0.0001"), rate(6, 16, "0.0001"),
        rate(7, 0, "0.0003"), rate(7, 8, "0.0001"), rate(7, 16, "0.0001"),
    )  # fmt: skip
    sold = traded(day(7), PERPETUAL, -1, "42000")
    done = story.day(day(7), {PERPETUAL: 42_500.0}, sold, closes={PERPETUAL: 41_000.0}, funding_rates=rates)
    amounts = [one.cash for one in done.entries if one.kind == "funding"]
    assert amounts == [
        Decimal(one) for one in ["-8.20", "-16.40", "8.20", "-8.20", "-8.20", "-24.60", "-8.20", "-8.20"]
    ]
    assert len({one.key for one in done.entries}) == 9
    assert (story.mark.cash, story.mark.nav) == (Decimal("11926.20"), Decimal("14426.20"))

    # Tuesday: 42,500 are long: 0.0001 is 4.25, three times. The late rate of 0.0004 is of the 2 that were
    # held then, at 41,000: -32.80. Close 42,000. Cash 11,926.20 - 12.75 - 32.80 = 11,880.65; NAV + 2,000.
    late = BelatedFunding(rate(5, 8, "0.0004"), day(7), Decimal(41_000), {"one": Decimal(2)})
    tuesday = tuple(rate(8, hour, "0.0001") for hour in (0, 8, 16))
    done = story.day(
        day(8),
        {PERPETUAL: 42_000.0},
        closes={PERPETUAL: 42_500.0},
        funding_rates=tuesday,
        late_funding=(late,),
    )
    last = done.entries[-1]
    assert (last.cash, last.since, last.reference) == (
        Decimal("-32.80"),
        day(7),
        f"funding-{PERPETUAL}-20220305T0800-late",
    )
    assert (story.mark.cash, story.mark.nav) == (Decimal("11880.65"), Decimal("13880.65"))
    position = story.opening.ledger.positions["one", PERPETUAL]
    assert (position.realised, position.dividends) == (2_000, Decimal("-119.35"))
    # funding is no sale: the tax sees one, of 42,000 for 40,000
    taxes = TaxLedger({"one": TaxTerms("Ann")}).apply(trades_of("one", story.entries))
    assert [(one.proceeds, one.basis) for one in taxes.disposals] == [(42_000, 40_000)]
