"""Options that end before their expiry, by hand: who is assigned, what the shares cost, what is refused."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tests.engine.desks import book as named_book

from nightdesk.accounting.exercise_notices import ExerciseNotice, NoticeKind, parse_notices, standing
from nightdesk.accounting.ledger import Entry, Ledger, capital, fold
from nightdesk.accounting.period import AccrualTerms, Period
from nightdesk.accounting.settlement import Accrued, Executed, Opening, accrue, settle
from nightdesk.core.book import Book
from nightdesk.core.contracts import Contract, OptionTerms
from nightdesk.core.errors import Refused
from nightdesk.orders.fills import FillBars
from nightdesk.orders.order import Intent, Order

DAY = date(2022, 3, 15)
CALL, PUT = "SPY220318C00400000", "SPY220318P00400000"
CONTRACTS = {one: Contract(Decimal(100), underlying="SPY", option=OptionTerms.of(one)) for one in (CALL, PUT)}
UNITS = {"SPY": Decimal(1), CALL: Decimal(1), PUT: Decimal(1)}


def bought(symbol: str, quantity: int, price: str, strategy: str = "one") -> Entry:
    multiplier = 100 if symbol in CONTRACTS else 1
    cash = -quantity * Decimal(price) * multiplier
    args = (Decimal(quantity), Decimal(price), cash, Decimal(0))
    return Entry(date(2022, 3, 1), "fill", strategy, symbol, *args, f"{symbol}-{quantity}")


def noticed(kind: NoticeKind, symbol: str, quantity: int) -> ExerciseNotice:
    return ExerciseNotice(DAY, symbol, kind, Decimal(quantity), "as told", "me")


def period(*notices: ExerciseNotice, **changed: object) -> Period:
    return Period(
        as_of=datetime(2022, 3, 15, 20, tzinfo=UTC),
        session=DAY,
        since=date(2022, 3, 14),
        bars=FillBars(DAY, {}, {}),
        terms=AccrualTerms(UNITS, contracts=CONTRACTS),
        prices={CALL: 12.0, PUT: 8.0, "SPY": 410.0},
        notices=notices,
        **changed,  # type: ignore[arg-type]
    )


def book(*entries: Entry) -> Ledger:
    return fold([capital(DAY, Decimal(100_000)), *entries])


def order(symbol: str, quantity: int, strategies: tuple[str, ...] = ("one",)) -> Order:
    share = Decimal(quantity) / len(strategies)
    return Order(
        client_order_id=f"order-{symbol}",
        book="book",
        session=date(2022, 3, 14),
        as_of=datetime(2022, 3, 14, 20, tzinfo=UTC),
        symbol=symbol,
        side="buy" if quantity > 0 else "sell",
        quantity=abs(Decimal(quantity)),
        purpose="",
        reference_price=Decimal(1),
        intents=tuple(Intent(one, symbol, share) for one in strategies),
    )


def test_a_part_of_a_short_call_is_assigned_and_the_rest_stays() -> None:
    # 5 calls sold at 5.00: +2,500. 2 are assigned: 200 shares sold at 400 = 80,000, and 1,000 of the premium
    # goes with them: they were sold for 81,000. 3 stay at 1,500.
    ledger = accrue(book(bought(CALL, -5, "5.00")), (), period(noticed("assignment", CALL, 2))).ledger
    calls, shares = ledger.positions["one", CALL], ledger.positions["one", "SPY"]
    assert (calls.quantity, calls.cost, calls.realised) == (-3, Decimal(-1_500), 0)
    assert (shares.quantity, shares.cost) == (-200, Decimal(-81_000))
    assert ledger.cash == 100_000 + 2_500 + 80_000


def test_a_call_that_is_exercised_the_night_before_has_the_dividend() -> None:
    # 3 calls at 6.00 = 1,800; 1 is exercised: 100 shares for 40,000 and 600 of premium; 1.50 a share is paid.
    made = accrue(
        book(bought(CALL, 3, "6.00")), (), period(noticed("exercise", CALL, 1), dividends={"SPY": 1.5})
    )
    assert [one.kind for one in made.entries] == ["exercise", "exercise", "dividend"]
    shares = made.ledger.positions["one", "SPY"]
    assert (shares.cost, shares.dividends) == (Decimal(40_600), Decimal(150))
    assert made.ledger.cash == 100_000 - 1_800 - 40_000 + 150


def test_contracts_are_shared_whole_among_strategies_by_what_each_is_short() -> None:
    # 3 of 4 and 3 short: 3 × 4/7 = 1.71 and 1.29, so 2 and 1
    ledger = book(bought(CALL, -4, "5.00", "one"), bought(CALL, -3, "5.00", "two"))
    made = accrue(ledger, (), period(noticed("assignment", CALL, 3)))
    assert [(one.strategy, one.quantity) for one in made.entries if one.symbol == CALL] == [
        ("one", 2),
        ("two", 1),
    ]
    assert made.ledger.net() == {CALL: -4, "SPY": -300}


def test_a_contract_may_end_early_and_the_rest_of_it_at_the_close() -> None:
    made = settle(
        Opening(book(bought(CALL, -3, "5.00"))),
        (),
        period(noticed("assignment", CALL, 1), expiring=frozenset({CALL})),
        lambda _: Executed(),
    )
    assert [one.reference for one in made.entries] == [
        f"early-assignment-{CALL}-{DAY}",
        f"early-assignment-{CALL}-{DAY}",
        f"assignment-{CALL}-{DAY}",
        f"assignment-{CALL}-{DAY}",
    ]
    assert len({one.key for one in made.entries}) == 4
    assert made.ledger.net() == {"SPY": -300}


def test_an_order_that_was_to_close_what_was_assigned_closes_the_rest_alone() -> None:
    ledger, notice = book(bought(CALL, -5, "5.00")), noticed("assignment", CALL, 3)
    (left,), (off,) = _orders(ledger, notice, order(CALL, 5))
    assert (left.quantity, [one.quantity for one in left.intents]) == (2, [2])
    assert (off.quantity, off.reason) == (3, "an exercise or assignment closed that much before the open")
    # 2 of 5 were to be closed, and 2 are left: they still are
    assert _orders(ledger, notice, order(CALL, 2))[1] == ()
    # through zero: 5 back and 3 more
    (turned,), _ = _orders(ledger, notice, order(CALL, 8))
    assert turned.quantity == 5
    # sold further: untouched
    assert _orders(ledger, notice, order(CALL, -1))[1] == ()
    # all of it went
    assert _orders(ledger, noticed("assignment", CALL, 5), order(CALL, 5))[0] == ()


def test_an_order_to_sell_shares_that_an_assignment_took_is_cut_too() -> None:
    ledger = book(bought("SPY", 100, "380"), bought(CALL, -1, "5.00"))
    live, ended = _orders(ledger, noticed("assignment", CALL, 1), order("SPY", -100, ("one",)))
    assert live == ()
    assert ended[0].quantity == 100


def _orders(ledger: Ledger, notice: ExerciseNotice, sent: Order):  # type: ignore[no-untyped-def]
    made: Accrued = accrue(ledger, (sent,), period(notice))
    return made.orders, made.ended


def test_more_than_is_held_is_refused_with_what_to_do() -> None:
    with pytest.raises(Refused, match=r"assignment of 2 .* is short 1 of them.*nightdesk assign BOOK"):
        accrue(book(bought(CALL, -1, "5.00")), (), period(noticed("assignment", CALL, 2)))
    with pytest.raises(Refused, match="holds 0 of them"):
        accrue(book(bought(CALL, -1, "5.00")), (), period(noticed("exercise", CALL, 1)))


def test_the_last_notice_of_a_contract_counts_and_0_withdraws_it() -> None:
    one, two, none = (noticed("assignment", CALL, count) for count in (1, 2, 0))
    other = noticed("exercise", PUT, 1)
    assert standing([one, other, two]) == standing([other, one, two]) == (two, other)
    assert standing([one, none]) == ()


def test_the_order_of_notices_makes_no_difference() -> None:
    ledger = book(bought(CALL, -2, "5.00"), bought(PUT, 2, "6.00"))
    notices = noticed("assignment", CALL, 1), noticed("exercise", PUT, 2)
    assert accrue(ledger, (), period(*notices)).entries == accrue(ledger, (), period(*notices[::-1])).entries


HEADER = "session,contract,kind,quantity,reason"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"2022-03-15,{CALL},assigned,1,x", r"told.csv:2: kind: found 'assigned'; it is exercise"),
        (f"2022-03-15,{CALL},assignment,one,x", r"quantity: found 'one'; it is a whole number"),
        (f"2022-03-15,{CALL},assignment,nan,x", r"quantity: found 'nan'"),
        (f"2022-03-15,{CALL},assignment,1.5,x", r"found 1.5 contracts; expected a whole number"),
        (f"15.3.2022,{CALL},assignment,1,x", r"session: found '15.3.2022'; write it as"),
        (f"2022-03-13,{CALL},assignment,1,x", r"2022-03-13 is no session of XNYS"),
        (f"2022-03-21,{CALL},assignment,1,x", r"expired on 2022-03-18, before 2022-03-21"),
        ("2022-03-15,SPY220318C00500000,assignment,1,x", r"is no option of book \w+: its universe names"),
        ("2022-03-15,SPY,assignment,1,x", r"SPY is no option of book"),
        (f"2022-03-15,{PUT},exercise,1,x", r"is European: it is exercised at its expiry alone"),
        (f"2022-03-15,{CALL},assignment,1", r"found 4 fields; the header has 5"),
    ],
)
def test_a_file_of_notices_that_is_wrong_says_where_and_what(
    option_book: Book, line: str, words: str
) -> None:
    with pytest.raises(Refused, match=words):
        parse_notices(f"{HEADER}\n{line}\n", "told.csv", option_book)


def test_a_notice_that_a_file_states_twice_is_refused(option_book: Book) -> None:
    line = f"2022-03-15,{CALL},assignment,1,x"
    with pytest.raises(Refused, match=r"told.csv:3: .* is stated above already"):
        parse_notices(f"{HEADER}\n{line}\n{line}\n", "told.csv", option_book)
    with pytest.raises(Refused, match=r"told.csv:1: found the columns session, symbol"):
        parse_notices("session,symbol\n", "told.csv", option_book)


@pytest.fixture
def option_book() -> Book:
    return named_book(
        universe={
            "GLD": {"max_weight": 0.5},
            "SPY": {"max_weight": 0.5},
            CALL: {"asset_class": "option", "underlying": "SPY", "max_weight": 0.1},
            PUT: {"asset_class": "option", "underlying": "SPY", "style": "european", "max_weight": 0.1},
        }
    )
