"""Options and a perpetual in a book, from given prices: the same through the store and in memory."""

from decimal import Decimal

import pytest
from tests.conftest import open_connection
from tests.session.contract_desk import CALL, EXPIRY, LAST, PERPETUAL, PUT, book_of, injected
from tests.session.small_desk import ORIGIN, STRATEGY, SmallDesk, instant, session

from nightdesk.accounting.ledger import Entry
from nightdesk.core.book import load_book
from nightdesk.core.money import to_cents
from nightdesk.engine.injection import read_injections
from nightdesk.operations.verify import verify
from nightdesk.research.backtest.data import read_market
from nightdesk.research.backtest.run import backtest
from nightdesk.store.ledger_rows import positions_of, read_entries, read_marks
from nightdesk.store.order_rows import fills_between
from nightdesk.store.performance_rows import performance_so_far


def of(entries: tuple[Entry, ...], kind: str) -> list[Entry]:
    return [one for one in entries if one.kind == kind]


@pytest.mark.timeout(300)
def test_contracts_live_and_end_the_same_in_both_drivers(desk: SmallDesk) -> None:
    book_of(desk)
    book = load_book(desk.book)
    files = [injected(desk, number) for number in range(LAST + 1)]
    for number, path in enumerate(files):
        desk.run(number, inject=path)
    panel = read_market(book, ORIGIN, session(LAST), [desk.feed]).panel
    begun = book.model_copy(update={"inception": session(0), "origin": ORIGIN})
    signals = [one for path in files for one in read_injections(path, book)]
    result = backtest(begun, panel, session(0), session(LAST), injected=signals)
    with open_connection(desk.url) as conn:
        assert read_marks(conn, book.name) == tuple(one.state.mark for one in result.decided)
        entries = read_entries(conn, book.name)
        assert sorted(entries, key=repr) == sorted(result.entries, key=repr)
        assert verify(conn, book.name).differences == ()
        days = [
            performance_so_far(conn, book.name, session(number), instant(number))
            for number in range(LAST + 1)
        ]
        assert all(one.other == 0 for day in days for one in day)
        fills = {fill.symbol: fill for fill in fills_between(conn, book.name)}
        held = {row["symbol"]: row for row in positions_of(conn, book.name, instant(2))}
    assert fills[CALL].multiplier == 100
    assert fills[CALL].notional == to_cents(100 * fills[CALL].quantity * fills[CALL].price)
    assert held[CALL]["market_value"] == to_cents(100 * held[CALL]["quantity"] * held[CALL]["price"])
    assert held[PERPETUAL]["on_margin"]

    gone, shares = of(entries, "exercise")
    assert (gone.session, gone.symbol, shares.symbol) == (EXPIRY, CALL, "SPY")
    assert shares.quantity == -100 * gone.quantity > 0
    assert shares.cash == -100 * shares.quantity  # so many shares, each at the strike of 100
    assert (gone.cost, shares.cost) == (-held[CALL]["cost"], held[CALL]["cost"])
    (worthless,) = of(entries, "expiry")
    assert (worthless.symbol, worthless.cash) == (PUT, Decimal(0))
    assert worthless.quantity > 0  # it was short

    margined = [one for one in entries if one.symbol == PERPETUAL]
    assert [one.kind for one in margined[:1]] == ["fill"]
    assert margined[0].cash == -margined[0].commission
    last = result.decided[-1].state.ledger.positions[STRATEGY, PERPETUAL]
    assert last.quantity == 0
    assert sum(one.cash for one in margined) == last.realised + last.dividends - last.commission
    paid = {one.session: one.cash for one in of(entries, "funding")}
    # short, so it receives: three times a day, and nine times in the session of the Monday
    for number, times in ((2, 3), (3, 3), (4, 9)):
        worth = -result.worth[number - 1][STRATEGY, PERPETUAL]
        assert paid[session(number)] == to_cents(worth * Decimal("0.0001") * times)
